"""Full text search: `_text` in the narrative, `_content` in everything, the best matches first with `_sort=_score`.

Specification: https://hl7.org/fhir/R4/search.html#text, #content.
"""

from typing import Any

import httpx
import pytest

from tests.api.given import created, issue, put, unique


def note(title: str, text: str = "", **elements: Any) -> dict[str, Any]:
    narrative = {"text": {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{text}</div>'}}
    return {"resourceType": "Basic", **(narrative if text else {}), "code": {"text": title}, **elements}


def found(client: httpx.Client, **query: str) -> list[str]:
    answer = client.get("/Basic", params=query)
    assert answer.status_code == 200, answer.text
    return [entry["resource"]["id"] for entry in answer.json().get("entry", [])]


@pytest.fixture
def word() -> str:
    """A word that no other test uses."""
    return f"w{unique()}"


def test_text_looks_into_the_narrative_and_content_into_everything(client: httpx.Client, word: str) -> None:
    told = created(client, note("x", f"The <b>patient</b> has {word.upper()} &amp; more"))["id"]
    coded = created(client, note(f"Suspected {word}"))["id"]
    assert found(client, _text=word) == [told]
    assert sorted(found(client, _content=word)) == sorted([told, coded])
    assert found(client, _text=f"patient {word}") == [told]
    assert found(client, _text=f"nobody {word}") == []
    assert client.get("/Patient", params={"_content": word}).json().get("entry", []) == []
    everywhere = client.get("", params={"_content": word, "_type": "Basic,Patient"}).json()
    assert {entry["resource"]["id"] for entry in everywhere["entry"]} == {told, coded}


def test_words_phrases_alternatives_exclusions_and_beginnings(client: httpx.Client, word: str) -> None:
    one = created(client, note(f"{word} myocardial infarction acute"))["id"]
    two = created(client, note(f"{word} infarction, cerebral, müde"))["id"]

    def which(query: str) -> set[str]:
        return set(found(client, _content=f"{word} {query}"))

    assert which("infarction") == {one, two}
    assert which('"myocardial infarction"') == {one}
    assert which('"infarction myocardial"') == set()
    assert which("(acute OR cerebral)") == {one, two}
    assert which("infarction NOT cerebral") == {one}
    assert which("cereb*") == {two}
    assert which("cereb") == set()
    assert which("MUDE") == {two}
    assert set(found(client, _content=f"{word} acute,{word} cerebral")) == {one, two}


def test_the_best_match_comes_first_with_its_score(client: httpx.Client, word: str) -> None:
    for filler in range(8):
        created(client, note(f"filler {filler}"))
    weak = created(client, note(f"{word} " + "other words follow here and go on and on " * 8))["id"]
    strong = created(client, note(f"{word} {word} {word}"))["id"]
    bundle = client.get("/Basic", params={"_content": word, "_sort": "_score"}).json()
    assert [entry["resource"]["id"] for entry in bundle["entry"]] == [strong, weak]
    scores = [entry["search"]["score"] for entry in bundle["entry"]]
    assert 0 <= scores[1] < scores[0] <= 1
    assert found(client, _content=word, _sort="-_score") == [weak, strong]
    first = client.get("/Basic", params={"_content": word, "_sort": "_score", "_count": "1"}).json()
    link = next(link["url"] for link in first["link"] if link["relation"] == "next")
    assert [entry["resource"]["id"] for entry in client.get(link).json()["entry"]] == [weak]


def test_it_goes_with_other_parameters_and_follows_changes(client: httpx.Client, word: str) -> None:
    kept = created(client, note(f"about {word}", identifier=[{"system": "urn:b", "value": word}]))
    created(client, note(f"about {word}"))
    assert found(client, _content="about", identifier=f"urn:b|{word}") == [kept["id"]]
    put(client, {**kept, "code": {"text": "something else"}})
    assert found(client, _content="about", identifier=f"urn:b|{word}") == []
    assert found(client, _content="something", identifier=f"urn:b|{word}") == [kept["id"]]
    client.delete(f"/Basic/{kept['id']}")
    assert found(client, _content=f"something {word}") == []


@pytest.mark.parametrize("query", ["NOT x", '"open', "(a", "a)", "...", "a OR", "word " * 70])
def test_a_search_that_cannot_be_understood_is_refused(client: httpx.Client, query: str) -> None:
    answer = client.get("/Basic", params={"_content": query})
    assert answer.status_code == 400
    assert issue(answer)["diagnostics"]


def test_score_needs_words_and_missing_makes_no_sense(client: httpx.Client) -> None:
    assert client.get("/Basic", params={"_sort": "_score"}).status_code == 400
    assert client.get("/Basic", params={"_content:missing": "true"}).status_code == 400
