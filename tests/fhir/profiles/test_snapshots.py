"""Snapshots from differentials: https://hl7.org/fhir/R4/profiling.html#snapshot."""

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from suture.fhir.packages import Collection, CoreCanonicals, Layers, read_package
from suture.fhir.profiles import Library, generate, listed
from suture.fhir.profiles.branches import Unusable
from suture.fhir.versions import Version
from tests.fhir.profiles.judging import HERE, Json, Shelf, element, profile

SHARED = Path(__file__).parents[4] / "shared" / "packages"


def snapshot(first: Json, *others: Json) -> dict[str, Json]:
    library = Library(Version.R4, Shelf([first, *others]))
    return {facts["id"]: facts for facts in listed(generate(library, first))}


def test_what_the_differential_does_not_say_comes_from_the_base() -> None:
    made = snapshot(profile("p", "Patient", element("Patient.birthDate", min=1, mustSupport=True)))
    assert made["Patient.birthDate"]["min"] == 1
    assert made["Patient.birthDate"]["max"] == "1"
    assert made["Patient.birthDate"]["mustSupport"] is True
    assert made["Patient.gender"]["binding"]["strength"] == "required"


def test_the_differential_walks_into_types() -> None:
    made = snapshot(profile("p", "Patient", element("Patient.name.period.start", min=1)))
    assert made["Patient.name.period.start"]["min"] == 1
    assert made["Patient.name.family"]["min"] == 0
    assert list(made).index("Patient.name.family") < list(made).index("Patient.name.period")


def test_the_differential_walks_into_profiles_of_types() -> None:
    named = profile("named", "HumanName", element("HumanName.family", min=1))
    outer = profile(
        "p",
        "Patient",
        element("Patient.name", type=[{"code": "HumanName", "profile": [named["url"]]}]),
        element("Patient.name.given", min=1),
    )
    made = snapshot(outer, named)
    assert made["Patient.name.family"]["min"] == 1
    assert made["Patient.name.given"]["min"] == 1


def test_content_references_are_followed() -> None:
    made = snapshot(profile("p", "Questionnaire", element("Questionnaire.item.item.text", min=1)))
    assert made["Questionnaire.item.item.text"]["min"] == 1
    assert made["Questionnaire.item.text"]["min"] == 0


def test_constraints_add_up_and_a_newer_one_of_the_same_key_replaces() -> None:
    first = profile("a", "Patient", element("Patient", constraint=[{"key": "x", "severity": "error"}]))
    second = {
        **profile("b", "Patient", element("Patient", constraint=[{"key": "x", "severity": "warning"}, {"key": "y"}])),
        "baseDefinition": first["url"],
    }
    keys = {c["key"]: c.get("severity") for c in snapshot(second, first)["Patient"]["constraint"]}
    assert keys["x"] == "warning"
    assert {"y", "dom-2"} <= keys.keys()


def test_slices_begin_as_what_they_slice() -> None:
    made = snapshot(
        profile(
            "p",
            "Patient",
            element("Patient.identifier", slicing={"discriminator": [{"type": "value", "path": "system"}]}, min=1),
            element("Patient.identifier.value", min=1),
            element("Patient.identifier", slice="mrn", max="1"),
            element("Patient.identifier.system", fixedUri="http://x.org"),
        )
    )
    assert made["Patient.identifier:mrn"]["min"] == 0
    assert made["Patient.identifier:mrn.value"]["min"] == 1
    assert made["Patient.identifier:mrn.system"]["fixedUri"] == "http://x.org"
    assert "fixedUri" not in made["Patient.identifier.system"]
    assert "slicing" not in made["Patient.identifier:mrn"]


def test_ids_put_elements_in_place_whatever_their_order() -> None:
    elements = [
        {"id": "Patient.identifier:b.system", "path": "Patient.identifier.system", "fixedUri": "http://b.org"},
        {"id": "Patient.identifier:b", "path": "Patient.identifier", "sliceName": "b", "min": 1},
        {"id": "Patient.identifier:a.system", "path": "Patient.identifier.system", "fixedUri": "http://a.org"},
        {"id": "Patient.identifier:a", "path": "Patient.identifier", "sliceName": "a"},
        {"id": "Patient.identifier", "path": "Patient.identifier", "slicing": {"rules": "open"}, "min": 1},
    ]
    made = snapshot(profile("p", "Patient", *elements))
    assert made["Patient.identifier:a.system"]["fixedUri"] == "http://a.org"
    assert made["Patient.identifier:b"]["min"] == 1
    assert made["Patient.identifier"]["min"] == 1


def test_the_short_form_of_a_choice_is_a_slice() -> None:
    made = snapshot(profile("p", "Observation", element("Observation.valueQuantity", min=1)))
    assert made["Observation.value[x]:valueQuantity"]["type"] == [{"code": "Quantity"}]
    assert made["Observation.value[x]"]["type"] == [{"code": "Quantity"}]
    assert made["Observation.value[x]"]["slicing"]["rules"] == "closed"
    made = snapshot(profile("p", "Observation", element("Observation.valueQuantity.code", min=1)))
    assert len(made["Observation.value[x]"]["type"]) == 11
    assert made["Observation.value[x]"]["slicing"]["rules"] == "open"


def test_a_chain_of_profiles_and_what_breaks_it() -> None:
    first = profile("a", "Patient", element("Patient.name", min=1))
    second = {**profile("b", "Patient", element("Patient.name", max="1")), "baseDefinition": first["url"]}
    made = snapshot(second, first)["Patient.name"]
    assert (made["min"], made["max"]) == (1, "1")
    with pytest.raises(Unusable, match="not known"):
        snapshot(second)
    circle = {**first, "baseDefinition": second["url"]}
    with pytest.raises(Unusable, match="circle"):
        snapshot(second, circle)
    with pytest.raises(Unusable, match="not an element"):
        snapshot(profile("c", "Patient", element("Patient.nome", min=1)))


@pytest.mark.parametrize("name", ["hl7.fhir.us.core#6.1.0", "hl7.fhir.uv.ips#1.1.0"])
def test_generated_snapshots_say_what_the_published_ones_say(name: str) -> None:
    path = SHARED / f"{name}.tgz"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    library = Library(Version.R4, Layers([Collection.of([read_package(path)]), CoreCanonicals(Version.R4)]))
    compared = 0
    for definition in published(path):
        try:
            made = {facts["id"]: facts for facts in listed(generate(library, {**definition, "snapshot": None}))}
        except Unusable as error:
            assert "not known here" in str(error)
            continue
        for facts in definition["snapshot"]["element"]:
            if ":" in facts["id"] or facts["id"] not in made:
                continue  # the publisher lets slices begin as in the base, which says the same in other places
            compared += 1
            assert essence(made[facts["id"]]) == essence(facts), (definition["id"], facts["id"])
    assert compared > 1000


def test_the_snapshots_of_us_core_follow_from_their_differentials() -> None:
    path = SHARED / "hl7.fhir.us.core#8.0.0.tgz"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    library = Library(Version.R4, Layers([Collection.of([read_package(path)]), CoreCanonicals(Version.R4)]))
    compared = 0
    for definition in published(path):
        if not library.knows(definition["baseDefinition"]):
            continue
        made = list(listed(generate(library, {**definition, "snapshot": None})))
        theirs = definition["snapshot"]["element"]
        assert [facts["id"] for facts in made] == [facts["id"] for facts in theirs], definition["id"]
        for one, other in zip(made, theirs, strict=True):
            assert essence(one) == essence(other), (definition["id"], other["id"])
        compared += 1
    assert compared > 60


def published(path: Path) -> list[Json]:
    with tarfile.open(path) as archive:
        names = [name for name in archive.getnames() if name.startswith("package/StructureDefinition-")]
        files = [file for name in names if (file := archive.extractfile(name))]
        definitions: list[Json] = [json.load(file) for file in files]
    return [one for one in definitions if one["derivation"] == "constraint"]


def essence(facts: Json) -> dict[str, Any]:
    """What decides on data."""
    kept = {name: facts[name] for name in facts if name in ("min", "max", "maxLength") or name.startswith("fixed")}
    binding = facts.get("binding") or {}
    kept["binding"] = (binding.get("strength"), str(binding.get("valueSet")).partition("|")[0])
    return kept | {"patterns": {name: facts[name] for name in facts if name.startswith("pattern")}}


def test_a_profile_element_is_part_of_another_profile() -> None:
    library = profile(
        "library",
        "Composition",
        element(
            "Composition.section", slicing={"discriminator": [{"type": "pattern", "path": "code"}], "rules": "open"}
        ),
        element("Composition.section", slice="plan"),
        element("Composition.section.title", min=1),
    )
    assert Library(Version.R4, Shelf([library])).profile(HERE + "library#Composition.section:plan") is not None
