"""The filters of `ValueSet.compose.include.filter`: which codes of a code system they select.

Specification: https://hl7.org/fhir/R4/valueset-filter-operator.html, with child-of and descendent-leaf of R5. What
cannot be worked out (an unknown operator, a property that no code here has) is refused, never guessed.
"""

from collections.abc import Iterable

from suture.fhir.outcomes import Invalid
from suture.terminology.code_systems import CodeSystem
from suture.terminology.codes import Codes
from suture.terminology.patterns import matcher
from suture.terminology.refusals import shown, unsupported

_BY_HIERARCHY = ("is-a", "descendent-of", "is-not-a", "generalizes", "child-of", "descendent-leaf")


def select(system: CodeSystem, name: str, op: str, value: str) -> Codes:
    """The codes of `system` whose property `name` stands in relation `op` to `value`.

    Raises Invalid for a code that the system does not have and for what cannot be worked out here.
    """
    if op in _BY_HIERARCHY:
        if name not in ("concept", "code"):
            raise _refused(system, name, op)
        return _by_hierarchy(system, op, system.code(value))
    if op not in ("=", "in", "not-in", "regex", "exists") or not system.has(name):
        raise _refused(system, name, op)
    if op == "exists":
        wanted = value == "true"
        return _chosen(code for code in system.codes if bool(system.values(code, name)) == wanted)
    if op == "regex":
        matches = matcher(value)
        return _chosen(code for code in system.codes if any(matches(text) for text in system.values(code, name)))
    texts = {value} if op == "=" else {part.strip() for part in value.split(",")}
    found = _chosen(code for code in system.codes if not texts.isdisjoint(system.values(code, name)))
    return ~found if op == "not-in" else found


def _by_hierarchy(system: CodeSystem, op: str, code: str) -> Codes:
    match op:
        case "generalizes":
            return Codes(system.ancestors(code) | {code})
        case "child-of":
            return Codes(frozenset(system.children(code)))
        case "descendent-of":
            return Codes(system.descendants(code))
        case "descendent-leaf":
            return _chosen(below for below in system.descendants(code) if not system.children(below))
        case "is-not-a":
            return ~Codes(system.descendants(code) | {code})
        case _:
            return Codes(system.descendants(code) | {code})


def _chosen(codes: Iterable[str]) -> Codes:
    return Codes(frozenset(codes))


def _refused(system: CodeSystem, name: str, op: str) -> Invalid:
    return unsupported(f"The filter {shown(name)} {shown(op)} on {shown(system.url)} cannot be worked out here.")
