"""CodeSystems, ValueSets and ConceptMaps: codes and properties that are there, filters that can be run."""

from typing import Any

import pytest

from suture.fhir.versions import Version
from tests.fhir.rules.judging import Json, definition, places

CS = "http://code.system"
STANDARD = "http://hl7.org/fhir/concept-properties#"


def code_system(*concepts: Json, **members: Any) -> Json:
    found = {"caseSensitive": True, "content": "complete", **members}
    return definition("CodeSystem", "http://a.org/cs", concept=list(concepts), **found)


def test_a_code_system_with_properties_is_fine() -> None:
    concept = {"code": "a", "property": [{"code": "parent", "valueCode": "b"}, {"code": "size", "valueInteger": 1}]}
    declared = [{"code": "size", "type": "integer"}, {"code": "parent", "uri": STANDARD + "parent", "type": "code"}]
    assert places(code_system(concept, {"code": "b"}, property=declared)) == []


def test_a_supplement_says_so_and_adds_no_codes() -> None:
    assert "CodeSystem.content" in places(code_system({"code": "a"}, supplements=CS))
    assert places(code_system({"code": "a"}, supplements=CS, content="supplement")) == []
    assert places(code_system({"code": "z"}, supplements=CS, content="supplement")) == ["CodeSystem.concept[0]"]


def test_a_code_system_without_content_has_no_concepts() -> None:
    assert places(code_system({"code": "a"}, content="not-present")) == ["CodeSystem.concept[0]"]


@pytest.mark.parametrize(
    ("declared", "place"),
    [
        ([{"code": "x", "type": "string"}, {"code": "x", "type": "string"}], "CodeSystem.property[1]"),
        ([{"code": "notSelectable", "uri": STANDARD + "notSelectable", "type": "dateTime"}], "CodeSystem.property[0]"),
        ([{"code": "inactive", "uri": STANDARD + "notSelectable", "type": "boolean"}], "CodeSystem.property[0]"),
    ],
)
def test_a_property_means_one_thing(declared: list[Json], place: str) -> None:
    assert place in places(code_system({"code": "a"}, property=declared))


def test_values_of_properties_are_of_the_declared_type() -> None:
    concept = {"code": "a", "property": [{"code": "size", "valueString": "large"}]}
    declared = [{"code": "size", "type": "integer"}]
    assert places(code_system(concept, property=declared)) == ["CodeSystem.concept[0].property[0]"]
    assert "CodeSystem.concept[0].property[0]" in places(code_system(concept), severity="warning")


def test_a_parent_is_a_code_of_the_system() -> None:
    concept = {"code": "a", "property": [{"code": "parent", "valueCode": "nobody"}]}
    assert places(code_system(concept)) == ["CodeSystem.concept[0].property[0]"]


def test_the_value_set_of_all_codes_is_just_that() -> None:
    def all_codes(include: Json) -> Json:
        return definition("ValueSet", "http://a.org/all", compose={"include": [include]})

    system = code_system({"code": "a"}, valueSet="http://a.org/all")
    assert places(system, all_codes({"system": "http://a.org/cs"})) == []
    assert "CodeSystem.valueSet" in places(system, all_codes({"system": "http://a.org/cs", "concept": [{"code": "a"}]}))


def value_set(**include: Any) -> Json:
    return definition("ValueSet", "http://a.org/vs", compose={"include": [include]})


INCLUDE = "ValueSet.compose.include[0]"


def test_listed_codes_are_codes_of_the_system() -> None:
    assert places(value_set(system=CS, concept=[{"code": "a"}])) == []
    assert places(value_set(system=CS, concept=[{"code": "z"}])) == [INCLUDE + ".concept[0]"]
    assert places(value_set(system="http://snomed.info/sct", concept=[{"code": "1"}])) == [INCLUDE + ".concept[0]"]


def test_a_system_is_no_value_set_and_an_import_no_system() -> None:
    other = definition("ValueSet", "http://a.org/ValueSet/other")
    system = code_system({"code": "a"})
    assert INCLUDE in places(value_set(system="http://a.org/ValueSet/other"), other)
    assert INCLUDE in places(value_set(system="not absolute"))
    assert INCLUDE + ".valueSet[0]" in places(value_set(valueSet=["http://a.org/cs"]), system)
    assert places(value_set(valueSet=["http://a.org/ValueSet/other"]), other) == []


FILTERED = {
    "filter": [{"code": "size", "operator": ["="], "value": "a number"}],
    "property": [
        {"code": "size", "type": "integer"},
        {"code": "flag", "type": "boolean"},
        {"code": "like", "type": "Coding"},
    ],
}


@pytest.mark.parametrize(
    ("property", "operation", "value", "fine"),
    [
        ("size", "=", "3", True),
        ("size", "in", "3", False),
        ("flag", "=", "true", True),
        ("flag", "=", "1", False),
        ("like", "=", "http://a.org|1#x", True),
        ("like", "=", "http://code.system#a", True),
        ("like", "=", "http://code.system#z", False),
        ("like", "=", "x", False),
        ("size", "exists", "maybe", False),
        ("code", "regex", "a+", True),
        ("code", "regex", "a(", False),
    ],
)
def test_a_filter_fits_the_property_that_it_names(property: str, operation: str, value: str, fine: bool) -> None:
    filter = [{"property": property, "op": operation, "value": value}]
    found = places(value_set(system="http://a.org/cs", filter=filter), code_system({"code": "a"}, **FILTERED))
    assert (INCLUDE + ".filter[0]" not in found) == fine


def test_a_property_that_is_not_declared_is_a_warning() -> None:
    filter = [{"property": "colour", "op": "=", "value": "red"}]
    resource = value_set(system="http://a.org/cs", filter=filter)
    assert INCLUDE + ".filter[0]" in places(resource, code_system({"code": "a"}), severity="warning")


@pytest.mark.parametrize(("property", "value"), [("like", "http://code.system|a"), ("size", "large")])
def test_a_value_that_is_written_in_another_way_is_a_warning(property: str, value: str) -> None:
    filter = [{"property": property, "op": "=", "value": value}]
    resource = value_set(system="http://a.org/cs", filter=filter)
    assert INCLUDE + ".filter[0]" in places(resource, code_system({"code": "a"}, **FILTERED), severity="warning")
    assert places(resource, code_system({"code": "a"}, **FILTERED)) == []


def test_a_contained_code_system_is_named_by_its_url() -> None:
    contained = {**code_system({"code": "a"}), "id": "s"}
    part = {"url": "http://hl7.org/fhir/StructureDefinition/valueset-system", "valueCanonical": "#s"}
    by_id = {**value_set(system="#s"), "contained": [contained]}
    by_url = {**value_set(system="http://a.org/cs", _system={"extension": [part]}), "contained": [contained]}
    assert places(by_id) == [INCLUDE]
    assert places(by_url) == []


def test_a_filter_of_a_system_elsewhere_is_what_that_system_understands() -> None:
    for value, fine in (("right", True), ("wrong", False)):
        resource = value_set(system=CS, filter=[{"property": "p", "op": "=", "value": value}])
        assert (not places(resource)) == fine


def test_the_concept_of_a_filter_is_a_code_of_the_system() -> None:
    for code, fine in (("a", True), ("z", False)):
        resource = value_set(system=CS, filter=[{"property": "concept", "op": "is-a", "value": code}])
        assert (not places(resource)) == fine


@pytest.mark.parametrize(
    ("expression", "fine"),
    [
        ({"language": "text/fhirpath", "expression": "%p"}, True),
        ({"language": "text/fhirpath", "expression": "%q"}, False),
        ({"language": "text/fhirpath", "expression": "$ and"}, False),
        ({"language": "text/cql", "expression": "p"}, False),
    ],
)
def test_a_computed_filter_uses_parameters_that_are_declared(expression: Json, fine: bool) -> None:
    parameter = "http://hl7.org/fhir/tools/StructureDefinition/valueset-parameter"
    url = "http://hl7.org/fhir/StructureDefinition/cqf-expression"
    value = {"extension": [{"url": url, "valueExpression": expression}]}
    filter = {"property": "code", "op": "=", "_value": value}
    resource = value_set(system=CS, filter=[filter])
    resource["extension"] = [{"url": parameter, "extension": [{"url": "name", "valueCode": "p"}]}]
    assert (not [place for place in places(resource) if place.endswith(".value")]) == fine


def test_a_map_is_between_codes_that_are_there() -> None:
    def mapping(source: str, target: str) -> Json:
        element = {"code": source, "target": [{"code": target, "equivalence": "equivalent"}]}
        return definition("ConceptMap", "http://a.org/cm", group=[{"source": CS, "target": CS, "element": [element]}])

    assert places(mapping("a", "b")) == []
    assert places(mapping("z", "y")) == [
        "ConceptMap.group[0].element[0].code",
        "ConceptMap.group[0].element[0].target[0].code",
    ]


def test_a_map_is_from_codes_of_its_source_value_set() -> None:
    element = [{"code": code, "target": [{"code": "x", "equivalence": "equivalent"}]} for code in "ab"]
    source = definition("ValueSet", "http://code.system/vs")
    mapping = definition("ConceptMap", "http://a.org/cm", sourceCanonical="http://code.system/vs")
    mapping["group"] = [{"source": CS, "target": "http://a.org/elsewhere", "element": element}]
    assert places(mapping, source, outside=("http://code.system/vs", "b")) == ["ConceptMap.group[0].element[1].code"]
    assert places(mapping, outside=("http://code.system/vs", "b")) == []


def test_the_count_of_a_complete_code_system_is_that_of_its_concepts() -> None:
    nested = {"code": "a", "concept": [{"code": "b"}]}
    assert places(code_system(nested, count=2)) == []
    assert places(code_system(nested, count=1)) == ["CodeSystem.count"]
    assert places({**code_system(nested, count=9), "content": "fragment"}) == []


def test_a_code_does_not_end_with_a_space_of_any_kind() -> None:
    assert places(code_system({"code": "a\u00a0"})) == ["CodeSystem.concept[0].code"]
    assert places(code_system({"code": "a\u00a0b"})) == []


def test_properties_of_hl7_are_those_that_there_are() -> None:
    for name, fine in (("parent", True), ("colour", False)):
        uri = f"http://hl7.org/fhir/concept-properties#{name}"
        declared = code_system({"code": "a"}, property=[{"code": name, "uri": uri, "type": "code"}])
        assert (not places(declared)) == fine


def test_a_map_of_r5_declares_what_it_says_of_its_targets() -> None:
    def mapping(**said: Any) -> Json:
        target = {"code": "b", "relationship": "equivalent", "property": [{"code": "p", **said}]}
        group = {"source": CS, "target": CS, "element": [{"code": "a", "target": [target]}]}
        return definition("ConceptMap", "http://a.org/cm", group=[group], property=[{"code": "p", "type": "string"}])

    place = "ConceptMap.group[0].element[0].target[0].property[0]"
    assert places(mapping(valueString="x"), version=Version.R5) == []
    assert places(mapping(valueBoolean=True), version=Version.R5) == [place]
    assert places(mapping(code="q", valueString="x"), version=Version.R5) == [place]
