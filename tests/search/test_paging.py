"""Order and pages: every key, both directions, forward and back, while others write, and with forged links."""

import random
from base64 import urlsafe_b64decode
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from suture.fhir.outcomes import Invalid
from tests.search import naive
from tests.search.conftest import Driven
from tests.search.population import population

Resource = dict[str, Any]
PEOPLE = population(seed=11, size=20)
PLACE = {(r["resourceType"], r["id"]): n for n, r in enumerate(PEOPLE)}

PAGES = settings(
    max_examples=80, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def filled(driven: Driven) -> Driven:
    driven.run(driven.world.put(*PEOPLE))
    return driven


def _folded(element: str) -> Callable[[Resource], list[Any]]:
    def values(resource: Resource) -> list[Any]:
        found: list[str] = []
        for name in resource.get("name", ()):
            held = name.get(element, [])
            found += held if isinstance(held, list) else [held]
        return [naive.plain(text).encode() for text in found]

    return values


def _starts(resource: Resource) -> list[Fraction]:
    return [low for low, _ in naive.dates(resource)]


def _clinical(resource: Resource) -> list[Fraction]:
    """The primary date: a period without a start is placed by its end; none at all is older than everything."""
    return [low if low != -naive.EVER else high for low, high in naive.dates(resource)] or [-naive.EVER]


def _quantity(resource: Resource) -> list[Fraction]:
    return [Fraction(str(resource["valueQuantity"]["value"]))] if "valueQuantity" in resource else []


def _target(resource: Resource) -> list[str]:
    return [resource["subject"]["reference"][8:]] if "subject" in resource else []


KEYS: dict[str, dict[str, Callable[[Resource], list[Any]]]] = {
    "Patient": {
        "family": _folded("family"),
        "given": _folded("given"),
        "birthdate": _starts,
        "_id": lambda r: [r["id"]],
    },
    "Observation": {
        "date": _clinical,
        "value-quantity": _quantity,
        "subject": _target,
        "patient": _target,
        "_id": lambda r: [r["id"]],
        "_lastUpdated": lambda r: [0],
    },
    "Encounter": {"date": _clinical, "_id": lambda r: [r["id"]]},
    "RiskAssessment": {"probability": lambda r: [low for low, _ in naive.numbers(r)], "_id": lambda r: [r["id"]]},
}


def _texts(element: str) -> Callable[[Resource], list[Any]]:
    def values(resource: Resource) -> list[Any]:
        held = [text for name in resource.get("name", ()) for text in _listed(name.get(element, []))]
        return [(naive.plain(text).encode(), "" if text == naive.plain(text) else text) for text in held]

    return values


def _listed(held: Any) -> list[str]:
    return held if isinstance(held, list) else [held]


ALONE: dict[str, Callable[[Resource], list[Any]]] = {
    "family": _texts("family"),
    "given": _texts("given"),
    "birthdate": naive.dates,
    "probability": naive.numbers,
}
"""Values of a parameter that is the only key: equal ones are in the order of their end, or of the text as written."""


def in_order(kind: str, keys: list[tuple[str, bool]]) -> list[str]:
    """The ids of all resources of a type, sorted by (parameter, descending) keys."""
    found = sorted(
        (r for r in PEOPLE if r["resourceType"] == kind),
        key=lambda r: PLACE[kind, r["id"]],
        reverse=keys[-1][1],
    )
    for code, descending in reversed(keys):
        values = ALONE.get(code, KEYS[kind][code]) if len(keys) == 1 else KEYS[kind][code]
        best = max if descending else min
        having = sorted((r for r in found if values(r)), key=lambda r: best(values(r)), reverse=descending)
        found = having + [r for r in found if not values(r)]
    return [r["id"] for r in found]


@st.composite
def orders(draw: st.DrawFn) -> tuple[str, list[tuple[str, bool]]]:
    kind = draw(st.sampled_from(sorted(KEYS)))
    codes = draw(st.lists(st.sampled_from(sorted(KEYS[kind])), min_size=1, max_size=3, unique=True))
    return kind, [(code, draw(st.booleans())) for code in codes]


def sort_text(keys: list[tuple[str, bool]]) -> str:
    return ",".join(("-" if descending else "") + code for code, descending in keys)


def walk(people: Driven, url: str) -> tuple[list[list[str]], list[list[str]]]:
    """The pages forward to the last, and then back to the first."""
    there: list[list[str]] = []
    back: list[list[str]] = []
    page = people.run(people.world.page(url))
    while True:
        there.append([match.id for match in page.matches])
        if page.next is None:
            break
        page = people.run(people.world.page(f"{url}&_cursor={page.next}"))
    while page.previous is not None:
        page = people.run(people.world.page(f"{url}&_cursor={page.previous}"))
        back.append([match.id for match in page.matches])
    return there, back


@PAGES
@given(order=orders(), count=st.integers(1, 50))
def test_pages_are_in_order_forward_and_back(
    people: Driven, order: tuple[str, list[tuple[str, bool]]], count: int
) -> None:
    kind, keys = order
    url = f"{kind}?_sort={sort_text(keys)}&_count={count}"
    there, back = walk(people, url)
    assert [id for page in there for id in page] == in_order(kind, keys), url
    assert all(len(page) == count for page in there[:-1])
    while back and not back[-1]:
        back.pop()
    assert back[::-1] == there[:-1], url


@PAGES
@given(order=orders(), count=st.integers(1, 9))
def test_the_plan_may_change_from_page_to_page(
    filled: Driven, order: tuple[str, list[tuple[str, bool]]], count: int
) -> None:
    """Numbers of rows grow while someone pages, so the next page may be read another way."""
    kind, keys = order
    url = f"{kind}?_sort={sort_text(keys)}&_count={count}"
    found: list[str] = []
    cursor = ""
    streamed = False
    while True:
        filled.world.stream(always=streamed)
        page = filled.run(filled.world.page(url + cursor))
        found += [match.id for match in page.matches]
        if page.next is None:
            break
        cursor, streamed = f"&_cursor={page.next}", not streamed
    assert found == in_order(kind, keys), url


def test_without_sort_the_newest_come_first(people: Driven) -> None:
    for kind in KEYS:
        dated = {r["id"]: _clinical(r)[0] for r in PEOPLE if r["resourceType"] == kind and kind != "Patient"}
        wanted = sorted(
            (r["id"] for r in PEOPLE if r["resourceType"] == kind),
            key=lambda id: (dated.get(id, 0) if kind != "RiskAssessment" else 0, PLACE[kind, id]),
            reverse=True,
        )
        assert people.ids(f"{kind}?_count=7") == wanted


@pytest.mark.parametrize(
    "sort", ("date", "-date", "value-quantity", "-value-quantity,date", "_id", "-_lastUpdated", "subject")
)
@pytest.mark.parametrize("filter", ("", "&status=final", "&code=1234-5,abc", "&patient=p01", "&date=ge2020-02"))
def test_pages_lose_and_repeat_nothing_while_others_write(people: Driven, sort: str, filter: str) -> None:
    """What matches before and after is on exactly one page, whatever is created, changed or deleted meanwhile."""
    choose = random.Random(f"{sort}{filter}")
    url = f"Observation?_sort={sort}{filter}&_count=4"
    steady = people.ids(url)
    found: list[str] = []
    page = people.run(people.world.page(url))
    others = [r for r in population(seed=choose.randrange(10**6), size=12) if r["resourceType"] == "Observation"]
    names: list[str] = []
    while True:
        found += [match.id for match in page.matches]
        for other in others[:4]:
            others.remove(other)
            name = f"new{len(names)}"
            names.append(name)
            people.run(people.world.put({**other, "id": name, "status": "final"}))
        if names:
            people.run(people.world.delete("Observation", choose.choice(names)))
        if page.next is None:
            break
        page = people.run(people.world.page(f"{url}&_cursor={page.next}"))
    for name in names:
        people.run(people.world.delete("Observation", name))
    assert [id for id in found if id in set(steady)] == steady
    if sort != "-_lastUpdated":  # a deleted and recreated name may come twice there: it is newer then
        assert len(found) == len(set(found))


def test_a_forged_cursor_is_refused(people: Driven) -> None:
    url = "Patient?_sort=family&_count=2"
    cursor = people.run(people.world.page(url)).next
    assert cursor is not None
    forged = [cursor[:n] + ("A" if cursor[n] != "A" else "B") + cursor[n + 1 :] for n in range(len(cursor) - 1)]
    forged += [cursor[:-4], cursor + "AAAA", "", "x", "é", "A" * 9000, "-", "=" * 20]
    for text in forged:
        with pytest.raises(Invalid, match="_cursor"):
            people.run(people.world.page(f"{url}&_cursor={text}"))


def test_a_cursor_belongs_to_its_search(people: Driven) -> None:
    url = "Patient?_sort=family&_count=2"
    cursor = people.run(people.world.page(url)).next
    others = ("Patient?_sort=-family", "Patient?_sort=family&gender=male", "Practitioner?_sort=family", "?_sort=_id")
    for other in others:
        with pytest.raises(Invalid, match="first page"):
            people.run(people.world.page(f"{other}&_cursor={cursor}"))
    with pytest.raises(Invalid, match="first page"):
        people.run(people.world.page(f"{url}&_cursor={cursor}", compartment=("Patient", "p01")))
    assert people.run(people.world.page(f"Patient?_sort=family&_count=9&_cursor={cursor}")).matches


def test_a_cursor_shows_nothing_of_the_row(people: Driven) -> None:
    """It travels in URLs and logs, and holds a name."""
    page = people.run(people.world.page("Patient?_sort=-family&_count=1"))
    assert page.next is not None
    sealed = urlsafe_b64decode(page.next + "=" * (-len(page.next) % 4))
    assert page.matches[0].id.encode() not in sealed
    assert not any(naive.plain(name).encode() in sealed for r in PEOPLE for name in naive.names(r) if len(name) > 2)


def test_the_total_is_given_when_asked_or_known(people: Driven) -> None:
    run, page = people.run, people.world.page
    assert run(page("Patient?_count=50")).total == 20
    assert run(page("Patient?_count=5")).total is None
    assert run(page("Patient?_count=5&_total=accurate")).total == 20
    assert run(page("Patient?_count=5&_total=none")).total is None
    for url in ("Patient?_summary=count", "Patient?_count=0"):
        counted = run(page(url))
        assert (counted.total, counted.matches, counted.next) == (20, [], None)
    assert len(run(page("Observation?_count=100000")).matches) == 40
