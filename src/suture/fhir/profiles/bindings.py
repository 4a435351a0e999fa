"""Bindings of elements to value sets: what is asked of a terminology, and what follows from its answers.

Specification: https://hl7.org/fhir/R4/terminologies.html#strength. A required binding that is not met is an error,
an extensible one a warning, a preferred one a hint. The one thing to know: of a CodeableConcept one coding must be
in the value set; a value set or code system that nobody knows is a warning, never an error.
"""

# JSON values and ElementDefinitions have no static type until they are looked at.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from suture.fhir.profiles.codings import coded_questions, shown_codings
from suture.fhir.profiles.spots import Spot
from suture.fhir.profiles.usage_contexts import Usage, usages
from suture.fhir.profiles.walk import OPEN, Check, Walk

MAXIMUM = "http://hl7.org/fhir/StructureDefinition/elementdefinition-maxValueSet"
ADDITIONAL = (
    "http://hl7.org/fhir/tools/StructureDefinition/additional-binding",
    "http://hl7.org/fhir/5.0/StructureDefinition/extension-ElementDefinition.binding.additional",
)
"""Extensions that carry additional bindings in versions before R5."""

CODED_TYPES = frozenset(("code", "Coding", "CodeableConcept", "Quantity", "CodeableReference", "uri", "string", "url",
                         "canonical", "id", "markdown", "oid", "uuid", "Age", "Duration", "Count", "Distance",
                         "Money", "SimpleQuantity", "MoneyQuantity"))  # fmt: skip
"""Types of values that a binding can be about."""

_SEVERITY = {"required": "error", "extensible": "warning", "preferred": "information", "maximum": "error"}
_CORRECTED = {("required", "http://hl7.org/fhir/ValueSet/ucum-vitals-common"): "extensible"}
"""Strengths that HL7 corrected after publication: the units of R4's vital signs were not meant to be the only ones."""

_PURPOSES = {"required": "required", "extensible": "extensible", "preferred": "preferred", "maximum": "maximum"}


class Bound(NamedTuple):
    """One binding. `strength`: required | extensible | preferred | maximum. `source`: which it is, for messages.

    `any_of_all`: one of the values of a repeating element is enough. `usages`: in which contexts it holds.
    """

    strength: str
    value_set: str
    source: str
    any_of_all: bool = False
    usages: tuple[Usage, ...] = ()


def bindings_of(facts: Mapping[str, Any], profile: str) -> list[Bound]:
    """The bindings of an ElementDefinition that say something about data. `profile`: canonical URL, for messages."""
    binding = facts.get("binding")
    if not isinstance(binding, Mapping):
        return []
    found: list[Bound] = []
    value_set = binding.get("valueSet") or binding.get("valueSetUri")
    reference = binding.get("valueSetReference")
    if value_set is None and isinstance(reference, Mapping):
        value_set = reference.get("reference")
    source = f"the profile {profile}" if profile else ""
    if isinstance(value_set, str) and binding.get("strength") in _SEVERITY:
        strength: str = binding["strength"]
        strength = _CORRECTED.get((strength, value_set.partition("|")[0]), strength)
        found.append(Bound(strength, value_set, source))
    for extension in binding.get("extension") or ():
        if extension.get("url") == MAXIMUM:
            largest = extension.get("valueCanonical") or extension.get("valueUri")
            if isinstance(largest, str):
                found.append(Bound("maximum", largest, source))
        elif extension.get("url") in ADDITIONAL:
            items = extension.get("extension") or ()
            parts = {part.get("url"): _value_of(part) for part in items}
            found += _additional(parts, [_value_of(part) for part in items if part.get("url") == "usage"], source)
    for additional in binding.get("additional") or ():
        found += _additional(additional, additional.get("usage"), source)
    return found


def _value_of(extension: Mapping[str, Any]) -> Any:
    return next((value for key, value in extension.items() if key.startswith("value")), None)


def _additional(parts: Mapping[Any, Any], contexts: Any, source: str) -> Iterator[Bound]:
    """An additional binding. One whose contexts of use the resource does not tell is left to who knows them."""
    strength = _PURPOSES.get(str(parts.get("purpose")))
    value_set = parts.get("valueSet")
    limits = usages(contexts)
    if strength is None or not isinstance(value_set, str) or limits is None:
        return
    note = f"an additional binding of {source}" if source else "an additional binding"
    if limits:
        note += f" that holds where {' and '.join(usage.text for usage in limits)}"
    yield Bound(strength, value_set, note, parts.get("any") is True, tuple(limits))


def binding_check(bound: Bound, type: str, *, errors_only: bool) -> Check | None:
    """The check of one binding for values of `type`; None when it can report nothing.

    `errors_only`: leaves out what is no error.
    """
    severity = _SEVERITY[bound.strength]
    if type not in CODED_TYPES or (errors_only and severity != "error"):
        return None

    def check(walk: Walk, spot: Spot) -> None:
        value = spot.value
        if value is None or not all(usage.met(walk, spot) for usage in bound.usages):
            return
        questions = coded_questions(value, bound.value_set)
        if bound.any_of_all and spot.index >= 0 and spot.up is not None:
            if spot.index > 0:
                return  # The first one is judged for all of them.
            repeats = spot.up.members.get(spot.name)
            questions = [question for one in repeats or () for question in coded_questions(one, bound.value_set)]
        if not questions:
            if bound.strength != "preferred" and not isinstance(value, str):
                _missing(walk, spot, bound, severity)
            return
        answers = [walk.member(question) for question in questions]
        if any(answer is OPEN or getattr(answer, "result", None) is True for answer in answers):
            return
        unknown = [answer for answer in answers if getattr(answer, "result", None) is None]
        if unknown:
            if not errors_only:
                _unknown(walk, spot, bound, [getattr(answer, "message", "") for answer in unknown])
            return
        _refused(walk, spot, bound, severity, answers)

    return check


def _missing(walk: Walk, spot: Spot, bound: Bound, severity: str) -> None:
    value = spot.value
    concept = value.get("concept") if isinstance(value, dict) and "concept" in value else value
    if spot.type == "CodeableReference" and concept is value:
        return
    if spot.type in ("Quantity", "Age", "Duration", "Count", "Distance", "Money") and bound.strength != "required":
        return
    must = "is required" if severity == "error" else "should be given"
    walk.report(spot, severity, "code-invalid", f"There is no code; one from {bound.value_set} {must}{_from(bound)}.")


def _unknown(walk: Walk, spot: Spot, bound: Bound, messages: Sequence[str]) -> None:
    severity = "warning" if bound.strength in ("required", "maximum") else "information"
    reason = "; ".join(dict.fromkeys(message for message in messages if message))
    text = f"Whether {shown_codings(spot.value)} is in {bound.value_set} could not be found out"
    walk.report(spot, severity, "not-found", f"{text}: {reason}" if reason else f"{text}.")


def _refused(walk: Walk, spot: Spot, bound: Bound, severity: str, answers: Sequence[Any]) -> None:
    given = shown_codings(spot.value)
    if bound.strength == "extensible":
        ending = "a code from it should be used unless none of them fits"
    elif bound.strength == "preferred":
        ending = "a code from it is preferred"
    else:
        ending = "a code from it is required"
    reasons = list(dict.fromkeys(str(getattr(answer, "message", "")) for answer in answers))
    reason = f" ({'; '.join(reasons)})" if any(reasons) else ""
    text = f"{given} is not in the value set {bound.value_set}, and {ending}{_from(bound)}{reason}."
    walk.report(spot, severity, "code-invalid", text)


def _from(bound: Bound) -> str:
    return f" by {bound.source}" if bound.source else ""
