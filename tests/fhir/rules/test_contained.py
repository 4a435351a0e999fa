"""Contained resources: none stands alone."""

from tests.fhir.rules.judging import DIV, Json, observation, patient, places

ALONE = "Observation.contained[0]"


def test_a_contained_resource_that_is_referred_to_is_fine() -> None:
    contained = [patient(id="p")]
    assert places(observation(contained=contained, subject={"reference": "#p"})) == []


def test_a_picture_of_the_narrative_may_be_contained() -> None:
    picture = {"resourceType": "Binary", "id": "b", "contentType": "image/png"}
    text = {"status": "generated", "div": DIV.format('<img src="#b" alt="x"/>')}
    assert places(observation(contained=[picture], text=text)) == []


def test_a_contained_resource_may_refer_to_what_contains_it() -> None:
    provenance: Json = {
        "resourceType": "Provenance",
        "id": "x",
        "target": [{"reference": "#"}],
        "recorded": "2020-01-01T00:00:00Z",
        "agent": [{"who": {"display": "me"}}],
    }
    assert places(observation(contained=[provenance])) == []


def test_a_contained_resource_that_nothing_refers_to_is_refused() -> None:
    assert places(observation(contained=[patient(id="p")], subject={"display": "x"})) == [ALONE]


def test_an_id_of_an_element_is_there_once() -> None:
    assert places(patient(name=[{"id": "a", "text": "x"}, {"id": "b", "text": "y"}])) == []
    assert places(patient(name=[{"id": "a", "text": "x"}, {"id": "a", "text": "y"}])) == ["Patient.name[1]"]


def test_ids_of_contained_resources_are_their_own() -> None:
    inner = patient(id="p", name=[{"id": "a", "text": "x"}])
    outer = observation(contained=[inner], subject={"reference": "#p"}, code={"id": "a", "text": "x"})
    assert places(outer) == []
