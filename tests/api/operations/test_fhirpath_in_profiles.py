"""Invariants of profiles that ask for codes and slices: https://hl7.org/fhir/R4/fhirpath.html#functions and #txapi."""

from typing import Any

import httpx
import pytest

from tests.api.given import created, observation, post, unique
from tests.api.operations.test_fhirpath import parameters, values

ROLES = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"
GENDERS = "http://hl7.org/fhir/ValueSet/administrative-gender"


def coded(*codes: str, system: str = ROLES) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code} for code in codes]}


def profile(client: httpx.Client, expression: str, *elements: dict[str, Any]) -> str:
    """The URL of a stored profile of Observation with an invariant, and with further elements."""
    url = f"http://example.org/StructureDefinition/{unique()}"
    rule = {"key": "own-1", "severity": "error", "human": "own", "expression": expression.replace("%url", f"'{url}'")}
    definition = {
        "resourceType": "StructureDefinition", "url": url, "name": "Own", "status": "active", "kind": "resource",
        "abstract": False, "type": "Observation", "derivation": "constraint",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Observation",
        "differential": {"element": [
            {"id": "Observation", "path": "Observation", "constraint": [rule]},
            *({"id": one["path"], **one} for one in elements),
        ]},
    }  # fmt: skip
    created(client, definition)
    return url


def said(client: httpx.Client, url: str, resource: dict[str, Any]) -> list[tuple[str, str]]:
    """(severity, text) of what $validate says of the invariant."""
    answer = post(client, f"/Observation/$validate?profile={url}", resource)
    assert answer.status_code == 200, answer.text
    found = [(issue["severity"], issue["diagnostics"]) for issue in answer.json()["issue"]]
    return [(severity, text) for severity, text in found if "own-1" in text]


def stored(client: httpx.Client, url: str, resource: dict[str, Any]) -> int:
    """The status of a write that claims the profile."""
    return post(client, "/Observation", resource | {"meta": {"profile": [url]}}).status_code


def method(*codes: str, system: str = ROLES) -> dict[str, Any]:
    return observation("Patient/x") | {"method": coded(*codes, system=system)}


@pytest.mark.parametrize(
    "expression",
    [
        "method.coding.first().subsumedBy(bodySite.coding.first())",
        "bodySite.subsumes(method)",
        "%terminologies.subsumes('ROLES', bodySite.coding.first(), method.coding.first()) = 'subsumes'",
    ],
)
def test_invariants_know_what_subsumes_what(client: httpx.Client, expression: str) -> None:
    url = profile(client, expression.replace("ROLES", ROLES))
    mother, practitioner = (method(code) | {"bodySite": coded("FAMMEMB")} for code in ("MTH", "subject"))
    assert said(client, url, mother) == []
    assert [severity for severity, _ in said(client, url, practitioner)] == ["error"]
    assert (stored(client, url, mother), stored(client, url, practitioner)) == (201, 422)


def test_many_codings_are_asked_for_at_once(client: httpx.Client) -> None:
    url = profile(client, "method.subsumedBy(bodySite)")
    wrong = (
        "subject",
        "CLAIM",
        "GT",
        "PH",
        "PROG",
        "PT",
        "DEP",
        "DEPEN",
        "INDIV",
        "NAMED",
        "SUBSCR",
        "laboratory",
        "homeHealth",
    )
    assert said(client, url, method(*wrong, "MTH") | {"bodySite": coded("FAMMEMB")}) == []
    assert [one for one, _ in said(client, url, method(*wrong) | {"bodySite": coded("FAMMEMB")})] == ["error"]


def test_what_the_terminology_does_not_know_is_no_error_of_the_resource(client: httpx.Client) -> None:
    url = profile(client, "method.subsumedBy(bodySite)")
    unknown = "urn:example:" + unique()
    resource = method("a", system=unknown) | {"bodySite": coded("b", system=unknown)}
    ((severity, text),) = said(client, url, resource)
    assert severity == "warning"
    assert "could not be evaluated" in text
    assert f"'b' of {unknown} subsumes 'a' is not known" in text
    assert stored(client, url, resource) == 201


@pytest.mark.parametrize(
    ("expression", "right", "wrong"),
    [
        (f"%terminologies.validateVS('{GENDERS}', method.coding.first()).parameter.where(name = 'result').value",
         "male", "man"),
        ("%terminologies.validateCS('http://hl7.org/fhir/administrative-gender', method)"
         ".parameter.where(name = 'result').value", "male", "man"),
        ("%terminologies.lookup(method.coding.first()).parameter.where(name = 'display').value = 'Male'",
         "male", "female"),
        (f"%terminologies.expand('{GENDERS}', 'filter=fem').expansion.contains.code = method.coding.code",
         "female", "male"),
        ("%terminologies.translate('http://hl7.org/fhir/ConceptMap/cm-administrative-gender-v3', method)"
         ".parameter.where(name = 'match').part.where(name = 'concept').value.code = 'F'", "female", "male"),
    ],
)  # fmt: skip
def test_invariants_may_call_the_terminology(client: httpx.Client, expression: str, right: str, wrong: str) -> None:
    url = profile(client, expression)
    system = "http://hl7.org/fhir/administrative-gender"
    assert said(client, url, method(right, system=system)) == []
    assert [severity for severity, _ in said(client, url, method(wrong, system=system))] == ["error"]
    assert stored(client, url, method(right, system=system)) == 201
    assert stored(client, url, method(wrong, system=system)) == 422


SLICED: tuple[dict[str, Any], ...] = (
    {"path": "Observation.component", "slicing": {
        "discriminator": [{"type": "value", "path": "code"}], "rules": "open"}},
    {"id": "Observation.component:top", "path": "Observation.component", "sliceName": "top"},
    {"id": "Observation.component:top.code", "path": "Observation.component.code",
     "patternCodeableConcept": {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]}},
)  # fmt: skip


def component(code: str, value: int) -> dict[str, Any]:
    return {"code": coded(code, system="http://loinc.org"), "valueInteger": value}


def test_invariants_know_slices_by_their_names(client: httpx.Client) -> None:
    url = profile(client, "component.slice(%url, 'top').value.all($this > 100)", *SLICED)
    assert said(client, url, observation("Patient/x", component=[component("8480-6", 120), component("x", 1)])) == []
    wrong = observation("Patient/x", component=[component("8480-6", 90), component("x", 120)])
    assert [severity for severity, _ in said(client, url, wrong)] == ["error"]
    assert stored(client, url, wrong) == 422


def test_a_slice_that_is_not_known_is_told(client: httpx.Client) -> None:
    url = profile(client, "component.slice(%url, 'bottom').exists()", *SLICED)
    ((severity, text),) = said(client, url, observation("Patient/x", component=[component("8480-6", 90)]))
    assert severity == "warning"
    assert "The slice 'bottom' of the profile" in text


def test_fhirpath_over_http_knows_the_profiles_of_the_server(client: httpx.Client) -> None:
    url = profile(client, "component.exists()", *SLICED)
    sent = observation("Patient/x", component=[component("8480-6", 120), component("x", 1)])
    assert values(client, f"component.slice('{url}', 'top').value", sent) == [("integer", 120)]
    assert values(client, f"conformsTo('{url}')", sent) == [("boolean", True)]
    assert values(client, f"conformsTo('{url}')", observation("Patient/x")) == [("boolean", False)]
    unknown = post(client, "/$fhirpath", parameters(f"component.slice('{url}', 'nothing')", sent))
    assert unknown.status_code == 422
    assert "The slice 'nothing'" in unknown.json()["issue"][0]["diagnostics"]


def test_fhirpath_over_http_knows_what_subsumes_what(client: httpx.Client) -> None:
    sent = method("MTH") | {"bodySite": coded("FAMMEMB")}
    assert values(client, "method.subsumedBy(bodySite)", sent) == [("boolean", True)]
    assert values(client, "method.subsumes(bodySite)", sent) == [("boolean", False)]
    asked = f"%terminologies.subsumes('{ROLES}', method.coding, bodySite.coding)"
    assert values(client, asked, sent) == [("string", "subsumed-by")]


def test_one_coding_that_subsumes_is_enough_beside_codings_that_nobody_knows(client: httpx.Client) -> None:
    url = profile(client, "method.subsumedBy(bodySite)")
    assert said(client, url, method("no-code", "MTH") | {"bodySite": coded("FAMMEMB")}) == []


@pytest.mark.parametrize(
    "expression",
    [
        "%terminologies.validateVS(contained.first(), method.coding.first()).parameter.exists().not()",
        "%terminologies.expand(contained.first()).exists().not()",
        "%terminologies.lookup(method.coding.first()).exists().not()",
        "%terminologies.translate('http://nowhere', method).exists().not()",
    ],
)
def test_what_the_terminology_cannot_make_sense_of_gives_nothing(client: httpx.Client, expression: str) -> None:
    broken = {"resourceType": "ValueSet", "status": "active", "compose": {"include": [7, {"system": 5}]}}
    odd = {"coding": [{"system": 5, "code": "a", "version": []}]}
    resource = observation("Patient/x") | {"contained": [broken | {"id": "v"}], "method": odd}
    url = profile(client, expression)
    assert [text for severity, text in said(client, url, resource) if severity == "error"] == []
