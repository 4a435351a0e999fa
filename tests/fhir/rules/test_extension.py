"""Extensions: known, where they may stand, and for what they are."""

from typing import Any

import pytest

from suture.fhir.rules import Expectations
from suture.fhir.versions import Version
from tests.fhir.rules.judging import Json, definition, judged, observation, patient, places

URL = "http://a.org/StructureDefinition/x"
STRICT = Expectations(extension_domains=())


def defined(*contexts: tuple[str, str], modifier: bool = False, **members: Any) -> Json:
    root: Json = {"id": "Extension", "path": "Extension", "min": 0, "max": "*"}
    if modifier:
        root |= {"isModifier": True, "isModifierReason": "It changes the meaning."}
    return definition(
        "StructureDefinition",
        URL,
        kind="complex-type",
        abstract=False,
        type="Extension",
        baseDefinition="http://hl7.org/fhir/StructureDefinition/Extension",
        derivation="constraint",
        context=[{"type": type, "expression": expression} for type, expression in contexts],
        differential={"element": [root, {"id": "Extension.url", "path": "Extension.url", "fixedUri": URL}]},
        **members,
    )


def x(**members: Any) -> Json:
    return {"extension": [{"url": URL, "valueString": "v"}], **members}


def test_an_unknown_extension_is_mentioned_and_refused_where_that_is_asked() -> None:
    assert "Patient.extension[0]" in places(patient(**x()), severity="information")
    assert places(patient(**x())) == []
    assert places(patient(**x()), expectations=STRICT) == ["Patient.extension[0]"]
    assert places(patient(**x()), expectations=Expectations(extension_domains=("http://a.org/",))) == []


def test_the_url_of_an_extension_is_absolute() -> None:
    assert "Patient.extension[0]" in places(patient(extension=[{"url": "x", "valueString": "v"}]))


@pytest.mark.parametrize(
    ("context", "resource", "allowed"),
    [
        (("element", "Patient"), patient(**x()), True),
        (("element", "Patient"), observation(**x()), False),
        (("element", "Element"), observation(**x()), True),
        (("element", "DomainResource"), observation(**x()), True),
        (("element", "Patient.name"), patient(name=[x(text="n")]), True),
        (("element", "HumanName"), patient(name=[x(text="n")]), True),
        (("element", "HumanName.given"), patient(name=[{"given": ["n"], "_given": [x()]}]), True),
        (("element", "Patient.birthDate"), patient(birthDate="2020", _birthDate=x()), True),
        (("element", "date"), patient(birthDate="2020", _birthDate=x()), True),
        (("element", "Patient.name"), patient(birthDate="2020", _birthDate=x()), False),
        (("element", "Observation.value[x]"), observation(valueQuantity=x(value=1)), True),
        (("element", "Quantity"), observation(valueQuantity=x(value=1)), True),
        (("fhirpath", "Patient.name.where(use = 'usual')"), patient(name=[x(use="usual")]), True),
        (("fhirpath", "Patient.name.where(use = 'usual')"), patient(name=[x(use="old")]), False),
        (("extension", "http://a.org/outer"), patient(extension=[x(url="http://a.org/outer")]), True),
        (("extension", "http://a.org/other"), patient(extension=[x(url="http://a.org/outer")]), False),
    ],
)
def test_an_extension_stands_where_its_definition_allows_it(
    context: tuple[str, str], resource: Json, allowed: bool
) -> None:
    refused = [text for severity, _, text in judged(resource, defined(context)) if severity == "error"]
    assert bool([text for text in refused if "is not allowed on" in text]) != allowed


def test_the_content_of_an_element_that_repeats_has_the_same_contexts() -> None:
    inner = {"linkId": "2", "type": "group", **x()}
    form = {
        "resourceType": "Questionnaire",
        "status": "draft",
        "item": [{"linkId": "1", "type": "group", "item": [inner]}],
    }
    assert [
        text for _, _, text in judged(form, defined(("element", "Questionnaire.item"))) if "not allowed" in text
    ] == []


def test_the_invariant_of_a_context_holds_on_the_holder() -> None:
    known = defined(("element", "Patient"), contextInvariant=["active = true"])
    assert places(patient(active=True, **x()), known) == []
    assert places(patient(active=False, **x()), known) == ["Patient"]


def test_a_modifier_stands_in_modifier_extension_only() -> None:
    modifier, plain = defined(("element", "Patient"), modifier=True), defined(("element", "Patient"))
    changing = patient(modifierExtension=[{"url": URL, "valueBoolean": True}])
    assert places(changing, modifier) == []
    assert places(patient(**x()), modifier) == ["Patient.extension[0]"]
    assert places(changing, plain) == ["Patient.modifierExtension[0]"]


def test_an_extension_may_be_for_some_versions_of_fhir() -> None:
    url = "http://hl7.org/fhir/StructureDefinition/version-specific-use"
    until = {"url": url, "extension": [{"url": "endFhirVersion", "valueCode": "4.0"}]}
    known = defined(("element", "Patient"), extension=[until])
    assert places(patient(**x()), known) == []
    assert places(patient(**x()), known, version=Version.R5) == ["Patient"]


def test_the_parts_of_a_complex_extension_are_those_of_its_definition() -> None:
    known = defined(("element", "Patient"))
    slicing = {"discriminator": [{"type": "value", "path": "url"}], "rules": "open"}
    known["differential"]["element"] += [
        {"id": "Extension.extension", "path": "Extension.extension", "slicing": slicing},
        {"id": "Extension.extension:colour", "path": "Extension.extension", "sliceName": "colour"},
        {"id": "Extension.extension:colour.url", "path": "Extension.extension.url", "fixedUri": "colour"},
    ]

    def carrying(part: str) -> Json:
        return patient(extension=[{"url": URL, "extension": [{"url": part, "valueString": "v"}]}])

    assert places(carrying("colour"), known) == []
    assert places(carrying("taste"), known) == ["Patient.extension[0].extension[0]"]
    assert places(carrying("taste"), defined(("element", "Patient"))) == []
    # Extensions with definitions of their own may stand in it as well.
    assert places(carrying("http://a.org/other"), known) == []


def test_a_code_of_another_version_stands_in_for_one_that_this_version_lacks() -> None:
    def capable(version: str, path: str) -> list[str]:
        url = f"http://hl7.org/fhir/{version}/StructureDefinition/extension-{path}"
        device = {"resourceType": "Device", "_status": {"extension": [{"url": url, "valueCode": "unknown"}]}}
        return places(device, version=Version.R5)

    assert capable("4.0", "Device.status") == []
    assert capable("5.0", "Device.status") == ["Device.status"]
    assert capable("4.0", "Device.deviceName") == ["Device.status"]


def test_an_element_of_another_version_is_one_that_it_has() -> None:
    base = "http://hl7.org/fhir/5.0/StructureDefinition/extension-"
    known, modifying, unknown = "DeviceRequest.quantity", "DeviceRequest.doNotPerform", "DeviceRequest.nothing"

    def carrying(path: str, name: str = "extension") -> Json:
        request = {"resourceType": "DeviceRequest", "intent": "order", "codeCodeableConcept": {"text": "x"}}
        return {**request, "subject": {"display": "s"}, name: [{"url": base + path, "valueBoolean": True}]}

    assert places(carrying(known)) == []
    assert places(carrying(modifying, "modifierExtension")) == []
    assert places(carrying(modifying)) == ["DeviceRequest.extension[0]"]
    assert places(carrying(unknown)) == ["DeviceRequest.extension[0]"]


def test_urls_of_examples_are_refused_where_that_is_asked() -> None:
    resource = patient(extension=[{"url": "http://example.org/x", "valueString": "v"}])
    assert places(resource) == []
    assert "Patient.extension[0].url" in places(resource, expectations=Expectations(examples=False))
