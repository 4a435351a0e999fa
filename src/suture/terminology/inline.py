"""Definitions that requests bring along (`tx-resource`), with the code systems that were made of them."""

from collections.abc import Iterable
from typing import Any

from suture.terminology.listed import Listed
from suture.terminology.systems import Json

USABLE = ("complete", "fragment")
"""`content` of the code systems whose codes can be asked for."""


class Inline:
    """Resources of a request, or of all that share its cache."""

    __slots__ = ("_by_url", "_listed", "resources")

    def __init__(self, resources: Iterable[Json] = ()) -> None:
        self.resources: list[Json] = []
        self._by_url: dict[tuple[str, str], list[Json]] = {}
        self._listed: dict[int, Listed] = {}
        self.add(resources)

    def add(self, resources: Iterable[Json]) -> None:
        """Take more; they stand for older ones with the same URL and version."""
        fresh = list(resources)
        keys = {_key(one) for one in fresh}
        for old in [one for one in self.resources if _key(one) in keys]:
            self.resources.remove(old)
            self.of(old["resourceType"], old.get("url", "")).remove(old)
            self._listed.pop(id(old), None)
        for one in fresh:
            self.resources.append(one)
            self._by_url.setdefault((one.get("resourceType", ""), one.get("url", "")), []).append(one)

    def of(self, type: str, url: str) -> list[Json]:
        """Those of a type with this URL."""
        return self._by_url.get((type, url), [])

    def systems(self, url: str) -> list[Json]:
        """The code systems with this URL whose codes they hold."""
        return [one for one in self.of("CodeSystem", url) if one.get("content") in USABLE]

    def holds(self, resource: Json) -> bool:
        """Whether this very resource is one of them."""
        return any(one is resource for one in self.of(resource["resourceType"], resource.get("url", "")))

    def listed(self, resource: Json) -> Listed:
        """The code system of one of them, made once."""
        found = self._listed.get(id(resource))
        if found is None:
            found = self._listed[id(resource)] = Listed(resource)
        return found


def _key(resource: Json) -> tuple[Any, ...]:
    return resource.get("resourceType"), resource.get("url"), resource.get("version")
