"""XML that is sent to do harm: it is refused, clearly and at once."""

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suture.fhir import json, xml
from suture.fhir.definitions import load
from suture.fhir.narrative import narrative_fault
from suture.fhir.outcomes import FhirError, Invalid
from suture.fhir.versions import Version

R4 = load(Version.R4)


def refusal(data: bytes) -> str:
    """What is said of `data`, in less than a second."""
    started = time.process_time()
    with pytest.raises(Invalid) as caught:
        xml.decode(data, R4)
    assert time.process_time() - started < 1
    return caught.value.issues[0].diagnostics


def patient(content: str) -> bytes:
    return f'<Patient xmlns="http://hl7.org/fhir">{content}</Patient>'.encode()


LAUGHS = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(9))

DOCTYPES = {
    "empty": "<!DOCTYPE Patient>",
    "laughs": f'<!DOCTYPE Patient [<!ENTITY l0 "ha">{LAUGHS}]>',
    "external": '<!DOCTYPE Patient [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
    "external DTD": '<!DOCTYPE Patient SYSTEM "http://127.0.0.1:1/x.dtd">',
    "parameter": '<!DOCTYPE Patient [<!ENTITY % p SYSTEM "http://127.0.0.1:1/x"> %p;]>',
    "behind a comment": "<!-- -- ><?x ?> -->\n<?x <!-- ?>\n<!DOCTYPE Patient>".replace("-- >", "- >"),
}


@pytest.mark.parametrize("doctype", DOCTYPES.values(), ids=DOCTYPES)
def test_a_doctype_is_refused_whatever_it_holds(doctype: str) -> None:
    for start in ("", '<?xml version="1.0"?>\n', "\ufeff"):
        data = start.encode() + doctype.encode() + patient('<id value="&x;&l9;"/>')
        assert "DOCTYPE" in refusal(data)


def test_entities_are_unknown() -> None:
    assert "an entity that XML does not know at line 1" in refusal(patient('<id value="&nbsp;"/>'))
    assert "an entity that XML does not know" in refusal(patient("<text><div>&l9;</div></text>"))


def test_deep_nesting_ends_at_the_limit() -> None:
    extension = '<extension url="urn:x">'
    assert "deeper than 64" in refusal(patient(extension * 50_000 + "</extension>" * 50_000))
    contained = "<contained><Patient>" * 20_000 + "</Patient></contained>" * 20_000
    assert "deeper than 64" in refusal(patient(contained))
    assert "no element" in refusal(patient("<x>" * 100_000 + "</x>" * 100_000))
    div = '<div xmlns="http://www.w3.org/1999/xhtml">' + "<p>" * 100_000 + "</p>" * 100_000 + "</div>"
    assert xml.decode(patient(f'<text><status value="generated"/>{div}</text>'), R4)["text"]["div"] == div


def test_what_nests_at_the_limit_can_be_read_again_from_json() -> None:
    depth = 0
    for depth in range(24, 34):
        inside = '<extension url="urn:x">' * depth + '<valueBoolean value="true"/>' + "</extension>" * depth
        try:
            resource = xml.decode(patient(inside), R4)
        except Invalid:
            break
        assert json.decode(json.encode(resource)) == resource
    assert depth == 32


def test_many_and_long_attributes() -> None:
    many = "".join(f' a{n}="1"' for n in range(200_000))
    assert "cannot have the attribute" in refusal(patient(f"<active{many}/>"))
    assert "duplicate attribute" in refusal(patient('<active value="true" value="true"/>'))
    text = "a" * 5_000_000
    assert xml.decode(patient(f'<name><text value="{text}"/></name>'), R4)["name"][0]["text"] == text
    assert "not a valid integer" in refusal(patient(f'<multipleBirthInteger value="{"9" * 5_000_000}"/>'))


def test_long_namespaces_and_many_prefixes() -> None:
    uri = "u" * 1_000_000
    names = "".join(f' x:a{n}=""' for n in range(50_000))
    refusal(f'<Patient xmlns="http://hl7.org/fhir" xmlns:x="{uri}"{names}/>'.encode())
    elements = "".join(f"<x:a{n}/>" for n in range(50_000))
    refusal(f'<Patient xmlns="http://hl7.org/fhir" xmlns:x="{uri}">{elements}</Patient>'.encode())
    prefixes = "".join(f' xmlns:p{n}="u"' for n in range(50_000))
    assert "prefixes" in refusal(f'<Patient xmlns="http://hl7.org/fhir"{prefixes}/>'.encode())


def test_many_problems_and_much_text() -> None:
    refusal(patient("<x/>" * 200_000))
    refusal(patient("<name/>" * 200_000))
    refusal(patient("<!-- - -->" * 200_000 + "x"))
    refusal(b"<!-- - -->" * 200_000 + b"<!DOCTYPE")
    refusal(b"<!--" * 200_000 + b"<!DOCTYPE x>")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_other_encodings_are_refused(encoding: str) -> None:
    assert "always UTF-8" in refusal(patient("").decode().encode(encoding))


def test_declared_and_broken_encodings_are_refused() -> None:
    latin = '<?xml version="1.0" encoding="ISO-8859-1"?>' + patient('<name><text value="é"/></name>').decode()
    assert "'ISO-8859-1'; FHIR is always UTF-8" in refusal(latin.encode("latin-1"))
    assert "invalid token" in refusal(patient('<name><text value="é"/></name>').decode().encode("latin-1"))
    assert "invalid token" in refusal(patient("").replace(b"Patient", b"Pati\xff"))
    assert "declares the encoding 'utf-7'" in refusal(b'<?xml version="1.0" encoding="utf-7"?>' + patient(""))


@pytest.mark.parametrize("character", ["&#0;", "&#1;", "&#xFFFF;", "&#xD800;", "\x01", "\x0b", "\uffff"])
def test_characters_that_are_none(character: str) -> None:
    assert "not well-formed" in refusal(patient(f'<name><text value="{character}"/></name>'))


def test_cdata_and_instructions_in_a_narrative_are_left_for_the_rules_of_narratives_to_refuse() -> None:
    for inside in ("<![CDATA[<script>]]>", "<?php x ?>", "<script>x</script>", '<x:p xmlns:x="urn:x"/>'):
        div = f'<div xmlns="http://www.w3.org/1999/xhtml">a{inside}</div>'
        found = xml.decode(patient(f'<text><status value="generated"/>{div}</text>'), R4)["text"]["div"]
        assert found == div
        assert narrative_fault(found)


PIECES = st.sampled_from(
    ['<Patient xmlns="http://hl7.org/fhir">', "</Patient>", "<Patient>", "<name>", "</name>", '<given value="a"/>',
     "<contained>", "</contained>", "<!--", "-->", "<![CDATA[", "]]>", "<?x", "?>", "<!DOCTYPE x>", "&amp;", "&x;",
     '<div xmlns="http://www.w3.org/1999/xhtml">', "</div>", "<div/>", '<extension url="u">', "</extension>",
     "<text>", "</text>", 'xmlns:h="http://hl7.org/fhir"', "<h:name ", ">", "/>", '"', "\ufeff", " ", "x"]
)  # fmt: skip


@given(st.lists(PIECES | st.text(max_size=4), max_size=14), st.booleans())
@settings(max_examples=400, derandomize=True, deadline=None)
def test_anything_is_either_a_resource_or_a_clear_refusal(pieces: list[str], rooted: bool) -> None:
    text = "".join(pieces)
    data = (f'<Patient xmlns="http://hl7.org/fhir">{text}</Patient>' if rooted else text).encode("utf-8", "replace")
    try:
        found: Any = xml.decode(data, R4)
    except FhirError as error:
        assert error.status == 400
        assert all(issue.diagnostics for issue in error.issues)
    else:
        assert found["resourceType"] in R4.resource_types


@given(st.binary(max_size=200))
@settings(max_examples=200, derandomize=True, deadline=None)
def test_any_bytes_are_refused_clearly(data: bytes) -> None:
    with pytest.raises(Invalid):
        xml.decode(data, R4)
