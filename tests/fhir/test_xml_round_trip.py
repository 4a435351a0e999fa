"""JSON to XML and back, and XML to JSON and back, lose nothing: generated resources and HL7's own examples."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suture.fhir import json, xml
from suture.fhir.definitions import Definitions, load
from suture.fhir.structure.schema import Kind, Node, Property, Schema
from suture.fhir.versions import Version
from tests.fhir.samples import VALUES, Samples
from tests.fhir.test_official_examples import PACKAGES, examples

TEXT = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="".join(map(chr, range(32))) + "\ufffe\uffff")
    | st.sampled_from("\t\n\r<&>\"' "),
    min_size=1,
    max_size=8,
)
NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, places=3) | st.sampled_from(
    [Decimal(text) for text in ("1.10", "0.000000100", "1E+5", "-0.0", "100.0", "1E-7")]
)
DIVS = st.sampled_from(
    ["", "a", "a\r\n b ", "<br/>", "&amp;&lt;&#160;\u00e9", "<!-- c --><b></b >", "<p\n title='a'>x</p>"]
)


class Resources:
    """Makes resources of any type whose JSON is as FHIR has it; the codes and texts in them are arbitrary."""

    def __init__(self, definitions: Definitions) -> None:
        self._schema = Schema(definitions)
        self._types = definitions.resource_types

    def any(self, draw: st.DrawFn, depth: int = 0) -> dict[str, Any]:
        type = draw(st.sampled_from(self._types))
        return {"resourceType": type, **self._members(draw, self._schema.node(type), depth)}

    def _members(self, draw: st.DrawFn, node: Node, depth: int) -> dict[str, Any]:
        names = (
            [name for name in node.properties if name not in ("contained", "entry")] if depth > 3 else node.properties
        )
        members: dict[str, Any] = {}
        for name in draw(st.lists(st.sampled_from(sorted(names)), min_size=1, max_size=4, unique=True)):
            self._add(draw, members, node.properties[name], depth)
        return members

    def _add(self, draw: st.DrawFn, members: dict[str, Any], property_: Property, depth: int) -> None:
        name = property_.key
        count = draw(st.integers(1, 3)) if property_.many else 1
        if property_.kind is not Kind.PRIMITIVE:
            found = [self._value(draw, property_, depth) for _ in range(count)]
            members[name] = found if property_.many else found[0]
            return
        values: list[Any] = []
        siblings: list[Any] = []
        for _ in range(count):
            has_value = not property_.sibling or draw(st.integers(0, 3)) > 0
            has_sibling = property_.sibling and (not has_value or draw(st.integers(0, 3)) == 0)
            values.append(self._value(draw, property_, depth) if has_value else None)
            siblings.append(draw(SIBLINGS) if has_sibling else None)
        for key, items in ((name, values), ("_" + name, siblings)):
            if any(item is not None for item in items):
                members[key] = items if property_.many else items[0]

    def _value(self, draw: st.DrawFn, property_: Property, depth: int) -> Any:
        if property_.kind is Kind.RESOURCE:
            return {"resourceType": "Basic", "id": "b"} if depth > 2 else self.any(draw, depth + 1)
        if property_.kind is Kind.XHTML:
            return f'<div xmlns="http://www.w3.org/1999/xhtml">{draw(DIVS)}</div>'
        if property_.kind is Kind.OBJECT:
            if depth > 3:
                return {"id": "e", "extension": [{"url": "urn:x", "valueBoolean": False}]}
            return self._members(draw, self._schema.below(property_), depth + 1)
        if property_.type == "decimal":
            return draw(NUMBERS)
        plain = VALUES[property_.type]
        return draw(TEXT) if isinstance(plain, str) else plain


SIBLINGS = st.sampled_from(
    [{"id": "s"}, {"extension": [{"url": "urn:x", "valueString": " v "}]}, {"id": "s", "extension": [{"url": "u"}]}]
)
MADE = {version: Resources(load(version)) for version in Version}


@st.composite
def resources(draw: st.DrawFn) -> tuple[Version, dict[str, Any]]:
    version = draw(st.sampled_from(list(Version)))
    return version, MADE[version].any(draw)


def check(resource: dict[str, Any], definitions: Definitions) -> None:
    """The resource survives XML, digit by digit; its XML survives JSON, byte by byte; indentation changes nothing."""
    text = xml.encode(resource, definitions)
    again = xml.decode(text, definitions)
    assert again == resource
    assert sorted(json.encode(again)) == sorted(json.encode(resource))
    assert xml.encode(json.decode(json.encode(again)), definitions) == text
    assert xml.decode(xml.encode_pretty(resource, definitions), definitions) == resource


@given(resources())
@settings(max_examples=120, derandomize=True, deadline=None)
def test_generated_resources_survive(made: tuple[Version, dict[str, Any]]) -> None:
    version, resource = made
    check(resource, load(version))


@pytest.mark.parametrize("version", list(Version))
def test_every_type_with_every_element_survives(version: Version) -> None:
    definitions = load(version)
    samples = Samples(definitions, full=True, choice=version.number.count("0"))
    for type in definitions.resource_types[::4]:
        check(samples.resource(type), definitions)


NUMBER = "It has 64-bit integers as JSON numbers; R5 wants them as strings, which they are when they come back."


def number_as_text(name: str, raw: bytes) -> bool:
    """Whether an example of R5 has 64-bit integers as JSON numbers, which R5 itself forbids."""
    return b"nteger64" in raw or any(word in raw for word in (b'"size"', b"eventNumber", b"eventsSince"))


def round_trips(version: Version, shared: Path, step: int) -> Iterator[tuple[str, str]]:
    """Name of every `step`th official example, and what is lost on its way to XML and back; "" for nothing."""
    definitions = load(version)

    def wanted(number: int, _: str) -> bool:
        return number % step == 0

    for name, raw in examples(shared / "packages" / PACKAGES[version][0], wanted):
        resource = json.decode(raw)
        text = xml.encode(resource, definitions)
        again = xml.decode(text, definitions)
        if xml.encode(again, definitions) != text:
            yield name, "its XML does not survive JSON"
        elif again == resource:
            yield name, ""
        else:
            known = version is Version.R5 and number_as_text(name, raw)
            yield name, NUMBER if known else "its JSON does not survive XML"


def check_examples(version: Version, shared: Path, step: int) -> int:
    found = list(round_trips(version, shared, step))
    assert [(name, fault) for name, fault in found if fault not in ("", NUMBER)] == []
    return len(found)


@pytest.mark.parametrize("version", list(Version))
def test_a_sample_of_the_official_examples_survives(version: Version, shared: Path) -> None:
    assert check_examples(version, shared, 25) > 100


@pytest.mark.slow
@pytest.mark.parametrize("version", list(Version))
def test_all_official_examples_survive(version: Version, shared: Path) -> None:
    assert check_examples(version, shared, 1) == PACKAGES[version][1]


def test_the_xml_of_the_official_suites_survives(shared: Path) -> None:
    """Every resource in XML that the suites bring along; those with faults are refused for their faults."""
    definitions = load(Version.R4)
    count = 0
    for folder in ("validator-r4", "fhirpath-r4"):
        for path in sorted((shared / "suites" / folder).glob("*.xml")):
            raw = path.read_bytes()
            if b"http://hl7.org/fhir" not in raw or b"<tests" in raw or path.name == "xml-bad-entities.xml":
                continue
            resource, issues = xml.read(raw, definitions)
            assert resource is not None, path.name
            if not issues:
                check(resource, definitions)
                count += 1
    assert count > 140
