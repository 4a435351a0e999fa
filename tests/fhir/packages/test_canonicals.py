"""Canonical URLs (https://hl7.org/fhir/R4/references.html#canonical): versions, layers, and what is kept in memory."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suture.fhir.packages import Collection, CoreCanonicals, Layers, Nothing, collection
from suture.fhir.packages.collection import Entry, entry
from suture.fhir.packages.lean import lean
from suture.fhir.packages.numbering import matches, order
from suture.fhir.versions import Version
from tests.packages import Json, profile

URL = "https://example.org/guide/StructureDefinition/own"


def of(*resources: Json) -> Collection:
    return Collection(map(entry_of, resources))


def entry_of(resource: Json) -> Entry:
    return entry(resource["resourceType"], resource["url"], resource["version"], resource)


def version_of(found: Json | None) -> str | None:
    return found and found["version"]


@pytest.mark.parametrize(
    ("reference", "version"),
    [
        (URL, "6.10.0"),
        (f"{URL}|6.1.0", "6.1.0"),
        (f"{URL}|6.1", "6.1.3"),
        (f"{URL}|6.1.x", "6.1.3"),
        (f"{URL}|6", "6.10.0"),
        (f"{URL}|7.0.0-ballot", "7.0.0-ballot"),
        (f"{URL}|7", None),
        (f"{URL}|6.1.1", None),
        (f"{URL}#element", "6.10.0"),
        (f"{URL}|6.1.0#element", "6.1.0"),
        ("https://example.org/other", None),
    ],
)
def test_a_reference_means_its_version_or_the_newest(reference: str, version: str | None) -> None:
    found = of(*(profile("own", each) for each in ("6.1.0", "6.10.0", "6.1.3", "6.9.0", "5.0.0")))
    both = Layers((found, of(profile("own", "7.0.0-ballot"))))
    assert version_of(both.find("StructureDefinition", reference)) == version
    assert version_of(both.find("", reference)) == version
    assert both.find("ValueSet", reference) is None


def test_a_release_is_newer_than_its_ballot() -> None:
    assert version_of(of(profile("own", "2.0.0-ballot"), profile("own", "2.0.0")).find("", URL)) == "2.0.0"
    assert version_of(of(profile("own", "1.0.0"), profile("own", "2.0.0-ballot")).find("", URL)) == "2.0.0-ballot"


def test_versions_sort_by_their_numbers() -> None:
    versions = ["0.9", "1.0.0-ballot", "1.0.0-ballot2", "1.0.0", "1.0.1", "1.2.0", "1.10.0", "2019-05", "2019-10"]
    assert sorted(sorted(versions), key=order) == versions
    assert order("1.0") == order("1.0.0")


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_text_is_a_version(one: str, other: str) -> None:
    assert (order(one) < order(other)) or (order(one) >= order(other))
    assert matches(one, one)
    assert isinstance(matches(one, other), bool)


def test_an_upper_layer_wins_unless_it_lacks_the_version() -> None:
    layers = Layers((of(profile("own", "1.0.0", title="Mine")), of(profile("own", "1.0.0"), profile("own", "2.0.0"))))
    found = layers.find("StructureDefinition", URL)
    assert found is not None
    assert found["title"] == "Mine"
    assert version_of(layers.find("StructureDefinition", f"{URL}|2.0.0")) == "2.0.0"
    assert sorted((each["version"], each.get("title", "")) for each in layers.all("StructureDefinition")) == [
        ("1.0.0", "Mine"),
        ("2.0.0", ""),
    ]
    assert Nothing().find("", URL) is None
    assert list(Nothing().all("ValueSet")) == []


@pytest.mark.parametrize("version", Version)
def test_the_core_is_a_layer_of_its_own(version: Version) -> None:
    core = CoreCanonicals(version)
    patient = core.find("StructureDefinition", f"http://hl7.org/fhir/StructureDefinition/Patient|{version.number}")
    assert patient is not None
    assert patient["snapshot"]["element"][0]["path"] == "Patient"
    assert core.find("StructureDefinition", "http://hl7.org/fhir/StructureDefinition/Patient|1.0.2") is None
    assert core.find("", "http://hl7.org/fhir/ValueSet/administrative-gender") is not None
    assert any(each["url"].endswith("/vitalsigns") for each in core.all("StructureDefinition"))
    assert any(each["code"] == "Patient" for each in core.all("CompartmentDefinition"))


def test_a_snapshot_stands_for_the_differential_and_texts_are_dropped() -> None:
    element = {
        "id": "Patient.name", "path": "Patient.name", "short": "A name", "min": 1, "max": "*", "mustSupport": True,
        "isModifier": False, "base": {"path": "Patient.name", "min": 0, "max": "*"}, "definition": "Long",
        "mapping": [{"identity": "rim", "map": "name"}],
        "constraint": [{"key": "a-1", "severity": "error", "human": "Say", "expression": "true", "xpath": "1"}],
    }  # fmt: skip
    whole = profile("own", "1.0.0", snapshot={"element": [element]}, text={"status": "generated"}, description="Long")
    kept = lean(whole)
    assert kept["snapshot"]["element"] == [
        {
            "id": "Patient.name", "path": "Patient.name", "min": 1, "max": "*", "mustSupport": True,
            "base": {"path": "Patient.name", "min": 0, "max": "*"},
            "constraint": [{"key": "a-1", "severity": "error", "human": "Say", "expression": "true"}],
        }
    ]  # fmt: skip
    assert not {"differential", "text", "description"} & kept.keys()
    assert lean(profile("own", "1.0.0"))["differential"]["element"] == [{"id": "Patient", "path": "Patient", "min": 0}]


def test_only_so_much_is_kept_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collection, "KEPT", 2000)
    found = of(*(profile(f"p{n}", "1.0.0", name="x" * 600) for n in range(5)))
    url = "https://example.org/guide/StructureDefinition/p{}".format
    first = found.find("", url(0))
    assert found.find("", url(0)) is first
    for n in range(1, 5):
        assert found.find("", url(n)) is not None
    again = found.find("", url(0))
    assert again == first
    assert again is not first
