"""Engines and questions for the tests of FHIRPath."""

from functools import cache
from typing import Any

from suture.fhir.definitions import load
from suture.fhir.fhirpath import Engine, Host
from suture.fhir.versions import Version
from suture.fhirpath import evaluate

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "ada",
    "active": True,
    "name": [
        {"use": "official", "family": "Ekman", "given": ["Ada", "Maria"]},
        {"use": "usual", "given": ["Addie"], "_given": [{"extension": [{"url": "http://x", "valueString": "nick"}]}]},
    ],
    "birthDate": "1974-12-25",
    "_birthDate": {"extension": [{"url": "http://time", "valueDateTime": "1974-12-25T14:35:45-05:00"}]},
    "multipleBirthInteger": 2,
    "contact": [{"relationship": [{"coding": [{"code": "N"}]}], "gender": "female"}],
    "_gender": {"extension": [{"url": "http://why", "valueCode": "unknown"}]},
}


@cache
def engine(version: Version = Version.R4) -> Engine:
    """The engine of a version."""
    return Engine(load(version))


def answer(expression: str, resource: Any = None, **variables: Any) -> list[Any]:
    """What the expression gives, strictly."""
    return evaluate(expression, resource, variables=variables)


def asked(expression: str, resource: Any, host: Host, root: Any = None) -> list[Any]:
    """What the expression gives with a host to ask."""
    used = engine()
    environment = used.environment(resource, root, host=host)
    return [value for value, _, _ in used.strict(expression).items(used.item(resource), environment)]
