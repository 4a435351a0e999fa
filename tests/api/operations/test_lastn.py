"""$lastn: https://hl7.org/fhir/R4/observation-operation-lastn.html."""

from typing import Any

import httpx
import pytest

from tests.api.given import created, issue, observation, patient, post

FORM = {"content-type": "application/x-www-form-urlencoded"}
LOINC = "http://loinc.org"


def concept(*codes: str, text: str = "") -> dict[str, Any]:
    codings = [{"system": LOINC, "code": code} for code in codes]
    return ({"coding": codings} if codings else {}) | ({"text": text} if text else {})


def category(code: str) -> list[dict[str, Any]]:
    return [
        {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": code}]},
    ]


class Ward:
    """One patient and what was observed about it, by names."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client
        self.id: str = created(client, patient())["id"]
        self.names: dict[str, str] = {}

    def observe(self, name: str, day: str, *codes: str, text: str = "", **more: Any) -> None:
        when = {"effectiveDateTime": day} if day else {}
        about = {"code": concept(*codes, text=text), **when, **more}
        kept = created(self.client, observation(f"Patient/{self.id}", **about))
        self.names[kept["id"]] = name

    def last(self, **parameters: Any) -> list[str]:
        answer = self.client.get("/Observation/$lastn", params={"patient": self.id, **parameters})
        assert answer.status_code == 200, answer.text
        bundle = answer.json()
        entries = bundle.get("entry", [])
        assert bundle["total"] == len(entries)
        assert {entry["search"]["mode"] for entry in entries} <= {"match"}
        return [self.names[entry["resource"]["id"]] for entry in entries]


@pytest.fixture
def ward(client: httpx.Client) -> Ward:
    return Ward(client)


def test_the_newest_of_each_code(ward: Ward) -> None:
    for day in ("2020-01-01", "2020-01-03", "2020-01-02"):
        ward.observe(f"weight {day}", day, "29463-7")
    ward.observe("height", "2019-01-01", "8302-2")
    assert ward.last() == ["weight 2020-01-03", "height"]
    assert ward.last(max="2") == ["weight 2020-01-03", "weight 2020-01-02", "height"]
    assert ward.last(max="100") == ["weight 2020-01-03", "weight 2020-01-02", "weight 2020-01-01", "height"]


def test_groups_stay_together_the_one_with_the_newest_first(ward: Ward) -> None:
    ward.observe("a1", "2020-01-01", "a")
    ward.observe("a4", "2020-01-04", "a")
    ward.observe("b2", "2020-01-02", "b")
    ward.observe("b3", "2020-01-03", "b")
    assert ward.last(max="2") == ["a4", "a1", "b3", "b2"]


def test_ties_are_all_given(ward: Ward) -> None:
    for number in range(3):
        ward.observe(f"tie {number}", "2020-02-02T10:00:00Z", "a")
    ward.observe("tie in another zone", "2020-02-02T11:00:00+01:00", "a")
    ward.observe("newest", "2020-02-03T10:00:00Z", "a")
    ward.observe("older", "2020-02-01", "a")
    assert ward.last() == ["newest"]
    assert len(ward.last(max="2")) == 5
    assert len(ward.last(max="4")) == 5
    assert len(ward.last(max="6")) == 6


def test_observations_without_a_time_come_last_and_do_not_tie(ward: Ward) -> None:
    for number in range(3):
        ward.observe(f"undated {number}", "", "a")
    ward.observe("dated", "2020-01-01", "a")
    assert ward.last() == ["dated"]
    assert len(ward.last(max="2")) == 2


def test_codes_with_a_shared_coding_are_one_group_also_by_way_of_a_third(ward: Ward) -> None:
    ward.observe("newest a", "2020-01-05", "a")
    ward.observe("newest c", "2020-01-04", "c")
    ward.observe("d alone", "2020-01-03", "d")
    assert ward.last() == ["newest a", "newest c", "d alone"]
    ward.observe("old link a b", "2010-01-01", "a", "b")
    assert ward.last() == ["newest a", "newest c", "d alone"]
    ward.observe("older link b c", "2009-01-01", "b", "c")
    assert ward.last() == ["newest a", "d alone"]
    assert ward.last(max="2") == ["newest a", "newest c", "d alone"]
    assert ward.last(max="3") == ["newest a", "newest c", "old link a b", "d alone"]


def test_text_alone_groups_letter_by_letter(ward: Ward) -> None:
    for number, text in enumerate(("textM", "Text", "t e x t", "Text")):
        ward.observe(f"{text} {number}", f"2020-01-0{number + 1}", text=text)
    ward.observe("coded", "2020-01-09", "a", text="Text")
    assert ward.last() == ["coded", "Text 3", "t e x t 2", "textM 0"]


def test_the_same_code_of_two_systems_is_two_groups(ward: Ward) -> None:
    ward.observe("one", "2020-01-01", code={"coding": [{"system": "urn:one", "code": "x"}]})
    ward.observe("two", "2020-01-02", code={"coding": [{"system": "urn:two", "code": "x", "display": "X"}]})
    ward.observe("two again", "2020-01-03", code={"coding": [{"system": "urn:two", "code": "x", "display": "other"}]})
    assert ward.last() == ["two again", "one"]


def test_search_parameters_narrow_what_is_grouped(ward: Ward) -> None:
    ward.observe("vital", "2020-01-01", "a", category=category("vital-signs"))
    ward.observe("lab", "2020-01-02", "a", category=category("laboratory"))
    ward.observe("wrong", "2020-01-03", "a", category=category("vital-signs"), status="entered-in-error")
    assert ward.last() == ["wrong"]
    assert ward.last(category="vital-signs", status="final") == ["vital"]
    assert ward.last(code="a", date="lt2020-01-03") == ["lab"]
    assert ward.last(**{"status:not": "entered-in-error"}) == ["lab"]
    assert ward.last(code="nothing") == []


def test_observations_about_several_patients_are_grouped_for_each(client: httpx.Client, ward: Ward) -> None:
    other = Ward(client)
    ward.observe("one", "2020-01-01", "a")
    other.observe("other", "2020-01-02", "a")
    bundle = client.get("/Observation/$lastn", params={"subject": f"Patient/{ward.id},Patient/{other.id}"}).json()
    assert len(bundle["entry"]) == 2
    assert client.get("/Observation/$lastn", params={"subject:Patient._id": ward.id}).json()["total"] == 1


def test_get_and_post_are_the_same(client: httpx.Client, ward: Ward) -> None:
    ward.observe("x", "2020-01-01", "a", category=category("vital-signs"))
    url = "/Observation/$lastn"
    asked = client.get(f"{url}?patient={ward.id}&category=vital-signs&code={LOINC}%7Ca&max=3&_elements=status")
    form = f"patient={ward.id}&category=vital-signs&code={LOINC}%7Ca&max=3&_elements=status"
    sent = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "patient", "valueString": ward.id},
            {"name": "category", "valueCode": "vital-signs"},
            {"name": "code", "valueCoding": {"system": LOINC, "code": "a"}},
            {"name": "max", "valuePositiveInt": 3},
            {"name": "_elements", "valueString": "status"},
        ],
    }
    assert asked.json() == client.post(url, content=form, headers=FORM).json() == post(client, url, sent).json()
    (only,) = asked.json()["link"]
    assert only == {
        "relation": "self",
        "url": f"{client.base_url}Observation/$lastn"
        f"?patient={ward.id}&category=vital-signs&code={LOINC}%7Ca&max=3&_elements=status",
    }
    assert asked.json()["entry"][0]["resource"]["meta"]["tag"][0]["code"] == "SUBSETTED"
    assert client.get(only["url"]).json() == asked.json()
    referred = {
        "resourceType": "Parameters",
        "parameter": [{"name": "subject", "valueReference": {"reference": f"Patient/{ward.id}"}}],
    }
    assert post(client, url, referred).json()["total"] == 1


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("code=a", "patient"),
        ("patient=1&max=0", "max"),
        ("patient=1&max=x", "max"),
        ("patient=1&max=1&max=2", "max"),
        ("patient=1&_sort=date", "_sort"),
        ("patient=1&_count=1", "_count"),
        ("patient=1&_summary=count", "_summary"),
        ("patient=1&caetgory=x", "category"),
    ],
)
def test_what_is_wrong_is_named(client: httpx.Client, query: str, word: str) -> None:
    answer = client.get(f"/Observation/$lastn?{query}")
    assert answer.status_code == 400
    assert word in issue(answer)["diagnostics"]


def test_it_is_on_observations_as_a_whole(client: httpx.Client) -> None:
    assert client.get("/Patient/$lastn?patient=1").status_code == 404
    assert client.get("/Observation/1/$lastn?patient=1").status_code == 404


def test_more_than_the_budget_is_too_costly(database_url: str, start_server: Any) -> None:
    server = start_server(database_url, SUTURE_SEARCH_BUDGET="100", SUTURE_MAX_COUNT="60")
    with httpx.Client(base_url=server.fhir, timeout=30) as client:
        ward = Ward(client)
        for number in range(101):
            ward.observe(str(number), f"2020-01-01T00:{number // 60:02}:{number % 60:02}Z", "a")
        refused = client.get(f"/Observation/$lastn?patient={ward.id}")
        assert (refused.status_code, issue(refused)["code"]) == (403, "too-costly")
        assert "narrow" in issue(refused)["diagnostics"]
        ward.observe("other", "2020-01-01", "b")
        assert ward.last(code="b") == ["other"]
