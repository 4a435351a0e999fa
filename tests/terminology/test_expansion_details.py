"""What an expansion shows: https://hl7.org/fhir/R4/valueset-operation-expand.html and HL7's terminology ecosystem."""

from decimal import Decimal

import pytest

from suture.fhir.outcomes import FhirError, TooCostly
from suture.fhir.versions import Version
from suture.terminology.problems import Refused
from suture.terminology.validation import subject_of_concept
from tests.terminology.asking import Asking, Json, code_system, value_set, values

pytestmark = pytest.mark.anyio

LAMPS, ALL = "urn:lamps", "urn:lamps:all"
MEANINGS = "http://hl7.org/fhir/concept-properties#"
ASKED = "http://hl7.org/fhir/5.0/StructureDefinition/extension-ValueSet.compose.property"


def concept(code: str, *properties: tuple[str, str, object], **more: object) -> Json:
    listed = [{"code": name, f"value{type}": value} for name, type, value in properties]
    return {"code": code, **more} | ({"property": listed} if listed else {})


SYSTEM = code_system(
    LAMPS,
    concept("arc", ("watts", "Decimal", Decimal("1.50")), ("status", "Code", "retired")),
    concept("bulb", ("watts", "Decimal", Decimal(40)), ("base", "Coding", {"system": "urn:b", "code": "e27"})),
    concept("torch", ("cells", "Integer", 2), ("pick", "Boolean", True)),
    concept(
        "candle",
        ("pick", "Boolean", False),
        display="Candle",
        designation=[{"language": "de", "value": "Kerze"}, {"language": "de-CH", "value": "Cherze"}],
    ),
    property=[
        {"code": "watts", "type": "decimal"}, {"code": "cells", "type": "integer"}, {"code": "base", "type": "Coding"},
        {"code": "status", "type": "code", "uri": f"{MEANINGS}status"},
        {"code": "pick", "type": "boolean", "uri": f"{MEANINGS}notSelectable"},
        {"code": "notSelectable", "type": "boolean", "uri": "urn:something-else"},
    ],
)  # fmt: skip
PICKED = value_set(
    "urn:lamps:asked", {"system": LAMPS}, extension=[{"url": ASKED, "valueString": "watts"}]
)  # fmt: skip


def filtered(property: str, op: str, value: str) -> Asking:
    include = {"system": LAMPS, "filter": [{"property": property, "op": op, "value": value}]}
    return Asking(SYSTEM, value_set(ALL, include))


@pytest.mark.parametrize(
    ("property", "op", "value", "codes"),
    [
        ("watts", "=", "1.5", ["arc"]),
        ("watts", "in", "40.0, 2", ["bulb"]),
        ("watts", "=", "NaN", []),
        ("cells", "=", "02", ["torch"]),
        ("base", "=", "e27", ["bulb"]),
        ("base", "=", "urn:b|e27", ["bulb"]),
        ("base", "=", "urn:x|e27", []),
        ("inactive", "=", "true", ["arc"]),
        ("inactive", "=", "false", ["bulb", "torch", "candle"]),
        ("pick", "=", "false", ["candle"]),
        ("notSelectable", "=", "false", []),
    ],
)
async def test_filters_compare_values_not_texts(property: str, op: str, value: str, codes: list[str]) -> None:
    assert await filtered(property, op, value).codes(ALL) == codes


async def test_properties_mean_what_their_uri_says() -> None:
    expansion = await Asking(SYSTEM, value_set(ALL, {"system": LAMPS})).expansion(ALL)
    assert [one["code"] for one in expansion["contains"] if one.get("abstract")] == ["torch"]
    other = code_system("urn:o", concept("x", ("notSelectable", "Boolean", True)), property=[
        {"code": "notSelectable", "type": "boolean", "uri": "urn:something-else"}
    ])  # fmt: skip
    expansion = await Asking(other, value_set(ALL, {"system": "urn:o"})).expansion(ALL)
    assert "abstract" not in expansion["contains"][0]


async def test_a_value_set_may_ask_for_properties() -> None:
    expansion = await Asking(SYSTEM, PICKED).expansion("urn:lamps:asked")
    assert len(expansion["contains"][1]["extension"]) == 1
    compose = {"include": [{"system": LAMPS}], "property": ["*"]}
    native = {"resourceType": "ValueSet", "url": ALL, "status": "active", "compose": compose}
    contains = (await Asking(SYSTEM, native, version=Version.R5).expansion(ALL))["contains"]
    assert {one["code"] for one in contains[0]["property"]} == {"status", "watts"}


async def test_a_language_of_designations_is_that_language_alone() -> None:
    asking = Asking(SYSTEM, value_set(ALL, {"system": LAMPS}))
    expansion = await asking.expansion(ALL, includeDesignations=True, designation="urn:ietf:bcp:47|de")
    assert [one["value"] for one in expansion["contains"][3]["designation"]] == ["Kerze"]


async def test_a_part_of_a_code_system_makes_an_open_expansion() -> None:
    fragment = code_system(LAMPS, {"code": "arc"}, content="fragment")
    expansion = await Asking(fragment, value_set(ALL, {"system": LAMPS})).expansion(ALL, incomplete_ok=True)
    assert expansion["extension"][0]["url"] == "http://hl7.org/fhir/StructureDefinition/valueset-unclosed"


async def test_an_expansion_that_is_brought_along_can_be_flat() -> None:
    contains = [{"system": LAMPS, "code": "a", "contains": [{"system": LAMPS, "code": "b"}]}]
    stored = {"resourceType": "ValueSet", "url": ALL, "status": "active", "expansion": {"contains": contains}}
    expansion = await Asking(stored).expansion(ALL, excludeNested=True)
    assert [one["code"] for one in expansion["contains"]] == ["a", "b"]
    assert {"name": "excludeNested", "valueBoolean": True} in expansion["parameter"]


async def test_a_lookup_answers_the_code_as_it_was_asked_and_names_of_a_language() -> None:
    system = code_system(LAMPS, *SYSTEM["concept"], caseSensitive=False)
    found = await Asking(system).lookup(LAMPS, "CANDLE", property=["lang.de"])
    assert {"name": "code", "valueCode": "CANDLE"} in found
    assert [one["part"][1]["valueString"] for one in found if one["name"] == "designation"] == ["Kerze", "Cherze"]


async def test_definitions_of_the_specification_are_as_old_as_it_is() -> None:
    genders = "http://hl7.org/fhir/ValueSet/administrative-gender"
    question = Asking().question()
    question.on(1_577_836_800_000_000, "2020-01-01")
    assert (await question.value_set(genders)).name == f"{genders}|4.0.1"
    question = Asking().question()
    question.on(1_262_304_000_000_000, "2010-01-01")
    with pytest.raises(FhirError, match="younger"):
        await question.value_set(genders)


async def test_every_inactive_coding_of_a_concept_is_told_of() -> None:
    asking = Asking(SYSTEM, value_set(ALL, {"system": LAMPS}))
    codings = [{"system": LAMPS, "code": code} for code in ("bulb", "arc")]
    answer = await asking.validation(ALL, subject_of_concept({"coding": codings}))
    assert [(one.id, one.place) for one in answer.problems] == [
        ("INACTIVE_CONCEPT_FOUND", "CodeableConcept.coding[1]")
    ]  # fmt: skip
    found = values(answer.parameters["parameter"])
    assert (found["result"], found["code"], "inactive" in found) == (True, "bulb", False)


async def test_a_value_set_that_is_sent_and_refers_to_itself_is_circular() -> None:
    own = value_set("urn:own", {"valueSet": ["urn:own"]})
    for resource in (own, value_set("urn:own", {"valueSet": ["urn:own|1"]})):
        with pytest.raises(Refused, match="includes itself") as refused:
            await Asking().question().resource(resource)
        assert refused.value.problems[0].id == "VALUESET_CIRCULAR_REFERENCE"


UCUM = "http://unitsofmeasure.org"
OPEN = [{"url": "http://hl7.org/fhir/StructureDefinition/valueset-unclosed", "valueBoolean": True}]


@pytest.mark.parametrize(
    ("include", "code"),
    [
        ({"system": UCUM}, "mg/dL"),
        ({"system": UCUM, "filter": [{"property": "canonical", "op": "=", "value": "g"}]}, "kg"),
        ({"system": "urn:ietf:bcp:47"}, "de-AT"),
    ],
)
async def test_a_grammar_shows_its_usual_codes_and_stays_open(include: Json, code: str) -> None:
    expansion = await Asking(value_set(ALL, include)).expansion(ALL, count=2000)
    assert code in [one["code"] for one in expansion["contains"]]
    assert expansion["extension"] == OPEN


@pytest.mark.parametrize(
    "resource",
    [
        value_set(ALL, {"system": "urn:ietf:bcp:13"}),
        value_set(ALL, {"system": UCUM, "valueSet": ["urn:listed"]}),
        value_set(ALL, {"system": UCUM, "concept": [{"code": "mg"}]}, exclude=[{"system": UCUM}]),
    ],
)
async def test_usual_codes_are_never_taken_for_all_of_them(resource: Json) -> None:
    listed = value_set("urn:listed", {"system": UCUM, "concept": [{"code": "mg"}]})
    with pytest.raises(Refused, match="has a grammar"):
        await Asking(resource, listed).expansion(ALL, count=10)
    assert "extension" not in await Asking(listed).expansion("urn:listed")


async def test_contained_value_sets_lie_only_so_deep() -> None:
    contained = [
        value_set("", {"valueSet": [f"#v{n + 1}"]} if n < 40 else {"system": LAMPS}) | {"id": f"v{n}"}
        for n in range(41)
    ]
    deep = value_set(ALL, {"valueSet": ["#v0"]}) | {"contained": contained}
    with pytest.raises(TooCostly):
        await Asking(SYSTEM, deep).expansion(ALL)
    shallow = value_set(ALL, {"valueSet": ["#v35"]}) | {"contained": contained}
    assert (await Asking(SYSTEM, shallow).expansion(ALL))["total"] == 4
