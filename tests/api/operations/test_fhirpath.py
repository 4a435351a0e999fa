"""$fhirpath, in the form of the public servers (github.com/brianpos/fhirpath-lab, server-api.md)."""

import json
from typing import Any

import httpx
import pytest

from tests.api.given import created, patient, post, unique

PATH = "http://fhir.forms-lab.com/StructureDefinition/resource-path"
JSON_VALUE = "http://fhir.forms-lab.com/StructureDefinition/json-value"
XML_VALUE = "http://fhir.forms-lab.com/StructureDefinition/xml-value"
ADA: dict[str, Any] = {
    "resourceType": "Patient",
    "name": [{"use": "official", "family": "Ekman", "given": ["Ada", "Maria"]}, {"given": ["Addie"]}],
    "birthDate": "1974-12-25",
    "_birthDate": {"extension": [{"url": "http://x", "valueString": "y"}]},
    "contact": [{"gender": "female"}],
}


def parameters(expression: str, resource: Any = ADA, **strings: str) -> dict[str, Any]:
    entries: list[dict[str, Any]] = [{"name": "expression", "valueString": expression}]
    entries += [{"name": name, "valueString": value} for name, value in strings.items()]
    if resource is not None:
        entries.append({"name": "resource", "resource": resource})
    return {"resourceType": "Parameters", "parameter": entries}


def results(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    assert answer.json()["resourceType"] == "Parameters"
    return [entry for entry in answer.json()["parameter"] if entry["name"] == "result"]


def values(client: httpx.Client, expression: str, resource: Any = ADA) -> list[tuple[str, Any]]:
    """Name and value of each part of the only result."""
    (result,) = results(post(client, "/$fhirpath", parameters(expression, resource)))
    return [
        (part["name"], next((value for key, value in part.items() if key.startswith(("value", "resource"))), None))
        for part in result.get("part", [])
    ]


def test_values_have_their_types_and_places(client: httpx.Client) -> None:
    (result,) = results(post(client, "/$fhirpath", parameters("name.given.first() | birthDate")))
    assert result["part"] == [
        {
            "name": "string",
            "extension": [{"url": PATH, "valueString": "Patient.name[0].given[0]"}],
            "valueString": "Ada",
        },
        {
            "name": "date",
            "extension": [{"url": PATH, "valueString": "Patient.birthDate"}],
            "valueDate": "1974-12-25",
            "_valueDate": ADA["_birthDate"],
        },
    ]
    assert "valueString" not in result


def test_every_sort_of_value_can_be_written(client: httpx.Client) -> None:
    assert values(client, "1 | 2.50 | true | 'a' | @2020 | @2020-01-01T10:00:00Z | @T10:00:00") == [
        ("integer", 1), ("decimal", 2.5), ("boolean", True), ("string", "a"), ("date", "2020"),
        ("dateTime", "2020-01-01T10:00:00Z"), ("time", "10:00:00"),
    ]  # fmt: skip
    assert values(client, "name.first()") == [("HumanName", ADA["name"][0])]
    assert values(client, "$this")[0][0] == "Patient"
    assert values(client, "''") == [("empty-string", None)]
    assert values(client, "4 'mg'")[0][1]["code"] == "mg"
    assert values(client, "name.suffix") == []


def test_what_a_parameter_cannot_hold_is_json_in_an_extension(client: httpx.Client) -> None:
    (result,) = results(post(client, "/$fhirpath", parameters("contact | @T10:00")))
    contact, time = result["part"]
    assert (contact["name"], time["name"]) == ("Patient.contact", "time")
    texts = [one["valueString"] for part in (contact, time) for one in part["extension"] if one["url"] == JSON_VALUE]
    assert [json.loads(text) for text in texts] == [{"gender": "female"}, "10:00"]


def test_the_expression_is_evaluated_on_each_item_of_the_context(client: httpx.Client) -> None:
    found = results(post(client, "/$fhirpath", parameters("given.trace('trc', $this).join(' ')", context="name")))
    assert [one["valueString"] for one in found] == ["Patient.name[0]", "Patient.name[1]"]
    value, trace = found[0]["part"]
    assert value == {"name": "string", "valueString": "Ada Maria"}
    assert (trace["name"], trace["valueString"]) == ("trace", "trc")
    assert [part["valueString"] for part in trace["part"]] == ["Ada", "Maria"]
    assert trace["part"][1]["extension"] == [{"url": PATH, "valueString": "Patient.name[0].given[1]"}]
    (computed,) = results(post(client, "/$fhirpath", parameters("$this & 'x'", context="'a' & 'b'")))
    assert (computed["valueString"], computed["part"][0]["valueString"]) == ("'a' & 'b'[0]", "abx")


def test_each_step_can_be_seen(client: httpx.Client) -> None:
    body = parameters("given.where($index = 0) & %v", context="name.first()")
    body["parameter"] += [
        {"name": "debug_trace", "valueBoolean": True},
        {"name": "variables", "part": [{"name": "v", "valueString": "!"}]},
    ]
    answer = post(client, "/$fhirpath", body)
    assert [part["valueString"] for part in results(answer)[0]["part"]] == ["Ada!"]
    (debug,) = [entry for entry in answer.json()["parameter"] if entry["name"] == "debug-trace"]
    assert debug["valueString"] == "Patient.name[0]"
    steps = {part["name"]: part.get("part", []) for part in debug["part"]}
    assert list(steps) == ["0,5,given", "12,6,$index", "21,1,constant", "19,1,=", "6,5,where", "26,2,%v", "24,1,&"]
    assert [(part["name"], part.get("valueString")) for part in steps["0,5,given"]] == [
        ("string", "Ada"), ("string", "Maria"), ("focus-resource-path", "Patient.name[0]"),
        ("this-resource-path", "Patient.name[0]"), ("index", None),
    ]  # fmt: skip
    assert [part["name"] for part in steps["19,1,="]] == ["boolean", "focus-string", "this-string", "index"]
    assert [part.get("valueString") for part in steps["6,5,where"]][:3] == ["Ada", "Ada", "Maria"]


def test_the_answer_says_who_answered_and_what_was_asked(client: httpx.Client) -> None:
    answer = post(client, "/$fhirpath", parameters("name.given | 'x'", context="$this")).json()
    assert answer["parameter"][0]["name"] == "parameters"
    parts = {part["name"]: part for part in answer["parameter"][0]["part"]}
    assert parts["evaluator"]["valueString"].startswith("Suture ") and parts["evaluator"]["valueString"].endswith(
        "(R4)"
    )
    assert parts["expression"]["valueString"] == "name.given | 'x'"
    assert parts["context"]["valueString"] == "$this"
    assert parts["resource"]["resource"] == ADA
    tree = json.loads(parts["parseDebugTree"]["valueString"])
    assert (tree["ExpressionType"], tree["Name"], tree["Position"], tree["Length"]) == ("BinaryExpression", "|", 11, 1)
    assert tree["Arguments"][0]["Arguments"][0]["Name"] == "name"


def test_variables_are_passed_in(client: httpx.Client) -> None:
    body = parameters("%who.name.given & ' ' & %text & %many.count()")
    part = [
        {"name": "who", "resource": {"resourceType": "Practitioner", "name": [{"given": ["Bo"]}]}},
        {"name": "text", "valueString": "!"},
        {"name": "many", "valueInteger": 1},
        {"name": "many", "valueInteger": 2},
    ]
    body["parameter"].append({"name": "variables", "part": part})
    body["parameter"][0]["valueString"] = "%who.name.given & ' ' & %text & %many.count().toString()"
    (result,) = results(post(client, "/$fhirpath", body))
    assert result["part"][0]["valueString"] == "Bo !2"


def test_variables_have_the_types_that_their_values_say(client: httpx.Client) -> None:
    dose = {"value": 500, "system": "http://unitsofmeasure.org", "code": "mg"}
    for part, expression, wanted in (
        ({"valueQuantity": dose}, "%v < 1 'g'", True),
        ({"valueDate": "2020-01-31"}, "%v + 1 month = @2020-02-29", True),
        ({"valueCode": "x"}, "%v is code", True),
        ({}, "%v.empty()", True),
        ({"extension": [{"url": JSON_VALUE, "valueString": '{"gender": "female"}'}]}, "%v.gender = 'female'", True),
    ):
        body = parameters(expression)
        body["parameter"] += [
            {"name": "variables", "part": [{"name": "other", "valueString": "y"}]},
            {"name": "variables", "part": [{"name": "v", **part}]},
        ]
        (result,) = results(post(client, "/$fhirpath", body))
        assert result["part"][0]["valueBoolean"] is wanted, expression


def test_the_resource_may_be_text_in_an_extension_or_the_body_itself(client: httpx.Client) -> None:
    for url, text in (
        (JSON_VALUE, json.dumps(ADA)),
        (XML_VALUE, '<Patient xmlns="http://hl7.org/fhir"><name><family value="Ekman"/></name></Patient>'),
    ):
        body = parameters("name.family", None)
        body["parameter"].append({"name": "resource", "extension": [{"url": url, "valueString": text}]})
        (result,) = results(post(client, "/$fhirpath", body))
        assert result["part"][0]["valueString"] == "Ekman"
    body = parameters("name.family", None)
    body["parameter"].append({"name": "resource", "valueString": json.dumps(ADA)})
    (result,) = results(post(client, "/$fhirpath", body))
    assert result["part"][0]["valueString"] == "Ekman"
    (result,) = results(post(client, "/$fhirpath?expression=name.family", ADA))
    assert result["part"][0]["valueString"] == "Ekman"
    (result,) = results(client.get("/$fhirpath", params={"expression": "1 + 1"}))
    assert result["part"] == [{"name": "integer", "valueInteger": 2}]


def test_references_lead_to_resources_of_this_server(client: httpx.Client) -> None:
    name = unique()
    there = created(client, {"resourceType": "Organization", "name": name})
    sent = ADA | {"managingOrganization": {"reference": f"Organization/{there['id']}"}}
    assert values(client, "managingOrganization.resolve().name", sent) == [("string", name)]
    missing = ADA | {"managingOrganization": {"reference": f"Organization/{unique()}"}}
    assert values(client, "managingOrganization.resolve().exists()", missing) == [("boolean", False)]


def test_codes_are_looked_up_in_the_terminology(client: httpx.Client) -> None:
    genders = "'http://hl7.org/fhir/ValueSet/administrative-gender'"
    assert values(client, f"contact.gender.memberOf({genders})") == [("boolean", True)]
    assert values(client, f"name.use.memberOf({genders})") == [("boolean", False)]
    assert values(client, "contact.gender.memberOf('http://unknown')") == []


def test_operations_of_the_terminology_can_be_called(client: httpx.Client) -> None:
    genders = "'http://hl7.org/fhir/ValueSet/administrative-gender'"
    result = ".parameter.where(name = 'result').value"
    assert values(client, f"%terminologies.expand({genders}, 'count=2').expansion.contains.count()") == [("integer", 2)]
    assert values(client, f"%terminologies.validateVS({genders}, contact.gender){result}") == [("boolean", True)]
    concept = ".parameter.where(name = 'match').part.where(name = 'concept').value.code"
    asked = (
        ("http://hl7.org/fhir/administrative-gender", "male", "%terminologies.lookup(%c.code.coding)"
         ".parameter.where(name = 'display').value", "Male"),
        ("http://hl7.org/fhir/address-use", "home", "%terminologies.translate("
         f"'http://hl7.org/fhir/ConceptMap/cm-address-use-v2', %c.code.coding){concept}", "H"),
    )  # fmt: skip
    for system, code, expression, wanted in asked:
        body = parameters(expression)
        coded = {"resourceType": "Observation", "code": {"coding": [{"system": system, "code": code}]}}
        body["parameter"].append({"name": "variables", "part": [{"name": "c", "resource": coded}]})
        (found,) = results(post(client, "/$fhirpath", body))
        assert [part.get("valueString") or part.get("valueCode") for part in found["part"]] == [wanted]


@pytest.mark.parametrize(
    ("expression", "status", "code", "complaint"),
    [
        ("name.where(", 400, "invalid", "Expected an expression, found the end"),
        ("name.givn", 400, "invalid", "A FHIR HumanName has no element 'givn', at column 6"),
        ("foo()", 400, "invalid", "There is no function foo()"),
        ("name.given + 'x'", 422, "processing", "takes a single item"),
        ("%nobody", 422, "processing", "There is no variable %nobody"),
        ("'a'.repeatAll($this)", 403, "too-costly", "more than 100000 items"),
    ],
)
def test_mistakes_are_told_in_an_outcome(
    client: httpx.Client, expression: str, status: int, code: str, complaint: str
) -> None:
    answer = post(client, "/$fhirpath", parameters(expression))
    assert answer.status_code == status
    (issue,) = answer.json()["issue"]
    assert issue["code"] == code
    assert complaint in issue["diagnostics"]


def test_the_judgement_of_elements_can_be_switched_off(client: httpx.Client) -> None:
    body = parameters("name.givn")
    body["parameter"].append({"name": "validate", "valueBoolean": False})
    (result,) = results(post(client, "/$fhirpath", body))
    assert "part" not in result


def test_a_call_without_expression_or_with_a_wrong_resource_is_refused(client: httpx.Client) -> None:
    assert post(client, "/$fhirpath", parameters("")).status_code == 400
    assert post(client, "/$fhirpath", {"resourceType": "Parameters"}).status_code == 400
    assert post(client, "/$fhirpath", patient()).status_code == 400
    body = parameters("1", None)
    body["parameter"].append({"name": "resource", "valueString": "x"})
    assert post(client, "/$fhirpath", body).status_code == 400
