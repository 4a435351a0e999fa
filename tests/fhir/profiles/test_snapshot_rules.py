"""What a snapshot takes from where: https://hl7.org/fhir/R4/profiling.html#snapshot and
https://hl7.org/fhir/R5/elementdefinition.html#interpretation."""

from typing import Any

import pytest

from suture.fhir.profiles import Library, generate, listed, snapshot_growth
from suture.fhir.profiles.branches import BASE, Unusable
from suture.fhir.versions import Version
from tests.fhir.profiles.judging import HERE, Json, Shelf, element, profile

BY_TYPE = {"discriminator": [{"type": "type", "path": "$this"}], "rules": "open"}
BY_CODE = {"discriminator": [{"type": "value", "path": "code"}], "rules": "open"}


def snapshot(first: Json, *others: Json, version: Version = Version.R4) -> dict[str, Json]:
    library = Library(version, Shelf([first, *others]))
    return {facts["id"]: facts for facts in listed(generate(library, first))}


def derived(name: str, base: Json, *elements: Json) -> Json:
    return {**profile(name, base["type"], *elements), "baseDefinition": base["url"]}


def extension(name: str, *elements: Json) -> Json:
    return profile(
        name,
        "Extension",
        element("Extension", max="1", short="Colour of the badge", constraint=[{"key": "badge-1"}]),
        element("Extension.url", fixedUri=HERE + name),
        *elements,
    )


def codes(facts: Json) -> list[str]:
    return [entry["code"] for entry in facts["type"]]


# Texts and lists


def test_texts_that_begin_with_three_dots_are_appended() -> None:
    first = profile("a", "Patient", element("Patient.name", definition="A name.", comment="Old.", short="Name"))
    second = derived("b", first, element("Patient.name", definition="... As in the passport.", comment="New."))
    made = snapshot(second, first)["Patient.name"]
    assert made["definition"] == "A name.\nAs in the passport."
    assert made["comment"] == "New."
    assert made["short"] == "Name"


def test_lists_of_remarks_add_up() -> None:
    first = profile(
        "a",
        "Patient",
        element("Patient.name", alias=["call"], mapping=[{"identity": "x", "map": "1"}], condition=["p-1"]),
    )
    second = derived(
        "b",
        first,
        element(
            "Patient.name",
            alias=["title", "call"],
            mapping=[{"identity": "x", "map": "1", "comment": "same"}, {"identity": "y", "map": "1"}],
            condition=["p-2"],
            example=[{"label": "General", "valueHumanName": {"text": "A"}}],
        ),
    )
    made = snapshot(second, first)["Patient.name"]
    assert sorted(made["alias"]) == ["call", "title"]
    assert [(one["identity"], one.get("comment")) for one in made["mapping"]] == [("x", "same"), ("y", None)]
    assert made["condition"] == ["p-1", "p-2"]
    assert len(made["example"]) == 1


def test_constraints_tell_where_they_come_from() -> None:
    made = snapshot(profile("p", "Patient", element("Patient.name", constraint=[{"key": "n-1"}])))
    sources = {one["key"]: one["source"] for one in made["Patient.name"]["constraint"]}
    assert sources["n-1"] == HERE + "p"
    assert sources["ele-1"] == BASE + "Element"


def test_what_tells_of_the_maturity_of_the_base_is_not_inherited() -> None:
    status = {"url": BASE + "structuredefinition-standards-status", "valueCode": "trial-use"}
    other = {"url": "http://example.org/remark", "valueString": "kept"}
    first = profile("a", "Patient", element("Patient.name", extension=[status, other]))
    made = snapshot(derived("b", first, element("Patient.gender", min=1)), first)
    assert made["Patient.name"]["extension"] == [other]
    assert snapshot(first)["Patient.name"]["extension"] == [status, other]


def test_a_profile_has_no_default_values() -> None:
    assert (
        "defaultValueBoolean"
        not in snapshot(profile("p", "Patient", element("Patient.active", defaultValueBoolean=True)))["Patient.active"]
    )


# Extensions and profiled types


def test_extensions_are_sliced_by_url_where_nothing_says_so() -> None:
    badge = extension("badge")
    made = snapshot(
        profile(
            "p",
            "Patient",
            element("Patient.extension", slice="badge", min=1, type=[{"code": "Extension", "profile": [badge["url"]]}]),
        ),
        badge,
    )
    assert made["Patient.extension"]["slicing"]["discriminator"] == [{"type": "value", "path": "url"}]
    assert made["Patient.extension"]["slicing"]["rules"] == "open"
    assert made["Patient.extension"]["min"] == 1


def test_a_slice_of_extensions_is_described_by_its_definition() -> None:
    badge = extension("badge")
    made = snapshot(
        profile(
            "p",
            "Patient",
            element("Patient.extension", slice="badge", type=[{"code": "Extension", "profile": [badge["url"]]}]),
            element("Patient.extension.value[x]", min=1),
        ),
        badge,
    )
    slice = made["Patient.extension:badge"]
    assert (slice["short"], slice["max"]) == ("Colour of the badge", "1")
    assert {"ext-1", "badge-1"} <= {one["key"] for one in slice["constraint"]}
    assert made["Patient.extension:badge.url"]["fixedUri"] == badge["url"]


def test_the_profile_on_a_type_describes_its_use() -> None:
    named = profile("named", "HumanName", element("HumanName", short="A name with a family"))
    typed: Any = [{"code": "HumanName", "profile": [named["url"]]}]
    made = snapshot(profile("p", "Patient", element("Patient.name", type=typed)), named)["Patient.name"]
    assert made["short"] == "A name with a family"
    assert made["max"] == "*"
    own = snapshot(profile("p", "Patient", element("Patient.name", type=typed, short="Mine")), named)["Patient.name"]
    assert own["short"] == "Mine"


def test_an_extension_may_be_a_part_of_another_definition() -> None:
    outer = extension(
        "outer",
        element("Extension.extension", slice="inner", max="1"),
        element("Extension.extension.url", fixedUri="inner"),
    )
    made = snapshot(
        profile(
            "p",
            "Patient",
            element("Patient.extension", slice="i", type=[{"code": "Extension", "profile": [outer["url"] + "#inner"]}]),
            element("Patient.extension.value[x]", min=1),
        ),
        outer,
    )
    assert made["Patient.extension:i.url"]["fixedUri"] == "inner"


# Choices


def test_a_choice_is_sliced_by_type_where_nothing_says_so() -> None:
    made = snapshot(
        profile(
            "p",
            "Observation",
            element("Observation.value[x]", slicing={"rules": "open"}),
            element("Observation.value[x]", slice="valueQuantity"),
        )
    )
    assert made["Observation.value[x]"]["slicing"]["discriminator"] == BY_TYPE["discriminator"]
    assert codes(made["Observation.value[x]:valueQuantity"]) == ["Quantity"]
    assert len(codes(made["Observation.value[x]"])) == 11


def test_a_slice_by_type_that_must_be_there_leaves_no_other_type() -> None:
    made = snapshot(
        profile(
            "p",
            "Observation",
            element("Observation.value[x]", slicing=BY_TYPE),
            element("Observation.value[x]", slice="valueQuantity", min=1, type=[{"code": "Quantity"}]),
        )
    )["Observation.value[x]"]
    assert (made["min"], codes(made), made["slicing"]["rules"]) == (1, ["Quantity"], "closed")


def test_a_slice_by_type_that_may_not_be_there_takes_the_type_away() -> None:
    made = snapshot(
        profile(
            "p",
            "Patient",
            element("Patient.deceased[x]", slicing=BY_TYPE),
            element("Patient.deceased[x]", slice="deceasedBoolean", max="0", type=[{"code": "boolean"}]),
        )
    )
    assert codes(made["Patient.deceased[x]"]) == ["dateTime"]


def test_in_a_slice_the_short_form_narrows_the_choice() -> None:
    elements = [
        element("Observation.component", slicing=BY_CODE),
        element("Observation.component", slice="weight"),
        element("Observation.component.valueQuantity", mustSupport=True),
        element("Observation.component.valueQuantity.unit", min=1),
    ]
    made = snapshot(profile("p", "Observation", *elements))
    assert codes(made["Observation.component:weight.value[x]"]) == ["Quantity"]
    assert made["Observation.component:weight.value[x].unit"]["min"] == 1
    assert "Observation.component:weight.value[x]:valueQuantity" not in made
    assert len(codes(made["Observation.component.value[x]"])) == 11
    both = snapshot(profile("p", "Observation", *elements, element("Observation.component.valueString", max="0")))
    assert "Observation.component:weight.value[x]:valueQuantity.unit" in both


def test_an_element_below_a_choice_is_that_of_the_types_that_have_it() -> None:
    made = snapshot(profile("a", "Observation", element("Observation.value[x].value", maxValueDecimal=100)))
    assert codes(made["Observation.value[x].value"]) == ["decimal"]
    assert made["Observation.value[x].value"]["maxValueDecimal"] == 100
    assert len(codes(made["Observation.value[x]"])) > 5


def test_a_new_element_may_begin_like_a_choice() -> None:
    made = snapshot(
        {
            **profile(
                "t",
                "Element",
                element("Dose", max="*"),
                element("Dose.size[x]", min=0, max="1", type=[{"code": "Quantity"}, {"code": "Range"}]),
                element("Dose.sizeGiven", min=0, max="1", type=[{"code": "string"}]),
            ),
            "type": "Dose",
            "derivation": "specialization",
            "kind": "complex-type",
        }
    )
    assert codes(made["Dose.sizeGiven"]) == ["string"]
    assert "slicing" not in made["Dose.size[x]"]
    assert made["Dose.sizeGiven"]["base"] == {"path": "Dose.sizeGiven", "min": 0, "max": "1"}
    assert [one["key"] for one in made["Dose.sizeGiven"]["constraint"]] == ["ele-1"]
    assert made["Dose"]["base"]["path"] == "Dose"


def test_elements_of_logical_models_need_not_be_those_of_fhir() -> None:
    made = snapshot(
        {
            **profile(
                "m",
                "Element",
                element("Report", max="*"),
                element("Report.body", min=1, max="1", type=[{"code": "Element"}]),
                element("Report.body.title", min=1, max="1", type=[{"code": "string"}]),
            ),
            "type": HERE + "Report",
            "derivation": "specialization",
            "kind": "logical",
        }
    )
    assert list(made)[-1] == "Report.body.title"
    assert "constraint" not in made["Report.body.title"]


# Slices


def test_the_least_number_of_an_element_follows_from_its_slices_where_nothing_else_is_said() -> None:
    first = profile(
        "a",
        "Patient",
        element(
            "Patient.identifier", slicing={"discriminator": [{"type": "value", "path": "system"}], "rules": "open"}
        ),
        element("Patient.identifier", slice="one", min=1),
        element("Patient.identifier", slice="two"),
    )
    assert snapshot(first)["Patient.identifier"]["min"] == 0  # as the differential speaks of it
    second = derived("b", first, element("Patient.identifier", slice="two", min=1))
    assert snapshot(second, first)["Patient.identifier"]["min"] == 2


def test_to_be_supported_is_said_of_each_slice() -> None:
    first = profile(
        "a", "Observation", element("Observation.component", slicing=BY_CODE, mustSupport=True),
        element("Observation.component", slice="one"),
    )  # fmt: skip
    made = snapshot(first)
    assert made["Observation.component"]["mustSupport"] is True
    assert "mustSupport" not in made["Observation.component:one"]
    second = derived("b", first, element("Observation.component", slice="two"))
    assert snapshot(second, first)["Observation.component:two"]["mustSupport"] is True


def test_constraints_of_an_element_are_not_repeated_for_its_slices() -> None:
    constraint = [{"key": "c-1", "severity": "error", "human": "x", "expression": "true"}]
    made = snapshot(
        profile(
            "p",
            "Observation",
            element("Observation.component", slicing=BY_CODE, constraint=constraint),
            element("Observation.component", slice="one"),
        )
    )
    assert "c-1" in {one["key"] for one in made["Observation.component"]["constraint"]}
    assert [one["key"] for one in made["Observation.component:one"]["constraint"]] == ["ele-1"]


def test_a_repeated_element_has_its_children_as_the_base_says() -> None:
    made = snapshot(
        profile(
            "p",
            "Questionnaire",
            element("Questionnaire.item.prefix", min=1),
            element("Questionnaire.item.item", slicing={"discriminator": [{"type": "value", "path": "linkId"}]}),
            element("Questionnaire.item.item", slice="name", type=[{"code": "BackboneElement"}]),
            element("Questionnaire.item.item.text", min=1),
        )
    )
    assert codes(made["Questionnaire.item.item"]) == ["BackboneElement"]
    assert "contentReference" not in made["Questionnaire.item.item:name"]
    assert made["Questionnaire.item.item:name.text"]["min"] == 1
    assert made["Questionnaire.item.item.prefix"]["min"] == 0
    assert made["Questionnaire.item.item:name.item"]["contentReference"].endswith("#Questionnaire.item")


def test_what_has_no_code_is_not_bound() -> None:
    binding = {"strength": "required", "valueSet": "http://example.org/vs"}
    made = snapshot(profile("p", "Patient", element("Patient.extension", slice="x", binding=binding)))
    assert "binding" not in made["Patient.extension:x"]


def test_what_is_too_large_or_leads_nowhere_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot_growth, "MAX_SLICES", 10)
    sliced = [element("Patient.identifier", slice=f"s{number}") for number in range(11)]
    with pytest.raises(Unusable, match="more than 10 slices"):
        snapshot(profile("p", "Patient", *sliced))
    with pytest.raises(Unusable, match=r"'Patient\.deceasedString'.*not one of the types.*boolean, dateTime"):
        snapshot(profile("p", "Patient", element("Patient.deceasedString", min=1)))
    nobody = element("Patient.extension", slice="x", type=[{"code": "Extension", "profile": [HERE + "nobody"]}])
    with pytest.raises(Unusable, match=r"On the way http://example.org/\S*nobody is not known here"):
        snapshot(profile("p", "Patient", nobody, element("Patient.extension.value[x].badge", min=1)))


def test_a_profile_may_name_itself_for_its_elements() -> None:
    itself = [{"code": "Reference", "targetProfile": [HERE + "p"]}]
    made = snapshot(profile("p", "Observation", element("Observation.hasMember", type=itself)))
    assert made["Observation.hasMember"]["type"] == itself
