"""What JSON Patch promises beyond the official cases: exact numbers, atomic, bounded, clear about the failing part."""

import copy
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suture.fhir.outcomes import Invalid, Unprocessable
from suture.fhir.patch import JsonPatch
from suture.fhir.patch.json_patch import MAX_DEPTH, MAX_OPERATIONS, equal
from suture.fhir.patch.pointer import read_pointer, resolve, write_pointer

PATIENT = {
    "resourceType": "Patient",
    "name": [{"family": "Chalmers", "given": ["Peter", "James"]}],
    "active": True,
    "multipleBirthInteger": 2,
}


def patched(*operations: dict[str, Any], document: Any = PATIENT) -> Any:
    return JsonPatch.read(list(operations)).apply(document)


def refused(*operations: dict[str, Any], document: Any = PATIENT) -> str:
    with pytest.raises(Unprocessable) as caught:
        patched(*operations, document=document)
    return str(caught.value)


def unreadable(document: Any) -> str:
    with pytest.raises(Invalid) as caught:
        JsonPatch.read(document)
    return str(caught.value)


def test_the_original_is_left_as_it_was_also_when_a_later_operation_fails() -> None:
    before = copy.deepcopy(PATIENT)
    patched({"op": "replace", "path": "/name/0/family", "value": "Smith"})
    refused({"op": "remove", "path": "/name/0/given"}, {"op": "remove", "path": "/nothing"})
    assert before == PATIENT


def test_a_patch_can_be_applied_again_to_another_version() -> None:
    patch = JsonPatch.read(
        [{"op": "add", "path": "/contact", "value": [{}]}, {"op": "add", "path": "/contact/0/a", "value": 1}]
    )
    assert patch.apply({}) == patch.apply({}) == {"contact": [{"a": 1}]}


def test_an_error_names_the_operation_that_failed() -> None:
    text = refused({"op": "test", "path": "/active", "value": True}, {"op": "remove", "path": "/name/0/given/5"})
    assert text.startswith("operation 1 (remove '/name/0/given/5') failed: ")
    assert "the array has 2 element(s)" in text
    assert unreadable([{"op": "add", "path": "/a", "value": 1}, {"op": "delete", "path": "/a"}]).startswith(
        "operation 1: "
    )


@pytest.mark.parametrize(
    ("there", "expected", "same"),
    [
        (Decimal("1.0"), Decimal("1.00"), True),
        (1, Decimal("1.0"), True),
        (Decimal("0.1"), Decimal("0.10000000000000000000000000001"), False),
        (10**20, 10**20 + 1, False),
        (1, True, False),
        (0, False, False),
        (1, "1", False),
        (None, 0, False),
        ({"a": [1, {}]}, {"a": [1, {}]}, True),
        ({"a": 1}, {"a": 1, "b": None}, False),
        ([1, 2], [2, 1], False),
        ([], {}, False),
    ],
)
def test_values_are_equal_by_type_and_exact_value(there: Any, expected: Any, same: bool) -> None:
    assert equal(there, expected) is equal(expected, there) is same


@pytest.mark.parametrize("index", ["01", "-1", "+1", "1e0", " 1", "", "٣", "2147483648000"])
def test_an_index_is_a_plain_number_without_leading_zeros(index: str) -> None:
    refused({"op": "test", "path": f"/name/0/given/{index}", "value": "James"})


def test_the_dash_means_after_the_last_element_and_is_only_for_add() -> None:
    added = patched({"op": "add", "path": "/name/0/given/-", "value": "Jim"})
    assert added["name"][0]["given"] == ["Peter", "James", "Jim"]
    refused({"op": "remove", "path": "/name/0/given/-"})
    refused({"op": "test", "path": "/name/0/given/-", "value": "Jim"})


def test_the_whole_document_can_be_replaced_and_not_removed() -> None:
    assert patched({"op": "replace", "path": "", "value": {"a": 1}}) == {"a": 1}
    assert patched({"op": "add", "path": "", "value": {"a": 1}}) == {"a": 1}
    refused({"op": "remove", "path": ""})


def test_move_refuses_to_put_a_value_into_itself() -> None:
    assert "into itself" in unreadable([{"op": "move", "from": "/name", "path": "/name/0"}])
    assert patched({"op": "move", "from": "/active", "path": "/active"}) == PATIENT


@pytest.mark.parametrize(
    "document",
    [
        {"op": "add"},
        None,
        "[]",
        [1],
        [{"path": "/a", "value": 1}],
        [{"op": ["add"], "path": "/a", "value": 1}],
        [{"op": "add", "value": 1}],
        [{"op": "add", "path": "/a"}],
        [{"op": "add", "path": "a", "value": 1}],
        [{"op": "add", "path": 7, "value": 1}],
        [{"op": "add", "path": "/~2", "value": 1}],
        [{"op": "copy", "path": "/a"}],
        [{"op": "add", "path": "/" + "x" * 3000, "value": 1}],
        [{"op": "test", "path": "/a", "value": 1}] * (MAX_OPERATIONS + 1),
    ],
)
def test_a_malformed_patch_is_refused_before_it_is_applied(document: Any) -> None:
    assert unreadable(document)


def test_copies_that_double_the_document_are_stopped() -> None:
    document = {"a": ["x" * 100]}
    assert "copy too much" in refused(*[{"op": "copy", "from": "/a", "path": "/a/-"}] * 100, document=document)


def test_the_document_cannot_be_nested_deeper_than_a_resource_may_be() -> None:
    deep: Any = 1
    for _ in range(MAX_DEPTH - 1):
        deep = [deep]
    assert patched({"op": "add", "path": "/deep", "value": deep})["deep"] == deep
    assert "nested deeper" in refused({"op": "add", "path": "/deep", "value": [deep]})


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


def pointers(value: Any, at: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = [at]
    if isinstance(value, dict):
        for name, member in value.items():
            found += pointers(member, (*at, name))
    elif isinstance(value, list):
        for index, member in enumerate(value):
            found += pointers(member, (*at, str(index)))
    return found


@settings(derandomize=True, max_examples=150, deadline=None)
@given(json_values)
def test_every_place_has_a_pointer_that_finds_it(document: Any) -> None:
    for pointer in pointers(document):
        assert read_pointer(write_pointer(pointer)) == pointer
        value = resolve(document, pointer)
        patched({"op": "test", "path": write_pointer(pointer), "value": value}, document=document)


@settings(derandomize=True, max_examples=150, deadline=None)
@given(json_values, json_values, st.data())
def test_what_replace_wrote_is_there_and_nothing_else_changed(document: Any, value: Any, data: st.DataObject) -> None:
    pointer = data.draw(st.sampled_from(pointers(document)))
    result = patched({"op": "replace", "path": write_pointer(pointer), "value": value}, document=document)
    assert equal(resolve(result, pointer), value)
    back = patched(
        {"op": "replace", "path": write_pointer(pointer), "value": resolve(document, pointer)}, document=result
    )
    assert equal(back, document)


@settings(derandomize=True, max_examples=200, deadline=None)
@given(json_values, json_values)
def test_anything_at_all_is_either_applied_or_refused_clearly(patch: Any, document: Any) -> None:
    try:
        JsonPatch.read(patch if isinstance(patch, list) else [patch]).apply(document)
    except (Invalid, Unprocessable) as error:
        assert error.issues[0].diagnostics
