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
            for owner in (mine[rows] for rows in found.rows):
                assert owner.rows == (owner.code,) and owner.type == found.type
            twins = [other for other in mine.values() if other.bit == found.bit >= 0]
            assert {(twin.rows, twin.targets) for twin in twins} <= {(found.rows, found.targets)}


def test_bits_do_not_depend_on_what_was_asked_first() -> None:
    codes = list(parameters().for_type("Observation"))
    assert codes == sorted(codes)
    assert parameter("Observation", "_profile").bit == 0


def test_patient_uses_the_rows_of_subject() -> None:
    patient, subject = parameter("Observation", "patient"), parameter("Observation", "subject")
    assert patient.rows == subject.rows == ("subject",)
    assert patient.targets == ("Patient",)
    assert subject.targets == ("Device", "Group", "Location", "Patient")
    assert patient.bit != subject.bit


def test_equal_expressions_share_rows_and_bit() -> None:
    name, phonetic = parameter("Patient", "name"), parameter("Patient", "phonetic")
    assert phonetic.rows == ("name",) and phonetic.bit == name.bit
    assert parameter("Coverage", "patient").rows == ("beneficiary",)


def test_unions_ask_for_the_rows_of_their_parts() -> None:
    union = parameter("Observation", "combo-code")
    assert union.rows == ("code", "component-code") and union.bit != parameter("Observation", "code").bit
    assert union.coded and not union.paired
    assert parameter("Observation", "combo-value-quantity").rows == ("component-value-quantity", "value-quantity")
    assert parameter("Patient", "telecom").rows == ("telecom",)  # phone and email are parts of it, not the whole


def test_whole_resources_share_nothing_when_they_mean_other_types() -> None:
    composition, message = parameter("Bundle", "composition"), parameter("Bundle", "message")
    assert composition.rows == ("composition",) and message.rows == ("message",)
    assert composition.embedded and not parameter("Observation", "subject").embedded
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


def test_codes_of_a_type_that_names_its_patient_are_paired() -> None:
    for type, code in (("Observation", "code"), ("Condition", "code"), ("Immunization", "vaccine-code")):
        assert parameter(type, code).paired
    for type, code in (("Observation", "category"), ("Medication", "code"), ("PractitionerRole", "role")):
        assert not parameter(type, code).paired


@pytest.mark.parametrize(
    ("type", "code", "coded", "direct", "identified"),
    [
        ("Observation", "code", True, False, False),
        ("Observation", "status", False, True, False),
        ("Patient", "identifier", False, True, True),
        ("Patient", "active", False, True, False),
        ("Group", "value", True, True, False),
        ("Patient", "_tag", True, False, False),
        ("Patient", "name", False, False, False),
    ],
)
def test_the_kinds_of_token_rows_are_known(type: str, code: str, coded: bool, direct: bool, identified: bool) -> None:
    found = parameter(type, code)
    assert (found.coded, found.direct, found.identified) == (coded, direct, identified)


def ways(type: str, code: str, version: Version = Version.R4) -> list[tuple[str, list[str]]]:
    found = parameters(version).get(type, code)
    assert found is not None and found.type == "composite" and found.bit == -1 and found.rows == ()
    return [(way.rows, [part.code for part in way.parts]) for way in found.composed]


def test_composites_of_the_whole_resource_ask_for_their_parts() -> None:
    assert ways("Observation", "code-value-quantity") == [("", ["code", "value-quantity"])]
    assert ways("Observation", "code-value-date") == [("", ["code", "value-date"])]
    assert ways("Device", "code-value-concept", Version.R5) == [("", ["specification", "version"])]


def test_composites_of_elements_have_rows() -> None:
    element = ("component-code-value-quantity", ["component-code", "component-value-quantity"])
    assert ways("Observation", "component-code-value-quantity") == [element]
    assert ways("Observation", "combo-code-value-quantity") == [("", ["code", "value-quantity"]), element]
    assert ways("DocumentReference", "relationship") == [("relationship", ["relation", "relatesto"])]
    assert ways("MolecularSequence", "chromosome-variant-coordinate") == [
        ("chromosome-variant-coordinate", ["chromosome", "variant-start", "variant-end"])
    ]
    assert ways("Encounter", "location-period", Version.R5) == [("location-period", ["location", "location-period$2"])]


@pytest.mark.parametrize("version", list(Version))
def test_almost_every_composite_is_supported(version: Version) -> None:
    left = {(p.resource_type, p.code) for p in everything(version) if p.type == "composite" and not p.supported}
    # a ratio of two quantities would need two ranges in a row, a section's text a full-text search
    r5 = {
        ("Composition", "section-code-text"),
        ("Ingredient", "strength-concentration-ratio"),
        ("Ingredient", "strength-presentation-ratio"),
    }
    assert left == (r5 if version is Version.R5 else set())


def test_special_parameters_are_known() -> None:
    near = parameter("Location", "near")
    assert near.supported and near.bit >= 0 and near.type == "special"
    assert not parameter("Patient", "_filter").supported
    assert parameter("Patient", "_id").column == "id" and parameter("Patient", "_lastUpdated").column == "upd"


def test_parameters_of_all_resources_belong_to_each_type() -> None:
    for type in ("Patient", "Bundle", "Binary"):
        assert {"_id", "_lastUpdated", "_tag", "_profile", "_security", "_source"} <= set(parameters().for_type(type))


def test_unknown_names_find_the_nearest() -> None:
    assert parameters().get("Patient", "famly") is None
    assert parameters().nearest("Patient", "famly") == "family"
    assert parameters().nearest("Patient", "x" * 100_000) is None
    assert parameters().for_type("NoSuchType") == {} and parameters().nearest("NoSuchType", "x") is None
