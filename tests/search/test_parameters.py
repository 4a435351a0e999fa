"""The search parameters of each version: where they look, what they share, which patient they name."""

import pytest

from suture.fhir.versions import Version
from suture.search.parameters import MAX_BITS, Parameter
from tests.search.indexing import parameters

INDEXED = {"number", "date", "string", "token", "reference", "quantity", "uri"}


def parameter(type: str, code: str) -> Parameter:
    found = parameters().get(type, code)
    assert found is not None
    return found


def everything(version: Version) -> list[Parameter]:
    known = parameters(version)
    return [p for type in known.definitions.resource_types for p in known.for_type(type).values()]


def test_every_r4_parameter_with_an_expression_is_supported() -> None:
    for found in everything(Version.R4):
        if found.type in INDEXED and found.expression:
            assert found.supported, (found.resource_type, found.code, found.expression)
            assert found.bit >= 0 or found.column


def test_what_later_versions_leave_out_is_little() -> None:
    # Ingredient-manufacturer points at a backbone element; the R5 ones name elements that their types lack
    left = {
        version: {
            (p.resource_type, p.code)
            for p in everything(version)
            if p.type in INDEXED and p.expression and not p.supported
        }
        for version in (Version.R4B, Version.R5)
    }
    assert left[Version.R4B] == {("Ingredient", "manufacturer")}
    assert {(type, code) for type, code in left[Version.R5] if code != "_in"} == {
        ("CareTeam", "date"),
        ("EvidenceVariable", "topic"),
        ("Observation", "component-value-canonical"),
        ("Observation", "value-canonical"),
    }


@pytest.mark.parametrize("version", list(Version))
def test_bits_are_few_and_shared_only_by_equals(version: Version) -> None:
    for type in parameters(version).definitions.resource_types:
        mine = parameters(version).for_type(type)
        for found in mine.values():
            assert found.bit < MAX_BITS
            owner = mine[found.rows]
            assert owner.rows == owner.code and owner.type == found.type
            if found.bit >= 0 and found.bit == owner.bit:
                assert found.targets == owner.targets or found.type != "reference" or found.code != found.rows


def test_bits_do_not_depend_on_what_was_asked_first() -> None:
    codes = list(parameters().for_type("Observation"))
    assert codes == sorted(codes)
    assert parameter("Observation", "_profile").bit == 0


def test_patient_uses_the_rows_of_subject() -> None:
    patient, subject = parameter("Observation", "patient"), parameter("Observation", "subject")
    assert patient.rows == subject.rows == "subject"
    assert patient.targets == ("Patient",)
    assert subject.targets == ("Device", "Group", "Location", "Patient")
    assert patient.bit != subject.bit


def test_equal_expressions_share_rows_and_bit() -> None:
    name, phonetic = parameter("Patient", "name"), parameter("Patient", "phonetic")
    assert phonetic.rows == "name" and phonetic.bit == name.bit
    assert parameter("Coverage", "patient").rows == "beneficiary"
    assert parameter("Observation", "combo-code").rows == "combo-code"


def test_whole_resources_share_nothing_when_they_mean_other_types() -> None:
    composition, message = parameter("Bundle", "composition"), parameter("Bundle", "message")
    assert composition.rows == "composition" and message.rows == "message"
    assert message.targets == ("MessageHeader",)


@pytest.mark.parametrize(
    ("type", "owners"),
    [
        ("Observation", {"patient", "subject"}),
        ("Condition", {"patient", "subject"}),
        ("Coverage", {"beneficiary", "patient"}),
        ("AllergyIntolerance", {"patient"}),
        ("Appointment", set()),
        ("Group", set()),
        ("Patient", set()),
        ("Organization", set()),
    ],
)
def test_the_owner_is_named_where_there_can_be_only_one(type: str, owners: set[str]) -> None:
    assert {p.code for p in parameters().for_type(type).values() if p.owner} == owners


@pytest.mark.parametrize(
    ("type", "code"),
    [("Observation", "date"), ("Encounter", "date"), ("Condition", "onset-date"), ("MedicationRequest", "authoredon"),
     ("Patient", None), ("Organization", None)],
)  # fmt: skip
def test_each_type_has_at_most_one_clinical_date(type: str, code: str | None) -> None:
    assert [p.code for p in parameters().for_type(type).values() if p.sdate] == ([code] if code else [])


def test_systems_that_bindings_imply_are_known() -> None:
    assert parameter("Observation", "status").implied_systems == ("http://hl7.org/fhir/observation-status",)
    assert not parameter("Observation", "status").bare
    assert parameter("Observation", "code").implied_systems == () and not parameter("Observation", "code").bare
    assert parameter("Patient", "active").bare and parameter("Patient", "phone").bare
    assert parameter("DocumentReference", "contenttype").implied_systems == ("urn:ietf:bcp:13",)


def test_composites_know_their_parts() -> None:
    composite = parameter("Observation", "code-value-quantity")
    assert not composite.supported and composite.bit == -1
    assert [(c.code, c.type, c.expression) for c in composite.components] == [
        ("code", "token", "code"),
        ("value-quantity", "quantity", "value.as(Quantity)"),
    ]


def test_special_parameters_are_known_and_unsupported() -> None:
    assert not parameter("Location", "near").supported
    assert not parameter("Patient", "_text").supported
    assert parameter("Patient", "_id").column == "id" and parameter("Patient", "_lastUpdated").column == "upd"


def test_parameters_of_all_resources_belong_to_each_type() -> None:
    for type in ("Patient", "Bundle", "Binary"):
        assert {"_id", "_lastUpdated", "_tag", "_profile", "_security", "_source"} <= set(parameters().for_type(type))


def test_unknown_names_find_the_nearest() -> None:
    assert parameters().get("Patient", "famly") is None
    assert parameters().nearest("Patient", "famly") == "family"
    assert parameters().nearest("Patient", "x" * 100_000) is None
    assert parameters().for_type("NoSuchType") == {} and parameters().nearest("NoSuchType", "x") is None
