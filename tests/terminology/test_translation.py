"""$translate: https://hl7.org/fhir/R4/conceptmap-operation-translate.html, and what HL7's ecosystem adds."""

from typing import Any

import pytest

from suture.terminology.translation import Wanted
from tests.terminology.asking import Asking, Json, code_system, value_set

pytestmark = pytest.mark.anyio

NEAR, FAR = "urn:near", "urn:far"
ASKING_NOTHING = Asking()


def concept_map(url: str, unmapped: Json, *elements: Json, **more: Any) -> Json:
    group = {"source": NEAR, "target": FAR, "element": list(elements), "unmapped": unmapped}
    return {"resourceType": "ConceptMap", "url": url, "version": "1", "status": "active", "group": [group]} | more


def element(code: str, target: str, equivalence: str = "equivalent") -> Json:
    return {"code": code, "target": [{"equivalence": equivalence, **({"code": target} if target else {})}]}


def wanted(code: str, **more: Any) -> Wanted:
    return Wanted(({"system": NEAR, "code": code},), **more)


FIXED = concept_map("urn:fixed", {"mode": "fixed", "code": "other"}, element("a", "A"), sourceUri="urn:scope")
SECOND = concept_map("urn:second", {"mode": "provided"}, element("b", "B"))
FIRST = concept_map("urn:first", {"mode": "other-map", "url": "urn:second"}, element("a", "A"))
SCOPED = Asking(
    code_system(NEAR, {"code": "a"}, {"code": "b"}, {"code": "c"}),
    value_set("urn:scope", {"system": NEAR, "concept": [{"code": "a"}, {"code": "b"}]}),
    FIRST,
    SECOND,
)


async def test_what_is_not_mapped_gets_a_fixed_code_only_within_the_scope() -> None:
    inside, outside = await SCOPED.translation(wanted("b"), FIXED), await SCOPED.translation(wanted("c"), FIXED)
    assert inside["matches"][0]["concept"]["code"] == "other"
    assert (outside["result"], outside["matches"]) == (False, [])


async def test_another_map_is_asked_in_the_name_of_the_first() -> None:
    found = await SCOPED.translation(wanted("b"), FIRST)
    assert found["matches"] == [
        {"equivalence": "equivalent", "concept": {"system": FAR, "code": "B"}, "originMap": "urn:first|1"}
    ]
    assert found["used"] == ["urn:second|1"]
    assert (await SCOPED.translation(wanted("c"), FIRST))["matches"][0]["concept"]["code"] == "c"


async def test_a_map_that_another_one_asks_is_not_asked_by_itself() -> None:
    found = await SCOPED.translation(wanted("b"), SECOND, FIRST, named=False)
    assert [one["originMap"] for one in found["matches"]] == ["urn:first|1"]


async def test_maps_that_ask_each_other_end() -> None:
    one = concept_map("urn:first", {"mode": "other-map", "url": "urn:second"}, element("a", "A"))
    other = concept_map("urn:second", {"mode": "other-map", "url": "urn:first"})
    asking = Asking(one, other)
    assert (await asking.translation(wanted("a"), one, other, named=False))["result"] is True
    assert (await asking.translation(wanted("x"), one, other, named=False))["result"] is False


@pytest.mark.parametrize("equivalence", ["unmatched", "disjoint"])
async def test_a_mapping_that_says_there_is_none_is_told_but_is_no_translation(equivalence: str) -> None:
    none = concept_map("urn:none", {}, element("a", "Z" if equivalence == "disjoint" else "", equivalence))
    found = await ASKING_NOTHING.translation(wanted("a", origin="source"), none)
    assert found["result"] is False
    assert found["matches"][0]["equivalence"] == equivalence


async def test_no_map_has_its_own_word_beside_the_names_of_r5() -> None:
    none = concept_map("urn:none", {}, element("a", "", "unmatched"))
    found = await ASKING_NOTHING.translation(wanted("a"), none)
    assert found["matches"] == [{"noMap": True, "originMap": "urn:none|1"}]


async def test_the_map_is_named_as_the_version_of_fhir_does() -> None:
    simple = concept_map("urn:simple", {}, element("a", "A", "wider"))
    found = await ASKING_NOTHING.translation(wanted("a", origin="source"), simple)
    assert found["matches"][0]["source"] == "urn:simple|1"
    new = await ASKING_NOTHING.translation(wanted("a", native=True), simple)
    assert new["matches"][0]["relationship"] == "source-is-narrower-than-target"
