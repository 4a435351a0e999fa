"""The SMART client library fhirclient works against the server: create, read, search with paging, update, delete."""

import uuid
from typing import Any

import pytest
from fhirclient import client
from fhirclient.models.fhirdatetime import FHIRDateTime
from fhirclient.models.fhirreference import FHIRReference
from fhirclient.models.humanname import HumanName
from fhirclient.models.observation import Observation
from fhirclient.models.patient import Patient

from tests.servers import Server


@pytest.fixture
def smart(server: Server) -> Any:
    return client.FHIRClient(settings={"app_id": "suture-tests", "api_base": server.fhir})


def person(family: str, **more: Any) -> Patient:
    patient = Patient({"name": [{"family": family, "given": ["Rosa"]}], **more})
    assert isinstance(patient.name[0], HumanName)
    return patient


def test_a_resource_lives_its_life(smart: Any) -> None:
    answer = person("Ammann", birthDate="1984-02-29").create(smart.server)
    patient = Patient.read(answer["id"], smart.server)
    assert (patient.birthDate.isostring, patient.meta.versionId) == ("1984-02-29", "1")

    patient.gender = "female"
    assert patient.update(smart.server)["meta"]["versionId"] == "2"
    assert Patient.read(patient.id, smart.server).gender == "female"

    patient.delete(smart.server)
    with pytest.raises(Exception, match="410"):
        Patient.read(patient.id, smart.server)


def test_a_search_is_paged_to_its_end(smart: Any) -> None:
    family = f"F{uuid.uuid4().hex}"
    made = {person(family).create(smart.server)["id"] for _ in range(11)}
    search = Patient.where({"family": family, "_count": "4"})
    assert {patient.id for patient in search.perform_resources_iter(smart.server)} == made
    assert [len(page.entry) for page in search.perform_iter(smart.server)] == [4, 4, 3]


def test_models_go_there_and_back(smart: Any) -> None:
    patient = person("Reference").create(smart.server)
    observation = Observation({"status": "final", "code": {"text": "weight"}, "valueQuantity": {"value": 61.5}})
    observation.subject = FHIRReference({"reference": f"Patient/{patient['id']}"})
    observation.effectiveDateTime = FHIRDateTime("2024-05-06")
    made = observation.create(smart.server)
    (found,) = Observation.where({"patient": patient["id"], "date": "2024-05"}).perform_resources_iter(smart.server)
    assert (found.id, found.valueQuantity.value) == (made["id"], 61.5)


def test_the_capability_statement_is_understood(smart: Any) -> None:
    smart.prepare()
    assert smart.server.capabilityStatement.fhirVersion == "4.0.1"
