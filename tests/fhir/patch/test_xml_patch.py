"""XML Patch: RFC 5261, https://hl7.org/fhir/R4/http.html#patch, and the official suite."""

import time
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from suture.fhir.definitions import load
from suture.fhir.outcomes import FhirError, Invalid, TooCostly, Unprocessable
from suture.fhir.patch import XmlPatch
from suture.fhir.versions import Version
from suture.fhir.xml.tree import read_tree

R4 = load(Version.R4)
DIV = "<div xmlns='http://www.w3.org/1999/xhtml' >a &#160;\n <b ></b></div>"
PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p",
    "text": {"status": "generated", "div": DIV},
    "identifier": [{"system": "urn:a", "value": "1"}, {"system": "urn:b", "value": "2"}],
    "name": [{"family": "Ekman", "given": ["Ana", "Bea"]}],
    "birthDate": "1970-01-01",
}


def patch(content: str, start: str = '<diff xmlns="http://hl7.org/fhir">') -> XmlPatch:
    return XmlPatch.read(f"{start}{content}</diff>".encode(), R4)


def patched(content: str, start: str = '<diff xmlns="http://hl7.org/fhir">') -> dict[str, Any]:
    return patch(content, start).apply(PATIENT)


def test_each_operation() -> None:
    assert patched('<add sel="Patient/name" pos="after"><gender value="female"/></add>') == PATIENT | {
        "gender": "female"
    }
    assert patched('<remove sel="Patient/birthDate"/>') == {k: v for k, v in PATIENT.items() if k != "birthDate"}
    assert patched('<replace sel="/Patient/birthDate/@value">1971</replace>')["birthDate"] == "1971"
    found = patched('<replace sel="Patient/birthDate"><birthDate id="b" value="1971"/></replace>')
    assert (found["birthDate"], found["_birthDate"]) == ("1971", {"id": "b"})
    added = patched(
        '<add sel="Patient/name"><suffix value="MD"/></add><add sel="*/name" pos="prepend"><use value="usual"/></add>'
    )
    assert added["name"] == [{"use": "usual", "family": "Ekman", "given": ["Ana", "Bea"], "suffix": ["MD"]}]
    assert patched('<add sel="Patient/birthDate" type="@id">b</add>')["_birthDate"] == {"id": "b"}
    assert patched('<remove sel="Patient/name/given[2]"/>')["name"][0]["given"] == ["Ana"]


def test_elements_are_found_by_what_they_hold() -> None:
    for path in (
        "Patient/identifier[system/@value='urn:b']/value/@value",
        'f:Patient/f:identifier[f:system/@value = "urn:b"][f:value/@value="2"][1]/f:value/@value',
        "Patient/identifier[2]/value[@value='2']/@value",
    ):
        assert patched(f"<replace sel='{path}'>3</replace>".replace("'urn:b'", '"urn:b"').replace("'2'", '"2"').replace(
            f"sel='{path}'", f"sel=\"{path.replace(chr(34), '&quot;')}\""
        ))["identifier"][1]["value"] == "3"  # fmt: skip


def test_prefixes_of_the_patch_document_count() -> None:
    start = '<diff xmlns:fhir="http://hl7.org/fhir">'
    assert "birthDate" not in patched('<remove sel="fhir:Patient/fhir:birthDate"/>', start)
    assert "birthDate" not in patched('<remove sel="Patient/birthDate"/>', start)
    content = '<fhir:add sel="fhir:Patient/fhir:birthDate" pos="before"><fhir:gender value="male"/></fhir:add>'
    assert patched(content, start)["gender"] == "male"


def test_a_narrative_keeps_every_byte_until_it_is_changed() -> None:
    assert patched('<remove sel="Patient/birthDate"/>')["text"]["div"] == DIV
    assert patched('<replace sel="Patient/text/status/@value">empty</replace>')["text"]["div"] == DIV
    changed = patched(
        '<replace sel="Patient/text/h:div/h:b"><p xmlns="http://www.w3.org/1999/xhtml">c &lt;</p></replace>'
    )
    assert changed["text"]["div"] == '<div xmlns="http://www.w3.org/1999/xhtml">a \u00a0\n <p>c &lt;</p></div>'
    text = patched('<replace sel="Patient/text/h:div/text()[1]">x</replace>')
    assert text["text"]["div"] == '<div xmlns="http://www.w3.org/1999/xhtml">x<b/></div>'


def test_a_narrative_with_divs_inside_can_be_changed() -> None:
    inner = '<div xmlns="http://www.w3.org/1999/xhtml"/>'
    given = PATIENT | {"text": {"status": "generated", "div": DIV.replace("<b ></b>", f"<b>x</b>{inner}")}}
    for path in ("h:b", "h:div"):
        found = patch(f'<remove sel="Patient/text/h:div/{path}"/>').apply(given)["text"]["div"]
        left = "<div/>" if path == "h:b" else "<b>x</b>"
        assert found == f'<div xmlns="http://www.w3.org/1999/xhtml">a \u00a0\n {left}</div>'


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "no operations"),
        ('<move sel="Patient"/>', "operation 0: <move> is not an operation"),
        ('<remove sel="Patient/name"/><remove sel=""/>', "operation 1: The path '' cannot be read"),
        ('<remove sel="//name"/>', "cannot be read near character 3"),
        ('<remove sel="Patient/name[last()]"/>', "other functions are not part of patch paths"),
        ('<remove sel="Patient/name[0]"/>', "cannot be read"),
        ('<remove sel="Patient/name[1"/>', "is expected"),
        ('<remove sel="Patient/name[family]"/>', "'=' is expected"),
        ('<remove sel="Patient/name[family=1]"/>', "a text in quotes is expected"),
        ('<remove sel="Patient/@id/x"/>', "only elements have something inside"),
        ('<remove sel="x:Patient"/>', "The prefix 'x' in the path 'x:Patient' is not declared"),
        ('<remove sel="Patient | Patient"/>', "the end is expected"),
        ('<remove sel="id(1)"/>', "cannot be read"),
        ('<remove sel="child::Patient"/>', "cannot be read"),
        ('<remove sel="Patient/name" foo="1"/>', "cannot have the attribute 'foo'"),
        ('<remove sel="Patient/name"><a/></remove>', "<remove> has no content"),
        ('<add sel="Patient" pos="inside"><a/></add>', "pos is one of before, after, prepend"),
        ('<add sel="Patient" type="id">x</add>', "type is an attribute"),
        (f'<remove sel="{"a/" * 2000}b"/>', "longer than 2000 characters"),
        ('<remove sel="Patient"/>' * 1001, "at most 1000 operations"),
        ("<remove", "not well-formed"),
        ("<!DOCTYPE x>", "not well-formed"),
    ],
)
def test_malformed_patches(content: str, said: str) -> None:
    with pytest.raises(Invalid) as caught:
        patch(content)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('<remove sel="Patient/gender"/>', "operation 0: the path 'Patient/gender' leads nowhere; it must lead to one"),
        ('<remove sel="Patient/identifier"/>', "leads to 2 nodes"),
        ('<remove sel="Patient"/>', "the root of a document cannot be removed"),
        ('<add sel="Patient/birthDate/@value"><a/></add>', "only be added inside of an element"),
        ('<add sel="Patient/birthDate/@value" pos="before"><a/></add>', "an attribute has no place"),
        ('<add sel="Patient/birthDate"/>', "there is nothing to add"),
        ('<add sel="Patient/birthDate" type="@value">x</add>', "the attribute 'value' is already there"),
        ('<add sel="Patient/birthDate" type="@a&quot;b">x</add>', "cannot be the name of an attribute"),
        ('<replace sel="Patient/birthDate">x</replace>', "an element is replaced by one element"),
        (
            '<add sel="Patient"><gender value="male"/></add>',
            "After the patch: <gender> stands after <birthDate>",
        ),
        ('<add sel="Patient"><foo/></add>', "After the patch: Patient has no element <foo>"),
        ('<remove sel="Patient/birthDate/@value"/>', "After the patch: <birthDate> is empty"),
        ('<add sel="Patient" pos="after"><Patient/></add>', "After the patch: The XML is not well-formed"),
        ('<replace sel="Patient"><foo/></replace>', "After the patch: <foo> is not a resource type"),
    ],
)
def test_patches_that_do_not_fit(content: str, said: str) -> None:
    with pytest.raises(Unprocessable) as caught:
        patched(content)
    assert said in str(caught.value)


def test_paths_have_a_budget() -> None:
    many = PATIENT | {"identifier": [{"system": "urn:a", "value": str(n)} for n in range(3000)]}
    content = '<replace sel="Patient/identifier[value/@value=&quot;2999&quot;]/value/@value">2999</replace>' * 1000
    started = time.process_time()
    with pytest.raises(TooCostly):
        patch(content).apply(many)
    assert time.process_time() - started < 5


SUITE = Path(__file__).parents[4] / "shared" / "suites" / "patch-r4" / "xml-patch-tests.xml"
CASES = list(etree.parse(str(SUITE)).getroot().iterchildren("case")) if SUITE.exists() else []


def canonical(node: Any) -> bytes:
    """A document without its white space between elements."""
    parser = etree.XMLParser(remove_blank_text=True)
    return etree.tostring(etree.fromstring(etree.tostring(node), parser), method="c14n")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.get("name"))
def test_official_case(case: Any) -> None:
    def apply() -> Any:
        target = next(case.find("target").iterchildren(tag=etree.Element), None)
        change = XmlPatch.read(etree.tostring(case.find("{http://hl7.org/fhir}patch")), R4)
        document = read_tree(canonical(target) if target is not None else b"<x/>")
        change.apply_to(document)
        return etree.fromstring("".join(child.write("") for child in document.children))

    if case.find("error") is not None:
        with pytest.raises(FhirError):
            apply()
        return
    expected = case.find("patched")[0]
    etree.cleanup_namespaces(expected)
    assert canonical(apply()) == canonical(expected)


def test_the_suite_is_complete() -> None:
    if not CASES:
        pytest.skip("the official suite is not here")
    assert len(CASES) == 29
