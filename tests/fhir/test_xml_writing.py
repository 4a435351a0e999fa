"""Writing FHIR XML: https://hl7.org/fhir/R4/xml.html."""

from typing import Any

import pytest

from suture.fhir import json, xml
from suture.fhir.definitions import load
from suture.fhir.versions import Version

R4 = load(Version.R4)
HEAD = '<?xml version="1.0" encoding="UTF-8"?>'


def written(**elements: Any) -> str:
    """The content of a Patient with these elements in XML."""
    text = xml.encode({"resourceType": "Patient", **elements}, R4).decode()
    start = f'{HEAD}<Patient xmlns="http://hl7.org/fhir">'
    assert text.startswith(start)
    return text.removeprefix(start).removesuffix("</Patient>")


def test_elements_stand_in_the_order_of_the_definition() -> None:
    found = written(gender="female", name=[{"given": ["Ana"], "family": "Ekman", "id": "n"}], id="p", active=True)
    assert found == (
        '<id value="p"/><active value="true"/>'
        '<name id="n"><family value="Ekman"/><given value="Ana"/></name><gender value="female"/>'
    )


def test_primitives_with_ids_and_extensions() -> None:
    extension = {"extension": [{"valueString": "v", "url": "urn:x"}]}
    name = {"_given": [None, {"id": "g"}], "given": ["a", "b"]}
    assert written(_birthDate=extension, birthDate="1970", name=[name]) == (
        '<name><given value="a"/><given id="g" value="b"/></name><birthDate value="1970">'
        '<extension url="urn:x"><valueString value="v"/></extension></birthDate>'
    )
    assert written(name=[{"given": [None, "b"], "_given": [extension]}]) == (
        '<name><given><extension url="urn:x"><valueString value="v"/></extension></given><given value="b"/></name>'
    )


def test_special_characters_survive() -> None:
    text = "a<b & \"c\" 'd'\t\n\r\u00e9\U0001f9ec"
    found = written(name=[{"text": text}])
    assert found == "<name><text value=\"a&lt;b &amp; &quot;c&quot; 'd'&#9;&#10;&#13;\u00e9\U0001f9ec\"/></name>"
    resource = {"resourceType": "Patient", "name": [{"text": text}]}
    assert xml.decode(xml.encode(resource, R4), R4) == resource


def test_a_resource_in_a_resource_has_no_namespace_of_its_own() -> None:
    assert written(contained=[{"resourceType": "Basic", "id": "b"}]) == (
        '<contained><Basic><id value="b"/></Basic></contained>'
    )


def test_indented_for_people() -> None:
    div = '<div xmlns="http://www.w3.org/1999/xhtml">a\n <b>b</b></div>'
    resource = {"resourceType": "Patient", "text": {"status": "generated", "div": div}, "name": [{"family": "E"}]}
    assert xml.encode_pretty(resource, R4).decode() == (
        f'{HEAD}\n<Patient xmlns="http://hl7.org/fhir">\n  <text>\n    <status value="generated"/>\n    {div}\n'
        "  </text>\n"
        '  <name>\n    <family value="E"/>\n  </name>\n</Patient>'
    )
    assert xml.decode(xml.encode_pretty(resource, R4), R4) == resource


def test_numbers_keep_their_digits() -> None:
    for text in (b"1.10", b"0.000000100", b"100", b"1E+5", b"-0.0"):
        resource = json.decode(b'{"resourceType":"Observation","valueQuantity":{"value":%b}}' % text)
        again = xml.decode(xml.encode(resource, R4), R4)
        assert str(again["valueQuantity"]["value"]) == str(resource["valueQuantity"]["value"])
        assert json.encode(again) == json.encode(resource)


DIV = '<div xmlns="http://www.w3.org/1999/xhtml">%s</div>'


@pytest.mark.parametrize(
    ("elements", "said"),
    [
        ({"foo": 1}, "Patient has no element 'foo'"),
        ({"name": {"family": "x"}}, "The element 'name' may repeat, so it is an array in JSON"),
        ({"name": ["x"]}, "An element 'name' is not an object"),
        ({"active": {}}, "An object, an array or null stands where a value is expected"),
        ({"active": None}, "An object, an array or null"),
        ({"name": [{"text": "\uffff"}]}, "the character U\\+FFFF, which XML cannot carry"),
        ({"name": [{"text": "\x01"}]}, "the character U\\+0001"),
        ({"contained": [{"resourceType": "Foo"}]}, "'Foo' is not a resource type of FHIR 4.0.1"),
        ({"contained": ["x"]}, "A resource is an object"),
        ({"text": {"div": "<div>x</div>"}}, "The narrative must be one <div xmlns="),
        ({"text": {"div": DIV % "<p>"}}, "not well-formed: mismatched tag"),
        ({"text": {"div": DIV % "" + "</text><active/>"}}, "not well-formed"),
        ({"text": {"div": "</text>" + DIV % ""}}, "not well-formed"),
        ({"text": {"div": "<!DOCTYPE x>" + DIV % ""}}, "without a DOCTYPE"),
        ({"text": {"div": "x" + DIV % ""}}, "text before it"),
        ({"text": {"div": '<?xml version="1.0"?>' + DIV % ""}}, "no XML declaration"),
        ({"text": {"div": DIV % "&nbsp;"}}, "undefined entity"),
        ({"text": {"div": 5}}, "A narrative is text"),
        ({"text": {"div": DIV % "\x00"}}, "not well-formed|U\\+0000"),
        ({"_birthDate": "x"}, "'_birthDate' is not an object"),
    ],
)
def test_what_xml_cannot_say_is_refused(elements: dict[str, Any], said: str) -> None:
    with pytest.raises(xml.NotInXml, match=said):
        written(**elements)


def test_a_resource_without_an_end_is_refused() -> None:
    resource: dict[str, Any] = {"resourceType": "Patient"}
    resource["contained"] = [resource]
    with pytest.raises(xml.NotInXml, match="deeper"):
        xml.encode(resource, R4)


def test_lone_surrogates_are_refused() -> None:
    with pytest.raises(xml.NotInXml, match="D800"):
        written(name=[{"text": "\ud800"}])
    with pytest.raises(xml.NotInXml, match="not well-formed"):
        written(text={"div": DIV % "\ud800"})
