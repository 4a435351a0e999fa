"""Slicing: which slice each value of an element belongs to, how many each slice has, and what holds in it.

Specification: https://hl7.org/fhir/R4/profiling.html#slicing. The one thing to know: a slice whose discriminators
cannot be decided from its definition takes no value and demands none; that is said once, as a warning.
"""

# JSON values and ElementDefinitions have no static type until they are looked at.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

from collections.abc import Mapping, Sequence

from suture.fhir.profiles.criteria import Criterion
from suture.fhir.profiles.spots import Spot
from suture.fhir.profiles.walk import Check, Walk

DEFAULT = "@default"
"""Name of the slice for values that match no other."""

_REASONS = 6


class Slice:
    """One slice. `criteria`: all must be met; None when they cannot be decided.

    `checks`: what holds in it, by the type of the value. `slicing`: slices of the slice.
    """

    __slots__ = ("checks", "criteria", "maximum", "minimum", "name", "slicing")

    def __init__(
        self,
        name: str,
        criteria: Sequence[Criterion] | None,
        checks: Mapping[str, tuple[Check, ...]],
        minimum: int,
        maximum: int | None,
        slicing: "Slicing | None",
    ) -> None:
        self.name = name
        self.criteria = criteria
        self.checks = checks
        self.minimum = minimum
        self.maximum = maximum
        self.slicing = slicing

    def matches(self, walk: Walk, spot: Spot) -> bool:
        """Whether a value belongs to the slice."""
        criteria = self.criteria
        return criteria is not None and all(criterion.test(walk, spot) for criterion in criteria)

    def reason(self, walk: Walk, spot: Spot) -> str:
        """Why a value does not belong to the slice."""
        if self.criteria is None:
            return f"{self.name}: cannot be decided"
        failed = [criterion.text for criterion in self.criteria if not criterion.test(walk, spot)]
        return f"{self.name}: not true that {' and '.join(failed)}"


class Slicing:
    """The slices of one element. `rules`: open | closed | openAtEnd. `name`: of the element. `label`: the profile."""

    __slots__ = ("_default", "_label", "_name", "_ordered", "_rules", "_slices", "_undecided")

    def __init__(self, name: str, rules: str, ordered: bool, slices: Sequence[Slice], label: str) -> None:
        self._name = name
        self._rules = rules
        self._ordered = ordered
        self._slices = tuple(slice for slice in slices if slice.name != DEFAULT)
        self._default = next((slice for slice in slices if slice.name == DEFAULT), None)
        self._label = label
        self._undecided = [slice.name for slice in self._slices if slice.criteria is None]

    def __call__(self, walk: Walk, parent: Spot, spots: Sequence[Spot]) -> None:
        """Check the values of the element, which are all below `parent`."""
        sorted_out: list[list[Spot]] = [[] for _ in self._slices]
        walk.unsure = False
        walk.spend(len(spots) * len(self._slices))
        others: list[Spot] = []
        reached = -1
        for spot in spots:
            number = self._place(walk, spot)
            if number is None:
                others.append(spot)
                continue
            sorted_out[number].append(spot)
            if self._ordered and number < reached:
                before = self._slices[reached].name
                walk.error(
                    spot, "structure", f"The slice {self._slices[number].name!r} comes before {before!r}{self._in}."
                )
            if self._rules == "openAtEnd" and others:
                walk.error(
                    spot,
                    "structure",
                    f"What is in no slice must come last, after {self._slices[number].name!r}{self._in}.",
                )
            reached = max(reached, number)
        unsure = walk.unsure
        for slice, found in zip(self._slices, sorted_out, strict=True):
            self._slice(walk, parent, slice, found, unsure=unsure)
        if self._default is not None:
            self._slice(walk, parent, self._default, others, unsure=unsure)
        else:
            for spot in others:
                self._other(walk, spot, unsure=unsure)
        if self._undecided and spots and not walk.book.errors_only:
            names = ", ".join(self._undecided)
            walk.report(
                parent, "warning", "not-supported",
                f"Which {self._name!r} belong to {names} cannot be decided: the slices do not say what tells them "
                f"apart{self._in}.",
            )  # fmt: skip

    @property
    def _in(self) -> str:
        return f" (profile {self._label})"

    def _place(self, walk: Walk, spot: Spot) -> int | None:
        found = [number for number, slice in enumerate(self._slices) if slice.matches(walk, spot)]
        if len(found) > 1:
            names = ", ".join(self._slices[number].name for number in found)
            walk.error(spot, "structure", f"This belongs to more than one slice: {names}{self._in}.")
        return found[0] if found else None

    def _slice(self, walk: Walk, parent: Spot, slice: Slice, spots: Sequence[Spot], *, unsure: bool) -> None:
        for spot in spots:
            checks = slice.checks.get(spot.type)
            if checks is None:
                checks = slice.checks.get("", ())
            walk.run(checks, spot)
        count = len(spots)
        if slice.criteria is None and slice.name != DEFAULT:
            return
        if count < slice.minimum:
            walk.report(
                parent,
                "warning" if unsure else "error",
                "required",
                f"The slice '{self._name}:{slice.name}' must be there at least {slice.minimum} "
                f"time{'' if slice.minimum == 1 else 's'}, {count} found{self._in}{self._wanted(slice)}.",
            )
        elif slice.maximum is not None and count > slice.maximum:
            walk.error(
                parent,
                "structure",
                f"The slice '{self._name}:{slice.name}' may be there at most {slice.maximum} times, {count} "
                f"found{self._in}.",
            )
        if slice.slicing is not None:
            slice.slicing(walk, parent, spots)

    def _wanted(self, slice: Slice) -> str:
        if not slice.criteria:
            return ""
        return f": one where {' and '.join(criterion.text for criterion in slice.criteria)}"

    def _other(self, walk: Walk, spot: Spot, *, unsure: bool) -> None:
        """A value in no slice."""
        if self._rules == "closed":
            if self._undecided or unsure:
                return
            walk.error(
                spot,
                "structure",
                f"This belongs to no slice, and others are not allowed{self._in}: {self._why(walk, spot)}.",
            )
        elif not walk.book.errors_only and self._slices:
            walk.report(
                spot, "information", "informational", f"This belongs to no slice{self._in}: {self._why(walk, spot)}."
            )

    def _why(self, walk: Walk, spot: Spot) -> str:
        reasons = [slice.reason(walk, spot) for slice in self._slices[:_REASONS]]
        more = len(self._slices) - len(reasons)
        return "; ".join(reasons) + (f"; and {more} more" if more > 0 else "")
