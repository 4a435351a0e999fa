"""What is not FHIR: the page at `/`, the OpenAPI document, health and metrics."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.api.given import JSON, created, issue, patient, unique
from tests.servers import Server


@pytest.fixture
def site(server: Server) -> Any:
    with httpx.Client(base_url=server.url, timeout=30) as session:
        yield session


class Page(HTMLParser):
    """The tags, links and language of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.language = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.tags.append(tag)
        self.language = named.get("lang") or self.language
        self.links += [named["href"] or ""] if "href" in named else []
        assert not {name for name, _ in attrs if name.startswith("on") or name == "style" or name == "src"}


def test_the_page_stands_by_itself_and_allows_nothing_else(site: httpx.Client) -> None:
    answer = site.get("/")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    page = Page(answer.text)
    assert page.language == "en"
    assert page.tags.count("h1") == 1
    assert page.tags.count("main") == 1
    assert "title" in page.tags
    assert "script" not in page.tags


def test_every_link_of_the_page_leads_somewhere(site: httpx.Client) -> None:
    links = [link for link in Page(site.get("/").text).links if link.startswith("/")]
    assert len(links) > 8
    for link in links:
        answer = site.get(link)
        assert answer.status_code == 200, f"{link}: {answer.text[:300]}"


def test_an_unknown_page_is_an_outcome(site: httpx.Client) -> None:
    answer = site.get("/nothing/here")
    assert answer.status_code == 404
    assert issue(answer)["code"] == "not-found"
    assert site.post("/openapi.json").status_code == 405


def test_health_says_that_the_database_answers(site: httpx.Client) -> None:
    assert site.get("/health/live").json() == {"status": "live"}
    assert site.get("/health/ready").json() == {"status": "ready", "database": "ok"}


def test_metrics_count_what_was_asked_and_name_nobody(site: httpx.Client, client: httpx.Client) -> None:
    def reads() -> float:
        return sum(
            sample.value
            for family in text_string_to_metric_families(site.get("/metrics").text)
            for sample in family.samples
            if sample.name == "suture_request_duration_seconds_count"
            and (sample.labels["interaction"], sample.labels["type"], sample.labels["status"])
            == ("read", "Patient", "200")
        )

    family = "Zq" + unique()
    id = created(client, patient(name=[{"family": family}]))["id"]
    before = reads()
    for _ in range(3):
        client.get(f"/Patient/{id}")
    client.get("/Patient", params={"family": family})
    text = site.get("/metrics").text
    assert reads() == before + 3
    assert id not in text
    assert family not in text
    assert 'interaction="search-type"' in text
    assert "suture_write_batch_units_count" in text
    assert re.search(r"suture_store_queue_depth\{worker=\"\d+\"\} ", text)


def test_every_metric_is_documented(site: httpx.Client) -> None:
    page = (Path(__file__).parents[2] / "docs" / "operate.md").read_text("utf-8")
    families = text_string_to_metric_families(site.get("/metrics").text)
    assert [family.name for family in families if family.name not in page] == []


@pytest.fixture
def document(site: httpx.Client) -> dict[str, Any]:
    answer = site.get("/openapi.json")
    assert answer.status_code == 200
    return answer.json()


def references(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*map(references, node.values()))
    return set().union(*map(references, node)) if isinstance(node, list) else set()


def test_the_openapi_document_is_whole(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    for reference in references(document):
        place: Any = document
        for name in reference.removeprefix("#/").split("/"):
            place = place[name]
    calls = [call for item in document["paths"].values() for name, call in item.items() if name != "parameters"]
    names = [call["operationId"] for call in calls]
    assert sorted(names) == sorted(set(names))
    for path, item in document["paths"].items():
        for name in re.findall(r"\{(\w+)\}", path):
            assert {"$ref": f"#/components/parameters/{name}"} in item["parameters"]


def test_it_is_the_document_of_what_the_server_does(document: dict[str, Any], client: httpx.Client) -> None:
    paths = document["paths"]
    assert set(paths["/fhir/r4/{type}/{id}"]) == {"parameters", "get", "put", "patch", "delete"}
    assert "post" in paths["/fhir/r4"]
    assert set(paths["/fhir/r4/Patient/{id}/$everything"]) == {"parameters", "get", "post"}
    assert "get" not in paths["/fhir/r4/{type}/{id}/$meta-add"]
    statement = client.get("/metadata").json()["rest"][0]
    types = [entry["type"] for entry in statement["resource"]]
    assert document["components"]["parameters"]["type"]["schema"]["enum"] == types


def test_methods_that_it_does_not_name_are_not_allowed(document: dict[str, Any], site: httpx.Client) -> None:
    values = {"type": "Basic", "id": "x", "vid": "1", "compartment": "Patient", "member": "Observation"}
    for template, item in document["paths"].items():
        path = re.sub(r"\{(\w+)\}", lambda found: values[found[1]], template)
        for method in ("get", "post", "put", "patch", "delete"):
            if method not in item:
                assert site.request(method, path, json={}, headers=JSON).status_code == 405, f"{method} {path}"
