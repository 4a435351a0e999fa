"""Vital signs: an Observation with the code of one must meet the profile for it, whether it says so or not.

Specification: https://hl7.org/fhir/R4/observation-vitalsigns.html. The one thing to know: the profiles ask for the
LOINC code, so that an Observation which has only the SNOMED CT code is told to add it.
"""

# JSON values and ElementDefinitions have no static type until they are looked at.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

from suture.fhir.profiles.branches import BASE
from suture.fhir.profiles.codings import coded_questions
from suture.fhir.profiles.spots import Spot
from suture.fhir.profiles.walk import Walk

LOINC = "http://loinc.org"
SNOMED_CT = "http://snomed.info/sct"

PROFILES = {
    (LOINC, "85353-1"): "vitalspanel",
    (LOINC, "9279-1"): "resprate",
    (LOINC, "8867-4"): "heartrate",
    (LOINC, "2708-6"): "oxygensat",
    (LOINC, "8310-5"): "bodytemp",
    (LOINC, "8302-2"): "bodyheight",
    (LOINC, "9843-4"): "headcircum",
    (LOINC, "29463-7"): "bodyweight",
    (LOINC, "39156-5"): "bmi",
    (LOINC, "85354-9"): "bp",
    (SNOMED_CT, "86290005"): "resprate",
    (SNOMED_CT, "364075005"): "heartrate",
    (SNOMED_CT, "276885007"): "bodytemp",
    (SNOMED_CT, "386725007"): "bodytemp",
    (SNOMED_CT, "50373000"): "bodyheight",
    (SNOMED_CT, "363812007"): "headcircum",
    (SNOMED_CT, "27113001"): "bodyweight",
    (SNOMED_CT, "60621009"): "bmi",
    (SNOMED_CT, "75367002"): "bp",
}
"""(code system, code) -> id of the profile."""


def vital_sign_check(walk: Walk, spot: Spot) -> None:
    """Check an Observation against the profile of the vital sign that it is, if it is one."""
    for coding in coded_questions(spot.members.get("code"), ""):
        name = PROFILES.get((coding.system, coding.code))
        compiled = walk.book.profile(BASE + name) if name else None
        if compiled is not None:
            walk.report(
                spot,
                "information",
                "informational",
                f"The specification demands the profile {compiled.url} here, because of the code "
                f"{coding.system}#{coding.code}.",
            )
            compiled.apply(walk, spot)
            return
