"""Documents and messages: a first entry that leads to all others."""

from typing import Any

from tests.fhir.rules.judging import DIV, Json, patient, places

BASE = "http://a.org/fhir/"


def composition(**members: Any) -> Json:
    return {
        "resourceType": "Composition",
        "id": "c",
        "status": "final",
        "type": {"text": "x"},
        "date": "2020",
        "title": "T",
        "author": [{"reference": "Patient/p"}],
        **members,
    }


def entry(resource: Json) -> Json:
    return {"fullUrl": f"{BASE}{resource['resourceType']}/{resource['id']}", "resource": resource}


def document(*resources: Json, **members: Any) -> Json:
    return {
        "resourceType": "Bundle",
        "type": "document",
        "identifier": {"system": "http://a.org/documents", "value": "1"},
        "timestamp": "2020-01-01T00:00:00Z",
        "entry": [entry(resource) for resource in resources],
        **members,
    }


def test_a_document_whose_entries_hang_together_is_fine() -> None:
    assert places(document(composition(), patient(id="p"))) == []


def test_a_document_starts_with_a_composition() -> None:
    assert "Bundle.entry[0].resource" in places(document(patient(id="p")))


def test_what_the_composition_speaks_of_is_in_the_document() -> None:
    section = {"title": "S", "entry": [{"reference": "Observation/o"}]}
    missing = document(composition(section=[section]), patient(id="p"))
    assert places(missing) == ["Bundle.entry[0].resource.section[0].entry[0]"]


def test_every_entry_is_linked_with_the_composition() -> None:
    assert places(document(composition(), patient(id="p"), patient(id="q"))) == ["Bundle.entry[2]"]


def test_an_entry_that_only_points_to_the_document_is_a_warning_before_r5() -> None:
    pointing = {"resourceType": "Person", "id": "x", "link": [{"target": {"reference": "Patient/p"}}]}
    bundle = document(composition(), patient(id="p"), pointing)
    assert places(bundle) == []
    assert "Bundle.entry[2]" in places(bundle, severity="warning")


def test_a_style_sheet_of_the_document_is_in_it() -> None:
    link = [{"relation": "stylesheet", "url": "Binary/css"}]
    css = {"resourceType": "Binary", "id": "css", "contentType": "text/css"}
    assert places(document(composition(), patient(id="p"), css, link=link)) == []
    assert places(document(composition(), patient(id="p"), link=link)) == ["Bundle.link[0].url"]


def test_a_message_starts_with_a_header_and_holds_what_it_is_about() -> None:
    header = {
        "resourceType": "MessageHeader",
        "id": "m",
        "eventUri": "http://a.org/event",
        "source": {"endpoint": "http://a.org"},
        "focus": [{"reference": "Patient/p"}],
    }
    message = {"resourceType": "Bundle", "type": "message", "entry": [entry(header), entry(patient(id="p"))]}
    assert places(message) == []
    assert places({**message, "entry": [entry(header)]}) == ["Bundle.entry[0].resource.focus[0]"]
    assert "Bundle.entry[0].resource" in places({**message, "entry": [entry(patient(id="p"))]})


def linked(fragment: str) -> Json:
    url = "http://hl7.org/fhir/StructureDefinition/narrativeLink"
    text = {"status": "generated", "div": DIV.format('<p id="here">x</p>')}
    extension = [{"url": url, "valueUrl": f"{BASE}Composition/c#{fragment}"}]
    return document(composition(text=text), patient(id="p", extension=extension))


def test_a_narrative_link_finds_its_anchor() -> None:
    place = "Bundle.entry[1].resource.extension[0]"
    assert place not in places(linked("here"))
    assert place in places(linked("nowhere"))
