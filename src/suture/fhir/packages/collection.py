"""Conformance resources in memory: compressed, found by canonical URL, decoded when they are asked for.

The one thing to know: what is decoded is kept while it fits (KEPT bytes of JSON, about eight times that in memory),
whatever the number of packages; the least recently used goes first.
"""

import threading
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import zstandard

from suture.fhir import json
from suture.fhir.packages.canonicals import Json, split
from suture.fhir.packages.lean import lean
from suture.fhir.packages.numbering import matches, order
from suture.fhir.packages.package import Package

KEPT = 6 * 1024 * 1024
"""Bytes of JSON whose decoded resources one collection keeps."""

LARGEST = 256 * 1024 * 1024
"""Bytes of JSON of one resource."""

_LEVEL = 4


class Entry(msgspec.Struct, frozen=True):
    """One resource of a collection.

    `subject`: for a profile on a resource type the type, else "". `packed`: its JSON, compressed by `pack`.
    """

    type: str
    url: str
    version: str
    subject: str
    packed: bytes


def entry(type: str, url: str, version: str, resource: Mapping[str, Any]) -> Entry:
    """The entry of a resource, which keeps what `lean` leaves."""
    kept = lean(resource)
    return Entry(type, url, version, subject(resource), zstandard.compress(json.encode(kept), _LEVEL))


def subject(resource: Mapping[str, Any]) -> str:
    """The resource type that a StructureDefinition profiles; "" for every other resource."""
    is_profile = resource.get("derivation") == "constraint" and resource.get("kind") == "resource"
    return resource["type"] if resource["resourceType"] == "StructureDefinition" and is_profile else ""


class Collection:
    """Conformance resources, in any number of versions each. May be asked from several threads.

    Of several entries with the same type, URL and version the first counts.
    """

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._by_url: dict[tuple[str, str], list[Entry]] = defaultdict(list)
        self._by_type: dict[str, list[Entry]] = defaultdict(list)
        for each in entries:
            same = self._by_url[each.type, each.url]
            if all(other.version != each.version for other in same):
                same.append(each)
                self._by_type[each.type].append(each)
        for same in self._by_url.values():
            same.sort(key=lambda each: order(each.version), reverse=True)
        self._decoded = _Decoded()

    @classmethod
    def of(cls, packages: Iterable[Package]) -> "Collection":
        """The definitions of packages."""
        return cls(
            entry(each.type, each.url, each.version, each.resource)
            for package in packages
            for each in package.definitions
        )

    def __len__(self) -> int:
        return sum(map(len, self._by_type.values()))

    def find(self, type: str, url: str, version: str | None = None) -> Json | None:
        """See `Canonicals`. Of several that fit a version in part, or none is asked for, the newest."""
        url, version = split(url, version)
        for each in (type,) if type else tuple(self._by_type):
            for found in self._by_url.get((each, url), ()):
                if version is None or matches(version, found.version):
                    return self._decoded.get(found)
        return None

    def versions(self, type: str, url: str) -> list[str]:
        """See `canonicals.Versioned`."""
        return [found.version for found in self._by_url.get((type, url), ())]

    def all(self, type: str) -> Iterator[Json]:
        """See `Canonicals`."""
        for each in self._by_type.get(type, ()):
            yield _decode(each)

    def entries(self, type: str) -> Sequence[Entry]:
        """The entries of a type."""
        return tuple(self._by_type.get(type, ()))


def _decode(found: Entry) -> Json:
    return json.reread(zstandard.ZstdDecompressor().decompress(found.packed, max_output_size=LARGEST))


class _Decoded:
    """The resources that were asked for last."""

    def __init__(self) -> None:
        self._kept: OrderedDict[int, tuple[Json, int]] = OrderedDict()
        self._weight = 0
        self._lock = threading.Lock()

    def get(self, found: Entry) -> Json:
        with self._lock:
            kept = self._kept.get(id(found))
            if kept is not None:
                self._kept.move_to_end(id(found))
                return kept[0]
        plain = zstandard.ZstdDecompressor().decompress(found.packed, max_output_size=LARGEST)
        resource, weight = json.reread(plain), len(plain)
        with self._lock:
            if weight <= KEPT and id(found) not in self._kept:
                self._kept[id(found)] = resource, weight
                self._weight += weight
                while self._weight > KEPT:
                    self._weight -= self._kept.popitem(last=False)[1][1]
        return resource
