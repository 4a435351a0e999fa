"""Reading FHIR XML: https://hl7.org/fhir/R4/xml.html."""

from decimal import Decimal
from typing import Any

import pytest

from suture.fhir import xml
from suture.fhir.definitions import load
from suture.fhir.outcomes import Invalid, Issue
from suture.fhir.versions import Version

R4 = load(Version.R4)
R5 = load(Version.R5)


def read(content: str, type: str = "Patient") -> dict[str, Any]:
    """The resource whose root has `content` inside, without its resourceType."""
    resource = xml.decode(f'<{type} xmlns="http://hl7.org/fhir">{content}</{type}>'.encode(), R4)
    assert resource.pop("resourceType") == type
    return resource


def refused(document: str | bytes, definitions: Any = R4) -> list[Issue]:
    """The issues by which a document is refused."""
    data = document.encode() if isinstance(document, str) else document
    with pytest.raises(Invalid) as caught:
        xml.decode(data, definitions)
    return caught.value.issues


def one(content: str, type: str = "Patient") -> tuple[str, str]:
    """The only problem of a resource: what is said and where."""
    [issue] = refused(f'<{type} xmlns="http://hl7.org/fhir">\n{content}\n</{type}>')
    return issue.diagnostics, issue.expression


def test_values_take_the_type_of_their_definition() -> None:
    assert read('<active value="false"/><multipleBirthInteger value="2"/>') == {
        "active": False,
        "multipleBirthInteger": 2,
    }
    found = read(
        '<status value="final"/><code><text value="true"/></code><valueQuantity><value value="1.10"/></valueQuantity>'
        '<component><code><text value="1"/></code><valueInteger value="-3"/></component>',
        "Observation",
    )
    assert found["code"] == {"text": "true"}
    assert str(found["valueQuantity"]["value"]) == "1.10"
    assert found["component"] == [{"code": {"text": "1"}, "valueInteger": -3}]


@pytest.mark.parametrize("text", ["1.10", "0.000000100", "-0.0", "1E+5", "100000000000000000000.5", "3"])
def test_decimals_keep_their_digits(text: str) -> None:
    quantity = f'<status value="final"/><code><text value="x"/></code><valueQuantity><value value="{text}"/>'
    value = read(f"{quantity}</valueQuantity>", "Observation")["valueQuantity"]["value"]
    assert value == Decimal(text)
    assert isinstance(value, int if text == "3" else Decimal)


def test_whole_numbers_of_64_bits_are_text() -> None:
    document = b'<Attachment/><!-- R5 --><x xmlns="http://hl7.org/fhir"/>'
    assert refused(document)
    resource = xml.decode(
        b'<DocumentReference xmlns="http://hl7.org/fhir"><status value="current"/><content><attachment>'
        b'<size value="9223372036854775807"/></attachment></content></DocumentReference>',
        R5,
    )
    assert resource["content"][0]["attachment"] == {"size": "9223372036854775807"}


def test_ids_and_extensions_of_primitives_stand_beside_them() -> None:
    assert read(
        '<name id="n"><given id="g1" value="Ana"/><given value="Maria"/>'
        '<given><extension url="urn:x:1"><valueCode value="c"/></extension></given></name>'
        '<birthDate id="b" value="1970-03-30"><extension url="urn:x:2"><valueString value="s"/></extension></birthDate>'
    ) == {
        "name": [
            {
                "id": "n",
                "given": ["Ana", "Maria", None],
                "_given": [{"id": "g1"}, None, {"extension": [{"url": "urn:x:1", "valueCode": "c"}]}],
            }
        ],
        "birthDate": "1970-03-30",
        "_birthDate": {"id": "b", "extension": [{"url": "urn:x:2", "valueString": "s"}]},
    }


def test_repeating_primitives_without_any_value_have_siblings_only() -> None:
    extension = '<extension url="urn:x:1"><valueBoolean value="true"/></extension>'
    found = read(f"<name><given>{extension}</given></name>")
    assert found == {"name": [{"_given": [{"extension": [{"url": "urn:x:1", "valueBoolean": True}]}]}]}


def test_resources_inside_of_resources() -> None:
    found = xml.decode(
        b'<Bundle xmlns="http://hl7.org/fhir"><type value="collection"/><entry><resource>'
        b'<Patient xmlns="http://hl7.org/fhir"><id value="p"/><contained><Organization><id value="o"/></Organization>'
        b'</contained><contained><Basic><id value="b"/></Basic></contained></Patient></resource></entry></Bundle>',
        R4,
    )
    organization, basic = {"resourceType": "Organization", "id": "o"}, {"resourceType": "Basic", "id": "b"}
    patient = {"resourceType": "Patient", "id": "p", "contained": [organization, basic]}
    assert found == {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": patient}]}


NARRATIVES = [
    '<div xmlns="http://www.w3.org/1999/xhtml">plain</div>',
    '<div xmlns="http://www.w3.org/1999/xhtml"/>',
    "<div xmlns='http://www.w3.org/1999/xhtml' class='a' >\n  a &amp; &lt;b&gt; &#160;\u00e9\r\n<br/><b ></b > </div >",
    '<div xmlns="http://www.w3.org/1999/xhtml"><!-- kept --><div><div/></div><p xmlns="urn:x"/></div>',
    '<div xmlns="http://www.w3.org/1999/xhtml">x<div/></div>',
]


@pytest.mark.parametrize("div", NARRATIVES)
def test_a_narrative_keeps_every_byte(div: str) -> None:
    assert read(f'<text><status value="generated"/>{div}</text><active value="true"/>') == {
        "text": {"status": "generated", "div": div},
        "active": True,
    }


def test_a_narrative_that_leans_on_outer_prefixes_is_made_to_stand_alone() -> None:
    document = (
        '<f:Patient xmlns:f="http://hl7.org/fhir" xmlns:h="http://www.w3.org/1999/xhtml"><f:text>'
        '<f:status value="generated"/><h:div class="c">a &lt; b<h:br/><!-- n --><h:b>c</h:b></h:div></f:text>'
        "</f:Patient>"
    )
    assert xml.decode(document.encode(), R4)["text"]["div"] == (
        '<div xmlns="http://www.w3.org/1999/xhtml" class="c">a &lt; b<br></br><!-- n --><b>c</b></div>'
    )


def test_what_is_not_content_is_passed_over() -> None:
    document = (
        '\ufeff<?xml version="1.0" encoding="UTF-8"?>\n<?style x?><!-- <!DOCTYPE in a comment -->\n'
        '<Patient xmlns="http://hl7.org/fhir" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"\n'
        ' xsi:schemaLocation="http://hl7.org/fhir ../patient.xsd"><active\n value="true"><!-- c --></active>\n'
        "<?d?></Patient>\n<!-- e -->"
    )
    assert xml.decode(document.encode(), R4) == {"resourceType": "Patient", "active": True}


def test_line_breaks_and_tabs_in_values_are_kept_when_written_as_references() -> None:
    found = read('<name><text value="a&#10;b&#9;c&#13;d"/></name>')
    assert found == {"name": [{"text": "a\nb\tc\rd"}]}


@pytest.mark.parametrize(
    ("content", "said", "path"),
    [
        ('<gendr value="male"/>', "Line 2: Patient has no element <gendr>; did you mean <gender>?", "Patient"),
        ("<name><x><y/></x></name>", "Line 2: HumanName has no element <x>.", "Patient.name[0]"),
        ('<contact><foo/><gender value="male"/></contact>', "contact has no element <foo>", "Patient.contact[0]"),
        (
            '<birthDate value="2000"/>\n<gender value="male"/>',
            "Line 3: <gender> stands after <birthDate>, and it must stand before it",
            "Patient.gender",
        ),
        ('<deceasedBoolean value="true"/><gender value="male"/>', "stands after <deceased[x]>", "Patient.gender"),
        ('<name><family value="a"/><use value="usual"/></name>', "<use> stands after <family>", "Patient.name[0].use"),
        ('<gender value="male"/><gender value="male"/>', "<gender> appears more than once", "Patient.gender"),
        ('<active value="yes"/>', "'yes' is not a valid boolean: true or false is expected", "Patient.active"),
        ('<multipleBirthInteger value="1.5"/>', "'1.5' is not a valid integer", "Patient.multipleBirth"),
        ('<active value=""/>', "The attribute 'value' of <active> is empty", "Patient.active"),
        ('<active value="true" x="1"/>', "<active> cannot have the attribute 'x'", "Patient.active"),
        ('<name value="Ana"/>', "<name> cannot have the attribute 'value'; only primitive", "Patient.name[0]"),
        ('<name url="urn:x"><text value="a"/></name>', "cannot have the attribute 'url'", "Patient.name[0]"),
        ("<name/>", "<name> is empty; it must have content, or be left out", "Patient.name[0]"),
        ("<contained/>", "<contained> is empty; it must have a resource", "Patient.contained[0]"),
        ("<contained><Patent/></contained>", "<Patent> is not a resource type of FHIR 4.0.1", ""),
        ("<name>Ana<text value='x'/></name>", "The text 'Ana' stands between elements", "Patient.name[0]"),
        ('<active value="true">yes</active>', "The text 'yes' stands between elements", "Patient.active"),
        ('<x:name xmlns:x="urn:x"/>', "<x:name> is in the namespace 'urn:x'; it must be", "Patient.name[0]"),
        ('<name xmlns=""/>', "<name> is in no namespace; it must be in http://hl7.org/fhir", "Patient.name[0]"),
        ("<x:name/>", "The prefix of <x:name> is not declared", "Patient.name[0]"),
        ('<foo xmlns="urn:x"/>', "Line 2: <foo> is in the namespace 'urn:x'", "Patient"),
        ('<name xml:lang="en"><text value="a"/></name>', "cannot have the attribute 'xml:lang'", "Patient.name[0]"),
        ('<id value="a"><extension url="urn:x"/></id>', "<id> can only have a value", "Patient.id"),
        ('<text><status value="empty"/><div>x</div></text>', "must be in http://www.w3.org/1999", "Patient.text.div"),
    ],
)  # fmt: skip
def test_faults_are_told_with_line_and_place(content: str, said: str, path: str) -> None:
    issues = refused(f'<Patient xmlns="http://hl7.org/fhir">\n{content}\n</Patient>')
    assert said in issues[0].diagnostics
    assert issues[0].diagnostics.startswith("Line ")
    assert path in ("", issues[0].expression)


def test_faults_inside_of_resources_inside_of_resources_have_their_place() -> None:
    issues = refused(
        '<Bundle xmlns="http://hl7.org/fhir"><type value="batch"/><entry/>\n<entry><resource><Patient>\n'
        '<name/><name><given value="a"/><given bad="x"/></name></Patient></resource></entry></Bundle>'
    )
    assert [(i.diagnostics[:7], i.expression) for i in issues] == [
        ("Line 1:", "Bundle.entry[0]"),
        ("Line 3:", "Bundle.entry[1].resource.name[0]"),
        ("Line 3:", "Bundle.entry[1].resource.name[1].given[1]"),
        ("Line 3:", "Bundle.entry[1].resource.name[1].given[1]"),
    ]


def test_the_faulty_can_be_read_as_far_as_it_goes() -> None:
    document = '<Patient xmlns="http://hl7.org/fhir"><gender value="male"/><active value="yes"/><x><y/></x></Patient>'
    resource, issues = xml.read(document.encode(), R4)
    assert resource == {"resourceType": "Patient", "gender": "male", "active": "yes"}
    assert len(issues) == 3


def test_only_so_many_problems_are_listed() -> None:
    issues = refused(f'<Patient xmlns="http://hl7.org/fhir">{"<x/>" * 5000}</Patient>')
    assert len(issues) == 101
    assert issues[-1].severity == "information"


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("", "not well-formed"),
        ("{}", "not well-formed"),
        ('<Patient xmlns="http://hl7.org/fhir">', "not well-formed: no element found at line 1"),
        ('<Patient xmlns="http://hl7.org/fhir">\n<a></b></Patient>', "mismatched tag at line 2, column 6"),
        ("<Patient/>", 'The root element <Patient> is in no namespace; it must be in http://hl7.org/fhir (xmlns="http'),
        ('<Patien xmlns="http://hl7.org/fhir"/>', "not a resource type of FHIR 4.0.1; did you mean <Patient>?"),
        ('<name xmlns="http://hl7.org/fhir"/>', "<name> is not a resource type"),
        ('<ClinicalDocument xmlns="urn:hl7-org:v3"/>', "is in the namespace 'urn:hl7-org:v3'"),
    ],
)  # fmt: skip
def test_what_is_no_resource(document: str, said: str) -> None:
    assert said in refused(document)[0].diagnostics


def test_a_resource_of_another_version_is_unknown() -> None:
    document = (
        '<ActorDefinition xmlns="http://hl7.org/fhir"><status value="draft"/><type value="system"/></ActorDefinition>'
    )
    assert xml.decode(document.encode(), R5)["resourceType"] == "ActorDefinition"
    assert "FHIR 4.0.1" in refused(document)[0].diagnostics
