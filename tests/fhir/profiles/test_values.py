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
    assert places(observation(code=more), fixed) == ["Observation.code", "Observation.code.text"]
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


def test_a_largest_value_set_is_required_of_what_has_no_code_as_well() -> None:
    largest = {
        "url": "http://hl7.org/fhir/StructureDefinition/elementdefinition-maxValueSet",
        "valueCanonical": VALUE_SET,
    }
    binding = {"strength": "extensible", "valueSet": "http://x.org/ValueSet/other", "extension": [largest]}
    bound = profile("m", "Observation", element("Observation.code", binding=binding))
    assert places(observation(code={"text": "words only"}), bound) == ["Observation.code"]


def additional(**more: Any) -> Json:
    binding = {"strength": "example", "additional": [{"purpose": "required", "valueSet": VALUE_SET, **more}]}
    return profile(
        "a", "Patient", element("Patient.communication.language"), element("Patient.maritalStatus", binding=binding)
    )


def test_an_additional_binding_holds_where_an_element_has_the_value_of_its_context() -> None:
    usage = [
        {
            "code": {"system": HERE + "a", "code": "Patient.contact.relationship"},
            "valueCodeableConcept": {"coding": [{"system": "http://x.org/roles", "code": "kin"}]},
        }
    ]
    kin = {
        "name": {"text": "n"},
        "relationship": [{"coding": [{"system": "http://x.org/roles", "code": "kin", "display": "Kin"}]}],
    }
    oracle = Oracle({VALUE_SET: {"a"}})

    def judged(status: str, definition: Json, **members: Any) -> list[str]:
        return places(patient(maritalStatus=coded(status), **members), definition, oracle=oracle, version=Version.R5)

    assert judged("b", additional(usage=usage), contact=[kin]) == ["Patient.maritalStatus"]
    assert judged("a", additional(usage=usage), contact=[kin]) == []
    assert judged("b", additional(usage=usage), contact=[{"name": {"text": "n"}}]) == []
    # A jurisdiction says nothing that the resource could be asked for.
    region = [{"code": {"code": "jurisdiction"}, "valueCodeableConcept": {"text": "here"}}]
    assert judged("b", additional(usage=region)) == []
    assert judged("b", additional()) == ["Patient.maritalStatus"]


def test_an_additional_binding_may_be_for_any_of_the_repeats() -> None:
    def bound(any: bool) -> Json:
        binding = {"strength": "example", "additional": [{"purpose": "required", "valueSet": VALUE_SET, "any": any}]}
        return profile("a", "Observation", element("Observation.category", binding=binding))

    oracle = Oracle({VALUE_SET: {"a"}})
    mixed, wrong = [coded("b"), coded("a")], [coded("b"), coded("c")]
    assert places(observation(category=mixed), bound(True), oracle=oracle, version=Version.R5) == []
    assert places(observation(category=wrong), bound(True), oracle=oracle, version=Version.R5) == [
        "Observation.category[0]"
    ]
    assert places(observation(category=mixed), bound(False), oracle=oracle, version=Version.R5) == [
        "Observation.category[0]"
    ]


def test_a_departure_from_a_pattern_or_fixed_value_is_told_where_it_is() -> None:
    system, type = "http://x.org/mrn", {"coding": [{"code": "MR"}]}
    pattern = profile("p", "Patient", element("Patient.identifier", patternIdentifier={"system": system, "type": type}))
    other = {"system": "http://x.org/other", "type": type, "value": "1"}
    assert places(patient(identifier=[other]), pattern) == ["Patient.identifier[0].system"]
    assert places(patient(identifier=[{"system": system}]), pattern) == ["Patient.identifier[0]"]
    assert places(patient(identifier=[{"system": system, "type": coded("X")}]), pattern) == [
        "Patient.identifier[0].type"
    ]
    fixed = profile("f", "Patient", element("Patient.telecom", fixedContactPoint={"use": "home"}))
    assert places(patient(telecom=[{"use": "home", "system": "phone", "value": "1"}]), fixed) == [
        "Patient.telecom[0].system",
        "Patient.telecom[0].value",
    ]


def rule(expression: str, path: str = "Patient", type: str = "Patient", **more: Any) -> Json:
    constraint = {"key": "own", "severity": "error", "human": "A rule", "expression": expression}
    return profile("r", type, element(path, constraint=[constraint]), **more)


def test_a_rule_may_ask_for_the_slices_of_its_own_profile() -> None:
    constraint = {
        "key": "own",
        "severity": "error",
        "human": "h",
        "expression": "slice(%profile, 'phone').use.exists()",
    }
    facts = {"discriminator": [{"type": "value", "path": "system"}], "rules": "open"}
    sliced = profile(
        "s",
        "Patient",
        element(
            "Patient", constraint=[{**constraint, "expression": "telecom.slice(%profile, 'phone').all(use.exists())"}]
        ),
        element("Patient.telecom", slicing=facts),
        element("Patient.telecom", slice="phone"),
        element("Patient.telecom.system", patternCode="phone"),
    )
    mail = {"system": "email", "value": "a"}
    assert not errors(patient(telecom=[{"system": "phone", "value": "1", "use": "home"}, mail]), sliced)
    assert places(patient(telecom=[{"system": "phone", "value": "1"}, mail]), sliced) == ["Patient"]


def test_a_rule_may_ask_for_a_slice_that_is_told_by_its_place() -> None:
    facts = {"discriminator": [{"type": "position", "path": "$this"}], "rules": "open"}
    constraint = {"key": "own", "severity": "error", "human": "h"}
    expression = "name.slice(%profile, 'first').all(family.exists())"
    sliced = profile(
        "s",
        "Patient",
        element("Patient", constraint=[{**constraint, "expression": expression}]),
        element("Patient.name", slicing=facts),
        element("Patient.name", slice="first", max="1"),
    )
    assert not errors(patient(name=[{"family": "a"}, {"text": "b"}]), sliced)
    assert places(patient(name=[{"text": "b"}, {"family": "a"}]), sliced) == ["Patient"]


def test_a_rule_about_codes_of_an_unknown_value_set_is_not_broken() -> None:
    asks = rule("maritalStatus.empty() or maritalStatus.memberOf('http://x.org/ValueSet/unknown')")
    married = patient(maritalStatus=coded("M"))
    assert not errors(married, asks)
    assert any("could not be decided" in issue.diagnostics for issue in issues(married, asks))
    known = rule(f"maritalStatus.memberOf('{VALUE_SET}')")
    assert places(married, known, oracle=Oracle({VALUE_SET: {"S"}})) == ["Patient"]


def test_a_rule_on_the_resources_of_a_bundle_sees_each_of_them_within_the_bundle() -> None:
    expression = "%context.type().name = 'Patient' and %resource.type().name = 'Bundle'"
    bundled = rule(expression, "Bundle.entry.resource", "Bundle")
    entries = [{"fullUrl": "urn:uuid:5a4f3d2c-6b0e-4c1d-9a8b-7f6e5d4c3b2a", "resource": patient(gender="male")}]
    assert not errors({"resourceType": "Bundle", "type": "collection", "entry": entries}, bundled)


def test_a_rule_of_a_bundle_finds_what_its_entries_contain() -> None:
    resolves = rule("entry.resource.ofType(Observation).all(device.resolve().exists())", "Bundle", "Bundle")

    def bundle(reference: str) -> Json:
        device = {"resourceType": "Device", "id": "d", "status": "active"}
        entry = {
            "fullUrl": "http://x.org/Observation/1",
            "resource": observation(id="1", device={"reference": reference}, contained=[device]),
        }
        return {"resourceType": "Bundle", "type": "collection", "entry": [entry]}

    assert not errors(bundle("#d"), resolves)
    assert "Bundle" in places(bundle("#e"), resolves)


def test_a_guide_may_name_profiles_for_all_resources_of_a_type() -> None:
    named = profile("named", "Patient", element("Patient.name", min=1))
    everywhere = [{"type": "Patient", "profile": named["url"]}, {"type": "Patient", "profile": HERE + "unknown"}]
    guide = {"resourceType": "ImplementationGuide", "url": "http://x.org/ImplementationGuide/g", "global": everywhere}
    assert places(patient(), guide, named, profiles=[BASE + "Patient"], guided=True) == ["Patient"]
    assert places(observation(), guide, named, profiles=[BASE + "Observation"], guided=True) == []
    assert places(patient(), guide, named, profiles=[BASE + "Patient"]) == []


def test_a_profile_may_contain_the_profile_of_a_target() -> None:
    named = {**profile("named", "Organization", element("Organization.name", min=1)), "id": "named"}
    types = [{"code": "Reference", "targetProfile": ["#named"]}]
    pointing = profile("p", "Patient", element("Patient.managingOrganization", type=types), contained=[named])

    def managed(**organization: Any) -> Json:
        inner = {"resourceType": "Organization", "id": "o", **organization}
        return patient(contained=[inner], managingOrganization={"reference": "#o"})

    assert not errors(managed(name="n"), pointing)
    assert places(managed(identifier=[{"value": "1"}]), pointing) == ["Patient.managingOrganization"]
