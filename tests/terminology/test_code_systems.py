"""Hierarchies of code systems: https://hl7.org/fhir/R4/codesystem.html#hierarchy."""

from typing import Any

import pytest

from suture.fhir.outcomes import FhirError, TooCostly
from suture.fhir.versions import Version
from suture.terminology import Terminology
from suture.terminology.listed import MAX_CONCEPTS, Listed
from tests.terminology.stored import ANIMALS, Json, Server

pytestmark = pytest.mark.anyio

ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"


def system(*concepts: Json, **more: Any) -> Json:
    return {"resourceType": "CodeSystem", "url": "urn:s", "content": "complete", "concept": list(concepts)} | more


async def test_below_a_code_lie_the_code_and_all_that_it_subsumes() -> None:
    animals = Server(ANIMALS)
    assert await animals.below("urn:animals", "dog") == {"dog", "poodle", "puppy"}
    assert await animals.below("urn:animals", "stone") == {"stone"}


async def test_above_a_code_lie_the_code_and_all_that_subsumes_it() -> None:
    animals = Server(ANIMALS)
    assert await animals.above("urn:animals", "puppy") == {"puppy", "dog", "animal"}
    assert await animals.above("urn:animals", "kitten") == {"kitten", "cat", "animal"}


async def test_packaged_hierarchies_are_known_without_any_stored_resource() -> None:
    packaged = Terminology(Version.R4)
    encounter = await packaged.below(ACT_CODE, "_ActEncounterCode")
    assert {"AMB", "IMP", "ACUTE"} <= encounter
    assert "_ActEncounterCode" in await packaged.above(ACT_CODE, "ACUTE")


@pytest.mark.parametrize(
    ("meaning", "below"),
    [
        (None, {"a", "b"}),
        ("is-a", {"a", "b"}),
        ("classified-with", {"a", "b"}),
        ("grouped-by", {"a"}),
        ("part-of", {"a"}),
    ],
)
async def test_nesting_subsumes_unless_the_system_says_that_it_does_not(meaning: str | None, below: set[str]) -> None:
    more = {"hierarchyMeaning": meaning} if meaning else {}
    nested = system({"code": "a", "concept": [{"code": "b"}]}, **more)
    assert await Server(nested).below("urn:s", "a") == below


async def test_child_and_parent_properties_subsume_whatever_the_nesting_means() -> None:
    concepts = (
        {"code": "a", "property": [{"code": "child", "valueCode": "b"}]},
        {"code": "b"},
        {"code": "c", "property": [{"code": "parent", "valueCode": "b"}, {"code": "parent", "valueCode": "x"}]},
        {"code": "x"},
    )
    graph = Server(system(*concepts, hierarchyMeaning="part-of"))
    assert await graph.below("urn:s", "a") == {"a", "b", "c"}
    assert await graph.above("urn:s", "c") == {"a", "b", "c", "x"}


async def test_a_circle_ends() -> None:
    circle = system(
        {"code": "a", "property": [{"code": "parent", "valueCode": "b"}]},
        {"code": "b", "property": [{"code": "parent", "valueCode": "a"}]},
    )
    assert await Server(circle).below("urn:s", "a") == {"a", "b"}


async def test_case_counts_only_where_the_system_says_so() -> None:
    concepts = {"code": "Dog", "concept": [{"code": "Poodle"}]}
    assert await Server(system(concepts)).below("urn:s", "dog") == {"Dog", "Poodle"}
    with pytest.raises(FhirError, match="no code 'dog'"):
        await Server(system(concepts, caseSensitive=True)).below("urn:s", "dog")


@pytest.mark.parametrize(
    ("url", "code", "says"),
    [
        ("http://loinc.org", "8480-6", "codes of the code system http://loinc.org are not here"),
        ("urn:animals", "unicorn", "code system urn:animals has no code 'unicorn'"),
        ("urn:example", "a", "codes of the code system urn:example are not here"),
        ("urn:part", "z", "fragment of the code system urn:part has no code 'z'"),
    ],
)
async def test_an_unknown_code_is_an_error_that_names_it(url: str, code: str, says: str) -> None:
    example = system({"code": "a"}, url="urn:example", content="example")
    part = system({"code": "a"}, url="urn:part", content="fragment")
    with pytest.raises(FhirError, match=says) as caught:
        await Server(ANIMALS, example, part).below(url, code)
    assert caught.value.issues[0].code == "not-found"


async def test_a_code_without_its_system_has_no_place_in_a_hierarchy() -> None:
    with pytest.raises(FhirError, match=r"give it as system\|code"):
        await Server(ANIMALS).below("", "dog")


async def test_a_fragment_answers_with_what_it_holds() -> None:
    part = system({"code": "a", "concept": [{"code": "b"}]}, content="fragment")
    assert await Server(part).below("urn:s", "a") == {"a", "b"}


def test_a_very_deep_or_very_long_system_is_read_or_refused_in_bounded_work() -> None:
    deep: Json = {"code": "0"}
    for number in range(1, 5000):
        deep = {"code": str(number), "concept": [deep]}
    assert len(Listed(system(deep)).hierarchy.below(0)) == 4999
    with pytest.raises(TooCostly, match="urn:s has too many concepts"):
        Listed(system(*({"code": str(number)} for number in range(MAX_CONCEPTS + 1))))
