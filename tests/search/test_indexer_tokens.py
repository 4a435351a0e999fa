"""Tokens, references and URIs of each datatype (https://hl7.org/fhir/R4/search.html#token, #reference, #uri)."""

import msgspec
import pytest

from suture.fhir.definitions import load
from suture.fhir.versions import Version
from suture.search.indexer import Indexer
from suture.search.parameters import SearchParameters
from suture.search.values import (
    OF_TYPE_SUFFIX,
    TEXT_SUFFIX,
    of_type_form,
    token_code,
    token_full,
    token_system,
    variant_form,
)
from tests.search.indexing import KEYS, Indexed, observation, patient

LOINC = "http://loinc.org"


def concept(*codings: tuple[str | None, str | None]) -> dict[str, object]:
    members = [{"system": system, "code": code} for system, code in codings]
    return {"coding": [{k: v for k, v in c.items() if v is not None} for c in members]}


def test_a_concept_is_found_by_code_by_system_and_by_both() -> None:
    found = Indexed(observation(code=concept((LOINC, "8867-4"), (None, "Pulse"))))
    for form in (
        token_code("8867-4"), token_full(LOINC, "8867-4"), token_system(LOINC),
        token_code("pulse"), token_full("", "PULSE"),
    ):  # fmt: skip
        assert found.has_token("code", form)
    assert not found.has_token("code", token_full("", "8867-4"))
    assert not found.has_token("code", token_full(LOINC, "pulse"))
    assert not found.has_token("value-concept", token_code("8867-4"))


def test_a_concept_with_only_text_is_present_and_found_by_text_alone() -> None:
    found = Indexed(observation(code={"text": "Pulse"}))
    assert found.has("code") and not found.has("value-concept")
    assert found.texts("code") == {"pulse"} and not found.has_token("code", token_code("pulse"))
    assert Indexed({"resourceType": "Observation", "status": "final"}).has("code") is False


def test_a_coding_with_a_system_alone_is_found_by_its_system() -> None:
    found = Indexed(observation(code=concept((LOINC, None))))
    assert found.has_token("code", token_system(LOINC))


def test_unions_have_no_rows_of_their_own() -> None:
    component = {"code": concept((LOINC, "8480-6"))}
    found = Indexed(observation(code=concept((LOINC, "85354-9")), component=[component, component]))
    assert found.has("combo-code") and found.has("component-code")
    assert found.has_token("component-code", token_code("8480-6")) and found.has_token("code", token_code("85354-9"))
    assert not found.has_token("combo-code", token_code("8480-6"))
    assert not found.has_token("code", token_code("8480-6"))
    assert len(found.rows.tok) == len(set(found.rows.tok)) == 3  # and the status


def test_a_coding_is_one_row_and_every_form_of_it_leads_there() -> None:
    found = Indexed(observation(code={"coding": [{"system": LOINC, "code": "8867-4", "display": "Heart  RATE"}]}))
    plain = KEYS.token("Observation", "code", token_full(LOINC, "8867-4"))
    shown = KEYS.token("Observation", "code", variant_form(token_full(LOINC, "8867-4"), "heart rate"))
    assert shown in found.rows.tok and plain not in found.rows.tok
    (word,) = [word for word in found.rows.words if word.h == shown]
    assert not word.unique
    forms = (token_full(LOINC, "8867-4"), token_code("8867-4"), token_system(LOINC))
    assert set(word.forms) == {(KEYS.token("Observation", "code", form), plain) for form in forms}
    assert found.texts("code") == {"heart rate"} and found.sorted_by("code") == {"8867-4"}


def test_texts_of_concepts_are_found_and_kept_once() -> None:
    coding = {"system": LOINC, "code": "8867-4", "display": "Heart rate"}
    same = Indexed(observation(code={"coding": [coding], "text": "HEART rate"}))
    assert len(same.rows.tok) == 2 and same.texts("code") == {"heart rate"}
    other = Indexed(observation(code={"coding": [coding], "text": "Pulse"}))
    assert other.texts("code") == {"heart rate", "pulse"} and len(other.rows.tok) == 3
    assert KEYS.token("Observation", "code" + TEXT_SUFFIX, "pulse") in other.rows.tok
    assert Indexed(observation(code={"coding": [{"display": "Pulse"}]})).texts("code") == {"pulse"}


def test_a_code_and_its_patient_are_one_row_together() -> None:
    code = {"coding": [{"system": LOINC, "code": "8867-4", "display": "Heart rate"}]}
    pair = KEYS.pair(KEYS.token("Observation", "code", token_full(LOINC, "8867-4")), KEYS.resource("Patient", "1"))
    assert pair in Indexed(observation(code=code, subject={"reference": "Patient/1"})).rows.tok
    assert pair not in Indexed(observation(code=code, subject={"reference": "Patient/2"})).rows.tok
    aside = observation(code=code, subject={"reference": "Group/1"}, performer=[{"reference": "Patient/1"}])
    assert pair not in Indexed(aside).rows.tok


def test_identifiers_are_found_by_type_and_by_the_text_of_it() -> None:
    kind = {"coding": [{"system": "urn:0203", "code": "MR"}], "text": "Medical Record"}
    found = Indexed(patient(identifier=[{"type": kind, "system": "urn:mrn", "value": "A1"}]))
    of_type = KEYS.token("Patient", "identifier" + OF_TYPE_SUFFIX, of_type_form("urn:0203", "mr", "a1"))
    assert of_type in found.rows.tok
    assert found.texts("identifier") == {"medical record"} and found.sorted_by("identifier") == {"a1"}
    assert {word.unique for word in found.rows.words if word.texts[0][1] == "a1"} == {True}


def test_codes_and_contact_points_are_sorted_by_what_they_say() -> None:
    found = Indexed(patient(gender="female", telecom=[{"system": "phone", "value": "555-0100"}]))
    assert found.sorted_by("gender") == {"female"} and found.sorted_by("phone") == {"555-0100"}


def test_identifiers_are_found_by_value_and_system() -> None:
    found = Indexed(patient(identifier=[{"system": "urn:mrn", "value": "A1"}, {"value": "B2"}, {"system": "urn:x"}]))
    for form in (token_code("a1"), token_full("urn:mrn", "A1"), token_system("urn:mrn"), token_full("", "B2")):
        assert found.has_token("identifier", form)
    assert found.has_token("identifier", token_system("urn:x"))


def test_codes_booleans_and_contact_points() -> None:
    telecom = [{"system": "phone", "value": "555-0100"}, {"system": "email", "value": "A@x.example"}, {"system": "fax"}]
    found = Indexed(patient(active=False, gender="female", telecom=telecom))
    assert found.has_token("active", "false") and not found.has_token("active", "true")
    assert found.has_token("gender", token_code("female"))
    assert found.has_token("telecom", "555-0100") and found.has_token("telecom", "a@x.example")
    assert found.has_token("phone", "555-0100") and not found.has_token("phone", "a@x.example")
    assert found.has_token("email", "a@x.example")
    assert found.has("phone") and found.has("email")


@pytest.mark.parametrize(
    ("members", "deceased"),
    [
        ({}, "false"),
        ({"deceasedBoolean": False}, "false"),
        ({"deceasedBoolean": True}, "true"),
        ({"deceasedDateTime": "2020-01-01"}, "true"),
    ],
)
def test_deceased_is_worked_out_for_every_patient(members: dict[str, object], deceased: str) -> None:
    found = Indexed(patient(**members))
    assert found.has_token("deceased", deceased)
    assert not found.has_token("deceased", "true" if deceased == "false" else "false")


def test_tags_security_profile_and_source() -> None:
    meta = {
        "tag": [{"system": "urn:t", "code": "x"}], "security": [{"system": "urn:s", "code": "R"}],
        "profile": ["http://x/p|1.0"], "source": "urn:src",
    }  # fmt: skip
    found = Indexed(patient(meta=meta))
    assert found.has_token("_tag", token_full("urn:t", "x"))
    assert found.has_token("_security", token_full("urn:s", "R"))
    assert found.norms("_profile") == {"http://x/p", "http://x/p|1.0"}
    assert found.strings("_source") == {("urn:src", "")}


def test_profiles_are_references_in_r5() -> None:
    found = Indexed(patient(meta={"profile": ["http://x/p|1.0"]}), Version.R5)
    assert found.has_token("_profile", "http://x/p") and found.has_token("_profile", "http://x/p|1.0")


def test_a_relative_reference_is_a_link_and_no_token() -> None:
    found = Indexed(observation(subject={"reference": "Patient/1"}, performer=[{"reference": "Practitioner/2"}]))
    assert found.refers("subject", "Patient", "1") and not found.has_token("subject", "Patient/1")
    assert found.refers("performer", "Practitioner", "2") and not found.has_token("performer", "Practitioner/2")
    assert not found.refers("patient", "Patient", "1")  # it uses the rows of subject
    assert found.has("patient") and found.has("subject")


def test_a_group_is_a_subject_and_no_patient() -> None:
    found = Indexed(observation(subject={"reference": "Group/1"}))
    assert found.has("subject") and not found.has("patient")


def test_versioned_foreign_and_contained_references() -> None:
    found = Indexed(
        observation(
            subject={"reference": "http://other.example/fhir/Patient/9"},
            encounter={"reference": "Encounter/3/_history/2"},
            device={"reference": "#d"},
        )
    )
    assert found.has_token("subject", "http://other.example/fhir/Patient/9")
    assert found.has("patient") and found.rows.ck is None
    assert not found.has_token("encounter", "Encounter/3") and found.has_token("encounter", "Encounter/3/_history/2")
    assert found.refers("encounter", "Encounter", "3")
    assert found.has("device")
    assert {t for t, _ in found.rows.ref} == {KEYS.resource("Encounter", "3"), KEYS.resource("#", "d")}


def test_a_type_member_tells_what_a_text_does_not() -> None:
    urn = "urn:uuid:5a6b8a12-3b4c-4d5e-8f60-112233445566"
    assert Indexed(observation(subject={"reference": urn, "type": "Patient"})).has("patient")
    assert not Indexed(observation(subject={"reference": urn})).has("patient")


def test_a_reference_by_identifier_is_kept_apart() -> None:
    identifier = {"system": "urn:mrn", "value": "7"}
    found = Indexed(observation(subject={"type": "Patient", "identifier": identifier}))
    assert found.has_token("subject:identifier", token_full("urn:mrn", "7"))
    assert not found.has_token("subject", token_full("urn:mrn", "7"))
    assert found.has("patient")


def test_limited_references_without_an_open_twin_store_only_their_type() -> None:
    agents = [
        {"who": {"reference": "Patient/1"}, "requestor": True},
        {"who": {"reference": "Practitioner/2", "identifier": {"value": "x"}}, "requestor": False},
    ]
    found = Indexed({"resourceType": "AuditEvent", "agent": agents})
    assert found.refers("patient", "Patient", "1") and not found.refers("patient", "Practitioner", "2")
    assert found.refers("agent", "Practitioner", "2") and found.has_token("agent:identifier", token_code("x"))
    assert not found.has_token("patient:identifier", token_code("x"))


def test_canonicals_and_uris_of_reference_parameters() -> None:
    found = Indexed(
        {
            "resourceType": "CarePlan", "status": "active", "intent": "plan", "subject": {"reference": "Patient/1"},
            "instantiatesCanonical": ["http://x/plan|2"], "instantiatesUri": ["http://x/u|1"],
        }
    )  # fmt: skip
    assert found.has_token("instantiates-canonical", "http://x/plan")
    assert found.has_token("instantiates-canonical", "http://x/plan|2")
    assert found.strings("instantiates-canonical") == {("http://x/plan|2", "")}, "by which it is sorted"
    assert found.strings("instantiates-uri") == {("http://x/u|1", "")}


def test_uris_keep_their_case() -> None:
    found = Indexed({"resourceType": "ValueSet", "status": "draft", "url": "http://X/Y"})
    assert found.strings("url") == {("http://X/Y", "")}


def test_the_first_resource_of_a_document_is_referred_to() -> None:
    entries = [{"resource": {"resourceType": "Composition", "id": "c"}}, {"resource": {"resourceType": "Patient"}}]
    found = Indexed({"resourceType": "Bundle", "type": "document", "entry": entries})
    assert found.has_token("composition", "Composition/c") and found.has("composition")
    assert not found.has("message") and not found.has_token("message", "Composition/c")
    assert found.rows.ref == ()
    assert not Indexed({"resourceType": "Bundle", "type": "document"}).has("composition")


def test_extensions_stand_for_their_values() -> None:
    url = "http://hl7.org/fhir/StructureDefinition/observation-geneticsGene"
    gene = {"url": url, "valueCodeableConcept": concept(("urn:hgnc", "1100"))}
    other = {"url": "http://x", "valueCodeableConcept": concept(("urn:hgnc", "9"))}
    found = Indexed(observation(extension=[other, gene]))
    assert found.has_token("gene-identifier", token_full("urn:hgnc", "1100")) and found.has("gene-identifier")
    assert not found.has_token("gene-identifier", token_code("9"))


def test_extensions_on_items_select_their_answers() -> None:
    url = "http://hl7.org/fhir/StructureDefinition/questionnaireresponse-isSubject"
    items = [
        {
            "linkId": "1",
            "extension": [{"url": url, "valueBoolean": True}],
            "answer": [{"valueReference": {"reference": "Patient/1"}}],
        },
        {"linkId": "2", "answer": [{"valueReference": {"reference": "Patient/2"}}]},
    ]
    found = Indexed({"resourceType": "QuestionnaireResponse", "status": "completed", "item": items})
    assert found.refers("item-subject", "Patient", "1") and not found.refers("item-subject", "Patient", "2")


def test_values_of_contained_resources_are_indexed_apart() -> None:
    inner = {"resourceType": "Patient", "id": "p", "gender": "female", "name": [{"family": "Inner"}]}
    plain, holding = Indexed(patient(gender="male")), Indexed(patient(gender="male", contained=[inner]))
    assert msgspec.structs.replace(holding.rows, contained=(), words=()) == msgspec.structs.replace(
        plain.rows, words=()
    )
    (inside,) = holding.rows.contained
    assert KEYS.token("#Patient", "gender", token_code("female")) in inside.tok
    assert KEYS.resource("#", "p") in inside.tok
    assert {norm for h, norm, _ in inside.str if h == KEYS.parameter("#Patient", "family")} == {"inner"}


def test_contained_resources_are_left_out_when_nobody_searches_them() -> None:
    inner = {"resourceType": "Patient", "id": "p", "gender": "female"}
    indexer = Indexer(SearchParameters(load(Version.R4), contained=False), KEYS)
    assert indexer.rows(patient(gender="male", contained=[inner])).contained == ()


def test_arrays_may_hold_nulls_beside_extensions() -> None:
    found = Indexed(patient(name=[{"given": [None, "Ann"], "_given": [{"extension": []}, None]}]))
    assert found.norms("given") == {"ann"}


def test_codeable_references_of_r5() -> None:
    found = Indexed(
        {
            "resourceType": "MedicationRequest", "status": "active", "intent": "order",
            "subject": {"reference": "Patient/1"},
            "medication": {"concept": concept(("urn:rx", "1")), "reference": {"reference": "Medication/2"}},
        },
        Version.R5,
    )  # fmt: skip
    assert found.has_token("code", token_full("urn:rx", "1"))
    assert found.refers("medication", "Medication", "2")


def test_what_a_reference_to_a_contained_resource_leads_to_is_known() -> None:
    inside = [{"resourceType": "Patient", "id": "p"}, {"resourceType": "Group", "id": "g"}]
    assert Indexed(observation(contained=inside, subject={"reference": "#p"})).has("patient")
    assert not Indexed(observation(contained=inside, subject={"reference": "#g"})).has("patient")
    assert not Indexed(observation(subject={"reference": "#p"})).has("patient")


def test_the_owner_is_the_patient_before_any_other_member() -> None:
    one = KEYS.resource("Patient", "1")
    found = Indexed(observation(performer=[{"reference": "Patient/2"}], subject={"reference": "Patient/1"}))
    assert found.rows.ck == one
    found = Indexed(observation(performer=[{"reference": "Patient/1"}], subject={"reference": "Group/1"}))
    assert found.rows.ck == one
    coverage = {
        "resourceType": "Coverage", "status": "active", "payor": [{"reference": "Organization/1"}],
        "policyHolder": {"reference": "Patient/2"}, "beneficiary": {"reference": "Patient/1"},
    }  # fmt: skip
    assert Indexed(coverage).rows.ck == one
    assert Indexed(patient(id="1")).rows.ck is None
    assert Indexed({"resourceType": "Organization", "name": "x"}).rows.ck is None
