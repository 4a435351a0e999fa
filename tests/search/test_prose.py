"""The words of full text search: which are indexed, how they are folded, and that both engines find the same ones."""

import asyncio
import random
import time
from collections.abc import Iterator
from typing import Any

import pytest

from suture.fhir.outcomes import Invalid
from suture.search.prose import MAX_LETTERS, MAX_TEXT, MAX_WORDS, marker, prose, words
from suture.search.prose_query import match_text, tsquery_text, understand
from suture.store.opening import open_store
from suture.store.store import Store
from suture.store.tsvector import tsvector
from tests.store.sample import index

PLACES = 16_383
"""Positions that a tsvector can tell apart."""


def basic(div: str = "", **elements: Any) -> dict[str, Any]:
    text = {"text": {"status": "additional", "div": div}} if div else {}
    return {"resourceType": "Basic", **text, **elements}


def test_words_are_letters_and_digits_without_case_accents_and_width() -> None:
    assert words("Müller-Lüdenscheidt, 12.5 mg") == ["muller", "ludenscheidt", "12", "5", "mg"]
    assert words("a_b (c)[d] it's") == ["a", "b", "c", "d", "it", "s"]
    assert words("re\u0301sume\u0301") == words("résumé") == words("RESUME") == ["resume"]
    assert words("ＡＢＣ Straße") == ["abc", "strasse"]
    assert words("co\u00adoperate") == ["cooperate"]
    assert words("हिन्दी में") == words(" ".join(words("हिन्दी में")))
    assert len(words("हिन्दी में")) == 2
    assert words("… — ! \x00") == []


def test_marks_of_emphasis_and_references_to_letters_do_not_count() -> None:
    told, _ = prose(
        basic('<div xmlns="http://www.w3.org/1999/xhtml" title="tip"><p>Fever&nbsp;&amp; c&#243;ugh</p></div>')
    )
    assert told == "fever cough"


def test_texts_and_codes_are_indexed_once_and_addresses_keys_and_dates_are_not() -> None:
    resource = basic(
        "<div>Narrated</div>",
        id="key",
        meta={"profile": ["http://profile.example/p"], "lastUpdated": "2020-01-01T00:00:00Z", "versionId": "3"},
        identifier=[{"system": "urn:sys", "value": "MRN-7"}],
        code={"coding": [{"system": "http://s", "code": "A1", "display": "Asthma"}], "text": "Asthma"},
        subject={"reference": "Patient/elsewhere", "display": "Ann"},
        created="2020-01-02",
        contained=[{"resourceType": "Patient", "id": "c", "name": [{"family": "Inner", "given": ["One", "Two"]}]}],
    )
    told, content = prose(resource)
    mark, *rest = content.split()
    assert (told, mark) == ("narrated", marker("Basic"))
    assert sorted(rest) == sorted(["additional", "mrn", "7", "a1", "asthma", "ann", "inner", "one", "two"])
    assert prose({"resourceType": "Basic"}) == ("", marker("Basic"))


def test_no_text_has_the_marker_of_a_type() -> None:
    assert words(marker("Patient")) != [marker("Patient")]


@pytest.mark.parametrize(
    "text",
    [
        " ".join(f"w{n}" for n in range(60_000)),
        " ".join("x" * 200 + str(n) for n in range(9_000)),
        " ".join("\U00020000" * 63 + chr(0x4E00 + n) for n in range(9_000)),
        "\ufdfa" * 200_000,
        "same " * 60_000,
        "a" * 1_000_000,
    ],
)
def test_what_is_indexed_is_bounded(text: str) -> None:
    told, content = prose(basic(f"<div>{text}</div>", code={"text": text}))
    for joined in (told, content):
        found = joined.split()
        assert len(found) <= MAX_WORDS + 1
        assert len(joined) <= MAX_TEXT + 10
        assert max(map(len, found)) <= MAX_LETTERS
    entries = tsvector(told, content).split(" ")
    places = [int(place.rstrip("A")) for entry in entries for place in entry.rpartition(":")[2].split(",")]
    assert max(places) <= PLACES


@pytest.mark.parametrize(
    "div",
    [
        "<" * 400_000,
        "<a " * 200_000,
        "&" * 400_000,
        "&#" * 200_000,
        "<!--" * 100_000,
        "</>" * 100_000 + "&amp;#x",
        "\ufdfa" * 400_000,
    ],
)
def test_a_hostile_narrative_takes_no_time(div: str) -> None:
    started = time.process_time()
    prose(basic(div))
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    ("text", "match", "tsquery"),
    [
        ("Heart", '"heart"', "('heart')"),
        ("heart attack", '("heart" AND "attack")', "(('heart') & ('attack'))"),
        ("heart AND attack", '("heart" AND "attack")', "(('heart') & ('attack'))"),
        ('"heart attack"', '"heart attack"', "('heart' <-> 'attack')"),
        ("e-mail*", '"e mail"*', "('e' <-> 'mail':*)"),
        ("a OR b|c", '("a" OR "b" OR "c")', "(('a') | ('b') | ('c'))"),
        ("a NOT (b OR c)", '(("a") NOT (("b" OR "c")))', "(('a') & !(('b') | ('c')))"),
        ("a or not b", '("a" AND "or" AND "not" AND "b")', "(('a') & ('or') & ('not') & ('b'))"),
    ],
)
def test_a_search_is_told_to_both_engines(text: str, match: str, tsquery: str) -> None:
    asked = understand(text)
    assert match_text(asked) == match
    assert tsquery_text(asked) == tsquery


def test_a_weight_goes_to_every_word() -> None:
    assert tsquery_text(understand('"a b*" c* NOT d'), "A") == "(('a':A <-> 'b':A) & ('c':A*) & !('d':A))"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "...",
        "NOT a",
        "(a",
        "a)",
        '"a',
        "a OR",
        "OR a",
        "a NOT",
        "()",
        "((((((((((a))))))))))",
        "a " * 65,
        f'"{"a " * 65}"',
    ],
)
def test_what_cannot_be_understood_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        understand(text)


class Index:
    """The table `prose` of a fresh database."""

    def __init__(self, url: str) -> None:
        self._runner = asyncio.Runner()
        self._store: Store = self._runner.run(open_store(url, index=index, read_connections=1))

    def write(self, entries: list[tuple[str, str]]) -> None:
        async def work(tx: Any) -> None:
            await tx.write_prose([], [(k, 1, *entry) for k, entry in enumerate(entries, 1)])

        self._runner.run(self._store.write(work))

    def find(self, text: str) -> set[int]:
        """The numbers, from 0, of the entries whose content or narrative has `text`."""
        return self._runner.run(self._find(text))

    async def _find(self, text: str) -> set[int]:
        asked = understand(text)
        async with self._store.reading() as connection:
            if self._store.dialect.lateral:
                sql, query = "select k from prose where words @@ cast(cast(?1 as text) as tsquery)", tsquery_text(asked)
            else:
                sql, query = "select rowid from prose where prose match ?1", match_text(asked)
            return {row[0] - 1 for row in await connection.fetch(sql, (query,))}

    def close(self) -> None:
        self._runner.run(self._store.close())
        self._runner.close()


@pytest.fixture
def table(database_url: str) -> Iterator[Index]:
    one = Index(database_url)
    yield one
    one.close()


def strange(rng: random.Random) -> str:
    """A text of any letters and signs."""
    ranges = [(0x20, 0x7F), (0xA0, 0x250), (0x300, 0x600), (0x900, 0xE80), (0x1D00, 0x2100), (0x2C00, 0xD7FF)]
    ranges += [(0xF900, 0xFFFE), (0x10000, 0x1F000), (0x20000, 0x2A000)]
    low, high = rng.choice(ranges)
    return "".join(
        rng.choice(" -_'\"\\:*&|") if rng.random() < 0.2 else chr(rng.randrange(low, high)) for _ in range(60)
    )


def test_every_word_and_phrase_of_a_text_is_found(table: Index) -> None:
    seed = random.randrange(10**6)
    rng = random.Random(seed)
    texts = [strange(rng) for _ in range(150)]
    entries = [prose(basic(text if n % 3 == 0 else "", code={"text": text})) for n, text in enumerate(texts)]
    table.write(entries)
    for number, text in enumerate(texts):
        found = words(text)
        for word in dict.fromkeys(found):
            assert words(word) == [word], f"seed {seed}, {word!r}"
            expected = {n for n, entry in enumerate(entries) if word in f"{entry[0]} {entry[1]}".split()}
            assert table.find(word) == expected, f"seed {seed}, {word!r}"
        if len(found) > 1:
            phrase = " ".join(found[:60])
            assert number in table.find(f'"{phrase}"'), f"seed {seed}, {phrase!r}"


def test_the_largest_text_fits(table: Index) -> None:
    letters = "\U00020000" * 11
    text = " ".join(letters + chr(0x4E00 + n) for n in range(9_000))
    told = text.replace("\U00020000", "\U00020001")
    entry = prose(basic(f"<div>{told}</div>", code={"text": text}))
    assert min(map(len, entry)) > MAX_TEXT - 100
    table.write([entry, prose(basic(code={"text": "small"}))])
    for word in (entry[0].split()[0], entry[0].split()[-1], entry[1].split()[-1]):
        assert table.find(word) == {0}
    last = " ".join(entry[1].split()[-2:])
    assert table.find(f'"{last}"') == {0}
    between = f"{entry[0].split()[-1]} {entry[1].split()[1]}"
    assert table.find(f'"{between}"') == set()
