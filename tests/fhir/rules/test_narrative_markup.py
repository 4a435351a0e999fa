"""Narratives: what XHTML and URLs want of them, and links between text and data."""

import pytest

from tests.fhir.rules.judging import DIV, Json, patient, places

TEXT_LINK = "http://hl7.org/fhir/StructureDefinition/textLink"


def narrated(content: str, **members: object) -> Json:
    return patient(text={"status": "generated", "div": DIV.format(content), **members}, birthDate="2000-01-01")


@pytest.mark.parametrize(
    ("content", "fine"),
    [
        ("<p>one</p><p>two</p>", True),
        ("<div><p>one <b>bold</b> <img src='#a' alt='x'/></p><ul><li><p>x</p></li></ul></div>", True),
        ("<p>one <p>two</p></p>", False),
        ("<p>one <b><table><tr><td>x</td></tr></table></b></p>", False),
        ("<p><ul><li>x</li></ul></p>", False),
    ],
)
def test_a_paragraph_holds_text_only(content: str, fine: bool) -> None:
    assert places(narrated(content)) == ([] if fine else ["Patient.text.div"])


@pytest.mark.parametrize(
    ("url", "fine"),
    [
        ("http://a.org/x?y=%7B1%7D&amp;z=[1]", True),
        ("urn:uuid:c757873d-ec9a-4326-a141-556f43239520", True),
        ("http://a.org/{id}", False),
        ("a\\b", False),
    ],
)
def test_a_link_is_a_url(url: str, fine: bool) -> None:
    assert places(narrated(f'<a href="{url}">x</a>')) == ([] if fine else ["Patient.text.div"])


@pytest.mark.parametrize(
    ("selector", "fine"), [("Patient.name.given", True), ("name.given", True), ("Group.code", False), ("name.", False)]
)
def test_the_selector_of_a_text_link_is_fhirpath_on_its_data(selector: str, fine: bool) -> None:
    links = link("t", "Patient/1#x")
    links[0]["extension"].append({"url": "selector", "valueString": selector})
    found = places(narrated('<b id="t">x</b>', extension=links))
    assert found == ([] if fine else ["Patient.text.extension[0].extension[2].value"])


def link(htmlid: str, data: str) -> list[Json]:
    parts = [{"url": "htmlid", "valueString": htmlid}, {"url": "data", "valueUri": data}]
    return [{"url": TEXT_LINK, "extension": parts}]


@pytest.mark.parametrize(
    ("htmlid", "data", "wrong"),
    [
        ("t", "#born", None),
        ("t", "#", None),
        ("t", "http://a.org/Patient/1#x", None),
        ("u", "#born", 0),
        ("t", "#gone", 1),
    ],
)
def test_a_text_link_has_both_its_ends(htmlid: str, data: str, wrong: int | None) -> None:
    resource = {**narrated('<b id="t">x</b>', extension=link(htmlid, data)), "_birthDate": {"id": "born"}}
    assert places(resource) == ([] if wrong is None else [f"Patient.text.extension[0].extension[{wrong}].value"])
