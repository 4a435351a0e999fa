"""Slicing: https://hl7.org/fhir/R4/profiling.html#slicing."""

from typing import Any

import pytest

from tests.fhir.profiles.judging import (
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


def slicing(*discriminators: tuple[str, str], rules: str = "open", ordered: bool = False) -> Json:
    return {
        "discriminator": [{"type": kind, "path": path} for kind, path in discriminators],
        "rules": rules,
        "ordered": ordered,
    }


def blood_pressure(kind: str = "pattern", rules: str = "open", **facts: Any) -> Json:
    return profile(
        "bp",
        "Observation",
        element("Observation.component", slicing=slicing((kind, "code"), rules=rules, **facts)),
        element("Observation.component", slice="systolic", min=1, max="1"),
        element("Observation.component.code", patternCodeableConcept=coded("8480-6")),
        element("Observation.component.value[x]", min=1, type=[{"code": "Quantity"}]),
        element("Observation.component", slice="diastolic", min=1, max="1"),
        element("Observation.component.code", patternCodeableConcept=coded("8462-4")),
    )


def component(code: str, **more: Any) -> Json:
    return {"code": coded(code), "valueQuantity": {"value": 1}, **more}


@pytest.mark.parametrize("kind", ["pattern", "value"])
def test_a_slice_is_told_by_its_pattern(kind: str) -> None:
    good = observation(component=[component("8480-6"), component("8462-4"), component("other")])
    assert not errors(good, blood_pressure(kind))
    missing = observation(component=[component("8480-6")])
    assert places(missing, blood_pressure(kind)) == ["Observation"]
    assert "component:diastolic" in errors(missing, blood_pressure(kind))[0][1]


def test_what_holds_in_a_slice_holds_only_there() -> None:
    stringy = {"code": coded("8480-6"), "valueString": "high"}
    assert places(observation(component=[stringy, component("8462-4")]), blood_pressure()) == [
        "Observation.component[0].value"
    ]
    other = {"code": coded("other"), "valueString": "high"}
    assert not errors(observation(component=[component("8480-6"), component("8462-4"), other]), blood_pressure())


def test_a_slice_occurs_as_often_as_it_may() -> None:
    twice = observation(component=[component("8480-6"), component("8480-6"), component("8462-4")])
    assert places(twice, blood_pressure()) == ["Observation"]


def test_closed_slicing_says_why_a_value_fits_no_slice() -> None:
    found = errors(
        observation(component=[component("8480-6"), component("8462-4"), component("zzz")]),
        blood_pressure(rules="closed"),
    )
    assert [place for place, _ in found] == ["Observation.component[2]"]
    assert "systolic: not true that code fits" in found[0][1]


def test_open_slicing_mentions_what_fits_no_slice() -> None:
    found = issues(observation(component=[component("8480-6"), component("8462-4"), component("z")]), blood_pressure())
    told = [issue for issue in found if issue.expression == "Observation.component[2]"]
    assert [issue.severity for issue in told] == ["information"]


def test_open_at_end_lets_others_come_last_only() -> None:
    sliced = blood_pressure(rules="openAtEnd")
    last = observation(component=[component("8480-6"), component("8462-4"), component("z")])
    assert not errors(last, sliced)
    first = observation(component=[component("z"), component("8480-6"), component("8462-4")])
    assert places(first, sliced) == ["Observation.component[1]", "Observation.component[2]"]


def test_ordered_slices_keep_their_order() -> None:
    turned = observation(component=[component("8462-4"), component("8480-6")])
    assert not errors(turned, blood_pressure())
    assert places(turned, blood_pressure(ordered=True)) == ["Observation.component[1]"]


def test_a_slice_of_a_choice_by_type_in_full_and_short() -> None:
    short = profile(
        "s",
        "Observation",
        element("Observation.valueQuantity", min=1),
        element("Observation.valueQuantity.code", min=1),
    )
    assert not errors(
        observation(valueQuantity={"value": 1, "system": "http://unitsofmeasure.org", "code": "g"}), short
    )
    assert places(observation(valueQuantity={"value": 1}), short) == ["Observation.value"]
    assert places(observation(valueString="x"), short)
    open_choice = profile("o", "Observation", element("Observation.valueQuantity.code", min=1))
    assert not errors(observation(valueString="x"), open_choice)
    assert places(observation(valueQuantity={"value": 1}), open_choice) == ["Observation.value"]


def test_a_slice_by_existence() -> None:
    sliced = profile(
        "e",
        "Patient",
        element("Patient.name", slicing=slicing(("exists", "period"))),
        element("Patient.name", slice="former", max="1"),
        element("Patient.name.period", min=1),
        element("Patient.name", slice="present", min=1),
        element("Patient.name.period", max="0"),
        element("Patient.name.family", min=1),
    )
    former = {"text": "a", "period": {"end": "2020"}}
    assert not errors(patient(name=[former, {"family": "b"}]), sliced)
    assert places(patient(name=[former, {"text": "b"}]), sliced) == ["Patient.name[1]"]
    assert places(patient(name=[former]), sliced) == ["Patient"]


def test_a_slice_by_value_set_waits_for_the_terminology() -> None:
    sliced = profile(
        "v",
        "Observation",
        element("Observation.category", slicing=slicing(("value", "$this"))),
        element(
            "Observation.category", slice="mine", min=1, binding={"strength": "required", "valueSet": "http://x.org/vs"}
        ),
    )
    oracle = Oracle({"http://x.org/vs": {"a"}})
    assert not errors(observation(category=[coded("a"), coded("b")]), sliced, oracle=oracle)
    assert places(observation(category=[coded("b")]), sliced, oracle=oracle) == ["Observation"]
    unknown = issues(observation(category=[coded("a")]), sliced, oracle=Oracle())
    assert "error" not in {issue.severity for issue in unknown}


def test_a_slice_by_profile_of_what_a_reference_leads_to() -> None:
    adult = profile("adult", "Patient", element("Patient.birthDate", min=1))
    sliced = profile(
        "p",
        "List",
        element("List.entry", slicing=slicing(("profile", "item.resolve()"))),
        element("List.entry", slice="adults", min=1, max="1"),
        element("List.entry.item", type=[{"code": "Reference", "targetProfile": [adult["url"]]}]),
    )
    born, unborn = patient(id="a", birthDate="2000"), patient(id="b", gender="male")
    both = {
        "resourceType": "List",
        "status": "current",
        "mode": "working",
        "contained": [born, unborn],
        "entry": [{"item": {"reference": "#a"}}, {"item": {"reference": "#b"}}],
    }
    assert not errors(both, sliced, adult)
    assert places({**both, "contained": [unborn], "entry": both["entry"][1:]}, sliced, adult) == ["List"]


def test_a_slice_by_type_of_what_a_reference_leads_to() -> None:
    sliced = profile(
        "t",
        "Observation",
        element("Observation.performer", slicing=slicing(("type", "resolve()"), rules="closed")),
        element(
            "Observation.performer",
            slice="person",
            type=[{"code": "Reference", "targetProfile": ["http://hl7.org/fhir/StructureDefinition/Practitioner"]}],
        ),
    )
    assert not errors(observation(performer=[{"reference": "Practitioner/1"}]), sliced)
    assert places(observation(performer=[{"reference": "Patient/1"}]), sliced) == ["Observation.performer[0]"]


def test_a_slice_by_position() -> None:
    sliced = profile(
        "n",
        "Patient",
        element("Patient.name", slicing=slicing(("position", "$this"))),
        element("Patient.name", slice="first", min=1, max="1"),
        element("Patient.name.family", min=1),
    )
    assert not errors(patient(name=[{"family": "a"}, {"text": "b"}]), sliced)
    assert places(patient(name=[{"text": "b"}, {"family": "a"}]), sliced) == ["Patient.name[0]"]


def test_the_last_slice_by_position_takes_all_places_up_to_its_maximum() -> None:
    sliced = profile(
        "n",
        "Patient",
        element("Patient.name", slicing=slicing(("position", "$this"), rules="closed")),
        element("Patient.name", slice="official", min=1, max="1"),
        element("Patient.name.use", patternCode="official"),
        element("Patient.name", slice="others", max="2"),
        element("Patient.name.family", min=1),
    )
    names = [{"use": "official"}, {"family": "b"}, {"family": "c"}]
    assert not errors(patient(name=names), sliced)
    assert places(patient(name=[*names[:2], {"text": "c"}]), sliced) == ["Patient.name[2]"]
    assert places(patient(name=[*names, {"family": "d"}]), sliced) == ["Patient.name[3]"]


def test_a_value_that_may_not_be_there_tells_a_slice_apart() -> None:
    sliced = profile(
        "t",
        "Patient",
        element("Patient.telecom", slicing=slicing(("value", "system"), ("value", "use"), rules="closed")),
        element("Patient.telecom", slice="home"),
        element("Patient.telecom.system", patternCode="phone"),
        element("Patient.telecom.use", patternCode="home"),
        element("Patient.telecom", slice="mail"),
        element("Patient.telecom.system", patternCode="email"),
        element("Patient.telecom.use", max="0"),
    )
    assert not errors(patient(telecom=[{"system": "phone", "use": "home"}, {"system": "email"}]), sliced)
    assert places(patient(telecom=[{"system": "email", "use": "work"}]), sliced) == ["Patient.telecom[0]"]


def test_a_slice_whose_value_the_profile_does_not_give_is_not_told_apart() -> None:
    sliced = profile(
        "i",
        "Patient",
        element("Patient.link", slicing=slicing(("value", "type"), rules="open")),
        element("Patient.link", slice="one", min=1, max="1"),
        element("Patient.link", slice="two", min=1, max="1"),
    )
    links = [{"other": {"reference": f"Patient/{id}"}, "type": "seealso"} for id in "abc"]
    assert not errors(patient(link=links), sliced)


def test_a_choice_of_which_a_slice_names_one_type_tells_it_apart() -> None:
    sliced = profile(
        "p",
        "Communication",
        element("Communication.payload", slicing=slicing(("type", "content"), rules="closed")),
        element("Communication.payload", slice="words"),
        element("Communication.payload.contentString", min=1),
        element("Communication.payload", slice="file"),
        element("Communication.payload.contentAttachment"),
    )

    def sent(*payload: Json) -> Json:
        return {"resourceType": "Communication", "status": "completed", "payload": list(payload)}

    assert not errors(sent({"contentString": "x"}, {"contentAttachment": {"title": "t"}}), sliced)
    assert places(sent({"contentReference": {"display": "d"}}), sliced) == ["Communication.payload[0]"]


def test_extensions_are_slices_by_url_and_paths_lead_through_them() -> None:
    rank = profile(
        "rank",
        "Extension",
        element("Extension.url", fixedUri=HERE + "rank"),
        element("Extension.value[x]", min=1, type=[{"code": "code"}]),
        context=[{"type": "element", "expression": "HumanName"}],
    )
    sliced = profile(
        "x",
        "Patient",
        element("Patient.name", slicing=slicing(("value", f"extension('{HERE}rank').value"))),
        element("Patient.name", slice="high", max="1"),
        element("Patient.name.extension", slice="rank", type=[{"code": "Extension", "profile": [rank["url"]]}]),
        element("Patient.name.extension.value[x]", fixedCode="high"),
    )
    high = {"text": "a", "extension": [{"url": HERE + "rank", "valueCode": "high"}]}
    low = {"text": "a", "extension": [{"url": HERE + "rank", "valueCode": "low"}]}
    assert not errors(patient(name=[high, low, low]), sliced, rank)
    assert places(patient(name=[high, high]), sliced, rank) == ["Patient"]


def test_a_slice_is_sliced_again() -> None:
    sliced = profile(
        "r",
        "Patient",
        element("Patient.identifier", slicing=slicing(("value", "system"))),
        element("Patient.identifier", slice="mrn", slicing=slicing(("value", "use"))),
        element("Patient.identifier.system", fixedUri="http://x.org"),
        element("Patient.identifier", slice="mrn/usual", min=1),
        element("Patient.identifier.use", fixedCode="usual", min=1),
        element("Patient.identifier.value", min=1),
    )
    usual = {"system": "http://x.org", "use": "usual", "value": "1"}
    assert not errors(patient(identifier=[usual, {"system": "http://y.org"}]), sliced)
    assert places(patient(identifier=[{"system": "http://x.org", "use": "usual"}]), sliced) == ["Patient.identifier[0]"]
    assert places(patient(identifier=[{"system": "http://x.org", "use": "old", "value": "1"}]), sliced) == ["Patient"]


def test_slices_that_nothing_tells_apart_are_named_and_demand_nothing() -> None:
    vague = profile(
        "u",
        "Patient",
        element("Patient.name", slicing=slicing(("value", "text"))),
        element("Patient.name", slice="some", min=1),
    )
    found = issues(patient(name=[{"text": "a"}]), vague)
    assert not [issue for issue in found if issue.severity == "error"]
    assert any("cannot be decided" in issue.diagnostics for issue in found)
