"""Code systems that are known by rules: MIME types, languages, units, currencies, countries, colours."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suture.fhir.open_codes import OPEN_SYSTEMS, is_language, is_mime_type
from suture.fhir.ucum import is_unit


@pytest.mark.parametrize(
    "code",
    [
        "text/plain",
        "application/fhir+json",
        "application/fhir+json; fhirVersion=4.0",
        'text/xml;charset="utf-8"',
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "application/fhir+json;canonicalization=http://hl7.org/fhir/canonicalization/json",
        "xml",
        "json",
    ],
)
def test_mime_types(code: str) -> None:
    assert is_mime_type(code)


@pytest.mark.parametrize(
    "code", ["", "text", "text/", "/plain", "text/plain;", "a/b/c", "text/plain; a", "a/b; v=x y", "ä/b", "pdf"]
)
def test_what_is_no_mime_type(code: str) -> None:
    assert not is_mime_type(code)


@pytest.mark.parametrize(
    "code",
    [
        "en",
        "en-US",
        "EN-us",
        "de-CH-1996",
        "zh-Hant-TW",
        "es-419",
        "tlh",
        "x-private",
        "i-klingon",
        "ar-a-aaa-b-bbb-x-c",
    ],
)
def test_languages(code: str) -> None:
    assert is_language(code)


@pytest.mark.parametrize("code", ["", "xx", "e", "en_US", "en-", "de-419-DE", "a-DE", "en--US", "en-x", "12"])
def test_what_is_no_language(code: str) -> None:
    assert not is_language(code)


@pytest.mark.parametrize(
    "code",
    [
        "1", "%", "mg/dL", "10*3/uL", "10*-6", "/min", "mm[Hg]", "mL/min/{1.73_m2}", "kg/m2", "[degF]", "Cel",
        "{score}", "g{creat}",
        "ug", "mmol/L", "[in_i]", "cm[H2O]", "4.[pi].10*-7.N/A2", "(m/s)", "U/L", "[iU]/mL", "meq/L", "s-1",
        "d", "mo", "a",
    ],
)  # fmt: skip
def test_units(code: str) -> None:
    assert is_unit(code)


@pytest.mark.parametrize(
    "code", ["", "mcg", "m//s", "m.", "foo", "m(", "(m", "{", "{a", "a b", "mg/dl/", "Kg", "m^2", "m+", "x" * 300]
)
def test_what_is_no_unit(code: str) -> None:
    assert not is_unit(code)


@pytest.mark.parametrize(
    ("system", "codes", "others"),
    [
        ("urn:iso:std:iso:4217", ["EUR", "USD", "XAU", "DEM"], ["eur", "EURO", "", "ABC"]),
        ("urn:iso:std:iso:3166", ["DE", "DEU", "276", "US", "004"], ["de", "XX", "4", "", "GERMANY"]),
        ("http://hl7.org/fhir/color-rgb", ["#FF8800", "#ff8800"], ["FF8800", "#F80", "#GG0000"]),
    ],
)
def test_currencies_countries_and_colours(system: str, codes: list[str], others: list[str]) -> None:
    accepts = OPEN_SYSTEMS[system].accepts
    assert all(accepts(code) for code in codes)
    assert not any(accepts(code) for code in others)


@given(st.one_of(st.text(max_size=30), st.from_regex(r"[a-z0-9*/.(){}\[\]+\- ;=\"]{1,40}", fullmatch=True)))
@settings(max_examples=200, derandomize=True, deadline=None)
def test_no_text_breaks_a_check(text: str) -> None:
    for open_codes in OPEN_SYSTEMS.values():
        assert open_codes.accepts(text) in (True, False)


@pytest.mark.parametrize("text", ["(" * 5000, "a-" * 5000, "a/b" + ";a=b" * 300 + ";", "m" * 200, "{" * 200, "1." * 99])
def test_long_texts_are_judged_quickly(text: str) -> None:
    for open_codes in OPEN_SYSTEMS.values():
        open_codes.accepts(text)
