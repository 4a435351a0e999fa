"""What a reference text says (https://hl7.org/fhir/R4/references.html#literal)."""

import pytest

from suture.fhir.references import Literal, parse_literal


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Patient/1", Literal("", "Patient", "1", "")),
        ("Patient/a-b.C9/_history/3", Literal("", "Patient", "a-b.C9", "3")),
        ("http://other.example/fhir/Patient/1", Literal("http://other.example/fhir/", "Patient", "1", "")),
        ("https://x/Patient/1/_history/2", Literal("https://x/", "Patient", "1", "2")),
        ("#contained", None),
        ("urn:uuid:5a6b8a12-3b4c-4d5e-8f60-112233445566", None),
        ("patient/1", None),
        ("Patient", None),
        ("Patient/", None),
        ("Patient/" + "1" * 65, None),
        ("Patient/1?x=y", None),
        ("Patient/1#part", None),
        ("/Patient/1", None),
        ("", None),
    ],
)
def test_a_reference_is_taken_apart(text: str, expected: Literal | None) -> None:
    assert parse_literal(text) == expected


def test_a_literal_tells_its_relative_form() -> None:
    literal = parse_literal("http://other.example/fhir/Patient/1/_history/2")
    assert literal is not None and literal.relative == "Patient/1"
