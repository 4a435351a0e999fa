"""Value sets worked out: https://hl7.org/fhir/R4/valueset.html#compositions."""

from typing import Any

import pytest

from suture.fhir.outcomes import FhirError, Invalid, TooCostly
from suture.terminology import Codes, Members
from suture.terminology.codes import EVERY
from suture.terminology.composing import MAX_DEPTH
from suture.terminology.value_sets import MAX_CODES, MAX_LISTED
from tests.terminology.stored import ANIMALS, Json, Server, filtered, value_set

pytestmark = pytest.mark.anyio

ALL = {"animal", "dog", "poodle", "cat", "dodo", "stone", "puppy", "kitten"}


async def members(*resources: Json, of: str = "urn:vs") -> Members:
    return await Server(ANIMALS, *resources).members(of)


async def animals(*includes: Json, **compose: Any) -> set[str]:
    found = (await members(value_set(*includes, **compose))).get("urn:animals", Codes(frozenset()))
    assert not found.complement
    return set(found.codes)


async def refusal(*resources: Json, of: str = "urn:vs") -> tuple[str, str]:
    with pytest.raises(FhirError) as caught:
        await members(*resources, of=of)
    return caught.value.issues[0].code, str(caught.value)


async def test_a_whole_system_that_is_here_is_listed() -> None:
    assert await animals({"system": "urn:animals"}) == ALL


async def test_a_whole_system_that_is_not_here_has_any_code() -> None:
    assert await members(value_set({"system": "http://loinc.org"})) == {"http://loinc.org": EVERY}


async def test_a_large_system_is_not_listed() -> None:
    concepts = [{"code": str(number)} for number in range(MAX_LISTED + 1)]
    large = {"resourceType": "CodeSystem", "url": "urn:large", "content": "complete", "concept": concepts}
    assert await members(large, value_set({"system": "urn:large"})) == {"urn:large": EVERY}
    some = await members(large, value_set(filtered("in", "7,9", "code", "urn:large")))
    assert some == {"urn:large": Codes(frozenset({"7", "9"}))}


async def test_listed_concepts_need_no_code_system() -> None:
    part = {"system": "http://snomed.info/sct", "concept": [{"code": "73211009"}, {"code": "44054006"}]}
    assert await members(value_set(part)) == {"http://snomed.info/sct": Codes(frozenset({"73211009", "44054006"}))}


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (filtered("is-a", "dog"), {"dog", "poodle", "puppy"}),
        (filtered("is-a", "cat"), {"cat", "kitten"}),
        (filtered("is-a", "dog", "code"), {"dog", "poodle", "puppy"}),
        (filtered("descendent-of", "dog"), {"poodle", "puppy"}),
        (filtered("descendent-of", "poodle"), set()),
        (filtered("is-not-a", "animal"), {"stone"}),
        (filtered("generalizes", "poodle"), {"poodle", "dog", "animal"}),
        (filtered("child-of", "animal"), {"dog", "cat", "dodo"}),
        (filtered("descendent-leaf", "animal"), {"poodle", "puppy", "kitten", "dodo"}),
        (filtered("=", "dog"), {"dog"}),
        (filtered("=", "dog", "parent"), {"poodle", "puppy"}),
        (filtered("=", "poodle", "child"), {"dog"}),
        (filtered("in", "dog, cat"), {"dog", "cat"}),
        (filtered("not-in", "dog,cat,animal,dodo,stone"), {"poodle", "puppy", "kitten"}),
        (filtered("=", "4", "legs"), {"dog", "poodle"}),
        (filtered("=", "true", "tame"), {"dog"}),
        (filtered("=", "moss", "likes"), {"stone"}),
        (filtered("in", "3,4", "legs"), {"dog", "poodle"}),
        (filtered("not-in", "4", "legs"), ALL - {"dog", "poodle"}),
        (filtered("exists", "true", "tame"), {"dog", "cat"}),
        (filtered("exists", "false", "tame"), ALL - {"dog", "cat"}),
        (filtered("regex", "d.*", "code"), {"dog", "dodo"}),
        (filtered("regex", "D.g", "display"), {"dog"}),
        (filtered("=", "false", "inactive"), ALL - {"dodo"}),
    ],
)
async def test_filters(part: Json, expected: set[str]) -> None:
    assert await animals(part) == expected


async def test_all_filters_of_an_include_must_hold() -> None:
    both = filtered("is-a", "animal")["filter"] + filtered("regex", ".*o.*", "code")["filter"]
    assert await animals({"system": "urn:animals", "filter": both}) == {"dog", "poodle", "dodo"}


async def test_includes_add_up_and_excludes_are_taken_off() -> None:
    assert await animals(filtered("is-a", "cat"), filtered("=", "stone"), exclude=[filtered("=", "cat")]) == {
        "kitten",
        "stone",
    }


async def test_a_system_that_is_not_here_loses_what_is_excluded() -> None:
    loinc = {"system": "http://loinc.org"}
    found = await members(value_set(loinc, exclude=[loinc | {"concept": [{"code": "8480-6"}]}]))
    assert found == {"http://loinc.org": Codes(frozenset({"8480-6"}), complement=True)}


async def test_inactive_codes_can_be_left_out() -> None:
    assert await animals({"system": "urn:animals"}, inactive=False) == ALL - {"dodo"}
    assert await animals({"system": "urn:animals"}, inactive=True) == ALL


async def test_value_sets_in_one_include_intersect() -> None:
    dogs = value_set(filtered("is-a", "dog"), url="urn:dogs")
    old = value_set({"system": "urn:animals", "concept": [{"code": "dog"}, {"code": "cat"}]}, url="urn:old")
    both = value_set({"valueSet": ["urn:dogs", "urn:old"]})
    assert await members(dogs, old, both) == {"urn:animals": Codes(frozenset({"dog"}))}
    either = value_set({"valueSet": ["urn:dogs"]}, {"valueSet": ["urn:old"]})
    assert set((await members(dogs, old, either))["urn:animals"].codes) == {"dog", "cat", "poodle", "puppy"}
    with_system = value_set({"valueSet": ["urn:dogs"], "system": "urn:animals", "concept": [{"code": "puppy"}]})
    assert await members(dogs, with_system) == {"urn:animals": Codes(frozenset({"puppy"}))}


async def test_a_value_set_that_includes_itself_is_refused() -> None:
    one = value_set({"valueSet": ["urn:two"]}, url="urn:one")
    two = value_set({"valueSet": ["urn:one"]}, url="urn:two")
    code, text = await refusal(one, two, of="urn:one")
    assert code == "invalid"
    assert "urn:one includes itself" in text


async def test_depth_and_size_are_limited() -> None:
    chain = [value_set({"valueSet": [f"urn:{n + 1}"]}, url=f"urn:{n}") for n in range(MAX_DEPTH + 1)]
    assert (await refusal(*chain, of="urn:0"))[0] == "too-costly"
    wide = [value_set({"system": "urn:x"}, url=f"urn:{n}") for n in range(250)]
    assert (await refusal(*wide, value_set(*({"valueSet": [f"urn:{n}"]} for n in range(250)))))[0] == "too-costly"
    many = {"system": "urn:x", "concept": [{"code": str(n)} for n in range(MAX_CODES + 1)]}
    with pytest.raises(TooCostly, match="urn:vs has too many codes"):
        await members(value_set(many))


async def test_the_work_for_one_answer_is_limited() -> None:
    concepts = [{"code": str(number)} for number in range(MAX_LISTED)]
    system = {"resourceType": "CodeSystem", "url": "urn:large", "content": "complete", "concept": concepts}
    part = filtered("regex", "1.*1", "code", "urn:large")
    code, text = await refusal(system, value_set(part | {"filter": part["filter"] * 1000}))
    assert code == "too-costly"
    assert "urn:vs filters too many concepts" in text


async def test_elements_that_have_only_extensions_are_passed_over() -> None:
    extended = {"_code": {"extension": [{"url": "urn:e", "valueBoolean": True}]}}
    odd = {"resourceType": "CodeSystem", "url": "urn:odd", "content": "complete"}
    odd |= {"concept": [extended, {"code": "a", "property": [extended], "designation": [{"_value": {}}]}]}
    parts = [{"system": "urn:odd", "concept": [extended, {"code": "a"}]}, {"valueSet": [None], "system": "urn:odd"}]
    assert await members(odd, value_set(*parts, exclude=[])) == {"urn:odd": Codes(frozenset("a"))}
    assert (await refusal(odd, value_set({"system": "urn:odd", "filter": [{}]})))[0] == "not-supported"


async def test_a_value_set_that_many_include_is_worked_out_once() -> None:
    diamond = [
        value_set({"valueSet": [f"urn:{n + 1}"]}, {"valueSet": [f"urn:{n + 1}"]}, url=f"urn:{n}") for n in range(9)
    ]
    server = Server(*diamond, value_set({"system": "urn:x", "concept": [{"code": "a"}]}, url="urn:9"))
    assert await server.members("urn:0") == {"urn:x": Codes(frozenset({"a"}))}
    assert server.stored.asked.count("ValueSet urn:9") == 1


async def test_an_expansion_answers_when_there_is_no_compose() -> None:
    expansion = {
        "contains": [
            {"system": "urn:x", "code": "a", "contains": [{"system": "urn:x", "code": "b"}]},
            {"system": "urn:x", "code": "group", "abstract": True, "contains": [{"system": "urn:y", "code": "c"}]},
        ]
    }
    resource = {"resourceType": "ValueSet", "url": "urn:vs", "expansion": expansion}
    assert await members(resource) == {"urn:x": Codes(frozenset("ab")), "urn:y": Codes(frozenset("c"))}


async def test_an_expansion_answers_when_the_compose_cannot_be_worked_out() -> None:
    part = filtered("is-a", "73211009", system="http://snomed.info/sct")
    expansion = {"contains": [{"system": "http://snomed.info/sct", "code": "44054006"}]}
    found = await members(value_set(part, expansion=expansion))
    assert found == {"http://snomed.info/sct": Codes(frozenset({"44054006"}))}


@pytest.mark.parametrize("more", [{"total": 5}, {"offset": 1}])
async def test_a_page_of_an_expansion_is_not_taken_for_the_whole(more: Json) -> None:
    expansion = {"contains": [{"system": "urn:x", "code": "a"}]} | more
    resource = {"resourceType": "ValueSet", "url": "urn:vs", "expansion": expansion}
    assert await refusal(resource) == ("not-supported", "The value set urn:vs holds only a part of its expansion.")


@pytest.mark.parametrize(
    ("resource", "code", "says"),
    [
        (value_set(filtered("is-a", "1", system="http://snomed.info/sct")), "not-supported", "http://snomed.info/sct"),
        (value_set(filtered("is-a", "unicorn")), "not-found", "urn:animals has no code 'unicorn'"),
        (value_set(filtered("=", "x", "colour")), "not-supported", "colour = on urn:animals"),
        (value_set(filtered("is-a", "4", "legs")), "not-supported", "legs is-a on urn:animals"),
        (value_set(filtered("sounds-like", "dog")), "not-supported", "sounds-like"),
        (value_set(filtered("regex", "(?=d)x", "code")), "not-supported", "look-around"),
        (value_set(filtered("regex", "a" * 2000, "code")), "not-supported", "longer than"),
        (value_set({"valueSet": ["urn:nowhere"]}), "not-found", "urn:nowhere is not known here"),
        (value_set({}), "invalid", "neither a system nor a value set"),
        ({"resourceType": "ValueSet", "url": "urn:vs"}, "not-found", "no compose"),
    ],
)
async def test_what_cannot_be_worked_out_is_an_error_that_says_why(resource: Json, code: str, says: str) -> None:
    found, text = await refusal(resource)
    assert found == code
    assert says in text


async def test_a_costly_pattern_is_matched_in_linear_time() -> None:
    evil = {
        "resourceType": "CodeSystem",
        "url": "urn:evil",
        "content": "complete",
        "concept": [{"code": "a" * 5000 + "!"}],
    }
    part = filtered("regex", "(a|a)*(a+)+(a*)*b", "code", "urn:evil")
    assert await members(evil, value_set(part)) == {}


async def test_errors_are_answers_to_the_client() -> None:
    with pytest.raises(Invalid) as caught:
        await members(of="urn:" + "x" * 5000)
    assert caught.value.status == 400
    assert len(str(caught.value)) < 400
