"""CodeSystem: properties that mean one thing, concepts that use them rightly, supplements that add no codes.

Specification: https://hl7.org/fhir/R4/codesystem.html; that codes are unique is the invariant csd-1.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from suture.fhir.outcomes import Issue
from suture.fhir.primitives import shown
from suture.fhir.rules.questions import Coded, Question
from suture.fhir.rules.seen import Seen
from suture.fhir.rules.shapes import Json, choice, listed, numbered, text

_STANDARD = "http://hl7.org/fhir/concept-properties#"
STANDARD_PROPERTIES = {
    "status": "code",
    "inactive": "boolean",
    "effectiveDate": "dateTime",
    "deprecated": "dateTime",
    "deprecationDate": "dateTime",
    "retirementDate": "dateTime",
    "notSelectable": "boolean",
    "parent": "code",
    "child": "code",
    "partOf": "code",
    "synonym": "code",
    "comment": "string",
    "itemWeight": "decimal",
}
"""Properties that FHIR itself defines, with their types (https://hl7.org/fhir/R5/codesystem-concept-properties.html)."""


def concepts(value: Json, path: str = "") -> Iterator[tuple[str, Json]]:
    """(path below the CodeSystem, concept) of all concepts, in the order of the document."""
    stack = [(f"concept[{number}]", concept) for number, concept in numbered(value, "concept")][::-1]
    while stack:
        place, concept = stack.pop()
        yield path + place, concept
        stack += [(f"{place}.concept[{number}]", below) for number, below in numbered(concept, "concept")][::-1]


def content(seen: Seen) -> Iterable[Issue]:
    """The stated content, and what is there."""
    stated = text(seen.value, "content")
    if "supplements" in seen.value and stated and stated != "supplement":
        yield seen.error(
            "business-rule",
            f"A code system that supplements another has the content 'supplement', not {shown(stated)}.",
            "content",
        )
    if stated == "supplement" and "supplements" not in seen.value:
        yield seen.error("business-rule", "A supplement must say what it supplements.")
    if stated == "not-present" and listed(seen.value, "concept"):
        yield seen.error("invalid", "The content is 'not-present', but there are concepts.", "concept[0]")
    count = seen.value.get("count")
    if stated == "complete" and isinstance(count, int) and listed(seen.value, "concept"):
        found = sum(1 for _ in concepts(seen.value))
        if found != count:
            yield seen.error("business-rule", f"The count is {count}, but all the concepts are {found}.", "count")


def trimmed_codes(seen: Seen) -> Iterable[Issue]:
    """No code starts or ends with white space, not even with one of the spaces that patterns let pass (U+00A0)."""
    for place, concept in concepts(seen.value):
        code = text(concept, "code")
        if code != code.strip():
            yield seen.error("business-rule", f"{shown(code)} starts or ends with white space.", f"{place}.code")


def supplemented_codes(seen: Seen) -> Iterable[Issue | Question]:
    """A supplement only speaks of codes that the code system has which it supplements."""
    base, _, version = text(seen.value, "supplements").partition("|")
    if not base:
        return
    for place, concept in concepts(seen.value):
        code = text(concept, "code")
        if code:
            yield Question(Coded("", base, code, version), _not_in_base(seen, place, code, base))


def _not_in_base(seen: Seen, place: str, code: str, base: str) -> Callable[[Any], Iterable[Issue]]:
    wrong = seen.error("business-rule", f"{shown(code)} is not a code of {base[:200]}; a supplement adds none.", place)

    def then(answer: Any) -> Iterable[Issue]:
        return [wrong] if answer.result is False else []

    return then


def properties(seen: Seen) -> Iterable[Issue]:
    """Each property is declared once; those of FHIR keep their code, URI and type."""
    codes: set[str] = set()
    uris: set[str] = set()
    for number, declared in numbered(seen.value, "property"):
        place = f"property[{number}]"
        code, uri, type = text(declared, "code"), text(declared, "uri"), text(declared, "type")
        if code and code in codes:
            yield seen.error("business-rule", f"A property {shown(code)} is already declared.", place)
        if uri and uri in uris:
            yield seen.error("business-rule", f"A property with the URI {shown(uri)} is already declared.", place)
        codes.add(code)
        uris.add(uri)
        if uri.startswith(_STANDARD):
            yield from _standard(seen, uri.removeprefix(_STANDARD), code, type, place)
        elif not uri and code in STANDARD_PROPERTIES and type != STANDARD_PROPERTIES[code]:
            yield seen.warning(
                "business-rule",
                f"FHIR has a property {shown(code)} of type {STANDARD_PROPERTIES[code]}; this one is of type {type}.",
                place,
            )


def _standard(seen: Seen, name: str, code: str, type: str, place: str) -> Iterator[Issue]:
    wanted = STANDARD_PROPERTIES.get(name)
    if wanted is None:
        yield seen.error("business-rule", f"FHIR defines no concept property '{name[:100]}'.", place)
        return
    # Another code for a property of FHIR is odd; the code of a different one is a trap.
    if code in STANDARD_PROPERTIES and code != name:
        yield seen.error(
            "business-rule", f"The URI is that of the property '{name}', the code {shown(code)} that of another.", place
        )
    if type and type != wanted:
        yield seen.error("business-rule", f"The property '{name}' is of type {wanted}, not {type[:40]}.", place)


_TYPES = {"string": {"String"}, "code": {"Code"}, "Coding": {"Coding"}, "integer": {"Integer"}, "boolean": {"Boolean"},
          "dateTime": {"DateTime"}, "decimal": {"Decimal"}}  # fmt: skip


def concept_properties(seen: Seen) -> Iterable[Issue]:
    """The properties of concepts are declared, and their values are of the declared types."""
    declared: dict[str, str] = {}
    for item in listed(seen.value, "property"):
        declared.setdefault(text(item, "code"), text(item, "type"))
    known = {text(concept, "code") for _, concept in concepts(seen.value)}
    complete = text(seen.value, "content") == "complete"
    undeclared: set[str] = set()
    for place, concept in concepts(seen.value):
        for number, item in numbered(concept, "property"):
            code, where = text(item, "code"), f"{place}.property[{number}]"
            type, value = choice(item, "value")
            wanted = declared.get(code) or STANDARD_PROPERTIES.get(code, "")
            if not wanted:
                if code and code not in undeclared:
                    undeclared.add(code)
                    yield seen.warning("business-rule", f"The property {shown(code)} is not declared.", where)
            elif type and type not in _TYPES.get(wanted, {type}):
                yield seen.error(
                    "business-rule",
                    f"The property {shown(code)} is declared as {wanted}, but this value is a {type[:40]}.",
                    where,
                )
            elif code in ("parent", "child") and type == "Code" and complete and value not in known:
                yield seen.error("business-rule", f"{shown(value)} is not a code of this code system.", where)


def value_set_of_all(seen: Seen) -> Iterable[Issue]:
    """The value set that a code system names as that of all its codes holds just these."""
    url = text(seen.value, "valueSet")
    found = seen.scene.canonicals.find("ValueSet", url) if url else None
    if found is None or "compose" not in found:
        return
    includes = listed(found["compose"], "include")
    only = includes[0] if len(includes) == 1 else {}
    whole = text(only, "system") == text(seen.value, "url") and not {"concept", "filter", "valueSet"} & set(only)
    if not whole or "exclude" in found["compose"]:
        yield seen.error(
            "business-rule", f"The value set {url[:200]} is not simply all codes of this code system.", "valueSet"
        )
