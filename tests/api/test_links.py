"""Links within transactions, on content that nobody has checked yet."""

import copy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from suture.api.links import InNarrative, ToEntry, ToMatch, UriElements, find_links, replace_links
from suture.fhir.definitions import load
from suture.fhir.versions import Version

BASE = "http://127.0.0.1:8000/fhir/r4"
URLS = {"urn:uuid:a": 0, "http://x.example.org/fhir/Patient/b": 1}
NAMES = {0: "Patient/real-a", 1: "Patient/real-b"}
URIS = UriElements(load(Version.R4))

texts = st.sampled_from(
    [*URLS, "Patient/b", "Patient?identifier=1", f"{BASE}/Patient/c", "#d", "", "x", '<a href="urn:uuid:a">', "?", "A?"]
)
names = st.sampled_from(
    ["reference", "div", "url", "valueUri", "extension", "text", "subject", "contained", "resourceType"]
)
anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), texts),
    lambda below: st.one_of(st.lists(below, max_size=4), st.dictionaries(names, below, max_size=5)),
    max_leaves=25,
)


@given(
    st.dictionaries(names, anything, max_size=5),
    st.sampled_from(["", "urn:uuid:x", "http://x.example.org/fhir/Basic/1"]),
)
@settings(max_examples=300, derandomize=True)
def test_any_content_can_be_searched_for_links(content: dict[str, Any], full_url: str) -> None:
    resource = {**content, "resourceType": "Observation"}
    before = copy.deepcopy(resource)
    sites = find_links(resource, full_url, URLS, BASE, URIS)
    for site in sites:
        assert site.holder[site.key] == site.text
        if not isinstance(site, ToMatch):
            replace_links(site, URLS, NAMES)
    again = find_links(resource, full_url, URLS, BASE, URIS)
    assert not [site for site in again if isinstance(site, ToEntry | InNarrative)]
    assert f"{BASE}/Patient/c" not in references(resource)
    if not sites and not any(text.startswith(BASE) for text in references(before)):
        assert resource == before


def references(value: Any) -> list[str]:
    """All strings under a key `reference`, anywhere."""
    found: list[str] = []
    if isinstance(value, dict):
        for key, item in value.items():
            found += [item] if key == "reference" and isinstance(item, str) else references(item)
    elif isinstance(value, list):
        for item in value:
            found += references(item)
    return found


def test_what_each_kind_of_reference_is() -> None:
    def kind(text: str, full_url: str = "") -> Any:
        resource = {"resourceType": "Observation", "subject": {"reference": text}}
        sites = find_links(resource, full_url, URLS, BASE, URIS)
        return type(sites[0]) if sites else resource["subject"]["reference"]

    assert kind("urn:uuid:a") is ToEntry
    assert kind("http://x.example.org/fhir/Patient/b") is ToEntry
    assert kind("Patient/b") == "Patient/b", "without a fullUrl it is a reference to this server"
    assert kind("Patient/b", "http://x.example.org/fhir/Observation/1") is ToEntry
    assert kind("Patient/b", "http://y.example.org/fhir/Observation/1") == "Patient/b"
    assert kind("Patient?identifier=1") is ToMatch
    assert kind(f"{BASE}/Patient?identifier=1") is ToMatch
    assert kind(f"{BASE}/Patient/c") == "Patient/c"
    assert kind("urn:uuid:unknown") == "urn:uuid:unknown"
    assert (
        kind("https://elsewhere.example.org/Patient?identifier=1")
        == "https://elsewhere.example.org/Patient?identifier=1"
    )
