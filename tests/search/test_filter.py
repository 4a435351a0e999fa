"""`_filter`: its grammar, each operator, and the same answers as the naive evaluator, on both engines."""

import operator
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from suture.access import ALLOW_ALL
from suture.fhir.outcomes import Invalid
from suture.search.filter_syntax import MAX_DEPTH, MAX_TESTS, Both, Comparison, Either, Negation, Segment, parse
from tests.search import naive
from tests.search.conftest import Driven
from tests.search.population import FAMILIES, GIVEN, LOCAL, LOINC, population

Resource = dict[str, Any]
PEOPLE = population(seed=3, size=20)
PATIENTS = [r for r in PEOPLE if r["resourceType"] == "Patient"]
OBSERVATIONS = [r for r in PEOPLE if r["resourceType"] == "Observation"]
GROUP: Resource = {
    "resourceType": "Group", "id": "g", "type": "person", "actual": False,
    "characteristic": [
        {"code": {"coding": [{"code": "sex"}]}, "valueCodeableConcept": {"coding": [{"code": "f"}]}, "exclude": False},
        {"code": {"coding": [{"code": "hand"}]}, "valueCodeableConcept": {"coding": [{"code": "l"}]}, "exclude": False},
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def filled(driven: Driven) -> Iterator[Driven]:
    driven.run(driven.world.put(*PEOPLE, GROUP))
    yield driven


def test_the_grammar() -> None:
    one, two, three = (Comparison((Segment(name),), "eq", "1", at) for name, at in (("a", 1), ("b", 12), ("c", 22)))
    assert parse("a eq 1 and b eq 1 or c eq 1") == Either(Both(one, two), three)
    nested = parse('a eq 1 or (not (b co "x) y\\u0041") and c pr true)')
    assert isinstance(nested, Either)
    assert isinstance(nested.right, Both)
    assert nested.right.left == Negation(Comparison((Segment("b"),), "co", "x) yA", 17))
    chained = parse('subject[name eq x].organization.name sw "y"')
    assert isinstance(chained, Comparison)
    assert [segment.name for segment in chained.path] == ["subject", "organization", "name"]
    assert chained.path[0].within == Comparison((Segment("name"),), "eq", "x", 9)


@pytest.mark.parametrize(
    ("text", "place", "words"),
    (
        ("", 1, "name of a search parameter"),
        ("a", 2, "a blank"),
        ("a eq", 5, "a blank"),
        ("a eq ", 6, "a value"),
        ("a is 1", 3, "an operator"),
        ("a eq 1 b", 8, "the end"),
        ("(a eq 1", 8, "'[)]'"),
        ("a eq 1)", 7, "the end"),
        ("a[b eq 1] eq 2", 10, "after ']'"),
        ("a[b eq 1", 9, "']'"),
        ('a eq "x', 6, "quotation marks"),
        ('a eq "\\x"', 6, "quotation marks"),
        ("a eq 1 and", 11, "name of a search parameter"),
        ("a..b eq 1", 3, "name of a search parameter"),
    ),
)  # fmt: skip
def test_a_fault_is_named_with_its_place(text: str, place: int, words: str) -> None:
    with pytest.raises(Invalid, match=f"character {place}: .*{words}"):
        parse(text)


def test_limits() -> None:
    parse(" and ".join(["a eq 1"] * MAX_TESTS))
    for text in (" and ".join(["a eq 1"] * (MAX_TESTS + 1)), "(" * (MAX_DEPTH + 1) + "a eq 1" + ")" * 30, "a" * 9000):
        with pytest.raises(Invalid, match="more than"):
            parse(text)


@settings(max_examples=300, derandomize=True)
@given(st.text(st.sampled_from('ab12 ()[]."\\_:eqandornot'), max_size=40))
def test_any_text_is_a_filter_or_refused(text: str) -> None:
    try:
        parse(text)
    except Invalid as error:
        assert str(error).startswith("_filter")


def found(world: Driven, type: str, text: str) -> list[str]:
    async def ids() -> list[str]:
        query = world.world.search.parse(type, [("_filter", text), ("_count", "50")])
        async with world.world.store.reading() as connection:
            page = await world.world.search.run(connection, query, ALLOW_ALL)
        assert page.next is None
        return sorted(match.id for match in page.matches)

    return world.run(ids())


Matches = Callable[[Resource], bool]
COMPARISONS: dict[str, Callable[[str, str], bool]] = {
    "eq": operator.eq, "ne": operator.ne, "co": lambda has, x: x in has, "sw": str.startswith, "ew": str.endswith,
    "gt": operator.gt, "lt": operator.lt, "ge": operator.ge, "le": operator.le,
}  # fmt: skip


def _strings() -> st.SearchStrategy[tuple[str, Matches]]:
    def asked(op: str, text: str, begin: int, end: int) -> tuple[str, Matches]:
        value = text[begin : begin + end].strip() or text
        compare = COMPARISONS[op]
        quoted = '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'

        def matches(resource: Resource) -> bool:
            return any(compare(naive.plain(name), naive.plain(value)) for name in naive.names(resource))

        return f"name {op} {quoted}", matches

    texts = st.sampled_from((*FAMILIES, *GIVEN))
    return st.builds(asked, st.sampled_from(sorted(COMPARISONS)), texts, st.integers(0, 2), st.integers(1, 6))


def _dates() -> st.SearchStrategy[tuple[str, Matches]]:
    def asked(op: str, date: str) -> tuple[str, Matches]:
        low, high = naive.moments(date)
        own: dict[str, Callable[[Any, Any], bool]] = {
            "po": lambda lo, hi: lo <= high and hi >= low,
            "co": lambda lo, hi: lo <= low and hi >= high,
        }

        def matches(resource: Resource) -> bool:
            ranges = naive.dates(resource)
            if op in own:
                return any(own[op](lo, hi) for lo, hi in ranges)
            return naive.date_matches(op + date, ranges)

        return f"birthdate {op} {date}", matches

    return st.builds(
        asked,
        st.sampled_from(("po", "co", *naive.PREFIXES)),
        st.sampled_from(("2019", "2020-02", "2020-02-29", "2020")),
    )


def _tokens() -> st.SearchStrategy[tuple[str, Matches]]:
    def asked(op: str, code: str) -> tuple[str, Matches]:
        def matches(resource: Resource) -> bool:
            return "gender" in resource and (resource["gender"] == code) == (op == "eq")

        return f"gender {op} {code}", matches

    return st.builds(asked, st.sampled_from(("eq", "ne")), st.sampled_from(("male", "female", "x")))


def _presence() -> st.SearchStrategy[tuple[str, Matches]]:
    elements = {"name": "name", "gender": "gender", "birthdate": "birthDate"}

    def asked(name: str, there: bool) -> tuple[str, Matches]:
        return f"{name} pr {str(there).lower()}", lambda resource: (elements[name] in resource) == there

    return st.builds(asked, st.sampled_from(sorted(elements)), st.booleans())


TESTS = st.one_of(_strings(), _dates(), _tokens(), _presence())


def _join(parts: tuple[tuple[str, Matches], str, tuple[str, Matches]]) -> tuple[str, Matches]:
    (left, a), word, (right, b) = parts
    both = word == "and"
    return f"({left}) {word} ({right})", lambda r: (a(r) and b(r)) if both else (a(r) or b(r))


def _not(part: tuple[str, Matches]) -> tuple[str, Matches]:
    return f"not ({part[0]})", lambda resource: not part[1](resource)


TREES = st.recursive(
    TESTS,
    lambda inner: st.tuples(inner, st.sampled_from(("and", "or")), inner).map(_join) | inner.map(_not),
    max_leaves=5,
)


@settings(
    max_examples=200, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(tree=TREES, streamed=st.booleans())
def test_a_filter_finds_what_its_words_mean(filled: Driven, tree: tuple[str, Matches], streamed: bool) -> None:
    filled.world.stream(always=streamed)
    text, matches = tree
    assert found(filled, "Patient", text) == sorted(r["id"] for r in PATIENTS if matches(r)), text
    subjects = {f"Patient/{r['id']}" for r in PATIENTS if matches(r)}
    wanted = sorted(r["id"] for r in OBSERVATIONS if r.get("subject", {}).get("reference") in subjects)
    if text.count(" ") == 2:
        assert found(filled, "Observation", f"patient.{text}") == wanted
        assert found(filled, "Observation", f"patient[{text}]._id pr true") == wanted


def _ids(resources: list[Resource], matches: Matches) -> list[str]:
    return sorted(r["id"] for r in resources if matches(r))


def test_each_kind(filled: Driven) -> None:
    coded = _ids(OBSERVATIONS, lambda r: (LOINC, "1234-5") in naive.codings(r, "code"))
    assert coded
    assert found(filled, "Observation", "code eq http://loinc.org|1234-5") == coded
    assert found(filled, "Observation", "code eq loinc|1234-5") == coded
    patient = next(r["subject"]["reference"] for r in OBSERVATIONS if "subject" in r)
    subject = _ids(OBSERVATIONS, lambda r: r.get("subject", {}).get("reference") == patient)
    assert found(filled, "Observation", f"subject re {patient}") == subject
    assert found(filled, "Observation", "_id eq " + subject[0]) == subject[:1]
    others = _ids(OBSERVATIONS, lambda r: "subject" in r and r["id"] not in subject)
    assert found(filled, "Observation", f"subject ne {patient}") == others
    owners = {r["subject"]["reference"][8:] for r in OBSERVATIONS if r["id"] in coded and "subject" in r}
    assert found(filled, "Patient", "_has:Observation:patient:code eq loinc|1234-5") == sorted(owners)
    values = _ids(OBSERVATIONS, lambda r: "valueQuantity" in r and naive.quantity_matches("gt5||mg", r))
    assert found(filled, "Observation", "value-quantity gt 5||mg") == values
    assert found(filled, "Observation", "code sw 1234") == found(filled, "Observation", "code co 234-")
    assert found(filled, "Patient", "identifier sw 1234-") == _ids(
        PATIENTS, lambda r: any(i["value"].startswith("1234-") for i in r.get("identifier", ()))
    )
    assert found(filled, "Group", "characteristic[code eq sex].value eq f") == ["g"]
    assert found(filled, "Group", "characteristic[code eq sex].value eq l") == []
    assert LOCAL


@pytest.mark.parametrize(
    ("type", "text", "words"),
    (
        ("Patient", "birthdate co 20", "character 1: .*not a date"),
        ("Patient", "name eq x and gendr eq male", "character 15: .*Did you mean 'gender'"),
        ("Patient", "gender gt male", "'gt' is not for 'gender'"),
        ("Patient", "birthdate sw 2010", "'sw' is not for 'birthdate'"),
        ("Patient", "name pr maybe", "true or false"),
        ("Patient", "name.family eq x", "not a reference"),
        ("Observation", "subject:Medication.code eq x", "never refers"),
        ("Observation", "code in http://x.org/vs", "not known here"),
        ("Group", "characteristic.value eq x", "must be of the form"),
    ),
)
def test_what_is_refused(filled: Driven, type: str, text: str, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        found(filled, type, text)
