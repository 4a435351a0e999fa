"""Value sets that include several versions of a code system: https://hl7.org/fhir/R4/valueset.html#compositions."""

from typing import Any

import pytest

from suture.terminology.validation import subject_of_coding, subject_of_concept
from suture.terminology.value_sets import members
from tests.terminology.asking import Asking, Json, code_system, value_set, values

pytestmark = pytest.mark.anyio

TEAS = "urn:teas"


def part(version: str = "", *codes: str) -> Json:
    named = {"version": version} if version else {}
    return {"system": TEAS, **named} | ({"concept": [{"code": code} for code in codes]} if codes else {})


ASKING = Asking(
    code_system(
        TEAS,
        {"code": "black", "display": "Black tea"},
        {"code": "mate", "display": "Mate"},
        {"code": "rose", "display": "Rose hip"},
        version="1.0.0",
    ),
    code_system(
        TEAS,
        {"code": "black", "display": "Black tea"},
        {"code": "mate", "display": "Yerba mate"},
        {"code": "white", "display": "White tea"},
        version="2.0.0",
    ),
    value_set("urn:both", part("1.0.0"), part("2.0.0")),
    value_set("urn:without-old-mate", part("1.0.0"), part("2.0.0"), exclude=[part("1.0.0", "mate")]),
    value_set("urn:without-mate", part("1.0.0"), part("2.0.0"), exclude=[part("", "mate")]),
    value_set("urn:new-only", part("2.0.0"), exclude=[part("1.0.0")]),
    value_set("urn:part-of-a-version", part("2")),
)


async def answered(url: str, **coding: Any) -> Json:
    answer = await ASKING.validation(url, subject_of_coding({"system": TEAS, **coding}))
    return values(answer.parameters["parameter"])


async def test_a_code_without_version_may_be_of_any_of_them_the_newest_first() -> None:
    assert (await answered("urn:both", code="black"))["version"] == "2.0.0"
    assert (await answered("urn:both", code="rose"))["version"] == "1.0.0"
    white = await answered("urn:both", code="white")
    assert (white["result"], white["version"]) == (True, "2.0.0")
    assert "issues" not in white


async def test_its_display_tells_which_version_is_meant() -> None:
    old, new = await answered("urn:both", code="mate", display="Mate"), await answered("urn:both", code="mate")
    assert (old["result"], old["version"]) == (True, "1.0.0")
    assert (new["result"], new["version"]) == (True, "2.0.0")
    wrong = await answered("urn:both", code="mate", display="Tea")
    assert wrong["result"] is False
    assert "'Yerba mate'" in wrong["message"]


async def test_a_version_that_is_sent_is_held_to() -> None:
    assert (await answered("urn:both", code="mate", version="2.0.0", display="Mate"))["result"] is False
    assert (await answered("urn:both", code="mate", version="1.0.0", display="Mate"))["result"] is True
    white = await answered("urn:both", code="white", version="1.0.0")
    assert white["result"] is False
    assert "version '1.0.0'" in white["message"]


async def test_an_unknown_code_is_told_of_once() -> None:
    unknown = await answered("urn:both", code="coffee")
    issues = unknown["issues"]["issue"]
    assert [one["details"]["coding"][0]["code"] for one in issues] == ["invalid-code", "not-in-vs"]
    assert "version '2.0.0'" in issues[0]["details"]["text"]


async def test_an_exclude_for_one_version_leaves_the_other() -> None:
    expansion = await ASKING.expansion("urn:without-old-mate")
    kept = [(one["code"], one["version"]) for one in expansion["contains"]]
    assert ("mate", "2.0.0") in kept
    assert ("mate", "1.0.0") not in kept
    assert (await answered("urn:without-old-mate", code="mate", version="1.0.0"))["result"] is False
    assert (await answered("urn:without-old-mate", code="mate", version="2.0.0"))["result"] is True


async def test_an_exclude_without_version_takes_off_both() -> None:
    assert "mate" not in await ASKING.codes("urn:without-mate")
    assert (await answered("urn:without-mate", code="mate"))["result"] is False


async def test_where_one_version_is_included_an_exclude_for_another_counts() -> None:
    assert await ASKING.codes("urn:new-only") == ["white"]
    assert (await answered("urn:new-only", code="black"))["result"] is False
    assert (await answered("urn:new-only", code="white"))["result"] is True


async def test_of_a_concept_the_first_coding_that_fits_is_answered() -> None:
    codings = [{"system": TEAS, "code": code} for code in ("coffee", "white", "black")]
    answer = await ASKING.validation("urn:both", subject_of_concept({"coding": codings}))
    assert values(answer.parameters["parameter"])["code"] == "white"


async def test_the_first_number_of_a_version_alone_is_no_version() -> None:
    found = await answered("urn:part-of-a-version", code="white")
    assert found["result"] is False
    assert found["issues"]["issue"][0]["details"]["coding"][0]["code"] == "not-found"


async def test_a_checked_version_that_fails_is_told_at_the_version() -> None:
    subject = subject_of_coding({"system": TEAS, "code": "black"})
    answer = await ASKING.validation("urn:new-only", subject, check_system_version=f"{TEAS}|1.0.x")
    assert ("VALUESET_VERSION_CHECK", "Coding.version") in [(one.id, one.place) for one in answer.problems]


@pytest.mark.parametrize(
    ("value_set_url", "codes"),
    [
        ("urn:both", {"black", "mate", "rose", "white"}),
        ("urn:without-old-mate", {"black", "mate", "rose", "white"}),
        ("urn:without-mate", {"black", "rose", "white"}),
        ("urn:new-only", {"white"}),
    ],
)
async def test_a_search_knows_the_same_codes(value_set_url: str, codes: set[str]) -> None:
    found = await members(await ASKING.question().value_set(value_set_url))
    assert {code for code in ("black", "mate", "rose", "white", "coffee") if code in found[TEAS]} == codes
