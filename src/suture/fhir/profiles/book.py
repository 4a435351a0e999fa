"""The checks of one FHIR version, each compiled when it is first needed: those of types, and those of profiles.

The one thing to know: a profile's checks hold only what the profile adds to the type that it is on, since a
resource is always checked against its type as well.
"""

# JSON values and ElementDefinitions have no static type until they are looked at.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

import threading
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

from suture.fhir.definitions import Definitions
from suture.fhir.fhirpath.environment import Environment
from suture.fhir.profiles.branches import BASE, Unusable
from suture.fhir.profiles.hosting import WalkHost
from suture.fhir.profiles.library import MALFORMED, Library, Profile
from suture.fhir.profiles.named_slices import NamedSlice, named_slices
from suture.fhir.profiles.profile_checks import profile_checks
from suture.fhir.profiles.spots import Spot
from suture.fhir.profiles.type_checks import TypeChecks
from suture.fhir.profiles.walk import Check, Pass, Walk

KEPT_PROFILES = 300
"""Compiled profiles kept at a time."""

_EXTENSIONS_REMEMBERED = 5000


class Compiled:
    """A profile ready for use. `label`: its canonical URL with version."""

    __slots__ = ("_checks", "is_base_type", "label", "type", "url")

    def __init__(self, profile: Profile, checks: tuple[Check, ...]) -> None:
        self.url = profile.url
        self.label = profile.label
        self.type = profile.type
        self.is_base_type = profile.is_base_type
        self._checks = checks

    def apply(self, walk: Walk, spot: Spot) -> None:
        """Check a value against the profile; what its type demands is not checked here."""
        if "#" not in self.label and spot.type and not walk.book.is_kind(spot.type, self.type):
            walk.error(spot, "structure", f"This is a {spot.type}; the profile {self.label} is for {self.type}.")
        elif spot.type in walk.book.resource_types:
            walk.within(self._checks, spot)
        else:
            walk.run(self._checks, spot)


class Book:
    """What is checked in one FHIR version. Threads may share it.

    `errors_only`: leave out whatever cannot be an error.
    """

    def __init__(self, definitions: Definitions, library: Library, engine: Any, *, errors_only: bool) -> None:
        self.definitions = definitions
        self.library = library
        self.engine = engine
        self.errors_only = errors_only
        self.resource_types = frozenset(definitions.resource_types)
        self._lock = threading.RLock()
        self._types = TypeChecks(self)
        self._profiles: OrderedDict[str, Compiled | None] = OrderedDict()
        self._faults: dict[str, str] = {}
        self._extensions: dict[str, Compiled | None] = {}
        self._slices: dict[tuple[str, str], tuple[NamedSlice, ...]] = {}
        self._tails = {name[:1].upper() + name[1:]: name for name in definitions.structures}
        self._supers: dict[str, frozenset[str]] = {}

    # Types

    def type_checks(self, name: str) -> tuple[Check, ...]:
        """The checks of a type by its code; none for an unknown one."""
        return self._types.of(name)

    def passes(self, name: str) -> Pass | None:
        """A quick test that values of a type surely pass `type_checks`; None when there is none."""
        return self._types.passes(name)

    def is_kind(self, type: str, wanted: str) -> bool:
        """Whether a type is another one or derives from it."""
        if type == wanted or wanted in ("Resource", "Any", ""):
            return True
        return wanted in self._supers_of(type)

    def is_of(self, spot: Spot, codes: Iterable[str]) -> bool:
        """Whether a value is of one of these types."""
        kind = spot.value.get("resourceType") if isinstance(spot.value, dict) else None
        type = kind if isinstance(kind, str) else spot.type
        return any(self.is_kind(type, code) for code in codes) if type else False

    def _supers_of(self, type: str) -> frozenset[str]:
        known = self._supers.get(type)
        if known is None:
            found: list[str] = []
            name = type
            while name and name not in found:
                found.append(name)
                structure = self.definitions.structures.get(name)
                name = structure.base if structure else ""
            known = frozenset(found)
            if type in self.definitions.structures:
                self._supers[type] = known
        return known

    def type_of_tail(self, tail: str) -> str:
        """The type in the name of a choice: `dateTime` for `DateTime`; "" for none."""
        return self._tails.get(tail, "")

    def path_type(self, path: str) -> Any:
        """The type of the FHIRPath model for a type's name or an element's path; None when there is none."""
        try:
            return self.engine.model.type(path)
        except KeyError:
            return None

    # Profiles

    def profile(self, url: str) -> Compiled | None:
        """The compiled profile of a canonical URL; None when it is unknown or cannot be used (see `fault`)."""
        known = self._profiles.get(url)
        if known is not None or url in self._faults:
            return known
        with self._lock:
            try:
                profile = self.library.profile(url)
                compiled = Compiled(profile, profile_checks(self, profile)) if profile is not None else None
            except Unusable as error:
                self._remember_fault(url, str(error))
                return None
            except MALFORMED as error:
                self._remember_fault(url, f"It is malformed ({type(error).__name__}).")
                return None
            if compiled is not None:
                self._profiles[url] = compiled
                while len(self._profiles) > KEPT_PROFILES:
                    self._profiles.popitem(last=False)
            return compiled

    def fault(self, url: str) -> str:
        """Why a profile that is known cannot be used; "" otherwise."""
        return self._faults.get(url, "")

    def _remember_fault(self, url: str, reason: str) -> None:
        if len(self._faults) >= KEPT_PROFILES:
            self._faults.clear()
        self._faults[url] = reason

    def target_type(self, url: str) -> str:
        """The type that a profile is on; "Resource" when it is unknown."""
        name = url.partition("|")[0].removeprefix(BASE)
        if name in self.definitions.structures:
            return name
        try:
            profile = self.library.profile(url)
        except Unusable:
            return "Resource"
        return profile.type if profile is not None else "Resource"

    def extension(self, url: str) -> Compiled | None:
        """The compiled definition of an extension; None when it is unknown."""
        if url in self._extensions:
            return self._extensions[url]
        compiled = self.profile(url)
        if compiled is not None and compiled.type != "Extension":
            compiled = None
        if len(self._extensions) >= _EXTENSIONS_REMEMBERED:
            self._extensions.clear()
        self._extensions[url] = compiled
        return compiled

    def slices(self, url: str, name: str) -> tuple[NamedSlice, ...]:
        """The slices of a profile with a name; none when there is no such profile or slice."""
        known = self._slices.get((url, name))
        if known is None:
            if len(self._slices) >= KEPT_PROFILES:
                self._slices.clear()
            with self._lock:
                known = self._slices[url, name] = named_slices(self.library, url, name)
        return known

    # Evaluation

    def environment(self, resource: Any, container: Any, walk: Walk) -> Environment:
        """The FHIRPath environment of a resource in one walk."""
        model = self.engine.model
        return Environment(model.item(resource), model.item(container), host=WalkHost(walk))
