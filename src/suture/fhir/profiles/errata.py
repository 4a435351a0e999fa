"""Invariants of the specification that are published wrongly, and how they are meant.

Sources: the later versions of the same constraints (R4B is R4's technical correction, R5 comes after both). The one
thing to know: only rules whose published form accepts or refuses what their own text says otherwise stand here.
"""

from typing import Any

from suture.fhir.profiles.spots import Spot
from suture.fhir.profiles.walk import Check, Walk
from suture.fhir.rules.contained import is_referred_to

_REFERENCE = (
    "reference.startsWith('#').not() or (reference.substring(1).trace('url') "
    "in %rootResource.contained.id.trace('ids'))"
)
_REFERENCE_MEANT = (
    "reference.exists() implies (reference.startsWith('#').not() or (reference.substring(1) in "
    "%rootResource.contained.id) or (reference='#' and %rootResource!=%resource))"
)
_NAME_MEANT = "name.exists() implies name.matches('^[A-Z]([A-Za-z0-9_]){0,254}$')"

CORRECTED = {
    # "more than one"
    "enableWhen.count() > 2 implies enableBehavior.exists()": "enableWhen.count() > 1 implies enableBehavior.exists()",
    "operator = 'exists' implies (answer is Boolean)": "operator = 'exists' implies (answer is boolean)",
    "(code='Reference' or code = 'canonical') or targetProfile.empty()": (
        "(code='Reference' or code = 'canonical' or code = 'CodeableReference') or targetProfile.empty()"
    ),
    # a reference may have no text, and '#' alone names the container of a contained resource
    _REFERENCE: _REFERENCE_MEANT,
    f"{_REFERENCE} or (reference='#' and %rootResource!=%resource)": _REFERENCE_MEANT,
    "valueSet.exists() implies (valueSet.startsWith('http:') or valueSet.startsWith('https') or valueSet.startsWith('urn:'))": (  # noqa: E501 (as it is published)
        "valueSet.exists() implies (valueSet.startsWith('http:') or valueSet.startsWith('https') or "
        "valueSet.startsWith('urn:') or valueSet.startsWith('#'))"
    ),
    # of R5: an element may have several types
    "binding.empty() or type.code.empty() or type.code.contains(\":\") or type.select((code = 'code') or (code = 'Coding') or (code='CodeableConcept') or (code = 'Quantity') or (code = 'string') or (code = 'uri') or (code = 'Duration')).exists()": (  # noqa: E501 (as it is published)
        "binding.empty() or type.code.empty() or type.exists()"
    ),
    # where there is nothing, nothing is wrong
    "fullUrl.contains('/_history/').not()": "fullUrl.exists() implies fullUrl.contains('/_history/').not()",
    "max='*' or (max.toInteger() > 0)": "max.empty() or max='*' or (max.toInteger() > 0)",
    "probability is decimal implies (probability as decimal) <= 100": (
        "probability.empty() or ((probability is decimal) implies ((probability as decimal) <= 100))"
    ),
    "probability.exists($this is decimal) implies (probability as decimal) <= 100": (
        "probability.empty() or ((probability is decimal) implies ((probability as decimal) <= 100))"
    ),
    # "the end value includes any matching date/time": a period may end in the day, month or year in which it starts
    "start.hasValue().not() or end.hasValue().not() or (start <= end)": (
        "start.hasValue().not() or end.hasValue().not() or (start <= end) or "
        "start.toString().startsWith(end.toString())"
    ),
    # as R5 has it: quantities that cannot be compared are not in the wrong order
    "low.empty() or high.empty() or (low <= high)": "low.empty() or high.empty() or iif(low > high, false, true)",
    "lowNumerator.empty() or highNumerator.empty() or (lowNumerator <= highNumerator)": (
        "lowNumerator.empty() or highNumerator.empty() or iif(lowNumerator > highNumerator, false, true)"
    ),
    # of R5: what is not at hand cannot be judged, as R4 has it
    "onBehalfOf.exists() implies (member.resolve() is Practitioner)": (
        "onBehalfOf.exists() implies (member.resolve().empty() or member.resolve() is Practitioner)"
    ),
    "composition.exists() implies (composition.resolve().section.entry.reference.where(resolve() is Observation) in (result.reference|result.reference.resolve().hasMember.reference))": (  # noqa: E501 (as it is published)
        "composition.exists() implies composition.resolve().section.entry.where(resolve() is Observation).reference"
        ".all($this in (%resource.result.reference | %resource.result.resolve().hasMember.reference))"
    ),
    # the code is 'noshow'
    "Appointment.cancelationReason.exists() implies (Appointment.status='no-show' or Appointment.status='cancelled')": (
        "Appointment.cancelationReason.exists() implies (Appointment.status='noshow' or Appointment.status='cancelled')"
    ),
    # a category is a CodeableConcept
    "clinicalStatus.exists() or verificationStatus.coding.where(system='http://terminology.hl7.org/CodeSystem/condition-ver-status' and code = 'entered-in-error').exists() or category.select($this='problem-list-item').empty()": (  # noqa: E501 (as it is published)
        "clinicalStatus.exists() or verificationStatus.coding.where(system='http://terminology.hl7.org/CodeSystem/"
        "condition-ver-status' and code='entered-in-error').exists() or category.coding.where(system='http://terminology"
        ".hl7.org/CodeSystem/condition-category' and code='problem-list-item').empty()"
    ),
    # there may be several
    "offset.empty() or (when.exists() and ((when in ('C' | 'CM' | 'CD' | 'CV')).not()))": (
        "offset.empty() or (when.exists() and when.select($this in ('C' | 'CM' | 'CD' | 'CV')).allFalse())"
    ),
    # parameters may be resources, of which targetProfile names the profiles
    "targetProfile.exists() implies (type = 'Reference' or type = 'canonical')": (
        "targetProfile.exists() implies (type = 'Reference' or type = 'canonical' or "
        "type.memberOf('http://hl7.org/fhir/ValueSet/resource-types'))"
    ),
    "aggregation.empty() or (code = 'Reference') or (code = 'canonical')": (
        "aggregation.empty() or (code = 'Reference') or (code = 'canonical') or (code = 'CodeableReference')"
    ),
    # of R4B: "if Observation.effective[x] is dateTime and has a value": it may be a Period
    "($this as dateTime).toString().length() >= 8": "$this is dateTime implies $this.toString().length() >= 8",
    # patterns are about the whole of the text
    "name.matches('[A-Z]([A-Za-z0-9_]){0,254}')": _NAME_MEANT,
    "name.exists() implies name.matches('[A-Z]([A-Za-z0-9_]){0,254}')": _NAME_MEANT,
    "name.exists() implies name.exists() implies name.matches('[A-Z]([A-Za-z0-9_]){0,254}')": _NAME_MEANT,
}
"""Published expression -> corrected expression."""


class _ContainedIsUsed:
    @staticmethod
    def passes(value: Any) -> bool:
        return "contained" not in value

    def __call__(self, walk: Walk, spot: Spot) -> None:
        if not self.passes(spot.value):
            for issue in is_referred_to(spot.seen(walk.scene)):
                walk.add(issue)


NATIVE: dict[str, Check] = {"dom-3": _ContainedIsUsed()}
"""Rules that are not evaluated as FHIRPath, by key: `suture.fhir.rules` has them."""
