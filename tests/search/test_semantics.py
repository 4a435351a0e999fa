"""Every kind of parameter, prefix and modifier finds what the specification says, on both engines.

The specification's words are in `naive`; random searches over a small, odd population are answered by both.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.search import naive, units
from tests.search.conftest import Driven
from tests.search.population import CODES, DATES, FAMILIES, GIVEN, LOCAL, LOINC, NUMBERS, UCUM, population

Resource = dict[str, Any]
Matches = Callable[[Resource], bool]
PEOPLE = population(seed=7, size=25)
BY_TYPE: dict[str, list[Resource]] = {}
for _resource in PEOPLE:
    BY_TYPE.setdefault(_resource["resourceType"], []).append(_resource)

SEARCHES = settings(
    max_examples=120,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def filled(driven: Driven) -> Driven:
    driven.run(driven.world.put(*PEOPLE))
    return driven


def escaped(text: str) -> str:
    for sign in "\\,|$":
        text = text.replace(sign, "\\" + sign)
    return text


class Asked:
    """One parameter of a URL and what it means."""

    def __init__(self, name: str, value: str, matches: Matches) -> None:
        self.text = f"{name}={quote(value, safe=':|,')}"
        self.matches = matches

    def __repr__(self) -> str:
        return self.text


def _any(values: list[str], one: Callable[[str, Resource], bool]) -> Matches:
    return lambda resource: any(one(value, resource) for value in values)


prefixes = st.sampled_from(("", *naive.PREFIXES))
dated = st.builds(lambda prefix, date: prefix + date, prefixes, st.sampled_from((*DATES, "2020-02-29T10:00Z", "2022")))
numbered = st.builds(
    lambda prefix, number: prefix + number, prefixes, st.sampled_from((*NUMBERS, "5", "100.00", "-3.0"))
)
codes = st.sampled_from(CODES).map(escaped)


def several(values: st.SearchStrategy[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(values, min_size=1, max_size=3)


def dates(name: str) -> st.SearchStrategy[Asked]:
    def asked(values: list[str]) -> Asked:
        return Asked(name, ",".join(values), _any(values, lambda v, r: naive.date_matches(v, naive.dates(r))))

    return several(dated).map(asked)


def numbers() -> st.SearchStrategy[Asked]:
    def asked(values: list[str]) -> Asked:
        matches = _any(values, lambda v, r: naive.number_matches(v, naive.numbers(r)))
        return Asked("probability", ",".join(values), matches)

    return several(numbered).map(asked)


def quantities() -> st.SearchStrategy[Asked]:
    unit = st.sampled_from(("", "||mg", "||kg", f"|{UCUM}|mg", f"|{UCUM}|g", f"|{UCUM}|kg", "|urn:none|mg"))
    value = st.builds(lambda number, unit: number + unit, numbered, unit)

    def asked(values: list[str]) -> Asked:
        return Asked("value-quantity", ",".join(values), _any(values, units.quantity_matches))

    return several(value).map(asked)


def strings() -> st.SearchStrategy[Asked]:
    whole = st.sampled_from((*FAMILIES, *GIVEN))
    part = st.builds(lambda text, end: text[:end], whole, st.integers(1, 4))

    def asked(modifier: str, values: list[str]) -> Asked:
        values = [value for value in map(str.strip, values) if value] or ["x"]
        matches = _any(values, lambda v, r: naive.string_matches(v, naive.names(r), modifier))
        return Asked("name" + (modifier and ":" + modifier), ",".join(map(escaped, values)), matches)

    return st.builds(asked, st.sampled_from(("", "exact", "contains")), several(whole | part))


def tokens(name: str, values: Callable[[Resource], list[tuple[str | None, str]]]) -> st.SearchStrategy[Asked]:
    system = st.sampled_from(("", f"{LOINC}|", f"{LOCAL}|", "|", "urn:none|"))
    value = st.builds(lambda system, code: system + code, system, codes) | st.just(f"{LOCAL}|")

    def asked(negated: bool, wanted: list[str]) -> Asked:
        def matches(resource: Resource) -> bool:
            hidden = [(system, code.replace("|", "\0")) for system, code in values(resource)]
            found = any(_token(value, hidden) for value in wanted)
            return found != negated

        return Asked(name + (":not" if negated else ""), ",".join(wanted), matches)

    return st.builds(asked, st.booleans(), several(value))


def _token(value: str, values: list[tuple[str | None, str]]) -> bool:
    """`value` escaped; a bar in a code is written as NUL on both sides, so that `naive` need not know of escapes."""
    return naive.token_matches(value.replace("\\|", "\0").replace("\\", ""), values)


def identifiers(resource: Resource) -> list[tuple[str | None, str]]:
    return [(one.get("system"), one["value"]) for one in resource.get("identifier", ())]


def missing(name: str, present: Matches) -> st.SearchStrategy[Asked]:
    def asked(absent: bool) -> Asked:
        return Asked(f"{name}:missing", str(absent).lower(), lambda resource: present(resource) != absent)

    return st.booleans().map(asked)


def genders() -> st.SearchStrategy[Asked]:
    def asked(value: str) -> Asked:
        return Asked("gender", value, lambda r: r.get("gender") == value.rpartition("|")[2].casefold())

    system = st.sampled_from(("", "|", "http://hl7.org/fhir/administrative-gender|"))
    return st.builds(lambda s, code: asked(s + code), system, st.sampled_from(("male", "Female", "other", "unknown")))


def statuses() -> st.SearchStrategy[Asked]:
    return st.sampled_from(("final", "amended")).map(lambda v: Asked("status", v, lambda r: r.get("status") == v))


def subjects(name: str, form: str) -> st.SearchStrategy[Asked]:
    def asked(n: int) -> Asked:
        target = f"Patient/p{n:02d}"
        return Asked(name, form.format(f"p{n:02d}"), lambda r: r.get("subject", {}).get("reference") == target)

    return st.integers(0, 30).map(asked)


def ids(prefix: str) -> st.SearchStrategy[Asked]:
    def asked(numbers: list[int]) -> Asked:
        wanted = [f"{prefix}{n:02d}" for n in numbers]
        return Asked("_id", ",".join(wanted), lambda r: r["id"] in wanted)

    return st.lists(st.integers(0, 30), min_size=1, max_size=6).map(asked)


PARAMETERS: dict[str, st.SearchStrategy[Asked]] = {
    "Patient": st.one_of(
        strings(),
        dates("birthdate"),
        genders(),
        tokens("identifier", identifiers),
        missing("name", lambda r: "name" in r),
        missing("birthdate", lambda r: "birthDate" in r),
        tokens("_tag", lambda r: [(tag["system"], tag["code"]) for tag in r.get("meta", {}).get("tag", ())]),
        ids("p"),
    ),
    "Observation": st.one_of(
        dates("date"),
        quantities(),
        tokens("code", lambda r: naive.codings(r, "code")),
        statuses(),
        subjects("patient", "{}"),
        subjects("patient", "Patient/{}"),
        subjects("subject", "{}"),
        subjects("subject:Patient", "{}"),
        missing("date", lambda r: bool(naive.dates(r))),
        missing("value-quantity", lambda r: "valueQuantity" in r),
    ),
    "Encounter": st.one_of(
        dates("date"), missing("date", lambda r: "period" in r), ids("e"), subjects("patient", "{}")
    ),
    "RiskAssessment": numbers(),
}
KINDS = sorted(PARAMETERS)


@st.composite
def searches(draw: st.DrawFn) -> tuple[str, list[Asked]]:
    kind = draw(st.sampled_from(KINDS))
    return kind, draw(st.lists(PARAMETERS[kind], min_size=1, max_size=3))


def expected(kind: str, asked: list[Asked]) -> set[str]:
    return {r["id"] for r in BY_TYPE[kind] if all(one.matches(r) for one in asked)}


@SEARCHES
@given(search=searches())
def test_a_search_finds_what_its_words_mean(people: Driven, search: tuple[str, list[Asked]]) -> None:
    kind, asked = search
    url = f"{kind}?" + "&".join(one.text for one in asked)
    found = people.ids(url)
    assert len(found) == len(set(found)), url
    assert set(found) == expected(kind, asked), url
    assert people.run(people.world.count(url)) == len(found), url


@pytest.mark.parametrize("kind", KINDS)
def test_each_parameter_alone(people: Driven, kind: str) -> None:
    @settings(parent=SEARCHES, max_examples=150)
    @given(PARAMETERS[kind])
    def check(asked: Asked) -> None:
        assert set(people.ids(f"{kind}?{asked.text}")) == expected(kind, [asked]), asked

    check()


@settings(parent=SEARCHES, max_examples=60)
@given(st.lists(PARAMETERS["Patient"], min_size=1, max_size=2))
def test_a_chain_asks_the_target(people: Driven, asked: list[Asked]) -> None:
    """subject:Patient.x=… and patient.x=…: each parameter may be met by a target of its own."""
    patients = [{f"Patient/{id}" for id in expected("Patient", [one])} for one in asked]
    wanted = {
        r["id"]
        for r in BY_TYPE["Observation"]
        if all(r.get("subject", {}).get("reference") in found for found in patients)
    }
    for link in ("subject:Patient", "patient"):
        url = "Observation?" + "&".join(f"{link}.{one.text}" for one in asked)
        assert set(people.ids(url)) == wanted, url
    broad = "Observation?status=final,amended&" + "&".join(f"subject:Patient.{one.text}" for one in asked)
    assert set(people.ids(broad)) == wanted, broad


@settings(parent=SEARCHES, max_examples=60)
@given(PARAMETERS["Observation"])
def test_has_asks_what_refers_here(people: Driven, asked: Asked) -> None:
    observations = [r for r in BY_TYPE["Observation"] if asked.matches(r)]
    subjects = {r["subject"]["reference"][8:] for r in observations if "subject" in r}
    url = f"Patient?_has:Observation:patient:{asked.text}"
    assert set(people.ids(url)) == subjects, url
    both = f"Patient?gender=male,female,other&_has:Observation:patient:{asked.text}"
    assert set(people.ids(both)) == {p["id"] for p in BY_TYPE["Patient"] if p["id"] in subjects and "gender" in p}, both


def test_chains_and_has_may_be_nested(people: Driven) -> None:
    """Observations whose encounter's patient is called …; patients of encounters with a final observation."""
    named = {f"Patient/{p['id']}" for p in BY_TYPE["Patient"] if naive.string_matches("smith", naive.names(p), "")}
    visits = {f"Encounter/{e['id']}" for e in BY_TYPE["Encounter"] if e["subject"]["reference"] in named}
    wanted = {o["id"] for o in BY_TYPE["Observation"] if o.get("encounter", {}).get("reference") in visits}
    assert wanted
    assert set(people.ids("Observation?encounter.patient.name=smith")) == wanted
    final = {o["encounter"]["reference"] for o in BY_TYPE["Observation"] if o["status"] == "final" and "encounter" in o}
    patients = {e["subject"]["reference"][8:] for e in BY_TYPE["Encounter"] if f"Encounter/{e['id']}" in final}
    assert set(people.ids("Patient?_has:Encounter:patient:_has:Observation:encounter:status=final")) == patients


def test_a_system_search_joins_types(people: Driven) -> None:
    assert set(people.ids("?_type=Patient,Encounter&_id=p01,e02,o030")) == {"p01", "e02"}
    assert len(people.ids("?_lastUpdated=gt2000-01-01")) == len(PEOPLE)
    tagged = {r["id"] for r in PEOPLE if any(t["code"] == "red" for t in r.get("meta", {}).get("tag", ()))}
    assert set(people.ids("?_tag=red")) == tagged
    assert set(people.ids("?_tag:not=red&_type=Patient")) == {p["id"] for p in BY_TYPE["Patient"]} - tagged


def test_a_compartment_limits_a_search(people: Driven) -> None:
    own = {r["id"] for r in PEOPLE if r.get("subject", {}).get("reference") == "Patient/p03"}
    assert set(people.ids("?", compartment=("Patient", "p03"))) == {"p03"} | own
    for types in (("Observation",), ("Encounter", "Patient")):
        wanted = {r["id"] for kind in types for r in BY_TYPE[kind] if r["id"] in own | {"p03"}}
        assert set(people.ids(f"?_type={','.join(types)}", compartment=("Patient", "p03"))) == wanted
    observations = {r["id"] for r in BY_TYPE["Observation"] if r["id"] in own}
    assert set(people.ids("Observation?", compartment=("Patient", "p03"))) == observations
    assert people.ids("Patient?", compartment=("Patient", "p03")) == ["p03"]
    final = {r["id"] for r in BY_TYPE["Observation"] if r["id"] in own and r["status"] == "final"}
    assert set(people.ids("Observation?status=final", compartment=("Patient", "p03"))) == final
