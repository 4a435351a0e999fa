"""Values of resources and of URLs meet in the same forms (https://hl7.org/fhir/R4/search.html#string, #token)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suture.search.values import (
    STRING_LIMIT,
    URI_LIMIT,
    canonical_forms,
    exact_form,
    fold,
    reference_forms,
    string_row,
    token_code,
    token_full,
    token_system,
    unit_code,
    unit_full,
    uri_form,
)

plain = st.text(alphabet=st.characters(exclude_categories=["Cc", "Cs"]), max_size=40)
named = plain.filter(bool)


@pytest.mark.parametrize(
    ("text", "norm"),
    [
        ("Ève", "eve"),
        ("JOSÉ", "jose"),
        ("O’Brien–Smith", "o'brien-smith"),
        ("Straße", "strasse"),
        ("Ødegård", "odegard"),
        ("Łódź", "lodz"),
        ("İstanbul", "istanbul"),
        ("ＡＢＣ　１２", "abc 12"),
        ("ﬁne", "fine"),
        ("  two \t\n words ", "two words"),
        ("Ａ\u0301", "a"),
        ("ガ", "ガ"),
        ("カ", "カ"),
        ("각", "각"),
        ("soft\u00adhyphen", "softhyphen"),
        ("Ελλάς", "ελλασ"),
        ("", ""),
        ("a" * 300, "a" * STRING_LIMIT),
    ],
)
def test_folding_removes_case_accents_width_and_space(text: str, norm: str) -> None:
    assert fold(text) == norm


@settings(derandomize=True, max_examples=500)
@given(st.text(max_size=400))
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    assert len(fold(text)) <= STRING_LIMIT


@settings(derandomize=True, max_examples=300)
@given(named)
def test_folding_ignores_case(text: str) -> None:
    assert fold(text.upper()) == fold(text) == fold(text.lower())


@settings(derandomize=True, max_examples=300)
@given(named, named)
def test_a_word_at_the_beginning_stays_at_the_beginning(first: str, second: str) -> None:
    assert fold(f"{first} {second}").startswith(fold(first))


def test_a_huge_text_is_folded_as_quickly_as_a_long_one() -> None:
    assert fold("é" * 5_000_000) == "e" * STRING_LIMIT


@settings(derandomize=True, max_examples=300)
@given(plain, plain)
def test_rows_of_two_strings_are_equal_only_when_the_strings_are(a: str, b: str) -> None:
    assert (string_row(a) == string_row(b)) is (a == b)
    long = "x" * STRING_LIMIT
    assert (string_row(long + a) == string_row(long + b)) is (a == b)


def test_the_exact_text_is_stored_only_where_it_differs() -> None:
    assert string_row("smith") == ("smith", "")
    assert string_row("Smith") == ("smith", "Smith")
    assert len(exact_form("S" * 10_000)) == STRING_LIMIT


@settings(derandomize=True, max_examples=300)
@given(plain, named, plain, named)
def test_token_forms_never_meet_by_accident(system: str, code: str, system2: str, code2: str) -> None:
    assert token_code(code) not in (token_full(system2, code2), token_system(system2))
    assert token_full(system, code) != token_system(system2)
    same = system == system2 and code.casefold() == code2.casefold()
    assert (token_full(system, code) == token_full(system2, code2)) is same
    assert (unit_full(system, code) == unit_full(system2, code2)) is (system == system2 and code == code2)


def test_codes_ignore_case_and_units_do_not() -> None:
    assert token_code("ABC") == token_code("abc")
    assert token_full("http://x", "ABC") == token_full("http://x", "abc") != token_full("http://X", "abc")
    assert token_code("http://loinc.org|1") != token_full("http://loinc.org", "1")
    assert unit_code("Mg") != unit_code("mg")


@pytest.mark.parametrize(
    ("reference", "forms"),
    [
        ("Patient/1", {"Patient/1"}),
        ("Patient/1/_history/2", {"Patient/1", "Patient/1/_history/2"}),
        ("http://x.example/fhir/Patient/1", {"http://x.example/fhir/Patient/1"}),
        ("urn:uuid:5a6b8a12-3b4c-4d5e-8f60-112233445566", {"urn:uuid:5a6b8a12-3b4c-4d5e-8f60-112233445566"}),
        ("#contained", set()),
        ("", set()),
    ],
)
def test_references_are_found_with_and_without_version(reference: str, forms: set[str]) -> None:
    assert set(reference_forms(reference)) == forms


@pytest.mark.parametrize(
    ("canonical", "forms"),
    [
        ("http://x/y", {"http://x/y"}),
        ("http://x/y|1.0", {"http://x/y", "http://x/y|1.0"}),
        ("http://x/y|1.0#part", {"http://x/y", "http://x/y|1.0"}),
        ("#contained", set()),
    ],
)
def test_canonicals_are_found_with_and_without_version(canonical: str, forms: set[str]) -> None:
    assert set(canonical_forms(canonical)) == forms


def test_uris_are_kept_as_they_are_and_bounded() -> None:
    assert uri_form("http://X/y?Z") == "http://X/y?Z"
    long = "http://x/" + "y" * 2_000
    assert len(uri_form(long)) == URI_LIMIT and uri_form(long) != uri_form(long + "z")
