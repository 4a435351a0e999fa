"""The primary clinical date of each resource type: `sdate`, by which result pages are in order.

It is always the value of one date search parameter, so that sorting by that parameter needs no other index.
Types that are not named here use `date` where they have it; those without either have none. Where a type has
several candidates the one that says when the thing happened comes before the one that says when it was written
down, unless most records lack it.
"""

from collections.abc import Container

REACH = 400 * 86_400 * 1_000_000
"""Microseconds. A resource with a date that ends later than this after `sdate`, or has no start, is marked by a token
(`suture.search.window`). A date that is only a year is shorter."""

_CODES: dict[str, tuple[str, ...]] = {
    "Account": ("period",),
    "Basic": ("created",),
    "Bundle": ("timestamp",),
    "ChargeItem": ("occurrence",),
    "Claim": ("created",),
    "ClaimResponse": ("created",),
    "Communication": ("sent",),
    "CommunicationRequest": ("authored",),
    "Condition": ("onset-date",),
    "Contract": ("issued",),
    "CoverageEligibilityRequest": ("created",),
    "CoverageEligibilityResponse": ("created",),
    "DetectedIssue": ("identified",),
    "DeviceRequest": ("authored-on",),
    "DocumentManifest": ("created",),
    "ExplanationOfBenefit": ("created",),
    "Goal": ("start-date",),
    "ImagingSelection": ("issued",),
    "ImagingStudy": ("started",),
    "Media": ("created",),
    "MedicationAdministration": ("effective-time", "date"),
    "MedicationDispense": ("whenhandedover",),
    "MedicationRequest": ("authoredon",),
    "MedicationStatement": ("effective",),
    "NutritionOrder": ("datetime",),
    "PaymentNotice": ("created",),
    "PaymentReconciliation": ("created",),
    "Provenance": ("recorded",),
    "QuestionnaireResponse": ("authored",),
    "RequestGroup": ("authored",),
    "RequestOrchestration": ("authored",),
    "ServiceRequest": ("authored",),
    "Slot": ("start",),
    "Specimen": ("collected",),
    "Task": ("authored-on",),
    "TestReport": ("issued",),
    "VisionPrescription": ("datewritten",),
}


def clinical_date(resource_type: str, dates: Container[str]) -> str | None:
    """The code of the date parameter that gives `sdate`, out of the date parameters of the type; None for none."""
    return next((code for code in _CODES.get(resource_type, ("date",)) if code in dates), None)
