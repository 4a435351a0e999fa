"""Rows of composite parameters: what belongs together in one element (https://hl7.org/fhir/R4/search.html#composite)."""

from decimal import Decimal
from typing import Any

import pytest

from suture.fhir.dates import bounds
from suture.fhir.outcomes import InvalidStructure
from suture.fhir.versions import Version
from suture.search.values import token_code, token_full, token_system, unit_code
from tests.search.indexing import KEYS, Indexed, observation

LOINC, UCUM = "http://loinc.org", "http://unitsofmeasure.org"


def concept(code: str, display: str = "shown") -> dict[str, Any]:
    return {"coding": [{"system": LOINC, "code": code, "display": display}]}


def pressure(systolic: int, diastolic: int) -> dict[str, Any]:
    parts = (("8480-6", systolic), ("8462-4", diastolic))
    components = [
        {"code": concept(code), "valueQuantity": {"value": value, "unit": "mm[Hg]", "system": UCUM, "code": "mm[Hg]"}}
        for code, value in parts
    ]
    return observation(code=concept("85354-9"), component=components)


def folded(type: str, rows: str, *hashes: int) -> int:
    h = KEYS.parameter(type, rows)
    for x in hashes:
        h = KEYS.pair(h, x)
    return h


def code_of(part: str, code: str, type: str = "Observation") -> int:
    return KEYS.token(type, part, token_full(LOINC, code))


def amounts(found: Indexed, code: str, unit: int) -> set[tuple[float, float]]:
    h = folded("Observation", "component-code-value-quantity", code_of("component-code", code), unit)
    return {(lo, hi) for row, lo, hi in found.rows.qty if row == h}


def test_a_code_and_its_quantity_are_one_row_for_each_unit() -> None:
    found = Indexed(pressure(120, 80))
    part = "component-value-quantity"
    for unit in (KEYS.parameter("Observation", part), KEYS.token("Observation", part, unit_code("mm[Hg]"))):
        assert amounts(found, "8480-6", unit) == {(120.0, 120.0)}
        assert amounts(found, "8462-4", unit) == {(80.0, 80.0)}
        assert amounts(found, "85354-9", unit) == set()
    assert found.has_token("component-code", token_code("8480-6"))


def test_a_code_and_a_coded_value_are_one_token() -> None:
    component = {"code": concept("1"), "valueCodeableConcept": concept("2", "other")}
    found = Indexed(observation(component=[component, {"code": concept("3"), "valueCodeableConcept": concept("4")}]))

    def both(code: str, value: str) -> bool:
        parts = (code_of("component-code", code), code_of("component-value-concept", value))
        return folded("Observation", "component-code-value-concept", *parts) in found.rows.tok

    assert both("1", "2") and both("3", "4") and not both("1", "4") and not both("3", "2")


def test_a_code_and_a_reference_are_one_token() -> None:
    related = [
        {"code": "replaces", "target": {"reference": "DocumentReference/1"}},
        {"code": "appends", "target": {"reference": "urn:uuid:5a6b8a12-3b4c-4d5e-8f60-112233445566"}},
    ]
    found = Indexed({"resourceType": "DocumentReference", "status": "current", "relatesTo": related})
    type = "DocumentReference"
    replaces, appends = (KEYS.token(type, "relation", token_code(code)) for code in ("replaces", "appends"))
    here = KEYS.resource(type, "1")
    urn = KEYS.token(type, "relatesto", "urn:uuid:5a6b8a12-3b4c-4d5e-8f60-112233445566")
    assert folded(type, "relationship", replaces, here) in found.rows.tok
    assert folded(type, "relationship", appends, urn) in found.rows.tok
    assert folded(type, "relationship", appends, here) not in found.rows.tok


def test_the_value_that_is_a_range_comes_last_whatever_its_place() -> None:
    status = [
        {"state": concept("active"), "actual": True, "period": {"start": "2024", "end": "2025"}},
        {"state": concept("closed"), "actual": False, "period": {"start": "2026"}},
    ]
    found = Indexed({"resourceType": "ResearchStudy", "status": "active", "progressStatus": status}, Version.R5)
    rows = "progress-status-state-period-actual"
    type, (one, two, three) = "ResearchStudy", (f"{rows}${n}" for n in (1, 2, 3))

    def spans(state: str, actual: str) -> set[tuple[int, int]]:
        hashes = (code_of(one, state, type), KEYS.token(type, three, actual), KEYS.parameter(type, two))
        return {(lo, hi) for h, lo, hi in found.rows.dat if h == folded(type, rows, *hashes)}

    assert spans("active", "true") == {(bounds("2024")[0], bounds("2025")[1])}
    assert len(spans("closed", "false")) == 1 and spans("active", "false") == set()
    # no parameter of its own has these codes: the composite brings their words
    forms = {s for word in found.rows.words for s, _ in word.forms}
    assert KEYS.token(type, one, token_code("ACTIVE")) in forms and KEYS.token(type, one, token_system(LOINC)) in forms


@pytest.mark.parametrize("rows", ["chromosome-variant-coordinate", "chromosome-window-coordinate"])
def test_two_numbers_are_the_ends_of_a_range(rows: str) -> None:
    found = Indexed(
        {
            "resourceType": "MolecularSequence",
            "coordinateSystem": 0,
            "referenceSeq": {"chromosome": concept("21"), "windowStart": 100, "windowEnd": 900},
            "variant": [{"start": 100, "end": 900}],
        }
    )
    type = "MolecularSequence"
    h = folded(type, rows, code_of("chromosome", "21", type), KEYS.parameter(type, rows))
    assert {(lo, hi) for row, lo, hi in found.rows.qty if row == h} == {(100.0, 900.0)}


def test_an_element_that_lacks_a_part_has_no_row() -> None:
    plain = Indexed(observation(component=[{"code": concept("1")}])).rows
    more = Indexed(observation(component=[{"code": concept("1"), "dataAbsentReason": {"text": "?"}}])).rows
    assert plain.qty == more.qty == () and len(more.tok) == len(plain.tok) + 1


def test_contexts_have_a_kind_and_an_amount() -> None:
    use = {"code": {"system": LOINC, "code": "age"}, "valueQuantity": {"value": Decimal("40.5"), "code": "a"}}
    found = Indexed({"resourceType": "Library", "status": "draft", "type": {"text": "x"}, "useContext": [use]})
    h = folded(
        "Library",
        "context-type-quantity",
        code_of("context-type", "age", "Library"),
        KEYS.token("Library", "context-quantity", unit_code("a")),
    )
    assert {(lo, hi) for row, lo, hi in found.rows.qty if row == h} == {(40.5, 40.5)}


def test_combinations_without_end_are_refused() -> None:
    many = {"coding": [{"code": str(n)} for n in range(200)]}
    with pytest.raises(InvalidStructure, match="more than 1000 combinations"):
        Indexed(observation(component=[{"code": many, "valueCodeableConcept": many}]))
