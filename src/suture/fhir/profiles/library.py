"""Where StructureDefinitions come from, and their trees: users' resources, loaded packages, what ships with Suture.

The one thing to know: trees are shared and never changed; whoever needs another tree copies. Snapshots are used
where a definition has one and generated (`snapshots`) where it has not.
"""

# JSON values and ElementDefinitions have no static type until they are looked at.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

import threading
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, Protocol

from suture.fhir.definitions.packed_conformance import packed_conformance
from suture.fhir.definitions.packed_terminology import packed_resource
from suture.fhir.profiles.branches import BASE, Branch, Unusable, grown
from suture.fhir.profiles.snapshots import generate
from suture.fhir.rules.shapes import listed, text
from suture.fhir.versions import Version

Json = dict[str, Any]

KEPT_TREES = 400
"""Trees kept at a time; a large one takes about 300 kB."""

MALFORMED = (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError)
"""What a StructureDefinition that was never validated raises when it is read: packages may hold anything."""

MAX_BASES = 20
"""Definitions that may derive from each other in one chain."""


class Canonicals(Protocol):
    """Conformance resources by canonical URL."""

    def find(self, type: str, url: str, version: str | None = None) -> Json | None:
        """The resource with this URL, which may end with `|version`. `type` "" means any type."""
        ...

    def all(self, type: str) -> Iterator[Json]:
        """All resources of a type."""
        ...


class Packed:
    """The conformance resources that ship with Suture for one FHIR version."""

    __slots__ = ("_version",)

    def __init__(self, version: Version) -> None:
        self._version = version

    def find(self, type: str, url: str, version: str | None = None) -> Json | None:
        """See `Canonicals`."""
        plain, _, tail = url.partition("|")
        found = packed_conformance(self._version, type, plain)
        if found is None and type in ("CodeSystem", "ValueSet"):
            found = packed_resource(self._version, type, plain)
        wanted = version or tail
        if found is None or not wanted or matches_version(found.get("version"), wanted):
            return found
        return None

    def all(self, type: str) -> Iterator[Json]:
        """Nothing: what ships is found by its URL only."""
        return iter(())


def matches_version(version: Any, wanted: str) -> bool:
    """Whether a version is the one wanted, which may leave the last parts out (`4.0` for `4.0.1`)."""
    return isinstance(version, str) and (version == wanted or version.startswith(wanted + "."))


class Profile:
    """One StructureDefinition with its tree. `label`: its canonical URL with version, for messages."""

    __slots__ = ("definition", "element", "label", "tree", "type", "url")

    def __init__(self, definition: Json, tree: Branch, element: str = "") -> None:
        """`element`: id of the element that the tree begins with, "" for the whole of it."""
        self.definition = definition
        self.tree = tree
        self.element = element
        self.url: str = definition.get("url") or definition.get("id") or ""
        version = definition.get("version")
        self.label = f"{self.url}|{version}" if version else self.url
        if element:
            self.label += "#" + element
        self.type: str = str(definition.get("type") or "").rpartition("/")[2]

    @property
    def is_base_type(self) -> bool:
        """Whether it defines a type rather than a profile on one."""
        return self.definition.get("derivation") != "constraint" and self.url in (
            BASE + self.type,
            self.definition.get("type"),
        )


def _contained(definition: Json, id: str) -> Json | None:
    """The profile with an id that a definition contains. Ids of elements have dots, or name the type."""
    if not id or "." in id or id == definition.get("type"):
        return None
    found = (one for one in listed(definition, "contained") if one.get("id") == id)
    return next((one for one in found if one.get("resourceType") == "StructureDefinition"), None)


class Library:
    """The StructureDefinitions of one FHIR version and of what was loaded for it. Threads may share it."""

    __slots__ = (
        "_canonicals",
        "_core",
        "_faults",
        "_globals",
        "_growing",
        "_lock",
        "_profiles",
        "_trees",
        "version",
    )

    def __init__(self, version: Version, canonicals: Canonicals | None = None) -> None:
        self.version = version
        self._core = Packed(version)
        self._canonicals: Canonicals = canonicals or self._core
        self._profiles: OrderedDict[str, Profile] = OrderedDict()
        self._trees: OrderedDict[str, Branch] = OrderedDict()
        self._growing: set[str] = set()
        self._lock = threading.RLock()
        self._faults: dict[str, str] = {}
        self._globals: dict[str, tuple[str, ...]] | None = None

    @property
    def canonicals(self) -> Canonicals:
        """What the definitions are found with."""
        return self._canonicals

    def definition(self, url: str) -> Json | None:
        """The StructureDefinition of a canonical URL, perhaps with `|version` and `#element`."""
        plain, _, version = url.partition("#")[0].partition("|")
        own = self._core.find("StructureDefinition", plain, version or None)
        if own is not None and own.get("derivation") != "constraint":
            return own  # Nobody redefines the types of the specification.
        return self._canonicals.find("StructureDefinition", plain, version or None) or own

    def profile(self, url: str) -> Profile | None:
        """The profile (or base type) of a canonical URL; None when it is unknown. Raises Unusable.

        A URL that ends with `#` and the id of an element means that part of a profile; one with the id of a contained
        profile means that one.
        """
        known = self._profiles.get(url)
        if known is not None:
            return known
        if url in self._faults:
            raise Unusable(self._faults[url])
        definition = self.definition(url)
        if definition is None:
            return None
        plain, _, element = url.partition("#")
        try:
            contained = _contained(definition, element)
            if contained is not None:
                profile = Profile(contained, self._sound(contained, 0))
            else:
                tree = self.tree(plain)
                found = tree.find(element) if element else tree
                if found is None:
                    raise Unusable(f"It has no element {element[:200]!r}.")
                profile = Profile(definition, found, element)
        except Unusable as error:
            if len(self._faults) < KEPT_TREES:
                self._faults[url] = str(error)
            raise
        self._profiles[url] = profile
        while len(self._profiles) > KEPT_TREES:
            self._profiles.popitem(last=False)
        return profile

    def of_type(self, code: str) -> Profile:
        """The definition of a type by its code. Raises Unusable for an unknown one."""
        url = code if "://" in code else BASE + code
        profile = self.profile(url)
        if profile is None:
            raise Unusable(f"The type {code[:200]} has no definition here.")
        return profile

    def knows(self, url: str) -> bool:
        """Whether there is a definition of this URL."""
        return url in self._profiles or self.definition(url) is not None

    def global_profiles(self, type: str) -> tuple[str, ...]:
        """The known profiles that ImplementationGuides at hand name for all resources of a type."""
        if self._globals is None:
            found: dict[str, tuple[str, ...]] = {}
            for guide in self._canonicals.all("ImplementationGuide"):
                for one in listed(guide, "global"):
                    kind, url = text(one, "type"), text(one, "profile")
                    if kind and self.knows(url):
                        found[kind] = (*found.get(kind, ()), url)
            self._globals = found
        return self._globals.get(type, ())

    def tree(self, url: str, depth: int = 0) -> Branch:
        """The tree of a definition. `depth`: definitions that derive from it so far. Raises Unusable."""
        known = self._trees.get(url)
        if known is not None:
            return known
        definition = self.definition(url)
        if definition is None:
            raise Unusable(f"{url[:300]} is not known here.")
        with self._lock:
            if url in self._growing or depth > MAX_BASES:
                raise Unusable(f"{url[:300]} is made from itself, in a circle.")
            self._growing.add(url)
            try:
                tree = self._trees[url] = self._sound(definition, depth)
            finally:
                self._growing.discard(url)
            while len(self._trees) > KEPT_TREES:
                self._trees.popitem(last=False)
            return tree

    def _sound(self, definition: Json, depth: int) -> Branch:
        """The tree of a definition. Raises Unusable."""
        try:
            return self.grown(definition, depth)
        except MALFORMED as error:
            raise Unusable(f"It is malformed ({type(error).__name__}).") from None

    def grown(self, definition: Json, depth: int = 0) -> Branch:
        """The tree of a definition that need not be known here. Raises Unusable, or one of MALFORMED."""
        snapshot = definition.get("snapshot")
        elements = snapshot.get("element") if isinstance(snapshot, dict) else None
        if elements:
            tree = grown(elements)
            if tree is not None:
                return tree
        return generate(self, definition, depth)
