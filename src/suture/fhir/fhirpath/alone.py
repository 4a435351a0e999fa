"""A host for evaluation without a server: it knows the value sets that required bindings use, and the concept maps.

Everything else (references to other resources, other terminology, profiles) is not known to it.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

from suture.fhir.definitions import Definitions
from suture.fhir.fhirpath.types import Item, Json
from suture.fhir.packages import CoreCanonicals

if TYPE_CHECKING:
    from suture.fhir.fhirpath.environment import Environment


class Alone:
    """Answers from the definitions of one FHIR version. It keeps nothing of an evaluation."""

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions

    def resolve(self, reference: str, environment: "Environment") -> Json | None:
        """Nothing beyond the resource is known."""
        return None

    def member_of(self, value: Any, type: str, value_set: str) -> bool | None:
        """By the codes of value sets that required bindings use; None for another one."""
        systems = self._definitions.value_set_codes(value_set)
        if systems is None:
            return None
        return any(
            code in codes
            for system, code in _codings(value)
            for known, codes in systems.items()
            if system in (None, known)
        )

    def subsumes(self, general: Json, special: Json) -> bool | None:
        """Only that a code subsumes itself."""
        same = all(general.get(name) == special.get(name) for name in ("system", "code"))
        return True if same else None

    def conforms_to(self, value: Any, type: str, profile: str) -> bool | None:
        """No profile is known."""
        return None

    def in_slice(self, value: Any, type: str, profile: str, slice: str) -> bool | None:
        """No profile is known."""
        return None

    def terminology(self, operation: str, arguments: Sequence[Any]) -> Any:
        """expand and validateVS by the codes that are known, translate by the concept maps of the specification."""
        url, *more = arguments
        if not isinstance(url, str):
            return None
        match operation:
            case "expand":
                return self._expanded(url)
            case "validateVS":
                member = self.member_of(more[0] if more else None, "", url)
                return None if member is None else _parameters({"name": "result", "valueBoolean": member})
            case "translate":
                found = CoreCanonicals(self._definitions.version).find("ConceptMap", url)
                return None if found is None else _translated(found, more[0] if more else None)
            case _:
                return None

    def _expanded(self, url: str) -> Json | None:
        systems = self._definitions.value_set_codes(url)
        if systems is None:
            return None
        codes = [{"system": system, "code": code} for system, known in systems.items() for code in sorted(known)]
        expansion = {"total": len(codes), "contains": codes}
        return {"resourceType": "ValueSet", "url": url, "status": "active", "expansion": expansion}

    def trace(self, name: str, items: Sequence[Item]) -> None:
        """Nobody listens."""


def _codings(value: Any) -> Iterator[tuple[Any, Any]]:
    """System (None: any) and code of a code, Coding, CodeableConcept or Quantity."""
    if isinstance(value, str):
        yield None, value
    elif isinstance(value, dict):
        coded = cast(Json, value)
        if isinstance(coded.get("coding"), list):
            for one in coded["coding"]:
                yield from _codings(one)
        elif "code" in coded:
            yield coded.get("system"), coded["code"]


def _parameters(*parameters: Json) -> Json:
    return {"resourceType": "Parameters", "parameter": list(parameters)}


def _translated(concept_map: Json, value: Any) -> Json:
    """The Parameters of `$translate`."""
    matches = [
        _match(group, target)
        for system, code in _codings(value)
        for group in concept_map.get("group", ())
        if system in (None, group.get("source"))
        for element in group.get("element", ())
        if element.get("code") == code
        for target in element.get("target", ())
        if "code" in target
    ]
    return _parameters({"name": "result", "valueBoolean": bool(matches)}, *matches)


def _match(group: Json, target: Json) -> Json:
    relation = "relationship" if "relationship" in target else "equivalence"
    concept = {name: value for name, value in (("system", group.get("target")), ("code", target["code"])) if value}
    parts = [{"name": relation, "valueCode": target.get(relation)}, {"name": "concept", "valueCoding": concept}]
    return {"name": "match", "part": parts}
