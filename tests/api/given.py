"""Small resources for the tests of the API, and ways to put them on a server."""

import uuid
from typing import Any

import httpx

JSON = {"content-type": "application/fhir+json"}
SYSTEM = "https://example.org/test"


def unique() -> str:
    """A value that no other test uses."""
    return uuid.uuid4().hex


def patient(value: str = "", **elements: Any) -> dict[str, Any]:
    """A Patient, with an identifier when `value` is given."""
    identifier = {"identifier": [{"system": SYSTEM, "value": value}]} if value else {}
    return {"resourceType": "Patient", **identifier, "name": [{"family": "Ekman", "given": ["Ana"]}], **elements}


def observation(subject: str, **elements: Any) -> dict[str, Any]:
    """An Observation about `subject`."""
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}], "text": "Body weight"},
        "subject": {"reference": subject},
        **elements,
    }


def created(client: httpx.Client, resource: dict[str, Any]) -> dict[str, Any]:
    """`resource` as the server keeps it, after it was created there."""
    answer = client.post(f"/{resource['resourceType']}", json=resource, headers=JSON)
    assert answer.status_code == 201, answer.text
    return answer.json()


def put(client: httpx.Client, resource: dict[str, Any], **headers: str) -> httpx.Response:
    """The answer to an update of `resource` under its own id."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.put(f"/{resource['resourceType']}/{resource['id']}", json=resource, headers=JSON | named)


def post(client: httpx.Client, path: str, resource: Any, **headers: str) -> httpx.Response:
    """The answer to a POST of `resource`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post(path, json=resource, headers=JSON | named)


def bundle(type: str, *entries: dict[str, Any]) -> dict[str, Any]:
    """A Bundle of the given type."""
    return {"resourceType": "Bundle", "type": type, "entry": list(entries)}


def entry(
    method: str, url: str, resource: dict[str, Any] | None = None, full_url: str = "", **more: str
) -> dict[str, Any]:
    """An entry of a batch or transaction; `more` are further members of its request."""
    found: dict[str, Any] = {"request": {"method": method, "url": url, **more}}
    if resource is not None:
        found["resource"] = resource
    if full_url:
        found["fullUrl"] = full_url
    return found


def issue(answer: httpx.Response) -> dict[str, Any]:
    """The first issue of the OperationOutcome in an answer."""
    body = answer.json()
    assert body["resourceType"] == "OperationOutcome", answer.text
    return body["issue"][0]
