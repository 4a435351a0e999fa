"""Where a reference of a profile may lead: types, profiles of the target, and how it is aggregated.

Specification: https://hl7.org/fhir/R4/elementdefinition.html#ElementDefinition.type.targetProfile. The one thing to
know: a target is judged against a profile only where it is at hand (contained, in the same Bundle, or given by the
oracle).
"""

# JSON values and ElementDefinitions have no static type until they are looked at.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from suture.fhir.profiles.spots import Spot
from suture.fhir.profiles.walk import OPEN, Check, Walk
from suture.fhir.references import parse_literal
from suture.fhir.rules.questions import UNKNOWN

if TYPE_CHECKING:
    from suture.fhir.profiles.book import Book

_SHOWN = 3


def target_check(
    book: "Book", entries: Iterable[Mapping[str, Any]], base: Iterable[Mapping[str, Any]], label: str
) -> Check | None:
    """The check of the targets of a Reference, CodeableReference or canonical; None where the type already says it all.

    `entries`: the `type` entries of the element in the profile; `base`: in the type that the profile is on.
    """
    given = list(entries)
    urls = [url for entry in given for url in entry.get("targetProfile") or () if isinstance(url, str)]
    modes = frozenset(mode for entry in given for mode in entry.get("aggregation") or ())
    versioning = next((entry["versioning"] for entry in given if entry.get("versioning")), "either")
    narrower = bool(urls) and set(urls) != {url for entry in base for url in entry.get("targetProfile") or ()}
    if not narrower and not modes and versioning == "either":
        return None
    return _Targets(book, urls if narrower else [], modes, versioning, label)


class _Targets:
    """The check of one element."""

    __slots__ = ("_book", "_label", "_modes", "_types", "_urls", "_versioning")

    def __init__(self, book: "Book", urls: Sequence[str], modes: frozenset[str], versioning: str, label: str) -> None:
        self._book = book
        self._urls = urls
        self._modes = modes
        self._versioning = versioning
        self._label = label
        self._types: dict[str, str] | None = None

    def __call__(self, walk: Walk, spot: Spot) -> None:
        value = spot.value
        if isinstance(value, dict) and isinstance(value.get("reference"), dict):
            # A CodeableReference holds the Reference.
            spot = Spot(value["reference"], "Reference", "reference", -1, spot, None, "CodeableReference.reference")
            value = spot.value
        if not isinstance(value, dict):
            return
        text = value.get("reference")
        target = walk.resolve(spot, text) if isinstance(text, str) else UNKNOWN
        if self._modes and isinstance(text, str):
            self._aggregated(walk, spot, text, target)
        if isinstance(text, str):
            self._versioned(walk, spot, text)
        if self._urls:
            self._met(walk, spot, target if isinstance(target, Spot) else None, value)

    def _met(self, walk: Walk, spot: Spot, target: Spot | None, value: dict[str, Any]) -> None:
        types = self._target_types()
        kind = target.type if target is not None else _stated_type(value)
        if not kind or kind not in walk.book.resource_types:
            return
        fitting = [url for url in self._urls if walk.book.is_kind(kind, types.get(url, "Resource"))]
        if not fitting:
            names = ", ".join(dict.fromkeys(types.get(url, url) for url in self._urls))
            walk.error(
                spot, "structure", f"This leads to a {kind}; {names} is allowed here by the profile {self._label}."
            )
            return
        if target is None:
            return
        reasons: list[str] = []
        for url in fitting:
            found = walk.conforms(target, url)
            if not found:
                return
            reasons += [f"{issue.expression}: {issue.diagnostics}" for issue in found[:_SHOWN]]
        shown = ", ".join(fitting)
        walk.error(
            spot,
            "structure",
            f"This leads to a {kind} that does not meet {shown} (profile {self._label}): {'; '.join(reasons[:_SHOWN])}",
        )

    def _target_types(self) -> dict[str, str]:
        if self._types is None:
            self._types = {url: self._book.target_type(url) for url in self._urls}
        return self._types

    def _aggregated(self, walk: Walk, spot: Spot, text: str, target: Any) -> None:
        if target is OPEN:
            return
        if text.startswith("#"):
            mode = "contained"
        elif isinstance(target, Spot) and walk.is_bundled(target):
            mode = "bundled"
        else:
            mode = "referenced"
        # What is in the Bundle is referenced as well.
        if mode in self._modes or (mode == "bundled" and "referenced" in self._modes):
            return
        allowed = " or ".join(sorted(self._modes))
        walk.error(spot, "structure", f"The target is {mode}; it must be {allowed} (profile {self._label}).")

    def _versioned(self, walk: Walk, spot: Spot, text: str) -> None:
        if self._versioning == "either":
            return
        literal = parse_literal(text)
        if literal is not None and bool(literal.version) != (self._versioning == "specific"):
            wanted = "a version" if self._versioning == "specific" else "no version"
            walk.error(spot, "structure", f"The reference must name {wanted} (profile {self._label}).")


def _stated_type(value: Mapping[str, Any]) -> str:
    text = value.get("reference")
    literal = parse_literal(text) if isinstance(text, str) else None
    if literal is not None:
        return literal.type
    stated = value.get("type")
    return stated.rpartition("/")[2] if isinstance(stated, str) else ""
