"""The filters of `ValueSet.compose.include.filter` on a code system in memory: which concepts they select.

Specification: https://hl7.org/fhir/R4/valueset-filter-operator.html, with child-of and descendent-leaf of R5. What
cannot be worked out (an unknown operator, a property that no concept here has) is refused, never guessed.
"""

from collections.abc import Callable, Iterable
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from pyroaring import BitMap

from suture.fhir.outcomes import Invalid
from suture.terminology.patterns import matcher
from suture.terminology.refusals import shown, unsupported
from suture.terminology.systems import Json

if TYPE_CHECKING:
    from suture.terminology.listed import Listed

BY_HIERARCHY = ("is-a", "descendent-of", "is-not-a", "generalizes", "child-of", "descendent-leaf")
BY_VALUE = ("=", "in", "not-in", "regex", "exists")

_EVERY_CONCEPT = frozenset((
    "code", "concept", "display", "definition", "designation", "parent", "child", "inactive", "notSelectable",
))  # fmt: skip


def select(system: "Listed", name: str, op: str, value: str) -> BitMap:
    """The concepts of `system` whose property `name` stands in relation `op` to `value`.

    Raises Invalid for a code that the system does not have and for what cannot be worked out here.
    """
    if op in BY_HIERARCHY:
        if name not in ("concept", "code"):
            raise _refused(system, name, op)
        return _by_hierarchy(system, op, system.known(value))
    if op not in BY_VALUE or not _has(system, name):
        raise _refused(system, name, op)
    return _by_value(system, name, op, value)


def _by_hierarchy(system: "Listed", op: str, number: int) -> BitMap:
    hierarchy = system.hierarchy
    match op:
        case "generalizes":
            return hierarchy.above(number) | BitMap([number])
        case "child-of":
            return BitMap(hierarchy.children(number))
        case "descendent-of":
            return hierarchy.below(number).copy()
        case "descendent-leaf":
            return BitMap(below for below in hierarchy.below(number) if not hierarchy.children(below))
        case "is-not-a":
            return BitMap(range(system.size)) - hierarchy.below(number) - BitMap([number])
        case _:
            return hierarchy.below(number) | BitMap([number])


def _by_value(system: "Listed", name: str, op: str, value: str) -> BitMap:
    if op == "exists":
        wanted = value == "true"
        return _chosen(system, name, lambda texts: any(True for _ in texts) == wanted)
    if op == "regex":
        matches = matcher(value)
        return _chosen(system, name, lambda texts: any(matches(text) for text in texts))
    listed = {value} if op == "=" else {part.strip() for part in value.split(",")}
    type = next((one.type for one in system.head.properties if one.code == name), "")
    if name in ("code", "concept"):
        found = BitMap(number for code in listed if (number := system.find(code)) is not None)
    elif type in ("integer", "decimal"):
        numbers = {_as_number(one) for one in listed}
        found = _chosen(system, name, lambda texts: any(_as_number(text) in numbers for text in texts))
    elif type == "Coding" and any("|" in one for one in listed):
        found = BitMap(n for n in range(system.size) if not listed.isdisjoint(_qualified(system.raw(n), name)))
    else:
        found = _chosen(system, name, lambda texts: not listed.isdisjoint(texts))
    return BitMap(range(system.size)) - found if op == "not-in" else found


def _as_number(text: str) -> Decimal | str:
    """Numbers are equal however they are written."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    return number if number.is_finite() else text


def _qualified(concept: Json, name: str) -> Iterable[str]:
    """The codings of a property as `system|code`, and their codes."""
    for one in concept.get("property", ()):
        if one.get("code") == name:
            coding: Json = one.get("valueCoding", {})
            yield coding.get("code", "")
            yield f"{coding.get('system', '')}|{coding.get('code', '')}"


def _chosen(system: "Listed", name: str, chooses: Callable[[Iterable[str]], bool]) -> BitMap:
    return BitMap(number for number in range(system.size) if chooses(system.values(number, name)))


def _has(system: "Listed", name: str) -> bool:
    """Whether asking for this property makes sense: every concept has it, it is declared, or some concept has it."""
    if name in _EVERY_CONCEPT or any(one.code == name for one in system.head.properties):
        return True
    return any(one.get("code") == name for n in range(system.size) for one in system.raw(n).get("property", ()))


def _refused(system: "Listed", name: str, op: str) -> Invalid:
    return unsupported(f"The filter {shown(name)} {shown(op)} on {shown(system.head.url)} cannot be worked out here.")
