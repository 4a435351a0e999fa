"""Invariants: the constraints of definitions, evaluated as FHIRPath.

Specification: https://hl7.org/fhir/R4/conformance-rules.html#constraints. The one thing to know: an invariant that
cannot be evaluated (its expression is wrong, or needs more than it may use) is a warning about the definition, not
an error in the data. One that comes to nothing at all (an empty collection) does not hold. Those that structure
validation covers are left out.
"""

# JSON values and ElementDefinitions have no static type until they are looked at.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

from collections.abc import Mapping
from typing import Any

import msgspec

from suture.fhir.fhirpath.faults import FhirPathError
from suture.fhir.fhirpath.host import Unanswered
from suture.fhir.profiles.errata import CORRECTED, NATIVE
from suture.fhir.profiles.spots import Spot
from suture.fhir.profiles.walk import Check, Pass, Walk

COVERED = frozenset(("ele-1", "txt-1", "txt-2"))
"""Invariants that structure validation checks."""

BEST_PRACTICE = "http://hl7.org/fhir/StructureDefinition/elementdefinition-bestpractice"
"""The extension that marks a constraint as a recommendation."""


def invariant_check(
    engine: Any, constraint: Mapping[str, Any], type: Any, profile: str, *, errors_only: bool
) -> Check | None:
    """The check of one constraint on values of `type` (a type of the FHIRPath model); None when there is none.

    `profile`: canonical URL of the profile that it comes from, "" for the specification itself.
    `errors_only`: leaves out what is no error.
    """
    text = constraint.get("expression")
    key = str(constraint.get("key") or "")
    recommended = is_best_practice(constraint)
    severity = "error" if constraint.get("severity") == "error" and not recommended else "warning"
    if not isinstance(text, str) or not text or key in COVERED or (errors_only and severity != "error"):
        return None
    if key in NATIVE:
        return NATIVE[key] if errors_only else None
    try:
        expression = engine.compile(CORRECTED.get(text, text))
    except FhirPathError as error:
        return None if errors_only else _unusable(key, str(error))
    human = str(constraint.get("human") or text)
    origin = f" (of the profile {profile})" if profile else ""
    message = f"The rule {key} is broken: {human}{origin}"
    passes = engine.evident(CORRECTED.get(text, text), type) if type is not None else None
    if "%profile" in text and profile:
        expression = _InProfile(expression, {"profile": ((profile, engine.model.type("uri"), None),)})
    asks = "memberOf" in text
    return Invariant(key, expression, type, passes, message, severity, recommended, errors_only, asks)


class Invariant(msgspec.Struct, frozen=True):
    """One constraint on values of `type`, or on resources of any type, where it is None.

    `passes`: see `Check`. `expression`: the compiled one. `asks`: whether it asks for members of value sets, which may
    not be known; it is not broken then.
    """

    key: str
    expression: Any
    type: Any
    passes: Pass | None
    message: str
    severity: str
    recommended: bool
    errors_only: bool
    asks: bool

    def __call__(self, walk: Walk, spot: Spot) -> None:
        """Check one value."""
        passes = self.passes
        if passes is not None and spot.value.__class__ is dict and passes(spot.value):
            return
        try:
            if self.asks:
                walk.environment.host.undecided.clear()
            type = self.type or _resource_type(walk, spot.value)
            truth = self.expression.truth((spot.value, type, spot.sibling), walk.environment)
        except Unanswered as waits:
            walk.open.add(waits.question)
            return
        except FhirPathError as error:
            if not self.errors_only:
                walk.report(spot, "warning", "exception", f"The rule {self.key} could not be evaluated: {error}")
            return
        if truth is not True:
            undecided = walk.environment.host.undecided if self.asks else None
            if undecided:
                if not self.errors_only:
                    walk.report(spot, "warning", "not-found", f"The rule {self.key} could not be decided: which codes "
                                f"are in {undecided[0]} is not known.")  # fmt: skip
                return
            level = self.severity if not self.recommended else walk.scene.expectations.best_practice
            if level:
                walk.report(spot, level, "invariant", self.message)


class _InProfile:
    """An expression that asks for the profile it stands in: `slice(%profile, 'home')`."""

    __slots__ = ("_expression", "_variables")

    def __init__(self, expression: Any, variables: Mapping[str, Any]) -> None:
        self._expression = expression
        self._variables = variables

    def truth(self, item: Any, environment: Any) -> bool | None:
        """Whether the expression holds for an item; None for an empty result."""
        before, environment.variables = environment.variables, {**environment.variables, **self._variables}
        try:
            return self._expression.truth(item, environment)
        finally:
            environment.variables = before


def _resource_type(walk: Walk, value: Any) -> Any:
    """The type of a resource in the FHIRPath model; None for other values."""
    name = value.get("resourceType") if isinstance(value, dict) else None
    return walk.book.path_type(name) if isinstance(name, str) else None


def is_best_practice(constraint: Mapping[str, Any]) -> bool:
    """Whether a constraint is a recommendation."""
    return any(
        extension.get("url") == BEST_PRACTICE and extension.get("valueBoolean") is True
        for extension in constraint.get("extension") or ()
    )


def _unusable(key: str, reason: str) -> Check:
    def check(walk: Walk, spot: Spot) -> None:
        walk.report(spot, "warning", "not-supported", f"The rule {key} cannot be evaluated: {reason}")

    return check
