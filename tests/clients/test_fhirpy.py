"""The client library fhirpy works against the server: create, search with paging, update, patch, delete."""

import uuid
from typing import Any

import pytest
from fhirpy import AsyncFHIRClient, SyncFHIRClient
from fhirpy.base.exceptions import OperationOutcome, ResourceNotFound

from tests.servers import Server


@pytest.fixture
def fhir(server: Server) -> SyncFHIRClient:
    return SyncFHIRClient(server.fhir)


def people(fhir: Any, family: str, count: int) -> None:
    for number in range(count):
        fhir.resource("Patient", name=[{"family": family, "given": [f"G{number:02}"]}], gender="female").save()


def test_a_resource_lives_its_life(fhir: SyncFHIRClient) -> None:
    patient = fhir.resource("Patient", name=[{"family": "Ammann"}], birthDate="1984-02-29")
    patient.save()
    assert patient.id
    assert patient["meta"]["versionId"] == "1"

    patient["gender"] = "female"
    patient.save()
    again = fhir.reference("Patient", patient.id).to_resource()
    assert (again["gender"], again["meta"]["versionId"]) == ("female", "2")

    again.delete()
    with pytest.raises(ResourceNotFound):
        fhir.reference("Patient", patient.id).to_resource()


def test_a_search_is_paged_to_its_end(fhir: SyncFHIRClient) -> None:
    family = f"F{uuid.uuid4().hex}"
    people(fhir, family, 23)
    found = fhir.resources("Patient").search(family=family).sort("given").limit(5)
    assert [one["name"][0]["given"][0] for one in found] == [f"G{number:02}" for number in range(23)]
    assert len(fhir.resources("Patient").search(family=family).fetch_all()) == 23
    assert fhir.resources("Patient").search(family=family, given="G07").first()["gender"] == "female"


def test_a_parameter_that_only_other_servers_know_is_forgiven_when_the_client_asks(server: Server) -> None:
    """fhirpy counts with `_totalMethod`, which is no FHIR parameter; handling=lenient lets it pass."""
    family = f"F{uuid.uuid4().hex}"
    people(SyncFHIRClient(server.fhir), family, 3)
    with pytest.raises(OperationOutcome, match="_totalMethod"):
        SyncFHIRClient(server.fhir).resources("Patient").search(family=family).count()
    lenient = SyncFHIRClient(server.fhir, extra_headers={"Prefer": "handling=lenient"})
    assert lenient.resources("Patient").search(family=family).count() == 3


def test_includes_come_along(fhir: SyncFHIRClient) -> None:
    patient = fhir.resource("Patient", name=[{"family": "Include"}])
    patient.save()
    fhir.resource("Observation", status="final", code={"text": "x"}, subject=patient.to_reference()).save()
    bundle = fhir.resources("Observation").search(subject=patient).include("Observation", "subject").fetch_raw()
    assert [entry["resource"]["resourceType"] for entry in bundle["entry"]] == ["Observation", "Patient"]


def test_a_refusal_reaches_the_caller_as_an_operation_outcome(fhir: SyncFHIRClient) -> None:
    with pytest.raises(OperationOutcome) as refused:
        fhir.resource("Patient", birthDate="1985-02-29").save()
    assert "birthDate" in str(refused.value)


@pytest.mark.anyio
async def test_the_asynchronous_client_works_too(server: Server) -> None:
    fhir = AsyncFHIRClient(server.fhir)
    family = f"F{uuid.uuid4().hex}"
    for _ in range(7):
        await fhir.resource("Patient", name=[{"family": family}]).save()
    found = [one async for one in fhir.resources("Patient").search(family=family).limit(3)]
    assert len({one.id for one in found}) == 7
    await found[0].delete()
    assert len(await fhir.resources("Patient").search(family=family).fetch_all()) == 6
