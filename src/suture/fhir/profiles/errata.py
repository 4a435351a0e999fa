"""Invariants of the specification that are published wrongly, and how they are meant.

Sources: the later versions of the same constraints (R4B is R4's technical correction, R5 comes after both). The one
thing to know: only rules whose published form accepts or refuses what their own text says otherwise stand here.
"""

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
    "valueSet.exists() implies (valueSet.startsWith('http:') or valueSet.startsWith('https') or valueSet.startsWith('urn:'))": (  # noqa: E501
        "valueSet.exists() implies (valueSet.startsWith('http:') or valueSet.startsWith('https') or "
        "valueSet.startsWith('urn:') or valueSet.startsWith('#'))"
    ),
    # of R5: an element may have several types
    "binding.empty() or type.code.empty() or type.code.contains(\":\") or type.select((code = 'code') or (code = 'Coding') or (code='CodeableConcept') or (code = 'Quantity') or (code = 'string') or (code = 'uri') or (code = 'Duration')).exists()": (  # noqa: E501
        "binding.empty() or type.code.empty() or type.exists()"
    ),
    # where there is nothing, nothing is wrong
    "fullUrl.contains('/_history/').not()": "fullUrl.exists() implies fullUrl.contains('/_history/').not()",
    "probability is decimal implies (probability as decimal) <= 100": (
        "probability.empty() or ((probability is decimal) implies ((probability as decimal) <= 100))"
    ),
    "probability.exists($this is decimal) implies (probability as decimal) <= 100": (
        "probability.empty() or ((probability is decimal) implies ((probability as decimal) <= 100))"
    ),
    # patterns are about the whole of the text
    "name.matches('[A-Z]([A-Za-z0-9_]){0,254}')": "name.exists() implies name.matches('^[A-Z]([A-Za-z0-9_]){0,254}$')",
}
"""Published expression -> corrected expression."""


def _contained_is_used(walk: Walk, spot: Spot) -> None:
    if "contained" in spot.value:
        for issue in is_referred_to(spot.seen(walk.scene)):
            walk.add(issue)


NATIVE: dict[str, Check] = {"dom-3": _contained_is_used}
"""Rules that are not evaluated as FHIRPath, by key: `suture.fhir.rules` has them."""
