"""The pieces under the indexer: criteria with three-valued logic, and the bounded memory of hashes."""

from typing import Any

import pytest

from suture.fhir.fhirpath import parse
from suture.search.extraction.cache import HashCache
from suture.search.extraction.coded import CodingSite
from suture.search.extraction.conditions import UnroutableError, compile_test
from suture.search.extraction.routes import Router
from suture.search.extraction.sites import Use
from suture.search.extraction.steps import Child, Route
from suture.search.values import token_full, variant_form
from tests.search.indexing import KEYS, Indexed, indexer, observation, parameters

ROUTER = Router(parameters().definitions)


def met(criteria: str, resource: dict[str, Any]) -> bool | None:
    focus = Route((), "Patient", fields=parameters().definitions.structures["Patient"].elements)
    return compile_test(lambda node: ROUTER.relative(focus, node), parse(criteria))(resource)


ANN = {"active": True, "gender": "female", "name": [{"family": "A", "given": ["Ann"]}, {"family": "B"}]}


@pytest.mark.parametrize(
    ("criteria", "result"),
    [
        ("gender = 'female'", True),
        ("gender = 'male'", False),
        ("gender != 'male'", True),
        ("birthDate = '2020'", None),
        ("gender = {}", None),
        ("active", True),
        ("active = true", True),
        ("active = 'true'", False),
        ("active.not()", False),
        ("birthDate.not()", None),
        ("name.family = 'A'", False),
        ("name.where(family = 'A').given = 'Ann'", True),
        ("name[1].family = 'B'", True),
        ("name.exists()", True),
        ("name.empty()", False),
        ("name.exists(family = 'C')", False),
        ("photo.exists()", False),
        ("active and gender = 'male'", False),
        ("birthDate = '2020' and gender = 'male'", False),
        ("birthDate = '2020' and active", None),
        ("birthDate = '2020' or active", True),
        ("birthDate = '2020' or gender = 'male'", None),
        ("active xor gender = 'male'", True),
        ("active xor birthDate = '2020'", None),
        ("gender = 'male' implies active.not()", True),
        ("active implies birthDate = '2020'", None),
        ("hasExtension('http://x')", False),
        ("true", True),
        ("(gender | active).exists()", True),
        ("multipleBirth = 2", None),
    ],
)
def test_criteria_follow_three_valued_logic(criteria: str, result: bool | None) -> None:
    assert met(criteria, ANN) is result


def test_numbers_and_extensions_are_compared_by_value() -> None:
    assert met("multipleBirth = 2", {"multipleBirthInteger": 2}) is True
    assert met("multipleBirth = 2", {"multipleBirthBoolean": True}) is False
    extended = {"extension": [{"url": "http://x", "valueCode": "a"}]}
    assert met("hasExtension('http://x')", extended) is True
    assert met("extension('http://x').value = 'a'", extended) is True


@pytest.mark.parametrize(
    "criteria", ["name.count() > 1", "a ~ b", "name.all(family.exists())", "gender in ('a' | 'b')"]
)
def test_other_criteria_are_refused(criteria: str) -> None:
    with pytest.raises(UnroutableError):
        met(criteria, ANN)


def test_a_choice_becomes_a_route_for_each_datatype() -> None:
    routes = ROUTER.routes("Observation", parse("Observation.value"))
    assert {(r.steps, r.type) for r in routes} >= {
        ((Child("valueQuantity"),), "Quantity"),
        ((Child("valueDateTime"),), "dateTime"),
    }
    assert [r.type for r in ROUTER.routes("Observation", parse("(Observation.value as Quantity)"))] == ["Quantity"]


def test_as_prefers_the_very_type_to_its_kin() -> None:
    routes = ROUTER.routes("ConceptMap", parse("(ConceptMap.source as uri)"))
    assert [r.steps for r in routes] == [(Child("sourceUri"),)]


def test_expressions_of_other_types_have_no_route() -> None:
    assert ROUTER.routes("Patient", parse("Observation.code | Practitioner.name")) == ()
    assert len(ROUTER.routes("Patient", parse("Resource.meta.tag | DomainResource.text"))) == 2


def test_the_memory_of_hashes_stays_bounded_and_keeps_what_is_used() -> None:
    cache = HashCache(size=10)
    cache.keep((1, "hot"), (7,))
    for number in range(1_000):
        assert (cache.young.get((1, "hot")) or cache.recall((1, "hot"))) == (7,)
        cache.keep((1, str(number)), (number,))
        assert len(cache.young) <= 10
    assert cache.recall((1, "0")) is None
    cache.keep((1, "long" * 100), (1,))
    assert (1, "long" * 100) not in cache.young


def test_a_site_gives_the_same_hashes_whether_remembered_or_not() -> None:
    cache = HashCache(size=2)
    site_codes = ("code", "value-concept")
    site = CodingSite(1, "Observation", (Use("code"), Use("value-concept"), Use("")), KEYS, cache)
    expected = {KEYS.token("Observation", code, variant_form(token_full("urn:s", "x"), "ex")) for code in site_codes}
    for filler in range(10):
        tok, words, paired = site((1, "urn:s", "x", "Ex"))
        assert set(tok) == {word.h for word in words} == expected and paired == ()
        site((1, "urn:s", f"other {filler}", None))


def test_indexing_again_gives_the_same_rows() -> None:
    resource = observation(subject={"reference": "Patient/1"}, effectiveDateTime="2024-05-17T08:30:00+02:00")
    first = Indexed(resource).rows
    for number in range(100):
        Indexed(observation(subject={"reference": f"Patient/{number}"}))
    again = indexer().rows(resource)
    assert (set(again.tok), again.dat, set(again.ref), again.ck) == (
        set(first.tok),
        first.dat,
        set(first.ref),
        first.ck,
    )
