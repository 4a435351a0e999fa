"""Data types: what their members say together."""

from decimal import Decimal
from typing import Any

import pytest

from suture.fhir.rules import Expectations
from tests.fhir.rules.judging import DIV, Json, definition, judged, observation, patient, places

DATA = "aGVsbG8="  # hello
SHA1 = "qvTGHdzF6KLavt4PO0gs2a6pQ00="


def attached(**members: Any) -> Json:
    return patient(photo=[{"contentType": "image/png", **members}])


def test_the_size_of_an_attachment_is_that_of_its_data() -> None:
    assert places(attached(data=DATA, size=5)) == []
    assert places(attached(data=DATA, size=6)) == ["Patient.photo[0]"]
    assert places(attached(url="http://a.org/x", size=6)) == []


def test_the_hash_of_an_attachment_is_that_of_its_data() -> None:
    assert "Patient.photo[0].hash" not in places(attached(data=DATA, hash=SHA1), severity="warning")
    assert "Patient.photo[0].hash" in places(attached(data=DATA, hash=DATA), severity="warning")


@pytest.mark.parametrize(
    ("code", "severity"), [("mg/dL", ""), ("{score}", ""), ("{a b}", "warning"), ("TAB", "warning")]
)
def test_a_ucum_code_is_a_unit(code: str, severity: str) -> None:
    quantity = {"value": Decimal("1.0"), "system": "http://unitsofmeasure.org", "code": code}
    found = [
        each for each, place, _ in judged(observation(valueQuantity=quantity)) if place == "Observation.value.code"
    ]
    assert [each for each in found if each != "information"] == ([severity] if severity else [])


@pytest.mark.parametrize(
    ("identifier", "fine"),
    [
        ({"system": "http://a.org", "value": "1"}, True),
        ({"system": "urn:ietf:rfc:3986", "value": "urn:oid:1.2.3"}, True),
        ({"system": "urn:ietf:rfc:3986", "value": "1.2.3"}, False),
        ({"system": "a.org", "value": "1"}, False),
    ],
)
def test_an_identifier_has_an_absolute_system_and_a_value_that_fits(identifier: Json, fine: bool) -> None:
    assert (not places(patient(identifier=[identifier]))) == fine


def coded(**coding: Any) -> Json:
    return observation(method={"coding": [coding]})


METHOD = "Observation.method.coding[0]"


def test_a_code_is_one_of_its_system() -> None:
    assert places(coded(system="http://code.system", code="a", display="Alpha")) == []
    assert places(coded(system="http://code.system", code="z")) == [METHOD + ".code"]
    assert places(coded(system="http://elsewhere.org", code="z")) == []


def test_a_code_that_a_table_of_hl7_may_have_got_since_r4_is_a_warning() -> None:
    url = "http://terminology.hl7.org/CodeSystem/v2-0203"
    resource = patient(identifier=[{"type": {"coding": [{"system": url, "code": "z"}]}, "value": "1"}])
    place = "Patient.identifier[0].type.coding[0].code"
    newer = definition("CodeSystem", url, version="5.0.0", content="complete")
    assert place in places(resource, severity="warning", systems=[url])
    assert place not in places(resource, systems=[url])
    assert place in places(resource, newer, systems=[url])


def test_a_wrong_display_is_a_warning_or_what_the_caller_wants() -> None:
    resource = coded(system="http://code.system", code="a", display="Beta")
    assert METHOD + ".display" in places(resource, severity="warning")
    assert places(resource, expectations=Expectations(display="error")) == [METHOD + ".display"]


@pytest.mark.parametrize(
    ("system", "code", "fine"),
    [
        ("http://snomed.info/sct", "22298006", True),
        ("http://snomed.info/sct", "22298007", False),
        ("http://snomed.info/sct", "T-15460", False),
        ("http://snomed.info/sct", "22298006:363698007=80891009", True),
        ("http://loinc.org", "8867-4", True),
        ("http://loinc.org", "8867-5", False),
        ("http://loinc.org", "LA6576-8", True),
    ],
)
def test_codes_with_check_digits_are_checked_without_their_code_systems(system: str, code: str, fine: bool) -> None:
    assert (not places(coded(system=system, code=code))) == fine


def test_the_system_of_a_coding_is_a_code_system() -> None:
    value_set = definition("ValueSet", "http://a.org/ValueSet/v")
    supplement = definition("CodeSystem", "http://a.org/s", content="supplement", supplements="http://a.org/base")
    assert METHOD + ".system" in places(coded(system="code.system", code="a"))
    assert METHOD + ".system" in places(coded(system=value_set["url"], code="a"), value_set)
    assert METHOD + ".system" in places(coded(system=supplement["url"], code="a"), supplement)
    assert METHOD in places(coded(code="a"), severity="warning")


@pytest.mark.parametrize(
    ("uri", "fine"),
    [
        ("urn:oid:1.2.3", True),
        ("urn:oid:3.2", False),
        ("urn:uuid:c757873d-ec9a-4326-a141-556f43239520", True),
        ("urn:uuid:1", False),
        ("oid:1.2.3", False),
    ],
)
def test_oids_and_uuids_are_what_they_say(uri: str, fine: bool) -> None:
    assert (not places(patient(implicitRules=uri))) == fine


def instantiating(url: str) -> Json:
    return {
        "resourceType": "CapabilityStatement",
        "status": "draft",
        "date": "2020",
        "kind": "requirements",
        "description": "d",
        "fhirVersion": "4.0.1",
        "format": ["json"],
        "rest": [{"mode": "server"}],
        "instantiates": [url],
    }


def test_a_canonical_url_leads_to_a_resource_of_the_right_type() -> None:
    questionnaire = definition("Questionnaire", "http://a.org/q")
    place = "CapabilityStatement.instantiates[0]"
    assert places(instantiating("http://a.org/nowhere"), questionnaire) == []
    assert places(instantiating("http://a.org/q"), questionnaire) == [place]
    assert place in places(instantiating("relative"), severity="warning")


def test_a_reference_is_looked_up_where_that_is_asked() -> None:
    wanted = Expectations(references=True)
    known = observation(subject={"reference": "Patient/known"})
    unknown = observation(subject={"reference": "Patient/unknown"})
    assert places(known, expectations=wanted) == []
    assert "Observation.subject.reference" in places(unknown, expectations=wanted)
    assert "Observation.subject.reference" not in places(unknown)
    nobody_knows = observation(subject={"reference": "Group/1"})
    assert "Observation.subject.reference" in places(nobody_knows, expectations=wanted, severity="warning")


def test_dates_far_away_are_doubted() -> None:
    assert "Patient.birthDate" in places(patient(birthDate="1066-10-14"), severity="warning")
    assert "Patient.birthDate" not in places(patient(birthDate="1966-10-14"), severity="warning")


@pytest.mark.parametrize("text", ["<script>x</script>", " x", "\u202ex"])
def test_text_that_is_most_likely_a_mistake_is_a_warning(text: str) -> None:
    assert "Patient.name[0].text" in places(patient(name=[{"text": text}]), severity="warning") or "<" in text
    assert places(patient(name=[{"text": text}])) == []


def test_markup_in_text_is_an_error_where_security_is_asked_for() -> None:
    resource = patient(name=[{"text": "<script>x</script>"}])
    assert places(resource, expectations=Expectations(security=True)) == ["Patient.name[0].text"]
    assert places(patient(name=[{"text": "x < y"}]), expectations=Expectations(security=True)) == []


def test_a_label_is_there_once() -> None:
    label = {"system": "http://a.org", "code": "a"}
    assert "Patient.meta.tag[1]" in places(patient(meta={"tag": [label, label]}), severity="warning")


def narrated(text: str, **members: Any) -> Json:
    return patient(text={"status": "generated", "div": DIV.format(text)}, **members)


def test_a_link_in_a_narrative_leads_somewhere() -> None:
    link = '<a href="#there">x</a>'
    assert "Patient.text.div" in places(narrated(link), severity="warning")
    assert "Patient.text.div" not in places(narrated(link + '<p id="there">y</p>'), severity="warning")
    assert "Patient.text.div" not in places(narrated(link, name=[{"id": "there", "text": "x"}]), severity="warning")


def test_the_narrative_is_in_the_language_of_the_resource() -> None:
    div = '<div xmlns="http://www.w3.org/1999/xhtml" lang="{}">x</div>'
    for language, doubted in (("en", False), ("de", True)):
        resource = patient(language="en", text={"status": "generated", "div": div.format(language)})
        assert ("Patient.text.div" in places(resource, severity="warning")) == doubted


def test_with_language_sections_all_text_is_in_one() -> None:
    section = '<div lang="en">x</div>'
    assert "Patient.text.div" not in places(narrated(section), severity="warning")
    assert "Patient.text.div" in places(narrated(section + "y"), severity="warning")


def test_a_conditional_reference_is_a_search() -> None:
    def to(reference: str) -> Json:
        return patient(managingOrganization={"reference": reference})

    assert places(to("Organization?identifier=http://a.org|1&name:exact=x%3D")) == []
    assert places(to("Organization?identifier=1&?==")) == ["Patient.managingOrganization"]
    assert places(to("Organization?1")) == ["Patient.managingOrganization"]


def test_urls_of_examples_are_refused_where_that_is_asked() -> None:
    strict = Expectations(examples=False)
    for url, fine in (("http://files.example.org/x", False), ("http://a.org/x", True)):
        found = places(attached(url=url), expectations=strict)
        assert found == ([] if fine else ["Patient.photo[0].url"])
        assert places(attached(url=url)) == []


def test_a_canonical_url_does_not_end_where_its_version_begins() -> None:
    resource = observation(meta={"profile": ["http://a.org/StructureDefinition/p|"]})
    assert "Observation.meta.profile[0]" in places(resource)


def test_a_reference_names_something() -> None:
    assert "Observation.subject" in places(observation(subject={"type": "Patient"}), severity="warning")
    assert "Observation.subject" not in places(observation(subject={"display": "x"}), severity="warning")


def test_a_local_canonical_url_names_a_contained_resource() -> None:
    assert places(instantiating("#nowhere")) == ["CapabilityStatement.instantiates[0]"]
    assert places(instantiating("#c") | {"contained": [instantiating("http://a.org/x") | {"id": "c"}]}) == []


def test_an_id_of_an_element_is_there_once_in_its_resource() -> None:
    assert places(patient(id="a", name=[{"id": "a", "text": "n"}], _active={"id": "b"}, active=True)) == []
    twice = patient(name=[{"id": "a", "text": "n"}], _birthDate={"id": "a"}, birthDate="2020")
    assert places(twice) == ["Patient.birthDate"]
    component = [{"code": {"text": "x"}, "valueQuantity": {"id": "q", "value": 1}}]
    assert places(observation(valueQuantity={"id": "q", "value": 1}, component=component)) == [
        "Observation.component[0].value"
    ]
    # A contained resource has ids of its own.
    inner = {"resourceType": "Organization", "id": "o", "name": "x", "identifier": [{"id": "a", "value": "1"}]}
    outer = {"managingOrganization": {"reference": "#o"}, "contained": [inner]}
    assert places(patient(name=[{"id": "a", "text": "n"}], **outer)) == []


def test_the_type_that_a_reference_states_is_a_resource_type() -> None:
    def stated(type: str) -> list[str]:
        return places(observation(focus=[{"type": type, "display": "x"}]))

    assert stated("Patient") == stated("http://hl7.org/fhir/StructureDefinition/Patient") == []
    assert stated("http://a.org/StructureDefinition/Thing") == []
    assert stated("Nonsense") == stated("Quantity") == ["Observation.focus[0].type"]
