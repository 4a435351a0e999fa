"""Is this code in that value set, as validation asks it: exact, False, or "cannot be told"."""

from typing import Any

import pytest

from suture.fhir.packages import CoreCanonicals, Layers
from suture.fhir.versions import Version
from suture.terminology.asked import Asked
from suture.terminology.content.grammars import Grammars
from suture.terminology.desk import Desk
from suture.terminology.oracle import Membership
from tests.terminology.stored import Defined

pytestmark = pytest.mark.anyio

Json = dict[str, Any]

SYSTEM: Json = {
    "resourceType": "CodeSystem", "url": "urn:colours", "version": "1", "status": "active", "content": "complete",
    "caseSensitive": False,
    "property": [
        {"code": "gone", "uri": "http://hl7.org/fhir/concept-properties#inactive", "type": "boolean"},
        {"code": "group", "uri": "http://hl7.org/fhir/concept-properties#notSelectable", "type": "boolean"},
    ],
    "concept": [
        {"code": "all", "display": "Colours", "property": [{"code": "group", "valueBoolean": True}], "concept": [
            {"code": "red", "display": "Red", "designation": [{"language": "de", "value": "Rot"}]},
            {"code": "mauve", "display": "Mauve", "property": [{"code": "gone", "valueBoolean": True}]},
        ]},
    ],
}  # fmt: skip


def value_set(url: str, *include: Json, **compose: Any) -> Json:
    return {
        "resourceType": "ValueSet", "url": url, "status": "active", "compose": {"include": list(include), **compose},
    }  # fmt: skip


DEFINED = (
    SYSTEM,
    value_set("urn:any", {"system": "urn:colours"}),
    value_set("urn:current", {"system": "urn:colours"}, inactive=False),
    value_set("urn:far", {"system": "urn:not-here"}),
    value_set("urn:far-listed", {"system": "urn:not-here", "concept": [{"code": "x"}]}),
    value_set("urn:far-or-here", {"system": "urn:not-here"}, {"system": "urn:colours"}),
    value_set("urn:but-red", {"system": "urn:colours"}, exclude=[{"valueSet": ["urn:red"]}]),
    value_set("urn:red", {"system": "urn:colours", "concept": [{"code": "red", "display": "Crimson"}]}),
    value_set("urn:circle", {"valueSet": ["urn:circle"]}),
)


@pytest.fixture(scope="module")
def desk() -> Desk:
    canonicals = Layers([Defined(*DEFINED), CoreCanonicals(Version.R4)])
    return Desk(Version.R4, Grammars()).current(canonicals, 0)


async def asked(desk: Desk, url: str, code: str, system: str = "urn:colours", display: str = "") -> Membership:
    return await desk.memberships.member(desk, url, system, "", code, display)


@pytest.mark.parametrize(
    ("url", "system", "code", "result"),
    [
        ("urn:any", "urn:colours", "red", True),
        ("urn:any", "urn:colours", "RED", True),
        ("urn:any", "urn:colours", "green", False),
        ("urn:any", "urn:other", "red", False),
        ("urn:any", "", "red", True),
        ("urn:any", "", "green", False),
        ("urn:any", "urn:colours", "mauve", True),
        ("urn:current", "urn:colours", "mauve", False),
        ("urn:but-red", "urn:colours", "red", False),
        ("urn:but-red", "urn:colours", "mauve", True),
        ("urn:far", "urn:not-here", "x", None),
        ("urn:far", "", "x", None),
        ("urn:far", "urn:colours", "x", False),
        ("urn:far-listed", "urn:not-here", "x", True),
        ("urn:far-listed", "urn:not-here", "y", False),
        ("urn:far-listed", "", "x", True),
        ("urn:far-or-here", "urn:colours", "red", True),
        ("urn:far-or-here", "", "red", True),
        ("urn:circle", "urn:colours", "red", None),
        ("urn:no-such-value-set", "urn:colours", "red", None),
        ("", "urn:colours", "red", True),
        ("", "urn:colours", "green", False),
        ("", "urn:not-here", "x", None),
        ("http://hl7.org/fhir/ValueSet/all-languages", "", "nl-BE", True),
        ("http://hl7.org/fhir/ValueSet/ucum-units", "http://unitsofmeasure.org", "mg/dL", True),
        ("http://hl7.org/fhir/ValueSet/ucum-units", "http://unitsofmeasure.org", "miles", False),
        ("http://hl7.org/fhir/ValueSet/administrative-gender|4.0.1", "", "male", True),
        ("http://hl7.org/fhir/ValueSet/administrative-gender|9.9", "", "male", None),
    ],
)
async def test_membership_is_exact_or_cannot_be_told(
    desk: Desk, url: str, system: str, code: str, result: bool | None
) -> None:
    found = await asked(desk, url, code, system)
    assert found.result is result, found.message
    assert result is not None or found.message


async def test_a_wrong_display_does_not_take_a_code_out_of_its_value_set(desk: Desk) -> None:
    found = await asked(desk, "urn:any", "red", display="Green")
    assert (found.result, found.display_ok, found.display) == (True, False, "Red")
    assert "Red" in found.message
    for right in ("Red", "red", "Rot"):
        assert (await asked(desk, "urn:any", "red", display=right)).display_ok, right
    assert (await asked(desk, "urn:red", "red", display="Crimson")).display_ok


async def test_a_property_counts_by_its_uri(desk: Desk) -> None:
    assert (await asked(desk, "urn:any", "mauve")).inactive
    assert not (await asked(desk, "urn:any", "red")).inactive
    provider = await desk.question(Asked({})).library.code_system("urn:colours")
    assert provider is not None
    concept = await provider.concept("all")
    assert concept is not None
    assert concept.abstract


async def test_an_answer_is_at_hand_the_second_time_until_definitions_change() -> None:
    first = Defined(*DEFINED)
    desk = Desk(Version.R4).current(first, 0)
    assert desk.memberships.get("urn:any", "urn:colours", "", "red", "") is None
    found = await asked(desk, "urn:any", "red")
    assert desk.memberships.get("urn:any", "urn:colours", "", "red", "") is found
    assert desk.current(first, 0).memberships.get("urn:any", "urn:colours", "", "red", "") is found
    changed = Defined(value_set("urn:any", {"system": "urn:colours", "concept": []}), SYSTEM)
    assert (await asked(desk.current(changed, 1), "urn:any", "red")).result is False
