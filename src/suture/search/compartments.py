"""Compartments: which resources belong to a patient, an encounter, a practitioner, a device or a related person.

Specification: https://hl7.org/fhir/R4/compartmentdefinition.html. A resource is a member when one of the
reference parameters that the CompartmentDefinition names for its type leads to the owner; the owner is a
member of its own compartment.
"""

from collections.abc import Mapping

from suture.fhir.definitions import Definitions
from suture.fhir.outcomes import Invalid, NotFound
from suture.search.filters import Filter, Ids, Refers, any_of
from suture.search.names import unbuilt
from suture.search.parameters import Parameter, SearchParameters
from suture.store.keys import Keys


class Compartments:
    """The compartments of one FHIR version in one database."""

    def __init__(self, definitions: Definitions, parameters: SearchParameters, keys: Keys) -> None:
        self._keys = keys
        self._definitions = definitions.compartments
        self._parameters = parameters
        self._rows: dict[str, dict[str, tuple[str, ...]]] = {}
        self._ps: dict[str, tuple[int, ...]] = {}
        self._waiting: dict[str, dict[str, Parameter]] = {}

    def members(self, owner: str) -> Mapping[str, tuple[str, ...]]:
        """Resource type -> the codes under which its references to the owner are indexed.

        Raises NotFound, and Unavailable while some of these are being built.
        """
        members = self._of(owner)
        for parameter in self._waiting[owner].values():
            raise unbuilt(parameter)
        return members

    def _of(self, owner: str) -> dict[str, tuple[str, ...]]:
        """As `members`, of what is built. Worked out when first asked for: it needs the parameters of most types."""
        found = self._rows.get(owner)
        if found is None:
            members = self._definitions.get(owner)
            if members is None:
                known = ", ".join(self._definitions)
                raise NotFound(f"There is no compartment '{owner}'. The compartments are {known}.")
            self._waiting[owner] = _waiting(self._parameters, members)
            found = self._rows[owner] = _rows(self._parameters, members)
        return found

    def types(self, owner: str) -> tuple[str, ...]:
        """The resource types that can be in the compartment, sorted. Raises NotFound."""
        return tuple(sorted({owner, *self.members(owner)}))

    def filter(self, owner: str, id: str, type: str | None) -> Filter:
        """What a resource of `type` (None: any) must satisfy to be in the compartment of `owner`/`id`.

        Raises NotFound for an unknown compartment, Invalid for a type that is never in it, Unavailable while its
        references are being built.
        """
        members = self.members(owner) if type is None else self._of(owner)
        if type in self._waiting[owner]:
            raise unbuilt(self._waiting[owner][type])
        rh = self._keys.resource(owner, id)
        if type is None:
            if owner not in self._ps:
                parameter = self._keys.parameter
                self._ps[owner] = tuple(sorted({parameter(t, code) for t, codes in members.items() for code in codes}))
            return any_of((Ids((rh,)), Refers((rh,), self._ps[owner])))
        codes = members.get(type, ())
        if not codes and type != owner:
            raise Invalid(f"{type} resources are never in the {owner} compartment.")
        found: list[Filter] = []
        if codes:
            found.append(Refers((rh,), tuple(self._keys.parameter(type, code) for code in codes), few=True))
        if type == owner:
            found.append(Ids((rh,)))
        return any_of(found)


def _waiting(parameters: SearchParameters, members: Mapping[str, tuple[str, ...]]) -> dict[str, Parameter]:
    """By type, a parameter that is being built."""
    found = (parameters.get(type, code) for type, codes in members.items() for code in codes)
    return {parameter.resource_type: parameter for parameter in found if parameter is not None and parameter.pending}


def _rows(parameters: SearchParameters, members: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    rows: dict[str, tuple[str, ...]] = {}
    for type, codes in members.items():
        found = (parameters.get(type, code) for code in codes)
        kept = tuple(dict.fromkeys(r for p in found if p is not None and p.type == "reference" for r in p.rows))
        if kept:
            rows[type] = kept
    return rows
