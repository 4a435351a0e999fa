"""Searches by value sets and hierarchies: `:in`, `:not-in`, `:above`, `:below` with stored and packaged definitions."""

import pytest

from suture.fhir.outcomes import FhirError
from tests.search.conftest import Driven
from tests.terminology.stored import ANIMALS, Json, filtered, value_set


def condition(id: str, *codings: Json) -> Json:
    return {
        "resourceType": "Condition",
        "id": id,
        "subject": {"reference": "Patient/p"},
        "code": {"coding": list(codings)},
    }


def coding(code: str, system: str = "urn:animals") -> Json:
    return {"system": system, "code": code}


@pytest.fixture(scope="module")
def world(driven: Driven) -> Driven:
    dogs = value_set(filtered("is-a", "dog"), url="urn:dogs", status="active")
    dogs["id"] = "dogs"
    loinc = value_set({"system": "http://loinc.org"}, url="urn:loinc", status="active") | {"id": "loinc"}
    driven.run(
        driven.world.put(
            ANIMALS | {"status": "active"},
            dogs,
            loinc,
            condition("poodle", coding("poodle")),
            condition("dog", coding("dog") | {"display": "A dog"}),
            condition("cat", coding("cat")),
            condition("other", coding("dog", "urn:other")),
            condition("loinc", coding("8480-6", "http://loinc.org")),
            condition("none"),
            {"resourceType": "Patient", "id": "m", "gender": "male"},
            {"resourceType": "Patient", "id": "x", "gender": "unknown"},
        )
    )
    return driven


@pytest.mark.parametrize(
    ("url", "ids"),
    [
        ("Condition?code:in=urn:dogs", {"poodle", "dog"}),
        ("Condition?code:in=ValueSet/dogs", {"poodle", "dog"}),
        ("Condition?code:not-in=urn:dogs", {"cat", "other", "loinc", "none"}),
        ("Condition?code:in=urn:loinc", {"loinc"}),
        ("Condition?code:in=urn:dogs,urn:loinc", {"poodle", "dog", "loinc"}),
        ("Condition?code:below=urn:animals|dog", {"poodle", "dog"}),
        ("Condition?code:below=urn:animals|animal", {"poodle", "dog", "cat"}),
        ("Condition?code:above=urn:animals|poodle", {"poodle", "dog"}),
        ("Condition?code:above=urn:animals|cat", {"cat"}),
        ("Patient?gender:in=http://hl7.org/fhir/ValueSet/administrative-gender", {"m", "x"}),
    ],
)
def test_found(world: Driven, url: str, ids: set[str]) -> None:
    assert set(world.ids(url)) == ids


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("Condition?code:in=urn:nowhere", "urn:nowhere is not known here"),
        ("Condition?code:in=ValueSet/nowhere", "There is no ValueSet/nowhere here"),
        ("Condition?code:below=http://loinc.org|8480-6", "http://loinc.org are not here"),
        ("Condition?code:below=urn:animals|unicorn", "has no code 'unicorn'"),
    ],
)
def test_what_is_unknown_is_an_error(world: Driven, url: str, says: str) -> None:
    with pytest.raises(FhirError, match=says):
        world.ids(url)
