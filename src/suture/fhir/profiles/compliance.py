"""Whether a profile complies with the profiles that it claims to comply with: what it allows, they allow as well.

Specification: http://hl7.org/fhir/StructureDefinition/structuredefinition-compliesWithProfile. The trees of both are
walked side by side; cardinalities, types, values, bindings, invariants and slices of the claiming profile must be as
narrow. The one thing to know: what cannot be compared (value sets that are not lists of codes, slices that nothing
tells apart) counts as complying.
"""

# JSON values and ElementDefinitions have no static type until they are looked at.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

from collections.abc import Iterator, Mapping
from typing import Any

from suture.fhir.profiles.branches import Branch, Unusable
from suture.fhir.profiles.criteria import slice_criteria, slicing_facts
from suture.fhir.profiles.library import MALFORMED, Library
from suture.fhir.profiles.spots import Spot
from suture.fhir.profiles.values import brief, fits, same
from suture.fhir.profiles.walk import Walk

CLAIM = "http://hl7.org/fhir/StructureDefinition/structuredefinition-compliesWithProfile"

MAX_COMPLAINTS = 10
MAX_NESTING = 30

Json = dict[str, Any]

_STRENGTHS = ("example", "preferred", "extensible", "required")


def compliance_check(walk: Walk, spot: Spot) -> None:
    """Check a StructureDefinition against the profiles that it claims to comply with."""
    extensions: Any = spot.members.get("extension")
    for extension in extensions if isinstance(extensions, list) else ():
        url: Any = extension.get("valueCanonical") if isinstance(extension, dict) else None
        if not isinstance(url, str) or extension.get("url") != CLAIM:
            continue
        library = walk.book.library
        claimed = library.definition(url)
        if claimed is None:
            walk.report(
                spot, "warning", "not-found", f"The profile {url[:300]}, which it claims to meet, is not known."
            )
            continue
        try:
            faults = list(_Comparison(library, spot.value, claimed).faults())
        except (Unusable, *MALFORMED) as error:
            text = f"Whether it complies with {url[:300]} cannot be found out: {error}"
            walk.report(spot, "warning", "processing", text)
            continue
        if faults:
            reasons = "; ".join(faults[:MAX_COMPLAINTS])
            walk.error(spot, "business-rule", f"It does not comply with {url[:300]}, as it claims: {reasons}.")


class _Comparison:
    """One profile compared with the one that it claims to comply with."""

    def __init__(self, library: Library, own: Json, claimed: Json) -> None:
        self._library = library
        self._own = own
        self._claimed = claimed

    def faults(self) -> Iterator[str]:
        """What the claiming profile allows and the other one does not, in words. Raises Unusable."""
        mine, theirs = self._own.get("type"), self._claimed.get("type")
        if mine != theirs:
            yield f"it is on {mine}, and not on {theirs}"
            return
        own, claimed = self._library.grown(self._own), self._library.grown(self._claimed)
        yield from self._missing_constraints(own, claimed, str(mine))
        yield from self._below(own, claimed, str(mine), 0)

    def _below(self, own: Branch, claimed: Branch, path: str, nesting: int) -> Iterator[str]:
        if nesting > MAX_NESTING or not claimed.children:
            return
        for name, theirs in claimed.children.items():
            mine = self._child(own, name)
            if mine is not None:
                yield from self._element(mine, theirs, f"{path}.{name}", nesting + 1)

    def _child(self, branch: Branch, name: str) -> Branch | None:
        """The element below, in the profile or else in the type of the element."""
        found = branch.children.get(name)
        if found is not None or branch.children or len(branch.types) != 1:
            return found
        try:
            return self._library.of_type(str(branch.types[0].get("code"))).tree.children.get(name)
        except Unusable:
            return None

    def _element(self, own: Branch, claimed: Branch, path: str, nesting: int) -> Iterator[str]:
        if own.minimum < claimed.minimum:
            yield f"{path} must be there {claimed.minimum} times, and not only {own.minimum}"
        if claimed.maximum is not None and (own.maximum is None or own.maximum > claimed.maximum):
            most = "any number of times" if own.maximum is None else f"{own.maximum} times"
            yield f"{path} may be there {claimed.maximum} times at most, and not {most}"
        if own.maximum == 0:
            return
        yield from _other_types(own, claimed, path)
        yield from _other_values(own, claimed, path)
        yield from self._other_binding(own, claimed, path)
        yield from self._missing_constraints(own, claimed, path)
        yield from self._other_slices(own, claimed, path, nesting)
        yield from self._below(own, claimed, path, nesting)

    @staticmethod
    def _missing_constraints(own: Branch, claimed: Branch, path: str) -> Iterator[str]:
        present = {constraint.get("expression") for constraint in own.constraints}
        for constraint in claimed.constraints:
            expression = constraint.get("expression")
            if constraint.get("severity") == "error" and expression and expression not in present:
                yield f"{path} lacks the invariant {brief(expression)}"

    # Bindings

    def _other_binding(self, own: Branch, claimed: Branch, path: str) -> Iterator[str]:
        mine: Any = own.facts.get("binding") or {}
        theirs: Any = claimed.facts.get("binding") or {}
        strength, wanted = mine.get("strength", "example"), theirs.get("strength", "example")
        if strength not in _STRENGTHS or wanted not in _STRENGTHS:
            return
        if _STRENGTHS.index(strength) < _STRENGTHS.index(wanted):
            yield f"the binding of {path} is {strength}, and not {wanted}"
        elif wanted == "required":
            codes, allowed = self._codes(self._own, mine), self._codes(self._claimed, theirs)
            if codes is not None and allowed is not None and codes - allowed:
                names = ", ".join(sorted(code for _, code in codes - allowed)[:8])
                yield f"{path} may have codes that are not in {theirs.get('valueSet')}: {names}"

    def _codes(self, profile: Json, binding: Mapping[str, Any]) -> set[tuple[str, str]] | None:
        """The codes of a value set that lists them; None of every other one."""
        url = str(binding.get("valueSet") or "")
        if url.startswith("#"):
            value_set = next((item for item in profile.get("contained") or () if item.get("id") == url[1:]), None)
        else:
            value_set = self._library.canonicals.find("ValueSet", url) if url else None
        compose: Any = (value_set or {}).get("compose") or {}
        includes = compose.get("include") or ()
        if not includes or compose.get("exclude") or any("concept" not in include for include in includes):
            return None
        return {(str(i.get("system")), str(concept.get("code"))) for i in includes for concept in i["concept"]}

    # Slices

    def _other_slices(self, own: Branch, claimed: Branch, path: str, nesting: int) -> Iterator[str]:
        slicing = slicing_facts(claimed)
        if slicing is None:
            return
        mine = self._told_apart(own)
        matched: set[int] = set()
        for criteria, theirs in self._told_apart(claimed):
            place = f"{path}:{theirs.slice}"
            found = [
                branch for own_criteria, branch in mine if own_criteria == criteria or branch.slice == theirs.slice
            ]
            if found:
                matched.add(id(found[0]))
                yield from self._element(found[0], theirs, place, nesting + 1)
            elif theirs.minimum:
                yield f"there is no slice for {place}, which must be there"
        if slicing.get("rules") == "closed":
            if (slicing_facts(own) or {}).get("rules") != "closed":
                yield f"{path} may have values that are in no slice"
            for _, branch in mine:
                if id(branch) not in matched:
                    yield f"{path} may have values of the slice {branch.slice}"

    def _told_apart(self, branch: Branch) -> list[tuple[tuple[str, ...], Branch]]:
        """The slices of an element, each with what tells it apart, in words."""
        facts = slicing_facts(branch)
        found: list[tuple[tuple[str, ...], Branch]] = []
        for number, slice in enumerate(branch.slices if facts is not None else ()):
            criteria = slice_criteria(self._library, facts or {}, branch, number)
            words = tuple(criterion.text for criterion in criteria) if criteria else (slice.slice,)
            found.append((words, slice))
        return found


def _other_types(own: Branch, claimed: Branch, path: str) -> Iterator[str]:
    allowed = {str(entry.get("code")) for entry in claimed.types}
    more = {str(entry.get("code")) for entry in own.types} - allowed
    if allowed and more:
        yield f"{path} may be a {' or '.join(sorted(more)[:5])}"


def _other_values(own: Branch, claimed: Branch, path: str) -> Iterator[str]:
    """A fixed value or a pattern of the claimed profile holds for whatever the claiming one allows."""
    values = [value for key, value in own.facts.items() if key.startswith(("fixed", "pattern"))]
    for key, wanted in claimed.facts.items():
        if key.startswith("fixed"):
            if not any(name == key and same(value, wanted) for name, value in own.facts.items()):
                yield f"{path} may be something else than {brief(wanted)}"
        elif key.startswith("pattern") and not any(fits(value, wanted) for value in values):
            yield f"{path} may be something that does not fit {brief(wanted)}"
