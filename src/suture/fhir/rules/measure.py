"""Measure and MeasureReport: criteria that are in the libraries, reports that follow their measure.

Specification: https://hl7.org/fhir/R4/measure.html and https://hl7.org/fhir/R4/measurereport.html. Groups, populations
and stratifiers of a report are matched with the measure's by their codes; a sole group needs none.
"""

import re
from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Iterable, Iterator

from suture.fhir.outcomes import Issue
from suture.fhir.primitives import shown
from suture.fhir.rules.seen import Seen
from suture.fhir.rules.shapes import Json, below, listed, numbered, text, texts

_NAME = re.compile(r"""(?:([A-Za-z_][A-Za-z0-9_]*)\.)?([A-Za-z_][A-Za-z0-9_]*|"[^"]+")""").fullmatch
_DEFINED = re.compile(r"""^\s*define\s+(?:public\s+|private\s+)?(?:function\s+)?("[^"]+"|[A-Za-z_]\w*)""", re.M).findall


def criteria_are_defined(seen: Seen) -> Iterable[Issue]:
    """The CQL definitions that criteria name are in the library, where its source is at hand."""
    libraries = [seen.scene.canonicals.find("Library", url) for url in texts(seen.value, "library")]
    sources = {text(library, "name"): source for library in libraries if (source := _cql(library)) is not None}
    for number, group in numbered(seen.value, "group"):
        for kind in ("population", "stratifier"):
            for position, item in numbered(group, kind):
                library, name = _cql_name(below(item, "criteria"))
                if not library and len(libraries) == 1 == len(sources):
                    library = next(iter(sources))
                if name and library in sources and name not in _defined(sources[library]):
                    yield seen.error(
                        "invalid",
                        f"The library {library[:100]} defines no {shown(name)}.",
                        f"group[{number}].{kind}[{position}].criteria",
                    )


def _defined(source: str) -> set[str]:
    return {name.strip('"') for name in _DEFINED(source)}


def _cql_name(criteria: Json) -> tuple[str, str]:
    """(library, definition) that criteria consist of; the definition is "" for other expressions and languages."""
    languages = ("text/cql", "text/cql-identifier", "text/cql.identifier")
    found = _NAME(text(criteria, "expression")) if text(criteria, "language") in languages else None
    return (found[1] or "", found[2].strip('"')) if found else ("", "")


def _cql(library: Json | None) -> str | None:
    """The CQL source of a library; None when it is not at hand."""
    for content in listed(library, "content"):
        if text(content, "contentType") == "text/cql" and text(content, "data"):
            try:
                return a2b_base64(text(content, "data")).decode("utf-8", "replace")
            except Base64Error:
                return None
    return None


def report_follows_measure(seen: Seen) -> Iterable[Issue]:
    """The groups of a report are those of its measure."""
    url = text(seen.value, "measure")
    measure = seen.scene.canonicals.find("Measure", url) if url and not url.startswith("#") else None
    if measure is None:
        if url:
            yield seen.warning(
                "not-found", f"The measure '{url[:200]}' is not known, so the report is not judged by it."
            )
        return
    defined, reported = listed(measure, "group"), list(numbered(seen.value, "group"))
    for number, group in reported:
        place = f"group[{number}]"
        found = _matching(group, defined) or (
            defined[0] if len(defined) == len(reported) == 1 and "code" not in group else None
        )
        if found is None:
            yield seen.error("business-rule", "The measure has no group with this code.", place)
            continue
        yield from _score(seen, measure, group, place)
        yield from _populations(seen, group, found, place)
        yield from _stratifiers(seen, group, found, place)
    met = [found for _, group in reported if (found := _matching(group, defined))]
    for group in defined:
        if "code" in group and group not in met and text(seen.value, "status") == "complete":
            yield seen.warning("business-rule", f"The group {_shown_code(group)} of the measure is not reported.")


def _score(seen: Seen, measure: Json, group: Json, place: str) -> Iterator[Issue]:
    scoring = {text(coding, "code") for coding in listed(measure.get("scoring"), "coding")}
    scored = "measureScore" in group
    if "cohort" in scoring and scored:
        yield seen.error("business-rule", "A measure with the scoring 'cohort' has no score.", f"{place}.measureScore")
    elif (
        scoring & {"proportion", "ratio", "continuous-variable"}
        and not scored
        and text(seen.value, "type") != "data-collection"
        and text(seen.value, "status") == "complete"
    ):
        name = sorted(scoring)[0]
        yield seen.warning("business-rule", f"A measure with the scoring '{name[:40]}' has a score.", place)


def _populations(seen: Seen, group: Json, found: Json, place: str) -> Iterator[Issue]:
    lists = text(seen.value, "type") == "subject-list"
    defined = listed(found, "population")
    for number, population in numbered(group, "population"):
        where = f"{place}.population[{number}]"
        if _matching(population, defined) is None and not (len(defined) == 1 and "code" not in population):
            yield seen.error("business-rule", "The measure has no population with this code in the group.", where)
        if "subjectResults" in population and not lists:
            yield seen.error("business-rule", "Only a report of type 'subject-list' lists its subjects.", where)
        elif lists and "subjectResults" not in population:
            yield seen.warning("business-rule", "A report of type 'subject-list' lists its subjects.", where)
        if "count" not in population and not lists:
            yield seen.warning("business-rule", "A population of a report has a count.", where)


def _stratifiers(seen: Seen, group: Json, found: Json, place: str) -> Iterator[Issue]:
    defined = listed(found, "stratifier")
    for number, stratifier in numbered(group, "stratifier"):
        codes = [{"code": code} for code in listed(stratifier, "code")]
        # One that consists of components has no code of its own.
        known = (
            any(_matching(code, defined) for code in codes) if codes else any(_has_no_code(item) for item in defined)
        )
        if not known and not (len(defined) == 1 and not codes):
            yield seen.error(
                "business-rule", "The measure has no stratifier with this code.", f"{place}.stratifier[{number}]"
            )


def _has_no_code(stratifier: Json) -> bool:
    return "code" not in stratifier


def _matching(item: Json, defined: list[Json]) -> Json | None:
    wanted = _codes(item)
    return next((other for other in defined if wanted & _codes(other)), None)


def _codes(item: Json) -> set[tuple[str, str]]:
    concept = below(item, "code")
    found = {(text(coding, "system"), text(coding, "code")) for coding in listed(concept, "coding")}
    return found or ({("", text(concept, "text"))} if text(concept, "text") else set())


def _shown_code(item: Json) -> str:
    return ", ".join(sorted(shown(code) for _, code in _codes(item)))
