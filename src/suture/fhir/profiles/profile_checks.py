"""What a profile adds to the type that it is on, compiled to checks.

Specification: https://hl7.org/fhir/R4/profiling.html#resources. The one thing to know: the tree of the profile is
walked side by side with that of its type, and whatever both say is left out.
"""

# JSON values and ElementDefinitions have no static type until they are looked at.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from suture.fhir.profiles.bindings import binding_check, bindings_of
from suture.fhir.profiles.branches import Branch, Unusable, profile_urls
from suture.fhir.profiles.criteria import slice_criteria, slicing_facts
from suture.fhir.profiles.invariants import COVERED, invariant_check
from suture.fhir.profiles.library import Library, Profile
from suture.fhir.profiles.limits import length_limits, value_limits
from suture.fhir.profiles.presence import language_checks, presence_checks
from suture.fhir.profiles.shapes import Group, Option
from suture.fhir.profiles.slicing import Slice, Slicing
from suture.fhir.profiles.spots import Spot
from suture.fhir.profiles.targets import target_check
from suture.fhir.profiles.type_checks import json_key, type_code
from suture.fhir.profiles.values import Departure, brief, differences, fits, misfits, same
from suture.fhir.profiles.walk import Check, Walk

if TYPE_CHECKING:
    from suture.fhir.profiles.book import Book

MAX_NESTING = 60
"""Elements of a profile, one inside of the other."""

MAX_VALUES = 50_000
"""Elements and types of elements of one profile."""

_DEPARTURES = 8
"""Differences from one fixed value or pattern that are told."""

_ANY = frozenset(("Resource", "DomainResource"))


class Ground(NamedTuple):
    """Where a branch of a profile lies in the type: the element there, and the tree that it is part of."""

    branch: Branch
    tree: Branch


def profile_checks(book: "Book", profile: Profile) -> tuple[Check, ...]:
    """The checks that a profile adds. Raises Unusable."""
    if profile.is_base_type:
        return ()
    tree = book.library.of_type(profile.type).tree
    compiler = _Compiler(book, profile)
    if profile.element:
        plain = ".".join(part.partition(":")[0] for part in profile.element.split("."))
        part = tree.find(plain)
        if part is None:
            raise Unusable(f"{profile.type} has no element {plain[:200]!r}.")
        code = type_code(part.types[0]) if part.types else "BackboneElement"
        return compiler.value(profile.tree, Ground(part, tree), code, 0)
    ground = Ground(tree, tree)
    type = book.path_type(profile.type)
    return (
        *compiler.invariants(profile.tree, tree, type, profile.type),
        *compiler.facts(profile.tree, tree, profile.type),
        *compiler.groups(profile.tree, ground, profile.type, 0),
    )


class _Compiler:
    """The compilation of one profile."""

    def __init__(self, book: "Book", profile: Profile) -> None:
        self._book = book
        self._library: Library = book.library
        self._profile = profile
        self._label = profile.label
        self._values = 0

    # One value

    def value(self, branch: Branch, ground: Ground, code: str, nesting: int) -> tuple[Check, ...]:
        """What holds for one value of an element, of the type `code`."""
        self._values += 1
        if self._values > MAX_VALUES:
            raise Unusable(f"It has more than {MAX_VALUES} elements and types of elements.")
        book, base = self._book, ground.branch
        choice = branch.name.endswith("[x]")
        entries = [self._absolute(entry) for entry in branch.types if not choice or type_code(entry) == code]
        own = bool(base.children)
        # What a resource inside of another is shows in itself.
        type = None if code in _ANY else book.path_type(str(base.facts.get("path")) if own else code)
        checks: list[Check] = [
            *self._resource_types(branch, code),
            *self.facts(branch, base, code),
            *self.invariants(branch, base, type, code),
            *self._type_profiles(branch, base, entries, code),
        ]
        if code in ("Reference", "CodeableReference", "canonical"):
            base_entries = [entry for entry in base.types if type_code(entry) == code]
            targets = target_check(book, entries, base_entries, self._label) if code != "canonical" else None
            if targets is not None:
                checks.append(targets)
        checks += self.groups(branch, ground, code, nesting + 1)
        return tuple(checks)

    def _absolute(self, entry: Mapping[str, Any]) -> Mapping[str, Any]:
        """A `type` entry whose references to contained profiles say whose they are."""
        own = self._profile.url

        def absolute(url: Any) -> Any:
            return own + url if isinstance(url, str) and url.startswith("#") and len(url) > 1 else url

        changed = {name: [absolute(url) for url in entry.get(name) or ()] for name in ("profile", "targetProfile")}
        return {**entry, **{name: urls for name, urls in changed.items() if urls}}

    def facts(self, branch: Branch, base: Branch, code: str) -> list[Check]:
        """Fixed values, patterns, limits and bindings."""
        checks: list[Check] = []
        facts, known = branch.facts, base.facts
        for key, wanted in facts.items():
            if key.startswith("fixed") and _suffix(key[5:], code):
                checks.append(_fixed(wanted, self._label))
            elif key.startswith("pattern") and _suffix(key[7:], code):
                checks.append(_pattern(wanted, self._label))
        checks += presence_checks(facts, self._label)
        checks += language_checks(facts, self._label)
        complaints = [*value_limits(facts, code)]
        if facts.get("maxLength") != known.get("maxLength") or facts.get("extension"):
            complaints += length_limits(facts)
        checks += [_limit(complaint, self._label) for complaint in complaints]
        before = {(bound.strength, bound.value_set.partition("|")[0]) for bound in bindings_of(known, "")}
        for bound in bindings_of(facts, self._label):
            if (bound.strength, bound.value_set.partition("|")[0]) not in before:
                check = binding_check(bound, code, errors_only=self._book.errors_only)
                if check is not None:
                    checks.append(check)
        return checks

    def invariants(self, branch: Branch, base: Branch, type: Any, code: str) -> list[Check]:
        """The constraints that the type does not have."""
        known = {constraint.get("key") for constraint in base.constraints} | COVERED
        # Those of its type, and of profiles on it, are checked with the type and with these profiles.
        for url in (code, *(url for entry in branch.types for url in profile_urls(entry))):
            with suppress(Unusable):
                known |= {constraint.get("key") for constraint in self._library.of_type(url).tree.constraints}
        checks: list[Check] = []
        for constraint in branch.constraints:
            if constraint.get("key") not in known:
                source = constraint.get("source")
                origin = source if isinstance(source, str) and source != self._profile.url else self._label
                check = invariant_check(self._book.engine, constraint, type, origin, errors_only=self._book.errors_only)
                if check is not None:
                    checks.append(check)
        return checks

    def _resource_types(self, branch: Branch, code: str) -> list[Check]:
        allowed = {type_code(entry) for entry in branch.types}
        return [_resource_type(allowed, self._label)] if code in _ANY and allowed and not allowed & _ANY else []

    def _type_profiles(
        self, branch: Branch, base: Branch, entries: Sequence[Mapping[str, Any]], code: str
    ) -> list[Check]:
        known = {url for entry in base.types for url in profile_urls(entry)}
        urls = [url for entry in entries for url in profile_urls(entry) if url not in known]
        if not urls:
            return []
        open_to_all = any(not profile_urls(entry) for entry in entries)
        return [] if open_to_all else [_ProfileChoice(urls, code, self._label)]

    # The elements below

    def groups(self, branch: Branch, ground: Ground, code: str, nesting: int) -> list[Check]:
        """The elements below a value that the profile says something about."""
        if not branch.children:
            return []
        if nesting > MAX_NESTING:
            raise Unusable(f"Its elements nest deeper than {MAX_NESTING}.")
        below = self._below(ground, code)
        if below is None:
            return []
        found: list[Check] = []
        for child in branch.children.values():
            base = below.branch.child(child.name)
            if base is not None:
                group = self._group(child, Ground(base, below.tree), nesting)
                if group is not None:
                    found.append(group)
        return found

    def _below(self, ground: Ground, code: str) -> Ground | None:
        """Where the elements below a value of type `code` are defined."""
        if ground.branch.children:
            return ground
        reference = ground.branch.facts.get("contentReference")
        if isinstance(reference, str):
            target = ground.tree.find(reference.partition("#")[2])
            return Ground(target, ground.tree) if target is not None else None
        try:
            tree = self._library.of_type(code).tree
        except Unusable:
            return None
        return Ground(tree, tree)

    def _group(self, branch: Branch, ground: Ground, nesting: int) -> Check | None:
        base = ground.branch
        reference = base.facts.get("contentReference")
        target = ground.tree.find(reference.partition("#")[2]) if isinstance(reference, str) else None
        types = [type_code(entry) for entry in (target or base).types]
        allowed = {type_code(entry) for entry in branch.types} if branch.types and not reference else set(types)
        element = str((target or base).facts.get("path") or "")
        options: list[Option] = []
        for code in dict.fromkeys(types):
            if self._is_allowed(branch, code):
                checks = self.value(branch, ground, code, nesting)
            else:
                checks = (_refused_type(allowed, self._label),)
            options.append(Option(json_key(base.name, code), code, checks))
        minimum = branch.minimum if branch.minimum > base.minimum else 0
        maximum = branch.maximum if branch.maximum is not None and branch.maximum != base.maximum else None
        slicing = self._slicing(branch, ground, types, nesting)
        if not minimum and maximum is None and slicing is None and not any(option.checks for option in options):
            return None
        return Group(branch.name, element, options, minimum, maximum, slicing, self._label)

    def _is_allowed(self, branch: Branch, code: str) -> bool:
        """Whether a choice leaves a type open; other elements have one type, whatever it is called."""
        if not branch.name.endswith("[x]") or not branch.types:
            return True
        return any(type_code(entry) == code for entry in branch.types)

    # Slices

    def _slicing(self, branch: Branch, ground: Ground, types: Sequence[str], nesting: int) -> Slicing | None:
        facts = slicing_facts(branch)
        if facts is None:
            return None
        slices: list[Slice] = []
        for number, slice in enumerate(branch.slices):
            checks: dict[str, tuple[Check, ...]] = {}
            for code in dict.fromkeys(types):
                if self._is_allowed(slice, code):
                    checks[code] = self.value(slice, ground, code, nesting)
            nested = self._slicing(slice, ground, types, nesting)
            found = slice_criteria(self._library, facts, branch, number)
            slices.append(Slice(slice.slice, found, checks, slice.minimum, slice.maximum, nested))
        rules = str(facts.get("rules") or "open")
        return Slicing(branch.name.removesuffix("[x]"), rules, bool(facts.get("ordered")), slices, self._label)


class _ProfileChoice:
    """A value must meet one of the profiles on its type."""

    __slots__ = ("_code", "_label", "_urls")

    def __init__(self, urls: Sequence[str], code: str, label: str) -> None:
        self._urls = list(dict.fromkeys(urls))
        self._code = code
        self._label = label

    def __call__(self, walk: Walk, spot: Spot) -> None:
        """Check one value."""
        value = spot.value
        if self._code == "Extension" and isinstance(value, dict) and value.get("url") in self._urls:
            return  # Every extension is checked against its own definition.
        if isinstance(value, dict) and isinstance(value.get("resourceType"), str):
            spot.type = value["resourceType"]
        if len(self._urls) == 1:
            compiled = walk.book.profile(self._urls[0])
            if compiled is not None:
                compiled.apply(walk, spot)
            else:
                self._unknown(walk, spot, self._urls[0])
            return
        reasons: list[str] = []
        for url in self._urls:
            found = walk.conforms(spot, url)
            if found == []:
                return
            if found is None:
                self._unknown(walk, spot, url)
                return
            reasons.append(f"{url}: {found[0].expression}: {found[0].diagnostics}")
        walk.error(
            spot,
            "structure",
            f"This meets none of the profiles allowed here (profile {self._label}): {'; '.join(reasons)}",
        )

    def _unknown(self, walk: Walk, spot: Spot, url: str) -> None:
        if not walk.book.errors_only:
            walk.report(
                spot,
                "warning",
                "not-found",
                f"The profile {url} is demanded here by {self._label}, but it is not known.",
            )


def _suffix(suffix: str, code: str) -> bool:
    """Whether `fixedX` is about values of a type."""
    return suffix == code[:1].upper() + code[1:] or (suffix == "Quantity" and code in _QUANTITIES) or code in _OPEN


_QUANTITIES = ("Age", "Count", "Distance", "Duration", "SimpleQuantity", "MoneyQuantity")
_OPEN = ("Element", "BackboneElement")


def _fixed(wanted: Any, label: str) -> Check:
    def check(walk: Walk, spot: Spot) -> None:
        if not same(spot.value, wanted):
            _tell(walk, spot, differences(spot.value, wanted), f"{spot.name} must be exactly {brief(wanted)}", label)

    return check


def _pattern(wanted: Any, label: str) -> Check:
    def check(walk: Walk, spot: Spot) -> None:
        if not fits(spot.value, wanted):
            _tell(walk, spot, misfits(spot.value, wanted), f"{spot.name} must have {brief(wanted)}", label)

    return check


def _tell(walk: Walk, spot: Spot, departures: Iterable[Departure], rule: str, label: str) -> None:
    """Report each departure from a fixed value or a pattern where it is."""
    reason = f"; {rule}" if isinstance(spot.value, dict) else ""
    found: dict[str, list[str]] = {}
    for below, text in islice(departures, _DEPARTURES):
        found.setdefault(below, []).append(text)
    for below, texts in found.items():
        text = ", ".join(texts)
        walk.report(spot, "error", "value", f"{text[:1].upper()}{text[1:]}{reason} (profile {label}).", below)


def _limit(complaint: Any, label: str) -> Check:
    def check(walk: Walk, spot: Spot) -> None:
        text = complaint(spot.value)
        if text:
            walk.error(spot, "value", f"{text} (profile {label})")

    return check


def _resource_type(allowed: set[str], label: str) -> Check:
    names = " or ".join(sorted(allowed))

    def check(walk: Walk, spot: Spot) -> None:
        if spot.value is not None and not walk.book.is_of(spot, allowed):
            kind = spot.members.get("resourceType")
            walk.error(spot, "structure", f"A {kind} stands here; {names} is expected (profile {label}).")

    return check


def _refused_type(allowed: set[str], label: str) -> Check:
    names = " or ".join(sorted(allowed))

    def check(walk: Walk, spot: Spot) -> None:
        walk.error(spot, "structure", f"A {spot.type} stands here; {names} is expected (profile {label}).")

    return check
