"""Finding conformance resources by canonical URL and version, in one layer or in several above each other.

Specification: https://hl7.org/fhir/R4/references.html#canonical. The one thing to know: a reference with a version
(`url|6.1.0`) is answered with that version or not at all; `url|6.1` means the newest 6.1.x, and a reference without
a version means the newest there is in the uppermost layer that knows the URL.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol, runtime_checkable

from suture.fhir.definitions import packed_resource, packed_urls
from suture.fhir.definitions.packed_conformance import packed_conformance, packed_conformance_urls
from suture.fhir.packages.numbering import matches
from suture.fhir.versions import Version

Json = dict[str, Any]

CORE_TYPES = ("StructureDefinition", "ValueSet", "CodeSystem", "ConceptMap", "NamingSystem", "CompartmentDefinition")
"""The resource types that the packaged core definitions hold."""


class Canonicals(Protocol):
    """A collection of conformance resources. What it answers is shared: it is not to be changed."""

    def find(self, type: str, url: str, version: str | None = None) -> Json | None:
        """The resource of `type` ("" for any) with this canonical URL, or None.

        `url` may carry `|version`; a fragment (`#…`) is ignored. `version`: the one that is meant, whole or its first
        parts; None for the newest.
        """
        ...

    def all(self, type: str) -> Iterator[Json]:
        """Every resource of `type`, in every version, each decoded when it is its turn."""
        ...


@runtime_checkable
class Versioned(Protocol):
    """A collection that can tell which versions of a resource it holds."""

    def versions(self, type: str, url: str) -> list[str]:
        """The business versions of the resources of `type` with this URL, "" for one without."""
        ...


class Nothing:
    """The collection that holds nothing."""

    def find(self, type: str, url: str, version: str | None = None) -> Json | None:
        """None."""
        return None

    def all(self, type: str) -> Iterator[Json]:
        """No resources."""
        return iter(())


class CoreCanonicals:
    """The definitions that ship with Suture for one FHIR version. They have no texts for readers."""

    def __init__(self, version: Version) -> None:
        self._version = version

    def find(self, type: str, url: str, version: str | None = None) -> Json | None:
        """See `Canonicals`."""
        url, version = split(url, version)
        for each in (type,) if type else CORE_TYPES:
            found = self._packed(each, url)
            if found is not None and (version is None or matches(version, found.get("version", ""))):
                return found
        return None

    def versions(self, type: str, url: str) -> list[str]:
        """See `Versioned`."""
        found = self._packed(type, url)
        return [] if found is None else [found.get("version", "")]

    def all(self, type: str) -> Iterator[Json]:
        """See `Canonicals`."""
        if type in ("CodeSystem", "ValueSet"):
            urls = packed_urls(self._version, type)
        else:
            urls = packed_conformance_urls(self._version, type)
        for url in sorted(urls):
            found = self._packed(type, url)
            if found is not None:
                yield found

    def _packed(self, type: str, url: str) -> Json | None:
        if type in ("CodeSystem", "ValueSet"):
            return packed_resource(self._version, type, url)
        return packed_conformance(self._version, type, url)


class Layers:
    """Several collections above each other: the first that has an answer gives it."""

    def __init__(self, layers: Sequence[Canonicals]) -> None:
        self._layers = tuple(layers)

    @property
    def layers(self) -> Sequence[Canonicals]:
        """The collections, the uppermost first."""
        return self._layers

    def find(self, type: str, url: str, version: str | None = None) -> Json | None:
        """See `Canonicals`."""
        for layer in self._layers:
            found = layer.find(type, url, version)
            if found is not None:
                return found
        return None

    def versions(self, type: str, url: str) -> list[str]:
        """See `Versioned`."""
        layers = [layer for layer in self._layers if isinstance(layer, Versioned)]
        return list(dict.fromkeys(version for layer in layers for version in layer.versions(type, url)))

    def all(self, type: str) -> Iterator[Json]:
        """See `Canonicals`. What an upper layer holds in the same version hides what lies below."""
        seen: set[tuple[str, str]] = set()
        for layer in self._layers:
            for resource in layer.all(type):
                key = resource.get("url") or f"#{resource.get('id')}", resource.get("version", "")
                if key not in seen:
                    seen.add(key)
                    yield resource


def split(url: str, version: str | None = None) -> tuple[str, str | None]:
    """A canonical reference as (URL without version and fragment, version or None)."""
    url, _, own = url.partition("|")
    url = url.partition("#")[0]
    own = own.partition("#")[0]
    return url, version or own or None
