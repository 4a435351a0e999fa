"""The expressions of the specification itself: every invariant and every search parameter of R4, R4B and R5."""

from collections.abc import Iterator

import pytest

from suture.fhir.definitions import Element, load
from suture.fhir.fhirpath import Budget, FhirPathError
from suture.fhir.versions import Version
from tests.fhir.fhirpath.given import PATIENT, engine


def invariants(version: Version) -> Iterator[tuple[str, str, str]]:
    """Path, key and expression of every invariant."""

    def of(elements: tuple[Element, ...]) -> Iterator[tuple[str, str, str]]:
        for element in elements:
            yield from ((element.path, one.key, one.expression) for one in element.constraints if one.expression)
            yield from of(element.children)

    for structure in load(version).structures.values():
        yield from ((structure.name, one.key, one.expression) for one in structure.constraints if one.expression)
        yield from of(structure.elements)


@pytest.mark.parametrize("version", list(Version))
def test_every_invariant_compiles(version: Version) -> None:
    faults: list[str] = []
    count = 0
    for path, key, expression in invariants(version):
        count += 1
        try:
            engine(version).compile(expression, focus=path)
        except FhirPathError as error:
            faults.append(f"{path} {key}: {error}")
    assert faults == []
    assert count >= 242


@pytest.mark.parametrize("version", list(Version))
def test_every_search_expression_compiles(version: Version) -> None:
    for parameter in load(version).search_parameters:
        for base in parameter.base:
            if parameter.expression:
                engine(version).compile(parameter.expression, focus=base)
        for component in parameter.components:
            engine(version).compile(component.expression)


KNOWN_MISTAKES = {
    # elements that the type does not have
    Version.R4: {"cid-0"},
    # the same; length() of the element instead of its id
    Version.R4B: {"cid-0", "cnl-0", "sdf-24", "sdf-25"},
    Version.R5: set[str](),
}


@pytest.mark.parametrize("version", list(Version))
def test_strict_judgement_finds_only_the_mistakes_that_the_specification_has(version: Version) -> None:
    found: set[str] = set()
    for path, key, expression in invariants(version):
        if "[x]" in path:
            continue
        try:
            engine(version).strict(expression, focus=path)
        except FhirPathError:
            found.add(key)
    assert found == KNOWN_MISTAKES[version]


def test_a_search_expression_for_many_types_gives_what_is_for_this_one() -> None:
    text = "AllergyIntolerance.code | Patient.name.family | (Observation.value as Quantity) | Practitioner.name.given"
    used = engine()
    values = [
        item[0] for item in used.compile(text, focus="Patient").items(used.item(PATIENT), used.environment(PATIENT))
    ]
    assert values == ["Ekman"]
    unknown = [item[0] for item in used.compile(text).items(used.item(PATIENT), used.environment(PATIENT))]
    assert unknown == ["Ekman"]


def test_in_definitions_of_r4_as_filters_a_collection() -> None:
    used = engine()
    expression = used.compile("descendants().as(code)")
    assert [item[0] for item in expression.items(used.item(PATIENT), used.environment(PATIENT))]
    with pytest.raises(FhirPathError, match="'as' takes a single item"):
        used.strict("descendants().as(code)").items(used.item(PATIENT), used.environment(PATIENT))
    primitive = used.compile("contact.gender is String and (birthDate as Date).exists()")
    assert primitive.truth(used.item(PATIENT), used.environment(PATIENT)) is True
    newer = engine(Version.R5)
    with pytest.raises(FhirPathError, match="'as' takes a single item"):
        newer.compile("descendants().as(code)").items(newer.item(PATIENT), newer.environment(PATIENT))


def test_an_invariant_holds_or_not_or_has_no_answer() -> None:
    used = engine()
    environment = used.environment(PATIENT, budget=Budget())
    contact = used.item(PATIENT["contact"][0], "Patient.contact")
    named = used.compile("name.exists() or telecom.exists() or address.exists()", focus="Patient.contact")
    assert named.truth(contact, environment) is False
    assert used.compile("gender = 'female'").truth(contact, environment) is True
    assert used.compile("period.start > today()").truth(contact, environment) is None
    birth = used.item(PATIENT["birthDate"], "Patient.birthDate", PATIENT["_birthDate"])
    assert used.compile("extension.exists() and hasValue()").truth(birth, environment) is True
    assert used.item(PATIENT["contact"][0]["gender"], "Patient.contact.gender")[1].name == "code"
