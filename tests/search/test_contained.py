"""Contained resources: `_contained`, `_containedType`, and chains that lead into them.

Specification: https://hl7.org/fhir/R4/search.html#contained.
"""

from typing import Any

import pytest

from suture.fhir.definitions import type_number
from suture.fhir.json import decode
from suture.fhir.outcomes import Invalid
from suture.store.check import check
from suture.store.predicate import Predicate
from tests.search.conftest import Driven

Resource = dict[str, Any]
SYSTEM = "http://example.org/medications"


def medication(id: str, code: str, **more: Any) -> Resource:
    return {"resourceType": "Medication", "id": id, "code": {"coding": [{"system": SYSTEM, "code": code}]}, **more}


def request(id: str, *contained: Resource, **more: Any) -> Resource:
    return {
        "resourceType": "MedicationRequest",
        "id": id,
        "status": "active",
        "intent": "order",
        "subject": {"reference": "Patient/p"},
        "medicationReference": {"reference": "#" + contained[0]["id"]} if contained else {"reference": "Medication/m"},
        "contained": list(contained),
        **more,
    }


RESOURCES: tuple[Resource, ...] = (
    {"resourceType": "Patient", "id": "p", "name": [{"family": "Chalmers"}], "gender": "male"},
    {"resourceType": "Organization", "id": "o", "name": "Acme"},
    medication("m", "abc", status="active"),
    medication("other", "xyz"),
    request("r1", medication("m1", "abc", status="active")),
    # No one of these has both code abc and status inactive; the request refers to the second one.
    request("r2", medication("m1", "def", status="inactive"), medication("m2", "abc", status="active"),
            medicationReference={"reference": "#m2"}),
    request("r3", medication("m1", "def", manufacturer={"reference": "Organization/o"},
                             batch={"lotNumber": "Lot 1", "expirationDate": "2030-05"})),
    request("r4", medication("a", "abc"), medication("b", "abc"), medication("c", "def", status="inactive")),
    request("r5") | {"contained": []},
    {"resourceType": "Observation", "id": "o1", "status": "final", "code": {"text": "x"},
     "subject": {"reference": "#pat"}, "performer": [{"reference": "#prac"}],
     "contained": [
         {"resourceType": "Patient", "id": "pat", "name": [{"family": "Inner"}], "gender": "female",
          "identifier": [{"system": "urn:mrn", "value": "77"}], "birthDate": "1980-02-03"},
         {"resourceType": "Practitioner", "id": "prac", "name": [{"family": "Chalmers"}]},
     ]},
    {"resourceType": "Encounter", "id": "e1", "status": "finished", "class": {"code": "AMB"},
     "subject": {"reference": "Patient/p"}, "serviceProvider": {"reference": "#org"},
     "location": [{"location": {"reference": "#ward"}}],
     "contained": [
         {"resourceType": "Location", "id": "ward", "name": "Ward", "managingOrganization": {"reference": "#org"}},
         {"resourceType": "Location", "id": "bed", "name": "Bed", "partOf": {"reference": "#ward"}},
         {"resourceType": "Organization", "id": "org", "name": "Hospital"},
     ]},
    {"resourceType": "List", "id": "l1", "status": "current", "mode": "working",
     "entry": [{"item": {"reference": "#inlist"}}, {"item": {"reference": "Location/stored"}}],
     "contained": [{"resourceType": "Location", "id": "inlist", "name": "Listed"},
                   {"resourceType": "Location", "id": "unlisted", "name": "Not listed"}]},
    {"resourceType": "Location", "id": "stored", "name": "Stored"},
)  # fmt: skip
for one in RESOURCES:
    if not one.get("contained", True):
        del one["contained"]


def inside(url: str) -> str:
    """The URL with contained resources as its results."""
    return url + "&_containedType=contained"


@pytest.mark.parametrize(
    ("url", "containers", "within"),
    (
        ("Medication?code=abc&_contained=true", "r1 r2 r4", "r1#m1 r2#m2 r4#a r4#b"),
        ("Medication?code=abc", "m", "m"),
        ("Medication?code=abc&_contained=false", "m", "m"),
        ("Medication?code=abc&_contained=both", "m r1 r2 r4", "m r1#m1 r2#m2 r4#a r4#b"),
        (f"Medication?code={SYSTEM}|def&_contained=true", "r2 r3 r4", "r2#m1 r3#m1 r4#c"),
        ("Medication?code=xyz&_contained=true", "", ""),
        ("Medication?code=xyz&_contained=both", "other", "other"),
        # Everything that is asked holds for one and the same contained resource.
        ("Medication?code=abc&status=inactive&_contained=true", "", ""),
        ("Medication?code=def&status=inactive&_contained=true", "r2 r4", "r2#m1 r4#c"),
        ("Medication?code:not=abc&_contained=true", "r2 r3 r4", "r2#m1 r3#m1 r4#c"),
        ("Medication?code:not=abc&_contained=both", "other r2 r3 r4", "other r2#m1 r3#m1 r4#c"),
        ("Medication?status:missing=true&_contained=true", "r3 r4", "r3#m1 r4#a r4#b"),
        ("Medication?status:missing=false&_contained=true", "r1 r2 r4", "r1#m1 r2#m1 r2#m2 r4#c"),
        ("Medication?_contained=true", "r1 r2 r3 r4", "r1#m1 r2#m1 r2#m2 r3#m1 r4#a r4#b r4#c"),
        ("Medication?_contained=both", "m other r1 r2 r3 r4", "m other r1#m1 r2#m1 r2#m2 r3#m1 r4#a r4#b r4#c"),
        ("Medication?_id=m1&_contained=true", "r1 r2 r3", "r1#m1 r2#m1 r3#m1"),
        ("Medication?_id=m,m2&_contained=both", "m r2", "m r2#m2"),
        ("Medication?expiration-date=2030&_contained=true", "r3", "r3#m1"),
        ("Medication?expiration-date=lt2030&_contained=true", "", ""),
        ("Medication?manufacturer=Organization/o&_contained=true", "r3", "r3#m1"),
        ("Medication?manufacturer.name=acme&_contained=true", "r3", "r3#m1"),
        ("Medication?lot-number=Lot 1&code=def&_contained=true", "r3", "r3#m1"),
        ("Medication?_filter=code eq abc or lot-number pr true&_contained=true", "r1 r2 r3 r4",
         "r1#m1 r2#m2 r3#m1 r4#a r4#b"),
        ("Patient?name=inner&_contained=true", "o1", "o1#pat"),
        ("Patient?name:exact=Inner&gender=female&_contained=true", "o1", "o1#pat"),
        ("Patient?name=inner&gender=male&_contained=true", "", ""),
        ("Patient?identifier=urn:mrn|77&_contained=both", "o1", "o1#pat"),
        ("Patient?birthdate=ge1980-02&_contained=both", "o1", "o1#pat"),
        ("Patient?name=chalmers&_contained=both", "p", "p"),
        ("?_type=Patient,Practitioner&_contained=true", "o1", "o1#pat o1#prac"),
        ("?_type=Patient,Practitioner&name=chalmers&_contained=both", "o1 p", "o1#prac p"),
        # What refers to a contained resource is its container, or another one in it.
        ("Medication?_has:MedicationRequest:medication:status=active&_contained=true", "r1 r2 r3 r4",
         "r1#m1 r2#m2 r3#m1 r4#a"),
        ("Medication?_has:MedicationRequest:medication:status=active&_contained=both", "m r1 r2 r3 r4",
         "m r1#m1 r2#m2 r3#m1 r4#a"),
        ("Medication?_has:MedicationRequest:medication:status=active&code=abc&_contained=true", "r1 r2 r4",
         "r1#m1 r2#m2 r4#a"),
        ("Medication?_has:MedicationRequest:medication:status=draft&_contained=true", "", ""),
        ("Medication?_has:MedicationRequest:medication:patient.name=chalmers&_contained=true", "r1 r2 r3 r4",
         "r1#m1 r2#m2 r3#m1 r4#a"),
        ("Medication?_has:MedicationRequest:medication:_id=r2,r4&_contained=true", "r2 r4", "r2#m2 r4#a"),
        ("Location?_has:Encounter:location:status=finished&_contained=true", "e1", "e1#ward"),
        ("Location?_has:Encounter:location:status:not=finished&_contained=true", "", ""),
        ("Location?_has:Location:partof:name=bed&_contained=true", "e1", "e1#ward"),
        ("Organization?_has:Location:organization:name=ward&_contained=true", "e1", "e1#org"),
        ("Organization?_has:Location:organization:name=bed&_contained=true", "", ""),
        ("Organization?_has:Location:organization:_has:Encounter:location:status=finished&_contained=true", "e1",
         "e1#org"),
        ("Organization?_has:Location:organization:_has:Location:partof:name=bed&_contained=true", "e1", "e1#org"),
        ("Organization?_filter=_has:Location:organization:name eq ward&_contained=true", "e1", "e1#org"),
        ("Location?_filter=not (_has:Encounter:location:status eq finished)&_contained=true", "e1 l1",
         "e1#bed l1#inlist l1#unlisted"),
        ("Location?_list=l1&_contained=true", "l1", "l1#inlist"),
        ("Location?_list=l1&_contained=both", "l1 stored", "l1#inlist stored"),
        ("Location?_list=l2&_contained=both", "", ""),
        ("Location?_list=l1&name=not&_contained=true", "", ""),
        ("Medication?code=abc&_lastUpdated=gt2020&_contained=true", "r1 r2 r4", "r1#m1 r2#m2 r4#a r4#b"),
        ("Medication?code=abc&_lastUpdated=lt2020&_contained=true", "", ""),
    ),
)  # fmt: skip
@pytest.mark.parametrize("streamed", (False, True), ids=("planned", "streamed"))
def test_what_is_found(filled: Driven, url: str, containers: str, within: str, streamed: bool) -> None:
    filled.world.stream(always=streamed)
    assert sorted(filled.ids(url)) == containers.split()
    assert filled.run(filled.world.count(url)) == len(containers.split())
    if "_contained" in url:
        assert sorted(filled.ids(inside(url))) == within.split()
        assert filled.run(filled.world.count(inside(url))) == len(within.split())


@pytest.mark.parametrize(
    ("url", "found"),
    (
        ("MedicationRequest?medication.code=abc", "r1 r2 r4 r5"),  # r2 refers to m2, r4 to a
        ("MedicationRequest?medication.code=def", "r3"),
        ("MedicationRequest?medication:Medication.code=xyz", ""),
        ("MedicationRequest?medication.code:not=abc", "r3"),
        ("MedicationRequest?medication.manufacturer.name=acme", "r3"),
        ("MedicationRequest?medication.manufacturer.name=nobody", ""),
        ("MedicationRequest?medication.expiration-date=gt2029&patient.name=chalmers", "r3"),
        ("Observation?subject:Patient.name=inner", "o1"),
        ("Observation?subject.identifier=urn:mrn|77", "o1"),
        ("Observation?subject:Patient.name=chalmers", ""),
        ("Observation?performer.name=chalmers", "o1"),
        ("Observation?performer:Practitioner.name=inner", ""),
        ("Observation?subject:Patient._id=pat", "o1"),
        ("Medication?_has:MedicationRequest:medication:status=active", "m"),
        ("MedicationRequest?_filter=medication.code eq def", "r3"),
        ("MedicationRequest?_filter=not (medication.code eq def)", "r1 r2 r4 r5"),
        ("MedicationRequest?_filter=medication[code eq def].lot-number eq \"Lot 1\"", "r3"),
        ("MedicationRequest?_filter=medication[code eq abc].lot-number eq \"Lot 1\"", ""),
        ("Patient?_has:MedicationRequest:patient:medication.code=def", "p"),
        ("Patient?_has:MedicationRequest:patient:medication.code=none", ""),
    ),
)  # fmt: skip
@pytest.mark.parametrize("streamed", (False, True), ids=("planned", "streamed"))
def test_chains_lead_into_contained_resources(filled: Driven, url: str, found: str, streamed: bool) -> None:
    filled.world.stream(always=streamed)
    assert sorted(filled.ids(url)) == found.split()


def test_values_of_contained_resources_are_not_those_of_their_container(filled: Driven) -> None:
    assert filled.ids("Observation?patient:Patient=pat") == []
    assert filled.ids("Patient?family=inner") == []
    assert filled.ids("?_type=Patient,Practitioner&name=inner") == []
    assert len(filled.ids("?_lastUpdated=gt2020")) == len(RESOURCES)


@pytest.mark.parametrize("order", ("", "&_sort=-_id"))
@pytest.mark.parametrize("count", (1, 2, 5))
@pytest.mark.parametrize("kind", ("container", "contained"))
@pytest.mark.parametrize("also", ("true", "both"))
def test_pages_hold_each_result_once_there_and_back(
    filled: Driven, order: str, count: int, kind: str, also: str
) -> None:
    filled.world.stream(always=False)
    url = f"Medication?_contained={also}{order}"
    url = inside(url) if kind == "contained" else url
    whole = filled.ids(url + "&_count=50")
    assert len(set(whole)) == len(whole) == filled.run(filled.world.count(url))
    pages: list[list[str]] = []
    cursor = ""
    while True:
        page = filled.run(filled.world.page(f"{url}&_count={count}&_total=accurate{cursor}"))
        pages.append([match.id for match in page.matches])
        assert page.total == len(whole) and len(page.matches) <= count
        if page.next is None:
            break
        cursor = f"&_cursor={page.next}"
    assert [id for ids in pages for id in ids] == whole
    back: list[list[str]] = []
    while page.previous is not None:
        page = filled.run(filled.world.page(f"{url}&_count={count}&_cursor={page.previous}"))
        back.append([match.id for match in page.matches])
    assert [id for ids in reversed(back) for id in ids] == [id for ids in pages[:-1] for id in ids]


def test_a_contained_resource_is_given_as_it_is_written(filled: Driven) -> None:
    page = filled.run(filled.world.page(inside("Medication?lot-number=Lot 1&_contained=true")))
    (match,) = page.matches
    assert (match.type, match.id) == ("MedicationRequest", "r3#m1")
    assert decode(match.body) == RESOURCES[6]["contained"][0]


def test_containers_bring_what_they_refer_to(filled: Driven) -> None:
    url = "Medication?code=abc&_contained=true&_include=MedicationRequest:subject"
    for one in (url, inside(url)):
        assert [resource.id for resource in filled.run(filled.world.page(one)).includes] == ["p"]


class Only(Predicate):
    """Sees one resource type."""

    def __init__(self, type: str) -> None:
        self._rt = type_number(type)

    def sql(self, alias: str, bind: Any) -> str:
        return f"{alias}.rt = {bind(self._rt)}"


def test_who_may_not_see_the_container_finds_nothing_in_it(filled: Driven) -> None:
    asked = "Medication?code=abc&_contained=true"
    assert filled.ids("Medication?code=abc&_contained=both", Only("Medication")) == ["m"]
    for url in (asked, inside(asked)):
        assert filled.ids(url, Only("Observation")) == []
        assert filled.run(filled.world.count(url, Only("Observation"))) == 0
        assert filled.ids(url, Only("MedicationRequest"))


def test_a_compartment_is_that_of_the_containers(filled: Driven) -> None:
    for id, found in (("p", ["r1", "r2", "r4"]), ("q", [])):
        ids = filled.ids("Medication?code=abc&_contained=true", compartment=("Patient", id))
        assert sorted(ids) == found


@pytest.mark.parametrize(
    ("url", "words"),
    (
        ("Medication?_contained=maybe", "_contained"),
        ("Medication?_contained=true&_containedType=both", "_containedType"),
        ("Medication?_contained=true&_sort=code", "_sort|sorted"),
        ("Medication?_contained=true&_has:MedicationRequest:subject:status=active", "never refers to a Medication"),
        ("Medication?_contained=true&_list=$current", "_list"),
        ("Medication?_contained=true&_text=x", "_text"),
        ("Medication?_contained=true&nonsense=x", "Medication has no search parameter"),
        ("?_contained=true&_id=x", "_type"),
    ),
)
def test_what_cannot_be_asked_is_refused(filled: Driven, url: str, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        filled.world.parse(url)


def test_rows_follow_what_is_contained(filled: Driven) -> None:
    world = filled.world
    url = "Medication?code=new&_contained=true"
    filled.run(world.put(request("x", medication("m1", "new"), medication("m2", "new"))))
    assert filled.ids(inside(url)) == ["x#m1", "x#m2"]
    filled.run(world.put(request("x", medication("m1", "old"), medication("m3", "new"))))
    assert filled.ids(inside(url)) == ["x#m3"]
    filled.run(world.put(request("x")))
    assert filled.ids(url) == []
    filled.run(world.put(request("x", medication("m1", "new"))))
    filled.run(world.delete("MedicationRequest", "x"))
    assert filled.ids(url) == []


def test_the_rows_of_contained_resources_are_checked(filled: Driven) -> None:
    async def problems() -> list[str]:
        return [f"{one.where} {one.what}" async for one in check(filled.world.store)]

    assert filled.run(problems()) == []
