"""Bundles: what an entry is, and what it is not."""

from typing import Any

import pytest

from suture.fhir.versions import Version
from tests.fhir.rules.judging import Json, patient, places

UUID = "urn:uuid:c757873d-ec9a-4326-a141-556f4323952{}"


def bundle(type: str, *entries: Json, **members: Any) -> Json:
    return {"resourceType": "Bundle", "type": type, "entry": list(entries), **members}


def of(resource: Json, url: str) -> Json:
    return {"fullUrl": url, "resource": resource}


def test_a_collection_of_resources_with_full_urls_is_fine() -> None:
    entries = of(patient(id="1"), "http://a.org/fhir/Patient/1"), of(patient(), UUID.format(0))
    assert places(bundle("collection", *entries)) == []


@pytest.mark.parametrize(
    ("url", "resource"),
    [
        ("Patient/1", patient(id="1")),
        ("http://a.org/fhir/Patient/2", patient(id="1")),
        ("http://a.org/fhir/Group/1", patient(id="1")),
        ("http://a.org/fhir/Patient/1", patient(active=True)),
    ],
)
def test_a_full_url_is_absolute_and_agrees_with_the_resource(url: str, resource: Json) -> None:
    assert "Bundle.entry[0]" in places(bundle("collection", of(resource, url)))


def test_only_transactions_and_batches_may_do_without_full_urls() -> None:
    entry = {"resource": patient(active=True)}
    request = {"request": {"method": "POST", "url": "Patient"}}
    assert places(bundle("collection", entry)) == ["Bundle.entry[0]"]
    assert places(bundle("transaction", {**entry, **request})) == []


def test_the_outcome_of_a_search_needs_no_identity() -> None:
    outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "processing"}]}
    entry = {"resource": outcome, "search": {"mode": "outcome"}}
    self = {"relation": "self", "url": "http://a.org/Patient"}
    assert places(bundle("searchset", entry, link=[self])) == []


def test_a_request_is_for_the_type_that_is_sent() -> None:
    entry = {"resource": patient(active=True), "request": {"method": "POST", "url": "Group"}}
    assert places(bundle("transaction", entry)) == ["Bundle.entry[0].request.url"]


def test_links_for_paging_belong_to_searches() -> None:
    link = [{"relation": "next", "url": "http://a.org/?page=2"}]
    entry = of(patient(id="1"), "http://a.org/Patient/1") | {"search": {"mode": "match"}}
    assert places(bundle("collection", of(patient(id="1"), UUID.format(0)), link=link)) == ["Bundle.link[0].relation"]
    assert places(bundle("searchset", entry, link=link)) == []
    assert places(bundle("searchset", entry, link=link * 2)) == ["Bundle.link[1]"]


@pytest.mark.parametrize(
    ("entry", "place"),
    [
        ({"search": {"mode": "match"}, "resource": patient(active=True)}, "Bundle.entry[0].resource"),
        ({"search": {"mode": "outcome"}, "resource": patient(id="1")}, "Bundle.entry[0].resource"),
        ({"search": {"mode": "match"}, "resource": {"resourceType": "Basic", "id": "1", "code": {"text": "x"}}},
         "Bundle.entry[0].resource"),
    ],
)  # fmt: skip
def test_what_a_search_found_has_an_id_and_the_type_that_was_searched(entry: Json, place: str) -> None:
    link = [{"relation": "self", "url": "http://a.org/fhir/Patient?name=x"}]
    assert place in places(bundle("searchset", entry | {"fullUrl": UUID.format(1)}, link=link))


def linking(reference: str) -> Json:
    return {"resourceType": "Patient", "id": "1", "managingOrganization": {"reference": reference}}


ORGANIZATION = {"resourceType": "Organization", "id": "o", "name": "O"}


def test_a_relative_reference_is_completed_with_the_base_of_its_entry() -> None:
    there = of(ORGANIZATION, "http://a.org/Organization/o")
    assert places(bundle("collection", of(linking("Organization/o"), "http://a.org/Patient/1"), there)) == []


def test_a_reference_leads_to_one_entry() -> None:
    twice = [of({**ORGANIZATION, "meta": {"versionId": n}}, "http://a.org/Organization/o") for n in "12"]
    source = "http://a.org/Patient/1"
    place = "Bundle.entry[0].resource.managingOrganization"
    assert place in places(bundle("collection", of(linking("Organization/o"), source), *twice))
    assert places(bundle("collection", of(linking("Organization/o/_history/2"), source), *twice)) == []


def test_a_reference_leads_to_the_type_that_it_names() -> None:
    uuid = UUID.format(2)
    there = of({"resourceType": "Group", "type": "person", "actual": True}, uuid)
    reference = f"Organization/{uuid.removeprefix('urn:uuid:')}"
    assert "Bundle.entry[0].resource.managingOrganization" in places(
        bundle("collection", of(linking(reference), UUID.format(1)), there)
    )


def test_in_r5_a_relative_reference_means_nothing_beside_a_uuid() -> None:
    uuid = UUID.format(2)
    there = of({"resourceType": "Group", "type": "person", "membership": "definitional"}, uuid)
    source = of(linking(f"Organization/{uuid.removeprefix('urn:uuid:')}"), UUID.format(1))
    assert places(bundle("collection", source, there), version=Version.R5) == []


def test_a_urn_leads_to_an_entry_or_nowhere() -> None:
    assert "Bundle.entry[0].resource.managingOrganization" in places(
        bundle("collection", of(linking(UUID.format(9)), UUID.format(1))), severity="warning"
    )
