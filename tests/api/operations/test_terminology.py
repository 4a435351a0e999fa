"""The terminology operations over HTTP: https://hl7.org/fhir/R4/terminology-service.html."""

from typing import Any

import httpx
import pytest

from tests.api.given import created, issue, post, put, unique
from tests.terminology.asking import code_system, value_set

Json = dict[str, Any]

GENDER = "http://hl7.org/fhir/administrative-gender"
GENDERS = "http://hl7.org/fhir/ValueSet/administrative-gender"

ANIMALS = (
    {
        "code": "animal",
        "display": "Animal",
        "concept": [
            {"code": "dog", "display": "Dog", "designation": [{"language": "de", "value": "Hund"}]},
            {"code": "cat", "display": "Cat"},
            {"code": "dodo", "display": "Dodo", "property": [{"code": "status", "valueCode": "retired"}]},
        ],
    },
)


class Zoo:
    """A code system and a value set of its own on a server."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client
        self.system = f"urn:zoo:{unique()}"
        self.value_set = f"{self.system}:all"
        self.system_id = created(client, code_system(self.system, *ANIMALS))["id"]
        self.id = created(client, value_set(self.value_set, {"system": self.system}))["id"]

    def expand(self, **parameters: Any) -> Json:
        answer = self.client.get("/ValueSet/$expand", params={"url": self.value_set, **parameters})
        assert answer.status_code == 200, answer.text
        return answer.json()["expansion"]

    def codes(self, **parameters: Any) -> list[str]:
        return [one["code"] for one in self.expand(excludeNested="true", **parameters).get("contains", ())]

    def validate(self, **parameters: Any) -> Json:
        given = {"url": self.value_set, "system": self.system, **parameters}
        answer = self.client.get("/ValueSet/$validate-code", params=given)
        assert answer.status_code == 200, answer.text
        return read(answer.json())


def read(parameters: Json) -> Json:
    return {
        one["name"]: next(value for name, value in one.items() if name != "name") for one in parameters["parameter"]
    }


@pytest.fixture
def zoo(client: httpx.Client) -> Zoo:
    return Zoo(client)


def test_expansion_in_a_tree_and_flat(zoo: Zoo) -> None:
    tree = zoo.expand()
    assert tree["total"] == 4
    assert [one["code"] for one in tree["contains"]] == ["animal"]
    assert [one["code"] for one in tree["contains"][0]["contains"]] == ["dog", "cat", "dodo"]
    assert zoo.codes() == ["animal", "dog", "cat", "dodo"]
    assert zoo.codes(activeOnly="true") == ["animal", "dog", "cat"]


def test_expansion_in_pages_and_by_text(zoo: Zoo) -> None:
    assert zoo.codes(count="2") == ["animal", "dog"]
    assert zoo.codes(count="2", offset="2") == ["cat", "dodo"]
    assert zoo.expand(count="0")["total"] == 4
    assert "contains" not in zoo.expand(count="0")
    assert zoo.codes(filter="do") == ["dog", "dodo"]
    assert zoo.codes(filter="hun") == ["dog"]


def test_expansion_in_another_language(zoo: Zoo) -> None:
    def displays(language: str) -> list[str | None]:
        return [one.get("display") for one in zoo.expand(displayLanguage=language, excludeNested="true")["contains"]]

    assert displays("de") == ["Animal", "Hund", "Cat", "Dodo"]
    assert displays("de,*;q=0")[1] == "Hund"
    designations = zoo.expand(includeDesignations="true", excludeNested="true")["contains"][1]["designation"]
    assert designations == [{"language": "de", "value": "Hund"}]


def test_expansion_of_an_instance_and_of_a_value_set_that_is_sent(zoo: Zoo) -> None:
    answer = zoo.client.get(f"/ValueSet/{zoo.id}/$expand")
    assert answer.json()["expansion"]["total"] == 4
    part = {"system": zoo.system, "filter": [{"property": "concept", "op": "descendent-of", "value": "animal"}]}
    sent = post(zoo.client, "/ValueSet/$expand", value_set("urn:sent", part, exclude=[]))
    assert [one["code"] for one in sent.json()["expansion"]["contains"]] == ["dog", "cat", "dodo"]


def test_a_change_of_a_code_system_counts_at_once(zoo: Zoo) -> None:
    assert zoo.validate(code="fish")["result"] is False
    changed = code_system(zoo.system, {"code": "fish", "display": "Fish"}) | {"id": zoo.system_id}
    assert put(zoo.client, changed).status_code == 200
    found = zoo.validate(code="fish")
    assert (found["result"], found["display"]) == (True, "Fish")
    assert zoo.codes() == ["fish"]


def test_a_newer_version_of_a_code_system_counts_at_once(zoo: Zoo) -> None:
    def asked(operation: str, **parameters: str) -> httpx.Response:
        return zoo.client.get(f"/CodeSystem/{operation}", params=parameters)

    def known(version: str = "") -> bool:
        named = {"version": version} if version else {}
        found = read(asked("$validate-code", url=zoo.system, code="fish", **named).json())["result"]
        assert (asked("$lookup", system=zoo.system, code="fish", **named).status_code == 200) is found
        return found

    assert (known(), known("1"), known("2")) == (False, False, False)
    newer = created(zoo.client, code_system(zoo.system, {"code": "fish", "display": "Fish"}, version="2"))
    assert (known(), known("1"), known("2")) == (True, False, True)
    assert zoo.client.delete(f"/CodeSystem/{newer['id']}").status_code in (200, 204)
    assert (known(), known("1"), known("2")) == (False, False, False)


def test_a_code_is_judged_with_everything_that_is_to_be_said_of_it(zoo: Zoo) -> None:
    assert zoo.validate(code="dog")["result"] is True
    assert zoo.validate(code="dog", display="hund", displayLanguage="de")["result"] is True
    wrong = zoo.validate(code="dog", display="Wolf")
    assert wrong["result"] is False
    assert "Wrong Display Name 'Wolf'" in wrong["message"]
    assert zoo.validate(code="dog", display="Wolf", **{"lenient-display-validation": "true"})["result"] is True
    old = zoo.validate(code="dodo")
    assert (old["result"], old["inactive"], old["status"]) == (True, True, "retired")
    assert zoo.validate(code="dodo", activeOnly="true")["result"] is False
    unknown = zoo.validate(code="unicorn")
    assert unknown["result"] is False
    codes = {one["details"]["coding"][0]["code"] for one in unknown["issues"]["issue"]}
    assert codes == {"not-in-vs", "invalid-code"}


def test_a_codeable_concept_is_valid_when_one_of_its_codings_is(zoo: Zoo) -> None:
    codings = [{"system": "urn:elsewhere", "code": "x"}, {"system": zoo.system, "code": "cat"}]
    parameters = [
        {"name": "url", "valueUri": zoo.value_set},
        {"name": "codeableConcept", "valueCodeableConcept": {"coding": codings}},
    ]
    answer = post(zoo.client, "/ValueSet/$validate-code", {"resourceType": "Parameters", "parameter": parameters})
    found = read(answer.json())
    assert found["code"] == "cat"
    assert found["x-caused-by-unknown-system"] == "urn:elsewhere"


def test_a_code_of_a_code_system(zoo: Zoo) -> None:
    def validate(path: str, **parameters: str) -> Json:
        return read(zoo.client.get(f"{path}/$validate-code", params=parameters).json())

    assert validate("/CodeSystem", url=zoo.system, code="dog")["display"] == "Dog"
    assert validate(f"/CodeSystem/{zoo.system_id}", code="dog")["result"] is True
    assert validate("/CodeSystem", url=zoo.system, code="unicorn")["result"] is False
    assert validate("/CodeSystem", url="urn:nowhere", code="x")["x-caused-by-unknown-system"] == "urn:nowhere"
    assert validate("/CodeSystem", coding=f"{zoo.system}|cat")["result"] is True


def test_what_is_not_here_is_an_error_that_names_it(client: httpx.Client) -> None:
    for operation in ("$expand", "$validate-code"):
        answer = client.get(f"/ValueSet/{operation}", params={"url": "urn:nowhere", "code": "a", "system": "urn:x"})
        assert answer.status_code == 400
        found = issue(answer)
        assert found["code"] == "not-found"
        assert found["details"]["text"] == "A definition for the value Set 'urn:nowhere' could not be found"
    sent = post(client, "/ValueSet/$expand", value_set("urn:v", {"system": "urn:nowhere"}))
    assert sent.status_code == 404
    assert "urn:nowhere" in issue(sent)["details"]["text"]


def test_lookup_tells_what_is_known_of_a_code(zoo: Zoo) -> None:
    answer = zoo.client.get("/CodeSystem/$lookup", params={"system": zoo.system, "code": "dog"})
    parameters = answer.json()["parameter"]
    assert read(answer.json())["display"] == "Dog"
    parts = [read({"parameter": one["part"]}) for one in parameters if one["name"] == "property"]
    assert {"code": "parent", "value": "animal", "description": "Animal"} in parts
    gender = zoo.client.get("/CodeSystem/$lookup", params={"system": GENDER, "code": "female"})
    assert read(gender.json())["display"] == "Female"
    missing = zoo.client.get("/CodeSystem/$lookup", params={"system": zoo.system, "code": "unicorn"})
    assert missing.status_code == 404
    assert zoo.client.get("/CodeSystem/$lookup", params={"code": "dog"}).status_code == 400


def test_subsumption(zoo: Zoo) -> None:
    def outcome(a: str, b: str) -> str:
        answer = zoo.client.get("/CodeSystem/$subsumes", params={"system": zoo.system, "codeA": a, "codeB": b})
        assert answer.status_code == 200, answer.text
        return read(answer.json())["outcome"]

    assert outcome("animal", "dog") == "subsumes"
    assert outcome("dog", "animal") == "subsumed-by"
    assert outcome("dog", "cat") == "not-subsumed"
    assert outcome("dog", "dog") == "equivalent"
    answer = zoo.client.get(f"/CodeSystem/{zoo.system_id}/$subsumes", params={"codeA": "animal", "codeB": "unicorn"})
    assert answer.status_code == 404


def test_translation_both_ways(zoo: Zoo) -> None:
    target = f"urn:tiere:{unique()}"
    group = {
        "source": zoo.system,
        "target": target,
        "element": [{"code": "dog", "target": [{"code": "hund", "equivalence": "equivalent"}]}],
        "unmapped": {"mode": "fixed", "code": "tier"},
    }
    map = {"resourceType": "ConceptMap", "url": f"{target}:map", "status": "active", "group": [group]}
    id = created(zoo.client, map)["id"]

    def translated(path: str, **parameters: str) -> Json:
        answer = zoo.client.get(f"{path}/$translate", params=parameters)
        assert answer.status_code == 200, answer.text
        found = answer.json()["parameter"]
        matches = [read({"parameter": one["part"]}) for one in found if one["name"] == "match"]
        return {"result": found[0]["valueBoolean"], "codes": [one["concept"]["code"] for one in matches]}

    assert translated("/ConceptMap", system=zoo.system, code="dog") == {"result": True, "codes": ["hund"]}
    assert translated("/ConceptMap", sourceSystem=zoo.system, sourceCode="dog", targetSystem=target)["result"] is True
    assert translated(f"/ConceptMap/{id}", system=zoo.system, code="cat")["codes"] == ["tier"]
    back = translated("/ConceptMap", url=f"{target}:map", system=target, code="hund", reverse="true")
    assert back["codes"] == ["dog"]
    assert translated("/ConceptMap", system=zoo.system, code="dog", targetsystem="urn:other")["result"] is False


def test_a_closure_table_grows_and_can_be_read_again(zoo: Zoo) -> None:
    name = unique()

    def closure(*codes: str, **more: str) -> httpx.Response:
        concepts = [{"name": "concept", "valueCoding": {"system": zoo.system, "code": code}} for code in codes]
        texts = [{"name": key, "valueString": value} for key, value in {"name": name, **more}.items()]
        return post(zoo.client, "/$closure", {"resourceType": "Parameters", "parameter": [*texts, *concepts]})

    def pairs(answer: httpx.Response) -> set[tuple[str, str]]:
        assert answer.status_code == 200, answer.text
        groups = answer.json().get("group", ())
        return {(e["code"], t["code"]) for group in groups for e in group["element"] for t in e["target"]}

    assert closure("dog").status_code == 404
    assert pairs(closure()) == set()
    assert pairs(closure("dog", "cat")) == set()
    added = closure("animal")
    assert pairs(added) == {("dog", "animal"), ("cat", "animal")}
    assert added.json()["version"] == "2"
    assert pairs(closure(version="0")) == {("dog", "animal"), ("cat", "animal")}
    assert pairs(closure(version="2")) == set()
    assert closure(version="9").status_code == 422


def test_many_codes_at_once(zoo: Zoo) -> None:
    def validation(*parameters: Json) -> Json:
        return {"name": "validation", "resource": {"resourceType": "Parameters", "parameter": list(parameters)}}

    url = {"name": "url", "valueUri": zoo.value_set}
    asked = [
        validation(url, {"name": "coding", "valueCoding": {"system": zoo.system, "code": "dog"}}),
        validation(url, {"name": "coding", "valueCoding": {"system": zoo.system, "code": "unicorn"}}),
        validation({"name": "coding", "valueCoding": {"system": zoo.system, "code": "cat"}}),
        validation({"name": "url", "valueUri": "urn:nowhere"}, {"name": "code", "valueCode": "x"}),
    ]
    answer = post(zoo.client, "/ValueSet/$batch-validate-code", {"resourceType": "Parameters", "parameter": asked})
    found = [one["resource"] for one in answer.json()["parameter"]]
    assert [one["resourceType"] for one in found] == ["Parameters", "Parameters", "Parameters", "OperationOutcome"]
    assert [read(one)["result"] for one in found[:3]] == [True, False, True]
    again = post(zoo.client, "/ValueSet/$validate-code", {"resourceType": "Parameters", "parameter": asked})
    assert again.json() == answer.json()


def test_definitions_can_be_sent_along_and_kept_under_a_name(client: httpx.Client) -> None:
    url = f"urn:sent:{unique()}"
    resource = {"name": "tx-resource", "resource": code_system(url, {"code": "a", "display": "A"})}
    coding = {"name": "coding", "valueCoding": {"system": url, "code": "a"}}
    cache = {"name": "cache-id", "valueId": unique()}

    def result(*parameters: Json) -> bool:
        given = {"resourceType": "Parameters", "parameter": [coding, *parameters]}
        return read(post(client, "/CodeSystem/$validate-code", given).json())["result"]

    assert result() is False
    assert result(resource) is True
    assert result() is False
    assert result(resource, cache) is True
    assert result(cache) is True


def test_versions_of_a_code_system(client: httpx.Client) -> None:
    url = f"urn:versions:{unique()}"
    for version, code in (("1.0.0", "a"), ("1.2.0", "b"), ("2.0.0", "c")):
        created(client, code_system(url, {"code": code}, version=version))

    def here(**parameters: str) -> set[str]:
        answer = client.get("/ValueSet/$expand", params={"url": f"{url}:vs", **parameters})
        assert answer.status_code == 200, answer.text
        return {one["code"] for one in answer.json()["expansion"]["contains"]}

    created(client, value_set(f"{url}:vs", {"system": url}))
    assert here() == {"c"}
    assert here(**{"system-version": f"{url}|1.0.0"}) == {"a"}
    assert here(**{"system-version": f"{url}|1.x.x"}) == {"b"}
    assert here(**{"force-system-version": f"{url}|1.2"}) == {"b"}
    failing = client.get("/ValueSet/$expand", params={"url": f"{url}:vs", "check-system-version": f"{url}|3"})
    assert failing.status_code == 404
    found = client.get("/CodeSystem/$validate-code", params={"url": url, "version": "9", "code": "a"}).json()
    assert "Valid versions: 1.0.0, 1.2.0 and 2.0.0" in read(found)["message"]


def test_too_many_codes_are_refused_without_a_count(client: httpx.Client) -> None:
    url = f"urn:many:{unique()}"
    created(client, code_system(url, *({"code": f"c{number:04}"} for number in range(1500))))
    created(client, value_set(f"{url}:vs", {"system": url}))
    answer = client.get("/ValueSet/$expand", params={"url": f"{url}:vs"})
    assert answer.status_code == 400
    assert issue(answer)["code"] == "too-costly"
    page = client.get("/ValueSet/$expand", params={"url": f"{url}:vs", "count": "3", "offset": "1200"})
    assert [one["code"] for one in page.json()["expansion"]["contains"]] == ["c1200", "c1201", "c1202"]
    assert page.json()["expansion"]["total"] == 1500


def test_packaged_definitions_answer(client: httpx.Client) -> None:
    expansion = client.get("/ValueSet/$expand", params={"url": GENDERS}).json()["expansion"]
    assert {one["display"] for one in expansion["contains"]} == {"Male", "Female", "Other", "Unknown"}
    found = client.get("/ValueSet/$validate-code", params={"url": GENDERS, "code": "male", "inferSystem": "true"})
    assert read(found.json())["system"] == GENDER


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("/ValueSet/$expand", {}),
        ("/ValueSet/$expand", {"url": GENDERS, "count": "-1"}),
        ("/ValueSet/$expand", {"url": GENDERS, "count": "many"}),
        ("/ValueSet/$expand", {"url": GENDERS, "activeOnly": "perhaps"}),
        ("/ValueSet/$expand", {"url": GENDERS, "system-version": "no-version"}),
        ("/ValueSet/$validate-code", {"url": GENDERS}),
        ("/ValueSet/$validate-code", {"url": GENDERS, "code": "male"}),
        ("/CodeSystem/$validate-code", {"code": "male"}),
        ("/CodeSystem/$validate-code", {"url": GENDER}),
        ("/CodeSystem/$lookup", {"system": GENDER, "code": "male", "date": "yesterday"}),
        ("/CodeSystem/$subsumes", {"codeA": "male", "codeB": "female"}),
        ("/CodeSystem/$lookup", {"system": GENDER}),
        ("/CodeSystem/$subsumes", {"system": GENDER, "codeA": "male"}),
        ("/ConceptMap/$translate", {}),
    ],
)
def test_what_cannot_be_understood_is_refused(client: httpx.Client, path: str, parameters: dict[str, str]) -> None:
    answer = client.get(path, params=parameters)
    assert answer.status_code == 400
    details = issue(answer)["details"]
    assert details["text"]
    assert details["coding"][0]["system"] == "http://hl7.org/fhir/tools/CodeSystem/tx-issue-type"


def test_built_in_code_systems_answer(client: httpx.Client) -> None:
    found = client.get("/CodeSystem/$lookup", params={"system": "urn:oid:2.16.840.1.113883.6.8", "code": "mg"}).json()
    assert {"name": "system", "valueUri": "http://unitsofmeasure.org"} in found.get("parameter", ()), found
    languages = {"url": "http://hl7.org/fhir/ValueSet/languages", "filter": "Chinese (Sing"}
    contains = client.get("/ValueSet/$expand", params=languages).json()["expansion"]["contains"]
    assert [one["code"] for one in contains] == ["zh-SG"]


def test_an_expansion_without_one_of_its_code_systems(zoo: Zoo) -> None:
    both = created(
        zoo.client, value_set(f"{zoo.value_set}:both", {"system": zoo.system}, {"system": GENDER})
    )["id"]  # fmt: skip
    answer = zoo.client.get(f"/ValueSet/{both}/$expand", params={"exclude-system": zoo.system}).json()["expansion"]
    assert {one["system"] for one in answer["contains"]} == {GENDER}
    assert {"name": "exclude-system", "valueCanonical": zoo.system} in answer["parameter"]
