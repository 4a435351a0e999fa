"""Small resources to damage, and what the validator says of them."""

from typing import Any

from suture.fhir.definitions import load
from suture.fhir.structure import Validator
from suture.fhir.versions import Version

R4 = Validator(load(Version.R4))
R5 = Validator(load(Version.R5))

EXTENSION = {"extension": [{"url": "urn:x:1", "valueString": "y"}]}
"""What may stand beside a primitive, or instead of it."""


def patient(**members: Any) -> dict[str, Any]:
    """A Patient, valid by itself."""
    return {"resourceType": "Patient", **members}


def observation(**members: Any) -> dict[str, Any]:
    """An Observation, valid by itself."""
    return {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, **members}


def problems(resource: Any, validator: Validator = R4) -> list[tuple[str, str]]:
    """(code, expression) of each issue; the quick answer must agree that there are some, or none."""
    found = validator.issues(resource)
    assert validator.is_valid(resource) == (not found)
    return [(issue.code, issue.expression) for issue in found]


def sentence(resource: Any) -> str:
    """All that is said about a resource."""
    return " ".join(issue.diagnostics for issue in R4.issues(resource))
