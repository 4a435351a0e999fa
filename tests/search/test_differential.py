"""Random searches over real patients, against a second opinion: what is found, how many, and in which order.

The patients are Synthea's (the folder of shared test material), with odd resources beside them; the second opinion is
`tests.search.oracle`. `SUTURE_TEST_SEED` sets the seed (printed on failure), `SUTURE_TEST_SEARCHES` the number.
"""

import gzip
import os
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from suture.fhir.json import decode
from tests import citus, databases
from tests.search.live import BASE, Live
from tests.search.odd import odd
from tests.search.oracle import World
from tests.search.oracle.world import Answer, in_order, key_of
from tests.search.questions import Question, Questions
from tests.search.refusals import NOT_YET

SEED = int(os.environ.get("SUTURE_TEST_SEED", "20"))
QUICK, SLOW = (int(os.environ.get("SUTURE_TEST_SEARCHES", number)) for number in ("1500", "6000"))
PAGE = 100


def real_patients(shared: Path, number: int) -> list[dict[str, Any]]:
    """The resources of the `number` smallest bundles, with references as `Type/id`."""
    files = sorted(
        (shared / "data" / "synthea-r4").glob("*.json.gz"), key=lambda file: (file.stat().st_size, file.name)
    )
    if not files:
        pytest.skip("there are no Synthea bundles in ../shared/data/synthea-r4")
    found: list[dict[str, Any]] = []
    for file in files[:number]:
        text = gzip.decompress(file.read_bytes()).decode()
        bundle: Any = decode(text.encode())
        for entry in bundle["entry"]:
            if entry["fullUrl"].startswith("urn:uuid:"):
                text = text.replace(entry["fullUrl"], key_of(entry["resource"]))
        bundle = decode(text.encode())
        found += [entry["resource"] for entry in bundle["entry"]]
    return list({key_of(one): one for one in found}.values())


class Compared:
    """A server and the second opinion about the same resources."""

    def __init__(self, database: str, resources: Sequence[dict[str, Any]]) -> None:
        self.live = Live(database, max_count=10_000, max_include=100_000)
        for start in range(0, len(resources), 200):
            self.live.keep(*resources[start : start + 200])
        types = sorted({one["resourceType"] for one in resources})
        stored = self.live.everything(types)
        assert {key_of(one) for one in stored} == {key_of(one) for one in resources}
        self.world = World(stored, BASE)
        self.refused: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.found = 0

    def check(self, question: Question) -> str:
        """What is wrong with the server's answer, or ""."""
        expected = self.world.ask(question.type, question.pairs, question.compartment)
        pairs = [*question.pairs, ("_total", "accurate"), ("_count", str(PAGE))]
        if question.features & {"POST"}:
            answer = self.live.post(question.path + "/_search", pairs)
        else:
            answer = self.live.get(question.path, pairs)
        if answer.status_code == 501 and citus.wanted() and citus.REFUSED in answer.text:
            return ""
        waiting = question.features & NOT_YET
        wrong = _difference(answer, expected)
        if wrong and waiting:
            self.refused.update(waiting)
            return ""
        for feature in question.features:
            self.answered[feature] += 1
        self.found += bool(expected.matches)
        return f"{question}\n  {wrong}" if wrong else ""


def _difference(answer: httpx.Response, expected: Answer) -> str:
    if answer.status_code != 200:
        return f"status {answer.status_code}: {answer.text[:600]}"
    bundle: Any = decode(answer.content)
    entries = {"match": list[str](), "include": list[str](), "outcome": list[str]()}
    for entry in bundle.get("entry", ()):
        entries[entry["search"]["mode"]].append(entry["fullUrl"].removeprefix(BASE) if "fullUrl" in entry else "")
    matches = entries["match"]
    if len(set(matches)) != len(matches):
        return f"twice: {matches}"
    if bundle.get("total") != len(expected.matches):
        return f"total {bundle.get('total')}, expected {len(expected.matches)}; {_sets(set(matches), expected.matches)}"
    if len(matches) != min(PAGE, len(expected.matches)) or not expected.matches.issuperset(matches):
        return _sets(set(matches), expected.matches)
    if not in_order(matches, expected.compare):
        return f"not in order: {matches}"
    left = expected.matches.difference(matches)
    if any(expected.compare(matches[-1], one) > 0 for one in left):
        return f"not the first page: {matches}"
    if not left and set(entries["include"]) != expected.included:
        return f"includes: {_sets(set(entries['include']), expected.included)}"
    if len(set(entries["include"])) != len(entries["include"]):
        return f"included twice: {entries['include']}"
    return ""


def _sets(found: set[str], expected: frozenset[str]) -> str:
    missing, more = sorted(expected - found), sorted(found - expected)
    return f"{len(missing)} not found: {missing[:5]}; {len(more)} found wrongly: {more[:5]}"


@pytest.fixture(scope="module", params=databases.ENGINES)
def few(request: pytest.FixtureRequest, shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compared]:
    yield from _compared(request.param, tmp_path_factory.mktemp("few"), real_patients(shared, 5), 25)


@pytest.fixture(scope="module", params=databases.ENGINES)
def many(request: pytest.FixtureRequest, shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compared]:
    yield from _compared(request.param, tmp_path_factory.mktemp("many"), real_patients(shared, 16), 150)


def _compared(engine: str, folder: Path, real: Sequence[dict[str, Any]], size: int) -> Iterator[Compared]:
    with databases.for_test(engine, folder) as url:
        one = Compared(url, [*real, *odd(real, random.Random(SEED), size)])
        yield one
        one.live.close()


def ask(one: Compared, number: int) -> None:
    questions = Questions(one.world, SEED)
    wrong = [text for text in (one.check(questions.ask()) for _ in range(number)) if text]
    shown = "\n".join(wrong[:40])
    assert not wrong, f"{len(wrong)} of {number} searches differ (SUTURE_TEST_SEED={SEED}):\n{shown}"
    assert one.found > number / 4, "most searches find nothing, so they test nothing"
    kept = [feature for feature in NOT_YET if one.answered[feature] > 20 and not one.refused[feature]]
    assert not kept, f"take off tests/search/refusals.py, since nothing differs any more: {kept}"


def test_some_searches_find_what_the_specification_says(few: Compared) -> None:
    ask(few, QUICK)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_thousands_of_searches_find_what_the_specification_says(many: Compared) -> None:
    ask(many, SLOW)
