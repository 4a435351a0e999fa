"""ValueSet: systems that are code systems, codes that they have, filters that they understand.

Specification: https://hl7.org/fhir/R4/valueset.html#compositions; the invariants vsd-1 to vsd-10 have the rest.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from suture.fhir.outcomes import Issue
from suture.fhir.primitives import primitives, shown
from suture.fhir.rules.check_digits import SNOMED, cannot_be, is_sctid
from suture.fhir.rules.code_system import STANDARD_PROPERTIES
from suture.fhir.rules.patterns import matches
from suture.fhir.rules.quantity import UCUM
from suture.fhir.rules.questions import Coded, Filtered, Question
from suture.fhir.rules.seen import Seen
from suture.fhir.rules.shapes import Json, listed, numbered, text, texts
from suture.fhir.rules.uris import is_absolute
from suture.fhir.ucum import is_unit
from suture.fhir.versions import Version

Findings = Iterable[Issue | Question]

_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?").fullmatch
# The tables of HL7 v2 have properties of these names with values of their own.
_STANDARD = {name: type for name, type in STANDARD_PROPERTIES.items() if name not in ("deprecated", "status")}
_ANNOTATION = re.compile(r"\{[^{}]*\}")
_HIERARCHY = frozenset(("is-a", "descendent-of", "is-not-a", "generalizes", "child-of", "descendent-leaf"))


def includes(seen: Seen) -> Iterator[tuple[str, Json]]:
    """(path, include or exclude) of the composition."""
    compose = seen.value.get("compose")
    for name in ("include", "exclude"):
        for number, include in numbered(compose, name):
            yield f"compose.{name}[{number}]", include


def systems(seen: Seen) -> Iterable[Issue]:
    """A system is an absolute URI and names a code system."""
    find = seen.scene.canonicals.find
    for place, include in includes(seen):
        system = text(include, "system")
        if not system:
            continue
        if system.startswith("#"):
            yield seen.error(
                "invalid",
                f"The system must be the URL of the code system, not '{system[:100]}'; which contained code system it "
                "is belongs into the extension valueset-system.",
                place,
            )
        elif not is_absolute(system):
            yield seen.error("invalid", f"The system must be an absolute URI, not '{system[:200]}'.", place)
        elif find("CodeSystem", system) is None and "/ValueSet/" in system and find("ValueSet", system) is not None:
            yield seen.error("invalid", f"'{system[:200]}' is a value set; name it in valueSet.", place)
        elif (find("CodeSystem", system) or {}).get("content") == "supplement":
            yield seen.error("invalid", f"'{system[:200]}' is a supplement; name what it supplements.", place)


def imports(seen: Seen) -> Iterable[Issue]:
    """What is imported is a value set."""
    find = seen.scene.canonicals.find
    for place, include in includes(seen):
        for number, url in enumerate(texts(include, "valueSet")):
            if not is_absolute(url) or find("ValueSet", url) is not None:
                continue
            other = find("", url)
            where = f"{place}.valueSet[{number}]"
            if other is not None:
                yield seen.error(
                    "invalid", f"'{url[:200]}' is a {text(other, 'resourceType')}, not a value set.", where
                )
            else:
                yield seen.warning("not-found", f"The value set '{url[:200]}' is not known.", where)


def listed_codes(seen: Seen) -> Findings:
    """The codes that are listed one by one are codes of their system."""
    for place, include in includes(seen):
        system, version = text(include, "system"), text(include, "version")
        met: set[str] = set()
        for number, concept in numbered(include, "concept"):
            code, where = text(concept, "code"), f"{place}.concept[{number}]"
            if code in met:
                yield seen.warning("business-rule", f"The code {shown(code)} is listed more than once.", where)
            met.add(code)
            if system and code and is_absolute(system):
                yield from _known(seen, system, code, version, where, text(concept, "display"))


def _known(seen: Seen, system: str, code: str, version: str, place: str, display: str = "") -> Findings:
    wrong = seen.error("business-rule", f"{shown(code)} is not a code of {system[:200]}.", place)
    if system == UCUM:
        # HL7's own lists of units have white space in annotations, which the grammar does not know.
        if not is_unit(_ANNOTATION.sub("{x}", code)):
            yield wrong
        return
    if cannot_be(system, code):
        yield wrong
        return

    def then(answer: Any) -> Iterable[Issue]:
        if answer.result is False:
            return [wrong]
        if answer.display_ok is False:
            return [seen.warning("business-rule", f"{shown(display)} is not a display of {shown(code)}.", place)]
        return []

    yield Question(Coded("", system, code, version, display), then)


def filters(seen: Seen) -> Findings:
    """A filter names a property of the system, an operation that it has, and a value that fits."""
    for place, include in includes(seen):
        system = text(include, "system")
        found = seen.scene.canonicals.find("CodeSystem", system) if system else None
        for number, filter in numbered(include, "filter"):
            where = f"{place}.filter[{number}]"
            if text(filter, "property") and text(filter, "op"):
                yield from _filter(seen, system, found, filter, where, text(include, "version"))


def _filter(seen: Seen, system: str, found: Json | None, filter: Json, place: str, version: str) -> Findings:
    property, operation, value = text(filter, "property"), text(filter, "op"), text(filter, "value")
    if system == SNOMED and is_sctid(property) and operation not in ("=", "in"):
        yield seen.error(
            "invalid", f"The attribute {property} of SNOMED CT is compared by = or in, not by {operation[:40]}.", place
        )
        return
    if operation == "regex" and value and matches(value, "") is None:
        yield seen.error("invalid", f"{shown(value)} is not a regular expression that can be run.", place)
    if operation == "exists" and value and value not in ("true", "false"):
        yield seen.error("invalid", f"The value of 'exists' is true or false, not {shown(value)}.", place)
    elif property in ("concept", "code") and operation in _HIERARCHY and value and system:
        yield from _known(seen, system, value, version, place)
    if found is not None:
        yield from _declared(seen, system, found, filter, place)
    elif system and value and is_absolute(system):
        yield Question(Filtered(system, version, property, operation, value), _refused(seen, place))


def _refused(seen: Seen, place: str) -> Callable[[Any], Iterable[Issue]]:
    def then(complaint: Any) -> Iterable[Issue]:
        return [seen.error("invalid", complaint, place)] if isinstance(complaint, str) and complaint else []

    return then


def _declared(seen: Seen, system: str, found: Json, filter: Json, place: str) -> Findings:
    """The filter compared with what the code system declares."""
    property, operation, value = text(filter, "property"), text(filter, "op"), text(filter, "value")
    types = {text(item, "code"): text(item, "type") for item in listed(found, "property")}
    declared = next((item for item in listed(found, "filter") if item.get("code") == property), None)
    if declared is not None:
        operations = [name for name in declared.get("operator") or () if isinstance(name, str)]
        if operations and operation not in operations:
            yield seen.error(
                "invalid", f"The filter {shown(property)} allows {', '.join(operations)}; not {operation[:40]}.", place
            )
    type = types.get(property) or _STANDARD.get(property, "")
    if not type and declared is None and property not in ("concept", "code", "display", "definition"):
        yield seen.warning("invalid", f"{system[:200]} declares no property {shown(property)}.", place)
    if type and operation in ("=", "in", "not-in") and value:
        for one in value.split(",") if operation != "=" else (value,):
            if type == "Coding":
                yield from _coding_value(seen, one.strip(), place)
                continue
            complaint = _value_complaint(type, one.strip())
            if complaint:
                # Terminology servers may know ways to write a number, such as the prefixes of searches.
                severity = "warning" if type in ("integer", "decimal") else "error"
                yield seen.issue(severity, "invalid", f"{complaint}, not {shown(one)}.", place)


def _coding_value(seen: Seen, value: str, place: str) -> Findings:
    """The value of a filter on a property that is a Coding: a code of another system."""
    system, _, code = value.rpartition("#")
    if code and is_absolute(system):
        system, _, version = system.partition("|")
        yield from _known(seen, system, code, version, place)
        return
    complaint = f"The value of this property is written as system#code or system|version#code, not {shown(value)}."
    system, bar, code = value.rpartition("|")
    written_as_in_searches = bool(bar and code and is_absolute(system))
    yield seen.issue("warning" if written_as_in_searches else "error", "invalid", complaint, place)


def _value_complaint(type: str, value: str) -> str:
    if type == "boolean":
        return "" if value in ("true", "false") else "The value of this property is true or false"
    if type == "integer":
        return "" if value.lstrip("+-").isdigit() else "The value of this property is a whole number"
    if type == "decimal":
        return "" if _NUMBER(value) else "The value of this property is a number"
    if type == "dateTime":
        return "" if primitives(Version.R4)["dateTime"].accepts(value) else "The value of this property is a date"
    return ""
