"""Chains and `_has` as deep as they may be, on both engines: https://hl7.org/fhir/R4/search.html#chaining."""

from collections.abc import Iterator
from typing import Any

import pytest

from suture.fhir.outcomes import Invalid, TooCostly
from suture.search.names import MAX_DEPTH
from tests.search.conftest import Driven

LINKS = MAX_DEPTH - 1
LAST = LINKS + 2
"""Encounters are parts of each other, each of the one before it, from the first to this one."""


def encounter(n: int) -> dict[str, Any]:
    above = {"partOf": {"reference": f"Encounter/e{n - 1}"}} if n else {}
    return {
        "resourceType": "Encounter", "id": f"e{n}", "status": "finished", "class": {"code": "AMB"},
        "subject": {"reference": f"Patient/p{n}"}, **above,
    }  # fmt: skip


def patient(n: int) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": f"p{n}", "name": [{"family": f"F{n:02d}"}], "gender": "other"}


@pytest.fixture(scope="module")
def filled(driven: Driven) -> Iterator[Driven]:
    driven.run(driven.world.put(*map(encounter, range(LAST + 1)), *map(patient, range(LAST + 1))))
    yield driven


UP, DOWN = "part-of.", "_has:Encounter:part-of:"
MANY = ",".join(["F00", *(f"none{n}" for n in range(300))])


@pytest.mark.parametrize(
    ("url", "found"),
    (
        (f"Encounter?{UP * (LINKS - 1)}patient.name=F00", [f"e{LINKS - 1}"]),
        (f"Encounter?{UP * (LINKS - 1)}patient.name={MANY}", [f"e{LINKS - 1}"]),
        (f"Encounter?{'part-of:Encounter.' * (LINKS - 1)}patient:Patient.name:exact=F01", [f"e{LINKS}"]),
        (f"Encounter?{UP * LINKS}status:not=planned&_sort=_id", [f"e{n}" for n in range(LINKS, LAST + 1)]),
        (f"Encounter?{DOWN * LINKS}_id=e{LAST}", [f"e{LAST - LINKS}"]),
        (f"Encounter?{DOWN * 5}{UP * 5}{DOWN * 3}patient.name=F09", ["e6"]),
        (f"Patient?_has:Encounter:patient:{DOWN * (LINKS - 1)}_id=e{LAST}", [f"p{LAST - LINKS + 1}"]),
        (f"Encounter?_filter={UP * (LINKS - 1)}patient.name eq F00", [f"e{LINKS - 1}"]),
        (f"Encounter?_filter=not ({UP * (LINKS - 1)}patient.name eq F00) and {UP * LINKS}status eq finished",
         sorted(f"e{n}" for n in range(LINKS, LAST + 1))),
    ),
)  # fmt: skip
def test_a_deep_chain_is_followed(people: Driven, url: str, found: list[str]) -> None:
    assert sorted(people.ids(url)) == sorted(found)


@pytest.mark.parametrize("name", (UP * MAX_DEPTH + "status", DOWN * MAX_DEPTH + "status"))
def test_a_deeper_one_is_refused(filled: Driven, name: str) -> None:
    with pytest.raises(Invalid, match=f"at most {LINKS} links"):
        filled.world.parse(f"Encounter?{name}=finished")
    with pytest.raises(Invalid, match=f"at most {MAX_DEPTH} names"):
        filled.world.parse(f"Encounter?_filter={UP * MAX_DEPTH}status eq finished")


def test_what_is_too_deep_for_an_engine_is_refused(filled: Driven, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("suture.search.names.MAX_DEPTH", 200)
    url = f"Encounter?{UP * 90}status=finished"
    if filled.world.store.dialect.lateral:
        assert filled.ids(url) == []
    else:
        with pytest.raises(TooCostly, match="too complex"):
            filled.ids(url)
