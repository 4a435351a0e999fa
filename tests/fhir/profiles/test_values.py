"""Fixed values, patterns, limits, bindings, types and invariants of profiles."""

from decimal import Decimal
from typing import Any

import pytest

from suture.fhir.versions import Version
from tests.fhir.profiles.judging import (
    BASE,
    HERE,
    Json,
    Oracle,
    coded,
    element,
    errors,
    issues,
    observation,
    patient,
    places,
    profile,
)

VALUE_SET = "http://x.org/ValueSet/some"
UCUM = "http://unitsofmeasure.org"


def test_a_fixed_value_is_exact_and_a_pattern_is_a_part() -> None:
    concept = {"coding": [{"system": "http://x.org/codes", "code": "a"}]}
    more = {"coding": [{"system": "http://x.org/codes", "code": "a", "display": "A"}, {"code": "b"}], "text": "t"}
    fixed = profile("f", "Observation", element("Observation.code", fixedCodeableConcept=concept))
    pattern = profile("p", "Observation", element("Observation.code", patternCodeableConcept=concept))
    assert not errors(observation(code=concept), fixed)
    assert places(observation(code=more), fixed) == ["Observation.code"]
    assert not errors(observation(code=more), pattern)
    assert places(observation(code=coded("z")), pattern) == ["Observation.code"]


def test_numbers_are_compared_by_value() -> None:
    fixed = profile("f", "Observation", element("Observation.valueQuantity.value", fixedDecimal=1.5))
    assert not errors(observation(valueQuantity={"value": Decimal("1.50")}), fixed)
    assert places(observation(valueQuantity={"value": Decimal("1.49")}), fixed) == ["Observation.value.value"]


@pytest.mark.parametrize(
    ("path", "limits", "good", "bad"),
    [
        ("Patient.birthDate", {"minValueDate": "2000-01-01"}, {"birthDate": "2000-01"}, {"birthDate": "1999-12-31"}),
        ("Patient.birthDate", {"maxValueDate": "2000"}, {"birthDate": "2000-12-31"}, {"birthDate": "2001"}),
        (
            "Patient.birthDate",
            {"maxValueDuration": {"value": 1, "code": "d"}},
            {"birthDate": "2020"},
            {"birthDate": "2999"},
        ),
        (
            "Patient.birthDate",
            {"minValueQuantity": {"value": 9, "code": "a"}},
            {"birthDate": "2999"},
            {"birthDate": "1900"},
        ),
        ("Patient.multipleBirth[x]", {"maxValueInteger": 3}, {"multipleBirthInteger": 3}, {"multipleBirthInteger": 4}),
        ("Patient.language", {"maxLength": 2}, {"language": "de"}, {"language": "de-CH"}),
        (
            "Patient.language",
            {"extension": [{"url": BASE + "minLength", "valueInteger": 3}]},
            {"language": "de-CH"},
            {"language": "de"},
        ),
    ],
)
def test_limits(path: str, limits: dict[str, Any], good: dict[str, Any], bad: dict[str, Any]) -> None:
    limited = profile("l", "Patient", element(path, **limits))
    assert not errors(patient(**good), limited)
    assert places(patient(**bad), limited) == [path.removesuffix("[x]")]


def test_quantities_are_compared_in_their_units() -> None:
    limit = {"value": 1, "system": UCUM, "code": "kg"}
    limited = profile("l", "Observation", element("Observation.valueQuantity", maxValueQuantity=limit))
    assert not errors(observation(valueQuantity={"value": 999, "system": UCUM, "code": "g"}), limited)
    assert errors(observation(valueQuantity={"value": 1001, "system": UCUM, "code": "g"}), limited)
    assert (
        "different kinds" in errors(observation(valueQuantity={"value": 1, "system": UCUM, "code": "m"}), limited)[0][1]
    )


@pytest.mark.parametrize(
    ("strength", "severity"), [("required", "error"), ("extensible", "warning"), ("preferred", "information")]
)
def test_the_strength_of_a_binding_is_how_bad_another_code_is(strength: str, severity: str) -> None:
    bound = profile(
        "b", "Observation", element("Observation.method", binding={"strength": strength, "valueSet": VALUE_SET})
    )
    oracle = Oracle({VALUE_SET: {"a"}})
    told = [i for i in issues(observation(method=coded("b")), bound, oracle=oracle) if VALUE_SET in i.diagnostics]
    assert [(i.severity, i.expression) for i in told] == [(severity, "Observation.method")]
    fine = issues(observation(method={"coding": [*coded("b")["coding"], *coded("a")["coding"]]}), bound, oracle=oracle)
    assert not [i for i in fine if VALUE_SET in i.diagnostics]
    unknown = issues(observation(method=coded("a")), bound, oracle=Oracle())
    assert {i.severity for i in unknown if VALUE_SET in i.diagnostics} <= {"warning", "information"}


def test_a_required_binding_asks_for_a_code() -> None:
    bound = profile(
        "b", "Observation", element("Observation.method", binding={"strength": "required", "valueSet": VALUE_SET})
    )
    assert places(observation(method={"text": "by hand"}), bound) == ["Observation.method"]


def test_largest_and_additional_value_sets() -> None:
    largest = {"url": BASE + "elementdefinition-maxValueSet", "valueCanonical": "http://x.org/ValueSet/all"}
    additional = {
        "url": "http://hl7.org/fhir/tools/StructureDefinition/additional-binding",
        "extension": [{"url": "purpose", "valueCode": "required"}, {"url": "valueSet", "valueCanonical": VALUE_SET}],
    }
    oracle = Oracle({"http://x.org/ValueSet/all": {"a", "b"}, VALUE_SET: {"a"}})
    for extension, good, bad in ((largest, "b", "c"), (additional, "a", "b")):
        binding = {"strength": "example", "valueSet": "http://x.org/ValueSet/any", "extension": [extension]}
        bound = profile("b", "Observation", element("Observation.method", binding=binding))
        assert not errors(observation(method=coded(good)), bound, oracle=oracle)
        assert places(observation(method=coded(bad)), bound, oracle=oracle) == ["Observation.method"]


def test_types_are_narrowed_and_profiled() -> None:
    typed = profile("t", "Observation", element("Observation.value[x]", type=[{"code": "Quantity"}]))
    assert places(observation(valueString="x"), typed) == ["Observation.value"]
    named = profile("named", "HumanName", element("HumanName.family", min=1))
    either = profile("given", "HumanName", element("HumanName.given", min=1))
    types = [{"code": "HumanName", "profile": [named["url"], either["url"]]}]
    chosen = profile("c", "Patient", element("Patient.name", type=types))
    assert not errors(patient(name=[{"family": "a"}, {"given": ["b"]}]), chosen, named, either)
    found = errors(patient(name=[{"text": "c"}]), chosen, named, either)
    assert [place for place, _ in found] == ["Patient.name[0]"]
    assert named["url"] in found[0][1]


def test_references_lead_to_the_right_types_and_profiles() -> None:
    adult = profile("adult", "Patient", element("Patient.birthDate", min=1))
    typed = profile(
        "r",
        "Observation",
        element("Observation.subject", type=[{"code": "Reference", "targetProfile": [adult["url"]]}]),
    )
    assert not errors(observation(subject={"reference": "Patient/1"}), typed, adult)
    assert places(observation(subject={"reference": "Group/1"}), typed, adult) == ["Observation.subject"]
    contained = observation(contained=[patient(id="p")], subject={"reference": "#p"})
    assert places(contained, typed, adult) == ["Observation.subject"]
    elsewhere = Oracle(resources={"Patient/1": patient(birthDate="2000"), "Patient/2": patient(gender="other")})
    assert not errors(observation(subject={"reference": "Patient/1"}), typed, adult, oracle=elsewhere)
    assert places(observation(subject={"reference": "Patient/2"}), typed, adult, oracle=elsewhere)


def test_profiles_that_refer_to_each_other_come_to_an_end() -> None:
    circle = profile(
        "circle",
        "Patient",
        element("Patient.link.other", type=[{"code": "Reference", "targetProfile": [HERE + "circle"]}]),
        element("Patient.gender", fixedCode="other"),
    )
    link = [{"other": {"reference": "Patient/1"}, "type": "seealso"}]
    good = Oracle(resources={"Patient/1": patient(id="1", gender="other", link=link)})
    assert not errors(patient(gender="other", link=link), circle, oracle=good)
    bad = Oracle(resources={"Patient/1": patient(id="1", gender="male", link=link)})
    assert places(patient(gender="other", link=link), circle, oracle=bad) == ["Patient.link[0].other"]


def test_aggregation_says_where_the_target_is() -> None:
    reference = {"code": "Reference", "targetProfile": [BASE + "Patient"], "aggregation": ["contained"]}
    kept = profile("a", "Observation", element("Observation.subject", type=[reference]))
    assert not errors(observation(contained=[patient(id="p")], subject={"reference": "#p"}), kept)
    assert places(observation(subject={"reference": "Patient/1"}), kept) == ["Observation.subject"]


def test_invariants_of_profiles_see_resource_and_context() -> None:
    rules = [
        {"key": "r-1", "severity": "error", "human": "a", "expression": "given.exists() or family.exists()"},
        {"key": "r-2", "severity": "warning", "human": "b", "expression": "%resource.gender.exists()"},
    ]
    ruled = profile("i", "Patient", element("Patient.name", constraint=rules))
    found = {(i.severity, i.expression) for i in issues(patient(name=[{"text": "x"}]), ruled) if "r-" in i.diagnostics}
    assert found == {("error", "Patient.name[0]"), ("warning", "Patient.name[0]")}


def test_an_invariant_that_cannot_be_evaluated_is_told_of_the_definition() -> None:
    rules = [{"key": "r-1", "severity": "error", "human": "a", "expression": "name.where("}]
    found = issues(patient(gender="male"), profile("i", "Patient", element("Patient", constraint=rules)))
    assert [i.severity for i in found if "r-1" in i.diagnostics] == ["warning"]


def test_a_recommendation_is_as_severe_as_the_caller_wants() -> None:
    told = [i for i in issues(patient(gender="male"), profiles=[BASE + "Patient"]) if "dom-6" in i.diagnostics]
    assert [i.severity for i in told] == ["warning"]


def test_an_extension_is_what_its_definition_says() -> None:
    rank = profile(
        "rank",
        "Extension",
        element("Extension.url", fixedUri=HERE + "rank"),
        element("Extension.value[x]", min=1, type=[{"code": "code"}]),
        context=[{"type": "element", "expression": "Patient"}],
    )
    good = patient(extension=[{"url": HERE + "rank", "valueCode": "x"}])
    assert not errors(good, rank, profiles=[BASE + "Patient"])
    wrong = patient(extension=[{"url": HERE + "rank", "valueString": "x"}])
    assert places(wrong, rank, profiles=[BASE + "Patient"]) == ["Patient.extension[0].value"]


def test_an_element_must_have_a_value_or_a_known_reason() -> None:
    reason = [{"url": BASE + "data-absent-reason", "valueCode": "unknown"}]
    absent = patient(_birthDate={"extension": reason})
    field = "http://hl7.org/fhir/5.0/StructureDefinition/extension-ElementDefinition."
    must = profile(
        "m", "Patient", element("Patient.birthDate", extension=[{"url": field + "mustHaveValue", "valueBoolean": True}])
    )
    assert places(absent, must) == ["Patient.birthDate"]
    other = [{"url": field + "valueAlternatives", "valueCanonical": BASE + "data-absent-reason"}]
    alternatively = profile("m", "Patient", element("Patient.birthDate", extension=other))
    assert not errors(absent, alternatively)


def test_the_code_of_a_vital_sign_brings_its_profile() -> None:
    weight = observation(code=coded("29463-7", "http://loinc.org"), subject={"reference": "Patient/1"})
    found = errors(weight, profiles=[BASE + "Observation"])
    assert any("vital" in text or "bodyweight" in text for _, text in found)


def test_entries_of_a_bundle_may_be_given_profiles() -> None:
    named = profile("named", "Patient", element("Patient.name", min=1))
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [
        {"fullUrl": "http://x.org/Patient/a", "resource": patient(id="a", name=[{"text": "x"}])},
        {"fullUrl": "http://x.org/Patient/b", "resource": patient(id="b", gender="male")},
    ]}  # fmt: skip
    everything = {"profiles": [BASE + "Bundle"]}
    assert not errors(bundle, named, **everything, entries=(("Patient:0", named["url"]),))
    assert places(bundle, named, **everything, entries=(("Patient", named["url"]),)) == ["Bundle.entry[1].resource"]


def test_entries_of_a_bundle_profile_have_types_and_profiles() -> None:
    named = profile("named", "Patient", element("Patient.name", min=1))
    types = [{"code": "Patient", "profile": [named["url"]]}]
    whole = profile("whole", "Bundle", element("Bundle.entry.resource", type=types))
    entry = {"fullUrl": "http://x.org/Patient/a", "resource": patient(id="a", gender="male")}
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [entry]}
    assert places(bundle, whole, named) == ["Bundle.entry[0].resource"]
    bundle["entry"] = [
        {"fullUrl": "http://x.org/Basic/a", "resource": {"resourceType": "Basic", "id": "a", "code": {}}}
    ]
    assert "Bundle.entry[0].resource" in places(bundle, whole, named)


def test_a_profile_on_another_type_is_refused() -> None:
    assert places(patient(gender="male"), profiles=[BASE + "bp"]) == ["Patient"]


@pytest.mark.parametrize("version", list(Version))
def test_every_version_has_its_own_definitions(version: Version) -> None:
    broken = patient(contact=[{"gender": "male"}])
    assert places(broken, profiles=[BASE + "Patient"], version=version) == ["Patient.contact[0]"]


def test_an_invariant_follows_references_to_entries_of_the_bundle() -> None:
    rule = {"key": "x-1", "severity": "error", "human": "A patient.", "expression": "subject.resolve() is Patient"}
    ruled = profile("r", "Observation", element("Observation", constraint=[rule]))

    def bundle(*others: Json) -> Json:
        judged = observation(id="1", subject={"reference": "Patient/1"}, meta={"profile": [ruled["url"]]})
        entries = [{"fullUrl": f"http://x.org/{one['resourceType']}/1", "resource": one} for one in (judged, *others)]
        return {"resourceType": "Bundle", "type": "collection", "entry": entries}

    broken = "The rule x-1 is broken"
    there, away = bundle(patient(id="1")), bundle()
    assert not [text for _, text in errors(there, ruled, profiles=(BASE + "Bundle",)) if text.startswith(broken)]
    assert [text for _, text in errors(away, ruled, profiles=(BASE + "Bundle",)) if text.startswith(broken)]
