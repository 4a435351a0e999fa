"""What a search may say: unknown names, wrong values, limits; each refusal names the culprit and what is right."""

import asyncio
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suture.access import ALLOW_ALL
from suture.fhir.outcomes import FhirError, Invalid, NotFound
from suture.search.escapes import split, unescape, values
from suture.search.execute import Search
from suture.search.pages import Wanted, page_sql
from suture.search.planner import plan
from suture.search.query import Limits, Query
from suture.search.resolving import Resolver
from suture.search.statement import Statement
from suture.search.terminology import NoTerminology
from suture.store.dialect import SQLITE
from suture.store.keys import Keys
from tests.search.world import PARAMETERS

KEYS = Keys(b"sixteen bytes...")
SEARCH = Search(PARAMETERS, KEYS, SQLITE, lambda row: row, Limits(max_count=100))  # type: ignore


def parse(url: str, *, lenient: bool = False, compartment: tuple[str, str] | None = None, base: str = "") -> Query:
    type, _, query = url.partition("?")
    pairs = [(name, value) for name, _, value in (pair.partition("=") for pair in query.split("&") if pair)]
    return SEARCH.parse(type or None, pairs, lenient=lenient, compartment=compartment, base=base)


def refused(url: str, **options: object) -> Invalid:
    with pytest.raises(Invalid) as raised:
        parse(url, **options)  # type: ignore
    assert raised.value.status == 400
    return raised.value


def test_unknown_parameters_are_named_with_the_nearest_known_one() -> None:
    error = refused("Patient?famly=x&gendre=male&name=x")
    assert [issue.diagnostics for issue in error.issues] == [
        "Patient has no search parameter 'famly'. Did you mean 'family'?",
        "Patient has no search parameter 'gendre'. Did you mean 'gender'?",
    ]
    assert "zzzzqqqq" in str(refused("Patient?zzzzqqqq=1"))


def test_lenient_handling_leaves_unknown_parameters_out_and_says_so() -> None:
    query = parse("Patient?famly=x&name=y&_sort=famly&_include=Patient:nothing&_unknown=1", lenient=True)
    assert query.applied == (("name", "y"),)
    assert [issue.severity for issue in query.warnings] == ["warning"] * 4
    assert "famly" in query.warnings[0].diagnostics
    assert query.filters == parse("Patient?name=y").filters


@pytest.mark.parametrize("lenient", (False, True))
@pytest.mark.parametrize(
    ("url", "words"),
    (
        ("Observation?date=yesterday", "unknown prefix"),
        ("Observation?date=2020-02-30", "not a date"),
        ("Observation?date=2020-13", "not a date"),
        ("Observation?date=xx2020", "unknown prefix 'xx'"),
        ("Observation?date=ge", "not a date"),
        ("Observation?date=2020T10:00", "not a date"),
        ("Observation?value-quantity=abc", "prefix"),
        ("Observation?value-quantity=1..2", "not a number"),
        ("Observation?value-quantity=NaN", "unknown prefix"),
        ("Observation?value-quantity=1e999", "below 1.7e308"),
        ("Observation?value-quantity=5|mg", "not a quantity"),
        ("Observation?value-quantity=5|http://x|", "not a quantity"),
        ("Observation?code=a|b|c", r"\|"),
        ("Observation?code=|", "not of the form"),
        ("Observation?code:exact=a", "modifier 'exact' is not supported"),
        ("Observation?code:=a", "empty modifier"),
        ("Observation?subject:Practitioner=1", "Its modifiers are"),
        ("Observation?subject:Practitioner.name=x", "never refers to 'Practitioner'"),
        ("Observation?code.name=x", "not a reference"),
        ("Observation?code.code=x", "reference"),
        ("Patient?name=", "has no value"),
        ("Patient?name=,,", "has no value"),
        ("Patient?name=%CC%81", "holds no letter"),
        ("Patient?birthdate:missing=yes", "true or false"),
        ("Patient?_has:Observation:patient=x", "_has:Observation:patient:code"),
        ("Patient?_has:Observation:code:code=x", "not a reference"),
        ("Patient?_has:Nonsense:patient:code=x", "not a resource type"),
        ("Patient?_has:Practitioner:name:name=x", "not a reference"),
        ("Organization?_has:Observation:patient:code=x", "never refers to a Organization"),
        ("Patient?_count=-1", "_count"),
        ("Patient?_count=ten", "_count"),
        ("Patient?_count=٣", "_count"),
        ("Patient?_count=1&_count=2", "more than once"),
        ("Patient?_total=maybe", "_total"),
        ("Patient?_summary=short", "_summary"),
        ("Patient?_elements=;", "_elements"),
        ("Patient?_contained=maybe", "_contained"),
        ("Patient?_sort=", "_sort"),
        ("Patient?_sort=name,", "_sort"),
        ("Observation?_sort=code-value-quantity", "cannot sort by 'code-value-quantity'"),
        ("Observation?_sort=subject.name", "Name one"),
        ("Patient?_sort=_id,_id,_id,_id,_id,_id,_id,_id,_id", "_sort has 9 keys"),
        ("Patient?_include=x", "not of the form"),
        ("Patient?_include=Nonsense:x", "not a resource type"),
        ("Patient?_include=Observation:code", "not a reference"),
        ("Patient?_include=Observation:subject:Practitioner", "never refers"),
        ("Patient?_include:all=Observation:subject", "iterate"),
        ("?_type=Nonsense", "not a resource type"),
        ("Patient?_cursor=", "_cursor"),
        ("Patient?name=a\0b", "NUL"),
        ("Patient?name=\ud800", "UTF-8"),
        ("Provenance?entity.entity.entity.entity.entity.entity=x", "Name the types"),
        ("Encounter?" + "part-of." * 16 + "status=x", "15 links"),
    ),
)  # fmt: skip
def test_wrong_values_are_refused_with_a_sentence(url: str, words: str, lenient: bool) -> None:
    assert words in str(refused(unquote(url), lenient=lenient))


def test_what_is_known_but_not_supported_says_so() -> None:
    for url in ("Patient?_text=x", "Patient?_content=x", "Patient?_query=x"):
        error = refused(url)
        assert error.issues[0].code == "not-supported", url
        assert parse(url, lenient=True).warnings


def test_a_sort_over_types_needs_the_parameter_in_each() -> None:
    assert "Person has no search parameter 'family'" in str(refused("?_sort=family&_type=Patient,Person"))
    assert parse("?_sort=name&_type=Patient,Person").sort


def test_limits() -> None:
    assert parse("Patient?_id=" + ",".join(str(n) for n in range(100_000))).filters
    assert "100000" in str(refused("Patient?_id=" + ",".join(str(n) for n in range(100_001))))
    assert "10000" in str(refused("Patient?gender=" + ",".join(str(n) for n in range(10_001))))
    assert "200" in str(refused("Patient?" + "&".join("name=a" for _ in range(201))))
    assert "32" in str(refused("Patient?" + "&".join("_include=Patient:link" for _ in range(33))))
    assert "characters" in str(refused(f"Observation?{'subject.' * 200}name=x"))
    query = parse("Patient?_count=5000")
    assert query.count == 100
    assert query.applied == (("_count", "100"),)


def test_untyped_chains_over_any_reference_end_soon() -> None:
    """`target` of Provenance refers to anything, and so does what it refers to."""
    for depth in range(1, 6):
        url = f"Provenance?{'target.' * depth}_id=x"
        with pytest.raises(Invalid):
            parse(url)
    assert parse("Provenance?target:Patient.name=x").filters


def test_own_absolute_references_are_relative() -> None:
    base = "http://here/fhir/r4/"
    assert (
        parse(f"Observation?subject={base}Patient/1", base=base).filters
        == parse("Observation?subject=Patient/1").filters
    )
    assert parse("Observation?subject=http://there/Patient/1", base=base) != parse("Observation?subject=Patient/1")


def test_a_reference_by_another_type_finds_nothing() -> None:
    assert parse("Observation?patient=Group/1").filters is None
    assert parse("Observation?subject:Patient=Group/1").filters is None
    assert parse("Observation?subject=Group/1").filters is not None


def test_compartments() -> None:
    with pytest.raises(NotFound, match="Practitioner"):
        parse("Observation?", compartment=("Planet", "1"))
    assert "never in the Patient compartment" in str(refused("Medication?", compartment=("Patient", "1")))
    types = SEARCH.compartments.types("Patient")
    assert "Observation" in types and "Patient" in types and "Medication" not in types


def test_dates_may_come_with_an_undecoded_plus() -> None:
    one = parse("Observation?date=2020-01-01T10:00:00+01:00")
    assert one.filters == parse("Observation?date=2020-01-01T10:00:00 01:00").filters
    assert one.filters == parse("Observation?date=2020-01-01T09:00:00Z").filters


def test_two_searches_of_one_shape_are_one_statement() -> None:
    """Prepared statements are reused: values are bound, never written into the text."""

    def text(url: str) -> str:
        query = parse(url)
        assert query.filters is not None
        s = Statement(SQLITE, ALLOW_ALL, 1000)
        # A patient and a code of a system are one token; nothing must be looked up.
        filters = asyncio.run(Resolver(KEYS, NoTerminology()).resolve(None, s, query.filters, None))  # type: ignore
        assert filters is not None
        wanted = Wanted(filters, (1,), query.sort, None, False, query.count + 1)
        return page_sql(s, plan(filters, query.sort, {}), wanted, {})

    shape = "Observation?patient={0}&code=http://{0}|{0}&date=ge20{1}&value-quantity=5{1}&_sort=-date"
    assert text(shape.format("a", "20")) == text(shape.format("';drop table res--", "19"))
    name = "Patient?name={0}&name:contains={0}&name:exact={0}&_sort=family,-birthdate&_lastUpdated=gt20{1}"
    assert text(name.format("a", "20")) == text(name.format("x' or 1=1 --%_\\\\", "21"))
    assert "drop" not in text(shape.format("';drop table res--", "19"))


def test_escapes_separate_and_join() -> None:
    assert split(r"a\,b,c", ",") == [r"a\,b", "c"]
    assert values(r" a , ,b\, ") == ["a", r"b\,"]
    assert unescape(r"a\,b\|c\$d\\e\f") == r"a,b|c$d\e\f"
    assert split("", ",") == [""]
    assert split("\\", ",") == ["\\"]


@settings(derandomize=True)
@given(st.lists(st.text(st.sampled_from("ab,|$\\ "), max_size=6), min_size=1, max_size=5))
def test_escaped_values_come_back(parts: list[str]) -> None:
    def escaped(part: str) -> str:
        return part.replace("\\", "\\\\").replace(",", "\\,").replace("|", "\\|").replace("$", "\\$")

    for separator in ",|":
        assert [unescape(part) for part in split(separator.join(map(escaped, parts)), separator)] == parts


NAMES = (
    *("name", "code", "date", "subject", "url", "near", "probability", "value-quantity", "url:below", "url:above"),
    *("_id", "_sort", "_include", "_lastUpdated", "_tag", "_type", "name:exact", "subject.name", "x" * 500),
    *("_has:Observation:patient:code", "_revinclude:iterate", "_total", "_cursor"),
)


@settings(derandomize=True, max_examples=400)
@given(
    st.sampled_from(("Patient", "Observation", "ValueSet", "Location", "RiskAssessment", None)),
    st.sampled_from(NAMES),
    st.text(max_size=30) | st.text(st.sampled_from("a1|,\\:.-$geTZ/ "), max_size=12),
)
def test_any_text_is_understood_or_refused(type: str | None, name: str, value: str) -> None:
    try:
        SEARCH.parse(type, [(name, value)])
    except FhirError as error:
        assert error.status == 400
        assert str(error)
