"""$subsumes: how two codes of one code system stand to each other.

Specification: https://hl7.org/fhir/R4/codesystem-operation-subsumes.html. The one thing to know: nesting that only
groups or lists parts says nothing of subsumption.
"""

from suture.terminology.desk import Question
from suture.terminology.lookup import provider_for
from suture.terminology.problems import Problem, Refused
from suture.terminology.systems import Json, Provider

_NOT_SUBSUMING = ("grouped-by", "part-of")


async def subsumes(question: Question, system: str, version: str, a: str, b: str) -> Json:
    """The Parameters with the outcome for codes `a` and `b`. Raises Refused, Invalid for an unknown code."""
    provider = await provider_for(question, system, version)
    if provider is None:
        raise _not_here(system, version)
    meaning = provider.head.hierarchy_meaning
    if meaning in _NOT_SUBSUMING:
        text = (
            f"The CodeSystem '{system}' has hierarchyMeaning = {meaning}, so its hierarchy does not describe "
            "subsumption, and subsumption cannot be tested"
        )
        raise Refused(Problem("error", "not-supported", "invalid-data", "SUBSUMPTION_CS_HIERARCHY_MEANING", text))
    for code, name in ((a, "codeA"), (b, "codeB")):
        if await provider.concept(code) is None:
            raise _unknown(provider, code, name)
    outcome = await provider.subsumes(a, b)
    return {"resourceType": "Parameters", "parameter": [{"name": "outcome", "valueCode": outcome}]}


def _not_here(system: str, version: str) -> Refused:
    at = f" version '{version}'" if version else ""
    id = "SUBSUMPTION_CS_NOT_FOUND_VERSION" if version else "SUBSUMPTION_CS_NOT_FOUND"
    text = f"A definition for the CodeSystem '{system}'{at} could not be found, so subsumption cannot be tested"
    return Refused(Problem("error", "not-found", "not-found", id, text, "system"), status=404, unknown=(system,))


def _unknown(provider: Provider, code: str, place: str) -> Refused:
    head = provider.head
    version = f" version '{head.version}'" if head.version else ""
    text = f"Unknown code '{code}' in the CodeSystem '{head.url}'{version}"
    id = "Unknown_Code_in_Version" if head.version else "Unknown_Code_in"
    return Refused(Problem("error", "not-found", "invalid-code", id, text, place), status=404)
