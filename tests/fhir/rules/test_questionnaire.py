"""Questionnaires and the answers to them."""

from decimal import Decimal
from typing import Any

import pytest

from suture.fhir.rules import Expectations
from suture.fhir.versions import Version
from tests.fhir.rules.judging import Json, judged, places

URL = "http://a.org/Questionnaire/q"
CORE = "http://hl7.org/fhir/StructureDefinition/"
SDC = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-"


def item(link: str, type: str = "string", **members: Any) -> Json:
    return {"linkId": link, "type": type, **members}


def form(*items: Json, **members: Any) -> Json:
    return {"resourceType": "Questionnaire", "url": URL, "status": "active", "item": list(items), **members}


def given(link: str, *answers: Json, **members: Any) -> Json:
    found = {"linkId": link, **members}
    return {**found, "answer": list(answers)} if answers else found


def response(*items: Json, status: str = "completed", **members: Any) -> Json:
    return {
        "resourceType": "QuestionnaireResponse",
        "questionnaire": URL,
        "status": status,
        "item": list(items),
        **members,
    }


def faults(answered: Json, asked: Json, severity: str = "error") -> list[str]:
    prefix = "QuestionnaireResponse."
    return [place.removeprefix(prefix) for place in places(answered, asked, severity=severity)]


YES, NO = {"valueBoolean": True}, {"valueBoolean": False}
TEXT = {"valueString": "text"}


# Questionnaires


def test_a_condition_names_another_item_that_comes_first() -> None:
    def on(question: str) -> Json:
        return {"enableWhen": [{"question": question, "operator": "exists", "answerBoolean": True}]}

    assert places(form(item("1"), item("2", **on("1")))) == []
    assert places(form(item("1"), item("2", **on("3")))) == ["Questionnaire.item[1]"]
    assert places(form(item("1", **on("1")))) == ["Questionnaire.item[0]"]
    assert places(form(item("1", "group", item=[item("2")], **on("2")))) == ["Questionnaire.item[0]"]
    assert "Questionnaire.item[0]" in places(form(item("1", **on("2")), item("2")), severity="warning")


def test_initial_values_are_of_the_type_of_the_item() -> None:
    wrong = form(item("1", "date", initial=[{"valueString": "today"}]))
    assert "Questionnaire.item[0].initial[0]" in places(wrong, severity="warning")


# What is asked, and what is answered


def test_answers_to_what_is_asked_are_fine() -> None:
    asked = form(item("1", "group", required=True, item=[item("2", required=True), item("3", "boolean")]))
    assert faults(response(given("1", item=[given("2", TEXT), given("3", YES)])), asked) == []


@pytest.mark.parametrize(
    ("answered", "place"),
    [
        (response(given("9", TEXT)), "QuestionnaireResponse"),
        (response(given("2", TEXT), given("1", TEXT)), "item[1]"),
        (response(given("1", TEXT, TEXT)), "item[0]"),
        (response(given("4", TEXT)), "item[0]"),
        (response(given("3", TEXT)), "item[0]"),
        (response(given("5", TEXT)), "item[0]"),
        (response(given("1", TEXT, item=[given("4", TEXT)])), "item[0]"),
    ],
)
def test_an_item_is_in_its_place_of_the_form(answered: Json, place: str) -> None:
    asked = form(item("1"), item("2"), item("3", "group", item=[item("4")]), item("5", "display"))
    assert place in faults(answered, asked)


def test_items_below_a_question_stand_in_its_answer() -> None:
    asked = form(item("1", item=[item("2", required=True)]))
    assert faults(response(given("1", {**TEXT, "item": [given("2", TEXT)]})), asked) == []
    assert faults(response(given("1", TEXT)), asked) == ["item[0].answer[0]"]


def test_what_is_required_is_missing_from_a_finished_response_only() -> None:
    asked = form(item("1", required=True), item("2"))
    assert faults(response(given("2", TEXT)), asked) == [""] or faults(response(given("2", TEXT)), asked)
    assert faults(response(given("2", TEXT), status="in-progress"), asked) == []


def test_an_item_that_does_not_repeat_is_there_once() -> None:
    twice = response(given("1", TEXT), given("1", TEXT))
    assert faults(twice, form(item("1", repeats=True))) == []
    assert faults(twice, form(item("1"))) != []


def test_how_often_an_item_may_be_answered_can_be_limited() -> None:
    def limited(name: str, value: int) -> Json:
        extension = [{"url": f"{CORE}questionnaire-{name}", "valueInteger": value}]
        return form(item("1", repeats=True, required=True, extension=extension))

    assert faults(response(given("1", TEXT, TEXT)), limited("minOccurs", 2)) == []
    assert faults(response(given("1", TEXT)), limited("minOccurs", 2)) == ["item[0]"]
    assert faults(response(given("1", TEXT, TEXT)), limited("maxOccurs", 1)) == ["item[0]"]


def test_a_text_that_is_not_the_one_of_the_form_is_a_warning() -> None:
    asked = form(item("1", text="How are you?"))
    assert "item[0]" in faults(response(given("1", TEXT, text="Who are you?")), asked, "warning")


def test_a_form_that_is_not_known_is_a_warning_or_an_error() -> None:
    unknown = response(given("1", TEXT))
    assert "QuestionnaireResponse" in places(unknown, severity="warning")
    assert places(unknown, expectations=Expectations(questionnaire="required")) == ["QuestionnaireResponse"]
    assert places(unknown, expectations=Expectations(questionnaire="none")) == []


def test_the_form_may_be_contained() -> None:
    asked = {**form(item("1", "boolean")), "id": "q"}
    answered = response(given("1", TEXT), contained=[asked], questionnaire="#q")
    assert places(answered) == ["QuestionnaireResponse.item[0].answer[0].value"]


# Conditions


def conditional(operator: str, **answer: Any) -> Json:
    condition = {"question": "1", "operator": operator, **answer}
    return item("2", required=True, enableWhen=[condition])


@pytest.mark.parametrize(
    ("type", "value", "operator", "wanted", "asked"),
    [
        ("boolean", YES, "=", {"answerBoolean": True}, True),
        ("boolean", NO, "=", {"answerBoolean": True}, False),
        ("boolean", NO, "!=", {"answerBoolean": True}, True),
        ("boolean", NO, "exists", {"answerBoolean": True}, True),
        ("boolean", NO, "exists", {"answerBoolean": False}, False),
        ("integer", {"valueInteger": 3}, ">", {"answerInteger": 2}, True),
        ("integer", {"valueInteger": 2}, ">", {"answerInteger": 2}, False),
        ("integer", {"valueInteger": 2}, ">=", {"answerInteger": 2}, True),
        ("decimal", {"valueDecimal": Decimal("1.9")}, "<", {"answerDecimal": 2}, True),
        ("decimal", {"valueDecimal": Decimal("2.0")}, "<=", {"answerDecimal": 2}, True),
        ("date", {"valueDate": "2020-01-02"}, ">", {"answerDate": "2020-01-01"}, True),
        ("time", {"valueTime": "10:00:00"}, "<", {"answerTime": "09:00:00"}, False),
        ("string", TEXT, "=", {"answerString": "text"}, True),
        ("choice", {"valueCoding": {"system": "s:s", "code": "a", "display": "A"}}, "=",
         {"answerCoding": {"system": "s:s", "code": "a"}}, True),
        ("choice", {"valueCoding": {"system": "s:s", "code": "b"}}, "=",
         {"answerCoding": {"system": "s:s", "code": "a"}}, False),
        ("quantity", {"valueQuantity": {"value": 1, "system": "http://unitsofmeasure.org", "code": "kg"}}, ">",
         {"answerQuantity": {"value": 900, "system": "http://unitsofmeasure.org", "code": "g"}}, True),
    ],
)  # fmt: skip
def test_an_item_is_answered_when_its_condition_holds_and_only_then(
    type: str, value: Json, operator: str, wanted: Json, asked: bool
) -> None:
    questionnaire = form(item("1", type), conditional(operator, **wanted))
    answered, left_out = response(given("1", value), given("2", TEXT)), response(given("1", value))
    assert ("item[1]" in faults(answered, questionnaire)) != asked
    assert bool(faults(left_out, questionnaire)) == asked


def test_conditions_combine_as_the_item_says() -> None:
    conditions = [{"question": link, "operator": "=", "answerBoolean": True} for link in "12"]
    answered = response(given("1", YES), given("2", NO), given("3", TEXT))
    for behaviour, fine in (("any", True), ("all", False)):
        asked = form(
            item("1", "boolean"), item("2", "boolean"), item("3", enableWhen=conditions, enableBehavior=behaviour)
        )
        assert (not faults(answered, asked)) == fine


def test_of_a_group_that_repeats_each_has_its_own_conditions() -> None:
    inner = item("2", enableWhen=[{"question": "1", "operator": "=", "answerBoolean": True}])
    asked = form(item("g", "group", repeats=True, item=[item("1", "boolean"), inner]))
    first, second = (
        given("g", item=[given("1", YES), given("2", TEXT)]),
        given("g", item=[given("1", NO), given("2", TEXT)]),
    )
    assert faults(response(first, second), asked) == ["item[1].item[1]"]


# Answers


@pytest.mark.parametrize(
    ("asked", "answer", "place"),
    [
        (item("1", "decimal"), TEXT, "item[0].answer[0].value"),
        (item("1", "text"), YES, "item[0].answer[0].value"),
        (item("1", "url"), TEXT, "item[0].answer[0].value"),
        (item("1", maxLength=3), TEXT, "item[0].answer[0].value"),
        (item("1", extension=[{"url": CORE + "minLength", "valueInteger": 9}]), TEXT, "item[0].answer[0].value"),
        (item("1", extension=[{"url": CORE + "regex", "valueString": "[0-9]+"}]), TEXT, "item[0].answer[0].value"),
        (item("1", "integer", extension=[{"url": CORE + "minValue", "valueInteger": 9}]), {"valueInteger": 8},
         "item[0].answer[0].value"),
        (item("1", "date", extension=[{"url": CORE + "maxValue", "valueDate": "2020"}]), {"valueDate": "2021-01-01"},
         "item[0].answer[0].value"),
        (item("1", "decimal", extension=[{"url": CORE + "maxDecimalPlaces", "valueInteger": 1}]),
         {"valueDecimal": Decimal("1.25")}, "item[0].answer[0].value"),
        (item("1", "attachment", extension=[{"url": CORE + "maxSize", "valueDecimal": 4}]),
         {"valueAttachment": {"contentType": "text/plain", "data": "aGVsbG8="}}, "item[0].answer[0]"),
        (item("1", "reference", extension=[{"url": CORE + "questionnaire-referenceResource", "valueCode": "Patient"}]),
         {"valueReference": {"reference": "Group/1"}}, "item[0].answer[0].value"),
        (item("1", "choice", answerOption=[{"valueCoding": {"system": "s:s", "code": "a"}}]),
         {"valueCoding": {"system": "s:s", "code": "b"}}, "item[0].answer[0]"),
        (item("1", "time", answerOption=[{"valueTime": "10:00:00"}]),
         {"valueTime": "11:00:00"}, "item[0].answer[0].value"),
        (item("1", "choice", answerValueSet="http://a.org/vs"),
         {"valueCoding": {"system": "http://code.system", "code": "z"}}, "item[0].answer[0]"),
    ],
)  # fmt: skip
def test_an_answer_is_of_its_type_and_within_its_limits(asked: Json, answer: Json, place: str) -> None:
    assert place in faults(response(given("1", answer)), form(asked))


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (item("1", maxLength=4), TEXT),
        (item("1", "date", extension=[{"url": CORE + "maxValue", "valueDate": "2020"}]), {"valueDate": "2020-12-31"}),
        (item("1", "choice", answerOption=[{"valueCoding": {"system": "s:s", "code": "a"}}]),
         {"valueCoding": {"system": "s:s", "code": "a", "display": "A"}}),
        (item("1", "open-choice", answerOption=[{"valueCoding": {"system": "s:s", "code": "a"}}]), TEXT),
        (item("1", "choice", answerValueSet="http://a.org/vs"),
         {"valueCoding": {"system": "http://code.system", "code": "a"}}),
    ],
)  # fmt: skip
def test_answers_that_are_right_are_fine(asked: Json, answer: Json) -> None:
    assert faults(response(given("1", answer)), form(asked)) == []


def quantity(value: int, code: str) -> Json:
    return {"value": value, "system": "http://unitsofmeasure.org", "code": code, "unit": code}


def test_quantities_are_compared_in_their_units() -> None:
    asked = form(item("1", "quantity", extension=[{"url": SDC + "maxQuantity", "valueQuantity": quantity(2, "kg")}]))
    assert faults(response(given("1", {"valueQuantity": quantity(1900, "g")})), asked) == []
    assert faults(response(given("1", {"valueQuantity": quantity(2100, "g")})), asked) != []
    assert faults(response(given("1", {"valueQuantity": quantity(1, "m")})), asked) != []


def test_a_unit_is_one_of_those_that_the_form_offers() -> None:
    options = [
        {"url": CORE + "questionnaire-unitOption", "valueCoding": {"system": "http://unitsofmeasure.org", "code": "kg"}}
    ]
    asked = form(item("1", "quantity", extension=options))
    assert faults(response(given("1", {"valueQuantity": quantity(1, "kg")})), asked) == []
    assert faults(response(given("1", {"valueQuantity": quantity(1, "g")})), asked) == ["item[0].answer[0].value"]


def test_the_options_may_be_a_contained_value_set() -> None:
    compose = {"include": [{"system": "s:s", "concept": [{"code": "a"}]}]}
    options = {"resourceType": "ValueSet", "id": "v", "status": "active", "compose": compose}
    asked = form(item("1", "choice", answerValueSet="#v"), contained=[options])
    assert faults(response(given("1", {"valueCoding": {"system": "s:s", "code": "a"}})), asked) == []
    assert faults(response(given("1", {"valueCoding": {"system": "s:s", "code": "b"}})), asked) == ["item[0].answer[0]"]


def test_an_exclusive_answer_is_the_only_one() -> None:
    exclusive = [{"url": CORE + "questionnaire-optionExclusive", "valueBoolean": True}]
    alone: Json = {"extension": exclusive, "valueCoding": {"system": "s:s", "code": "none"}}
    asked = form(item("1", "choice", repeats=True, answerOption=[*options("a", "b"), alone]))
    a, b, none = ({"valueCoding": {"system": "s:s", "code": code}} for code in ("a", "b", "none"))
    assert faults(response(given("1", a, b)), asked) == []
    assert faults(response(given("1", none)), asked) == []
    assert faults(response(given("1", a, none)), asked) == ["item[0].answer[1]"]


def test_an_answer_of_another_type_than_the_options_is_none_of_them() -> None:
    asked = form(item("1", "choice", answerOption=[{"valueCoding": {"system": "s:s", "code": "a"}}]))
    assert faults(response(given("1", {"valueString": "a"})), asked) == ["item[0].answer[0]"]


def test_the_abstract_type_of_questions_has_no_answers() -> None:
    assert faults(response(given("1", TEXT)), form(item("1", "question"))) == ["item[0]"]


def test_a_response_is_of_the_time_of_its_form() -> None:
    asked = form(item("1"), effectivePeriod={"start": "2022"})
    answered = response(given("1", TEXT), authored="2021-12-31")
    assert "authored" in faults(answered, asked, "warning")


def test_a_form_may_have_rules_of_its_own() -> None:
    parts = {"key": "valueId", "severity": "valueCode", "human": "valueString", "expression": "valueString"}
    values = {"key": "k", "severity": "error", "human": "Two answers!", "expression": "answer.count() = 2"}
    extension: Json = {"url": CORE + "questionnaire-constraint"}
    extension["extension"] = [{"url": name, key: values[name]} for name, key in parts.items()]
    asked = form(item("1", repeats=True, extension=[extension]))
    assert faults(response(given("1", TEXT, TEXT)), asked) == []
    assert faults(response(given("1", TEXT)), asked) == ["item[0]"]


def test_a_condition_may_be_an_expression() -> None:
    code = "%resource.item.where(linkId = '1').answer.value = true"
    expression = {"language": "text/fhirpath", "expression": code}
    asked = form(
        item("1", "boolean"),
        item("2", extension=[{"url": SDC + "enableWhenExpression", "valueExpression": expression}]),
    )
    assert faults(response(given("1", YES), given("2", TEXT)), asked) == []
    assert faults(response(given("1", NO), given("2", TEXT)), asked) == ["item[1]"]


def test_broken_responses_raise_nothing() -> None:
    broken: list[Any] = [{"linkId": 1}, {"linkId": "1", "answer": [None, {"valueString": 3}, 7]}, "x", None]
    assert judged(response(*broken), form(item("1", maxLength=3)))


# Questionnaires that are derived


def derived(kind: str, *items: Json) -> Json:
    code = {"system": "http://hl7.org/fhir/questionnaire-derivationType", "code": kind}
    how = {"extension": [{"url": CORE + "questionnaire-derivationType", "valueCoding": code}]}
    return form(*items, url="http://a.org/Questionnaire/derived", derivedFrom=[URL], _derivedFrom=[how])


def options(*codes: str) -> list[Json]:
    return [{"valueCoding": {"system": "s:s", "code": code}} for code in codes]


BASE = form(
    item("1", required=True), item("2", "group", item=[item("3", "choice", repeats=True, answerOption=options(*"ab"))])
)


@pytest.mark.parametrize(
    ("kind", "first", "third", "place"),
    [
        ("compliesWith", item("1", required=True), item("3", "choice", answerOption=options("a")), ""),
        ("compliesWith", item("1"), item("3", "choice"), "item[0].required"),
        ("compliesWith", item("1", "text", required=True), item("3", "choice"), "item[0].type"),
        ("compliesWith", item("1", required=True, repeats=True), item("3", "choice"), "item[0].repeats"),
        (
            "compliesWith",
            item("1", required=True),
            item("3", "choice", answerOption=options("a", "c")),
            "item[1].item[0].answerOption[1]",
        ),
        ("compliesWith", item("1", required=True), item("4"), "item[1].item[0]"),
        ("extends", item("1"), item("3", "choice", repeats=True, answerOption=options(*"abc")), ""),
        ("extends", item("1"), item("3", "choice", answerOption=options(*"ab")), "item[1].item[0].repeats"),
        ("extends", item("1"), item("3", "choice", repeats=True, answerOption=options("a")), "item[1].item[0]"),
        ("extends", item("1", "text"), item("3", "choice", repeats=True), "item[0].type"),
        ("inspiredBy", item("1", "text"), item("4"), ""),
    ],
)
def test_a_derived_form_keeps_its_promise(kind: str, first: Json, third: Json, place: str) -> None:
    found = places(derived(kind, first, item("2", "group", item=[third])), BASE)
    assert found == ([f"Questionnaire.{place}"] if place else [])


def test_a_derived_form_has_the_items_that_it_must_have() -> None:
    group = item("2", "group", item=[item("3", "choice", repeats=True)])
    assert places(derived("compliesWith", group), BASE) == ["Questionnaire"]
    assert places(derived("extends", group), BASE) == ["Questionnaire"]


# R5


def codings(constraint: str) -> Json:
    return item(
        "1", "coding", answerConstraint=constraint, answerOption=[{"valueCoding": {"system": "s:s", "code": "a"}}]
    )


@pytest.mark.parametrize(
    ("constraint", "answer", "fine"),
    [
        ("optionsOnly", {"valueCoding": {"system": "s:s", "code": "a"}}, True),
        ("optionsOnly", {"valueCoding": {"system": "s:s", "code": "b"}}, False),
        ("optionsOnly", TEXT, False),
        ("optionsOrType", {"valueCoding": {"system": "s:s", "code": "b"}}, True),
        ("optionsOrString", TEXT, True),
        ("optionsOrString", {"valueCoding": {"system": "s:s", "code": "b"}}, False),
    ],
)
def test_in_r5_an_item_says_whether_other_answers_are_welcome(constraint: str, answer: Json, fine: bool) -> None:
    found = places(response(given("1", answer)), form(codings(constraint)), version=Version.R5)
    assert (not found) == fine
