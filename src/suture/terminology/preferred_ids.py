"""$preferred-id: the identifier of one kind of a code system or identifier system that is known by another one.

Specification: https://hl7.org/fhir/R4/namingsystem-operation-preferred-id.html. The one thing to know: identifiers are
compared without the prefix that makes a URI of an OID or UUID, and are answered without it.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

Json = dict[str, Any]

_PREFIXES = ("urn:oid:", "urn:uuid:")


class Identifier(msgspec.Struct, frozen=True):
    """One unique identifier of a naming system. `type`: oid | uuid | uri | other, and what FHIR adds later."""

    type: str
    value: str
    preferred: bool


class NamingSystems:
    """Naming systems by their identifiers."""

    __slots__ = ("_by_value",)

    def __init__(self, resources: Iterable[Json]) -> None:
        self._by_value: dict[str, list[tuple[Identifier, ...]]] = {}
        for resource in resources:
            known = tuple(_identifier(one) for one in resource.get("uniqueId", ()) if one.get("value"))
            for value in {one.value for one in known}:
                self._by_value.setdefault(value, []).append(known)

    def __contains__(self, id: str) -> bool:
        return _plain(id) in self._by_value

    def preferred(self, id: str, type: str) -> list[str]:
        """The identifiers of a type of all naming systems that have `id`, those that are preferred if there are any,
        without duplicates.
        """
        systems = self._by_value.get(_plain(id), ())
        found = [one for known in systems for one in known if one.type == type]
        chosen = [one for one in found if one.preferred] or found
        return list(dict.fromkeys(one.value for one in chosen))


def _identifier(raw: Json) -> Identifier:
    return Identifier(str(raw.get("type", "")), _plain(str(raw["value"])), raw.get("preferred") is True)


def _plain(id: str) -> str:
    for prefix in _PREFIXES:
        if id.lower().startswith(prefix):
            return id[len(prefix) :]
    return id
