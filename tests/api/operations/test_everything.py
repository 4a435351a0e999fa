"""$everything: https://hl7.org/fhir/R4/patient-operation-everything.html and encounter-operation-everything.html."""

from typing import Any

import httpx
import pytest

from tests.api.given import created, issue, observation, patient, post, put, unique

FORM = {"content-type": "application/x-www-form-urlencoded"}

Record = dict[str, str]


def names(bundle: dict[str, Any], mode: str = "match") -> list[str]:
    return [
        f"{entry['resource']['resourceType']}/{entry['resource']['id']}"
        for entry in bundle.get("entry", [])
        if entry["search"]["mode"] == mode
    ]


def pages(client: httpx.Client, url: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while url:
        answer = client.get(url)
        assert answer.status_code == 200, answer.text
        found.append(answer.json())
        url = next((link["url"] for link in found[-1]["link"] if link["relation"] == "next"), "")
    return found


@pytest.fixture
def record(client: httpx.Client) -> Record:
    """A patient with an organization, an encounter, two observations, and a group that is about somebody else too."""
    organization = created(client, {"resourceType": "Organization", "name": "Clinic"})
    practitioner = created(client, {"resourceType": "Practitioner", "name": [{"family": "Ortiz"}]})
    own = created(client, patient(managingOrganization={"reference": f"Organization/{organization['id']}"}))
    other = created(client, patient())
    about, of_other = f"Patient/{own['id']}", f"Patient/{other['id']}"
    encounter = created(
        client,
        {
            "resourceType": "Encounter",
            "status": "finished",
            "class": {"code": "AMB"},
            "subject": {"reference": about},
            "period": {"start": "2020-03-01", "end": "2020-03-02"},
            "participant": [{"individual": {"reference": f"Practitioner/{practitioner['id']}"}}],
        },
    )
    early = created(client, observation(about, effectiveDateTime="2019-01-01"))
    late = created(
        client,
        observation(about, effectiveDateTime="2020-03-01", encounter={"reference": f"Encounter/{encounter['id']}"}),
    )
    stranger = created(client, observation(of_other))
    appointment = created(
        client,
        {
            "resourceType": "Appointment",
            "status": "proposed",
            "participant": [
                {"actor": {"reference": of_other}, "status": "accepted"},
                {"actor": {"reference": about}, "status": "accepted"},
            ],
        },
    )
    return {
        "patient": about,
        "other": of_other,
        "organization": f"Organization/{organization['id']}",
        "practitioner": f"Practitioner/{practitioner['id']}",
        "encounter": f"Encounter/{encounter['id']}",
        "early": f"Observation/{early['id']}",
        "late": f"Observation/{late['id']}",
        "stranger": f"Observation/{stranger['id']}",
        "appointment": f"Appointment/{appointment['id']}",
    }


def members(record: Record) -> set[str]:
    return {record[name] for name in ("patient", "encounter", "early", "late", "appointment")}


def test_a_patients_record_is_its_compartment_and_what_that_refers_to(client: httpx.Client, record: Record) -> None:
    answer = client.get(f"{record['patient']}/$everything")
    assert answer.status_code == 200, answer.text
    bundle = answer.json()
    assert bundle["type"] == "searchset"
    assert bundle["total"] == 5
    assert names(bundle)[0] == record["patient"]
    assert set(names(bundle)) == members(record)
    assert set(names(bundle, "include")) == {record["organization"], record["practitioner"], record["other"]}
    assert record["stranger"] not in names(bundle) + names(bundle, "include")
    assert [link["relation"] for link in bundle["link"]] == ["self"]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_pages_hold_every_member_once(client: httpx.Client, record: Record, count: int) -> None:
    found = pages(client, f"{record['patient']}/$everything?_count={count}")
    together = [name for page in found for name in names(page)]
    assert sorted(together) == sorted(members(record))
    assert all(len(names(page)) <= count for page in found)
    assert len(found) == -(-5 // count)


def test_what_is_written_between_two_pages_hides_and_repeats_nothing(client: httpx.Client, record: Record) -> None:
    first = client.get(f"{record['patient']}/$everything?_count=2").json()
    created(client, observation(record["patient"]))
    put(client, {**client.get(record["early"]).json(), "status": "amended"})
    rest = pages(client, first["link"][1]["url"])
    together = names(first) + [name for page in rest for name in names(page)]
    assert members(record) <= set(together)
    assert len(together) == len(set(together))


def test_types_narrow_matches_and_includes(client: httpx.Client, record: Record) -> None:
    bundle = client.get(f"{record['patient']}/$everything?_type=Observation,Practitioner").json()
    assert set(names(bundle)) == {record["early"], record["late"]}
    assert names(bundle, "include") == []
    bundle = client.get(f"{record['patient']}/$everything?_type=Encounter&_type=Practitioner").json()
    assert names(bundle, "include") == [record["practitioner"]]
    wrong = client.get(f"{record['patient']}/$everything?_type=Observations")
    assert wrong.status_code == 400


def test_dates_narrow_what_has_a_clinical_date(client: httpx.Client, record: Record) -> None:
    since_2020 = names(client.get(f"{record['patient']}/$everything?start=2020-01-01").json())
    assert record["early"] not in since_2020
    assert {record["patient"], record["late"], record["encounter"]} <= set(since_2020)
    before = names(client.get(f"{record['patient']}/$everything?start=2018&end=2019-12-31").json())
    assert record["early"] in before
    assert record["late"] not in before


def test_since_keeps_what_changed_after_an_instant(client: httpx.Client, record: Record) -> None:
    seen = client.get(record["early"]).json()
    put(client, {**seen, "status": "amended"})
    changed = client.get(record["early"]).json()["meta"]["lastUpdated"]
    bundle = client.get(f"{record['patient']}/$everything", params={"_since": changed}).json()
    assert names(bundle) == [record["early"]]


def test_an_encounters_record_holds_the_encounter_and_its_members(client: httpx.Client, record: Record) -> None:
    bundle = client.get(f"{record['encounter']}/$everything").json()
    assert names(bundle) == [record["encounter"], record["late"]]
    assert set(names(bundle, "include")) == {record["patient"], record["practitioner"]}
    found = pages(client, f"{record['encounter']}/$everything?_count=1")
    assert [names(page) for page in found] == [[record["encounter"]], [record["late"]]]


def test_it_can_be_called_by_post_with_parameters(client: httpx.Client, record: Record) -> None:
    sent = {"resourceType": "Parameters", "parameter": [{"name": "_type", "valueCode": "Encounter"}]}
    answer = post(client, f"/{record['patient']}/$everything", sent)
    assert answer.status_code == 200, answer.text
    assert names(answer.json()) == [record["encounter"]]


def test_post_and_get_give_the_same_page_and_links(client: httpx.Client, record: Record) -> None:
    url = f"/{record['patient']}/$everything"
    asked = client.get(f"{url}?_type=Observation,Encounter&_count=2&_elements=status").json()
    form = client.post(url, content="_type=Observation,Encounter&_count=2&_elements=status", headers=FORM)
    sent = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "_type", "valueCode": "Observation,Encounter"},
            {"name": "_count", "valueInteger": 2},
            {"name": "_elements", "valueString": "status"},
        ],
    }
    assert asked == form.json() == post(client, url, sent).json()
    assert asked["link"][1]["relation"] == "next"
    assert asked["entry"][0]["resource"]["meta"]["tag"][0]["code"] == "SUBSETTED"


def test_a_lasting_resource_is_in_every_range_that_it_reaches_into(client: httpx.Client) -> None:
    about = f"Patient/{created(client, patient())['id']}"

    def encounter(**period: str) -> str:
        resource = {
            "resourceType": "Encounter",
            "status": "finished",
            "class": {"code": "IMP"},
            "subject": {"reference": about},
            "period": period,
        }
        return f"Encounter/{created(client, resource)['id']}"

    long, short, open_end = (
        encounter(start="2019-01-01", end="2021-12-31"),
        encounter(start="2019-01-01", end="2019-01-02"),
        encounter(start="2018-05-01"),
    )
    during = names(client.get(f"{about}/$everything?start=2020-01-01&end=2020-01-31").json())
    assert set(during) == {about, long, open_end}
    assert short in names(client.get(f"{about}/$everything?end=2019-01-01").json())
    assert names(client.get(f"{about}/$everything?end=2018-12-31").json()) == [about, open_end]


def test_binaries_that_attachments_name_are_included(client: httpx.Client) -> None:
    binary = created(client, {"resourceType": "Binary", "contentType": "text/plain", "data": "eA=="})
    about = f"Patient/{created(client, patient())['id']}"
    document = {
        "resourceType": "DocumentReference",
        "status": "current",
        "subject": {"reference": about},
        "content": [{"attachment": {"url": f"Binary/{binary['id']}"}}],
    }
    created(client, document)
    assert names(client.get(f"{about}/$everything").json(), "include") == [f"Binary/{binary['id']}"]


def group(*members: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Group", "type": "person", "actual": True, "member": list(members)}


@pytest.mark.parametrize("count", [1, 2, 3, 1000])
def test_a_groups_record_is_that_of_its_active_patients(client: httpx.Client, record: Record, count: int) -> None:
    third = f"Patient/{created(client, patient())['id']}"
    inactive = created(client, patient())["id"]
    made = created(
        client,
        group(
            {"entity": {"reference": record["patient"]}},
            {"entity": {"reference": third}},
            {"entity": {"reference": f"Patient/{inactive}"}, "inactive": True},
            {"entity": {"reference": f"Patient/{unique()}"}},
        ),
    )
    found = pages(client, f"/Group/{made['id']}/$everything?_count={count}")
    together = [name for page in found for name in names(page)]
    assert sorted(together) == sorted(members(record) | {third, f"Group/{made['id']}"})
    assert all(0 < len(names(page)) <= count for page in found)


def test_a_group_without_patients_has_an_empty_record(client: httpx.Client) -> None:
    made = created(client, group({"entity": {"reference": f"Practitioner/{unique()}"}}))
    bundle = client.get(f"/Group/{made['id']}/$everything").json()
    assert (bundle["total"], bundle.get("entry")) == (0, None)
    assert client.get(f"/Group/{unique()}/$everything").status_code == 404


@pytest.mark.parametrize("count", [2, 1000])
def test_all_patients_records_hold_every_member_once(fresh_client: httpx.Client, count: int) -> None:
    client = fresh_client
    organization = created(client, {"resourceType": "Organization", "name": "Clinic"})
    created(client, {"resourceType": "Organization", "name": "Other"})
    one, two, gone = (
        created(client, patient(managingOrganization={"reference": f"Organization/{organization['id']}"}))["id"]
        for _ in range(3)
    )
    expected = {f"Patient/{one}", f"Patient/{two}"}
    for about in (one, one, two):
        expected.add(f"Observation/{created(client, observation(f'Patient/{about}'))['id']}")
    shared = {
        "resourceType": "Appointment",
        "status": "proposed",
        "participant": [{"actor": {"reference": f"Patient/{id}"}, "status": "accepted"} for id in (gone, two)],
    }
    expected.add(f"Appointment/{created(client, shared)['id']}")
    created(client, observation(f"Patient/{gone}"))
    client.delete(f"/Patient/{gone}")
    found = pages(client, f"/Patient/$everything?_count={count}")
    together = [name for page in found for name in names(page)]
    assert sorted(together) == sorted(expected)
    assert {name for page in found for name in names(page, "include")} == {f"Organization/{organization['id']}"}
    only = pages(client, "/Patient/$everything?_type=Observation")
    assert len(names(only[0])) == 3


def test_a_page_link_is_of_one_record_and_tells_nothing(client: httpx.Client, record: Record) -> None:
    first = client.get(f"{record['patient']}/$everything?_count=2&_type=Observation,Encounter").json()
    cursor = first["link"][1]["url"].partition("_cursor=")[2]
    assert len(cursor) > 20
    changed = ("B" if cursor[0] == "A" else "A") + cursor[1:]
    for url in (
        f"{record['other']}/$everything?_type=Observation,Encounter&_cursor={cursor}",
        f"{record['patient']}/$everything?_type=Observation&_cursor={cursor}",
        f"{record['patient']}/$everything?_type=Observation,Encounter&_cursor={changed}",
        f"/Patient/$everything?_type=Observation,Encounter&_cursor={cursor}",
    ):
        assert client.get(url).status_code == 400
    other = f"{record['patient']}/$everything?_type=Observation,Encounter&_count=1&_cursor={cursor}"
    assert client.get(other).status_code == 200


def test_deleted_resources_are_not_in_a_record(client: httpx.Client, record: Record) -> None:
    client.delete(record["late"])
    client.delete(record["organization"])
    bundle = client.get(f"{record['patient']}/$everything").json()
    assert record["late"] not in names(bundle)
    assert record["organization"] not in names(bundle, "include")


def test_it_needs_a_patient_or_encounter_that_is_there(client: httpx.Client, record: Record) -> None:
    assert client.get(f"/Patient/{unique()}/$everything").status_code == 404
    client.delete(record["other"])
    assert client.get(f"{record['other']}/$everything").status_code == 410
    assert client.get(f"{record['early']}/$everything").status_code == 404
    assert client.get("/Encounter/$everything").status_code == 404
    assert client.get("/Group/$everything").status_code == 404


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("_cuont=1", "_count"),
        ("_count=0", "_count"),
        ("_count=x", "_count"),
        ("start=2020-02-31", "start"),
        ("_cursor=o", "_cursor"),
    ],
)
def test_a_wrong_parameter_is_named(client: httpx.Client, record: Record, query: str, word: str) -> None:
    answer = client.get(f"{record['patient']}/$everything?{query}")
    assert answer.status_code == 400
    assert word in issue(answer)["diagnostics"]
