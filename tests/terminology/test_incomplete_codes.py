"""What is validated though something is missing, as HL7's terminology ecosystem wants it."""

import pytest

from suture.terminology.problems import Refused
from suture.terminology.validation import Subject, subject_of_code, subject_of_coding, subject_of_concept
from tests.terminology.asking import Asking, Json, code_system, value_set

pytestmark = pytest.mark.anyio

ROOMS, ALL = "urn:rooms", "urn:rooms:all"
ASKING = Asking(
    code_system(ROOMS, {"code": "hall", "display": "Hall"}, language="en"),
    value_set(ALL, {"system": ROOMS}),
)
NO_SYSTEM = "Coding_has_no_system__cannot_validate"
NO_CODE = "Coding_has_no_code__cannot_validate"
NEITHER = "Coding_has_no_system_or_code__cannot_validate"
NOT_IN = "None_of_the_provided_codes_are_in_the_value_set_one"
NONE_IN = "TX_GENERAL_CC_ERROR_MESSAGE"


@pytest.mark.parametrize(
    ("subject", "severities"),
    [
        (subject_of_coding({"code": "hall"}), {NO_SYSTEM: "warning", NOT_IN: "error"}),
        (subject_of_coding({"system": ROOMS}), {NO_CODE: "warning"}),
        (subject_of_coding({"display": "Hall"}), {NEITHER: "warning"}),
        (
            subject_of_concept({"coding": [{"code": "hall"}]}),
            {NO_SYSTEM: "warning", NOT_IN: "information", NONE_IN: "error"},
        ),
        (subject_of_concept({"coding": [{"system": ROOMS}]}), {NO_CODE: "warning", NONE_IN: "error"}),
    ],
)
async def test_a_coding_that_lacks_something_is_not_valid(subject: Subject, severities: dict[str, str]) -> None:
    answer = await ASKING.validation(ALL, subject, inferSystem=True)
    assert answer.result is False
    assert {one.id: one.severity for one in answer.problems} == severities


@pytest.mark.parametrize("other", [{"code": "hall"}, {"system": "urn:unknown", "code": "x"}, {"system": ROOMS}])
async def test_another_coding_that_lacks_something_does_no_harm(other: Json) -> None:
    subject = subject_of_concept({"coding": [other, {"system": ROOMS, "code": "hall"}]})
    answer = await ASKING.validation(ALL, subject)
    assert answer.result is True
    assert {one.severity for one in answer.problems} <= {"warning", "information"}
    assert answer.problems


async def test_the_system_of_a_code_by_itself_is_inferred() -> None:
    answer = await ASKING.validation(ALL, subject_of_code("", "", "hall", ""), inferSystem=True)
    assert answer.result is True


@pytest.mark.parametrize("language", ["-", "d e", "en;q=1,<b>"])
async def test_what_is_no_language_is_refused(language: str) -> None:
    with pytest.raises(Refused, match="Invalid displayLanguage"):
        await ASKING.expansion(ALL, displayLanguage=language)
    assert (await ASKING.expansion(ALL, displayLanguage="de-CH,*;q=0.1"))["total"] == 1
