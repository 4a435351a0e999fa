"""JSON Patch, RFC 6902, on plain JSON values. FHIR side: https://hl7.org/fhir/R4/http.html#patch

`JsonPatch.read` refuses a malformed patch (400); `apply` refuses one that does not fit the document (422, which
the FHIR specification demands for a failed `test`). The result is exactly what the RFC says: removing the only
element of an array leaves an empty array, which the structure validator then refuses with its location.
"""

from decimal import Decimal
from typing import Any, cast

import msgspec

from suture.fhir.outcomes import Invalid, Issue, Unprocessable
from suture.fhir.patch.copying import copied
from suture.fhir.patch.pointer import Pointer, array_index, read_pointer, resolve, write_pointer

MAX_OPERATIONS = 1000
"""Operations in one patch."""

MAX_DEPTH = 64
"""Nesting of the patched document; the same as the JSON reader allows."""

MAX_COPIED = 4_000_000
"""What all `copy` operations of a patch may copy, counted in values and characters."""

_OPS = ("add", "remove", "replace", "move", "copy", "test")


class JsonOperation(msgspec.Struct, frozen=True):
    """One operation. `source` is the RFC's `from`, () for operations without one."""

    op: str
    path: Pointer
    source: Pointer = ()
    value: Any = None


class JsonPatch:
    """A JSON Patch that was read and can be applied any number of times."""

    __slots__ = ("operations",)

    def __init__(self, operations: tuple[JsonOperation, ...]) -> None:
        self.operations = operations

    @classmethod
    def read(cls, document: Any) -> "JsonPatch":
        """Read the decoded patch document: an array of operation objects.

        Raises Invalid, naming the index (from 0) of the first operation that is wrong.
        """
        if not isinstance(document, list):
            raise Invalid("a JSON Patch is an array of operations")
        entries = cast("list[Any]", document)
        if len(entries) > MAX_OPERATIONS:
            raise Invalid(f"a patch has at most {MAX_OPERATIONS} operations, this one has {len(entries)}")
        operations: list[JsonOperation] = []
        for number, entry in enumerate(entries):
            try:
                operations.append(_read_operation(entry))
            except Invalid as error:
                raise Invalid(f"operation {number}: {error}") from None
        return cls(tuple(operations))

    def apply(self, resource: Any) -> Any:
        """Return the patched document; `resource` is left as it was.

        Raises Unprocessable naming the index of the operation that failed. All operations hold or none.
        """
        document = _Document(resource)
        for number, operation in enumerate(self.operations):
            try:
                _APPLY[operation.op](document, operation)
            except Unprocessable as error:
                place = write_pointer(operation.path)
                text = f"operation {number} ({operation.op} {place!r}) failed: {error}"
                raise Unprocessable(issues=[Issue("error", error.code, text)]) from None
        return document.value


def equal(left: Any, right: Any) -> bool:
    """RFC 6902 section 4.6 equality: numbers by exact value (1.0 equals 1.00), never across JSON types."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict):
        return isinstance(right, dict) and _equal_objects(cast("dict[str, Any]", left), cast("dict[str, Any]", right))
    if isinstance(left, list):
        return isinstance(right, list) and _equal_arrays(cast("list[Any]", left), cast("list[Any]", right))
    if isinstance(left, (int, float, Decimal)):
        return isinstance(right, (int, float, Decimal)) and left == right
    return type(left) is type(right) and left == right


def _equal_objects(left: dict[str, Any], right: dict[str, Any]) -> bool:
    return len(left) == len(right) and all(name in right and equal(value, right[name]) for name, value in left.items())


def _equal_arrays(left: list[Any], right: list[Any]) -> bool:
    return len(left) == len(right) and all(map(equal, left, right))


class _Document:
    """The document while it is patched, with what is left of the copy allowance."""

    __slots__ = ("allowance", "value")

    def __init__(self, value: Any) -> None:
        self.value = copied(value)
        self.allowance = MAX_COPIED

    def spend(self, weight: int) -> None:
        self.allowance -= weight
        if self.allowance < 0:
            raise Unprocessable("the copy operations of this patch copy too much")


def _read_operation(entry: Any) -> JsonOperation:
    if not isinstance(entry, dict):
        raise Invalid("an operation is an object")
    members = cast("dict[str, Any]", entry)
    op = members.get("op")
    if op not in _OPS:
        raise Invalid(f"'op' must be one of {', '.join(_OPS)}" + (f", not {op!r}" if isinstance(op, str) else ""))
    if "path" not in members:
        raise Invalid("'path' is missing")
    path = read_pointer(members["path"])
    source: Pointer = ()
    if op in ("move", "copy"):
        if "from" not in members:
            raise Invalid(f"'{op}' needs 'from'")
        source = read_pointer(members["from"])
        if op == "move" and len(source) < len(path) and path[: len(source)] == source:
            raise Invalid("a value cannot be moved into itself")
    elif op in ("add", "replace", "test") and "value" not in members:
        raise Invalid(f"'{op}' needs 'value'")
    return JsonOperation(op, path, source, members.get("value"))


def _add(document: _Document, operation: JsonOperation) -> None:
    _put(document, operation.path, copied(operation.value))


def _remove(document: _Document, operation: JsonOperation) -> None:
    _take(document, operation.path)


def _replace(document: _Document, operation: JsonOperation) -> None:
    value = copied(operation.value)
    if not operation.path:
        document.value = value
        return
    resolve(document.value, operation.path)
    parent = resolve(document.value, operation.path[:-1])
    _check_depth(operation.path, value)
    if isinstance(parent, list):
        parent[int(operation.path[-1])] = value
    else:
        parent[operation.path[-1]] = value


def _move(document: _Document, operation: JsonOperation) -> None:
    if operation.source == operation.path:
        resolve(document.value, operation.source)
        return
    _put(document, operation.path, _take(document, operation.source))


def _copy_value(document: _Document, operation: JsonOperation) -> None:
    value = resolve(document.value, operation.source)
    document.spend(_weight(value))
    _put(document, operation.path, copied(value))


def _test(document: _Document, operation: JsonOperation) -> None:
    value = resolve(document.value, operation.path)
    if not equal(value, operation.value):
        raise Unprocessable("the value there is not equal to the expected one")


_APPLY = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "move": _move,
    "copy": _copy_value,
    "test": _test,
}


def _put(document: _Document, path: Pointer, value: Any) -> None:
    if not path:
        document.value = value
        return
    _check_depth(path, value)
    parent = resolve(document.value, path[:-1])
    if isinstance(parent, list):
        array = cast("list[Any]", parent)
        array.insert(len(array) if path[-1] == "-" else array_index(array, path, last=len(array)), value)
    elif isinstance(parent, dict):
        parent[path[-1]] = value
    else:
        raise Unprocessable(f"{write_pointer(path[:-1])!r} is neither an object nor an array")


def _take(document: _Document, path: Pointer) -> Any:
    if not path:
        raise Unprocessable("the whole document cannot be removed")
    parent = resolve(document.value, path[:-1])
    if isinstance(parent, list):
        array = cast("list[Any]", parent)
        return array.pop(array_index(array, path, last=len(array) - 1))
    if not isinstance(parent, dict) or path[-1] not in parent:
        raise Unprocessable(f"there is nothing at {write_pointer(path)!r}")
    return cast("dict[str, Any]", parent).pop(path[-1])


def _check_depth(path: Pointer, value: Any) -> None:
    if len(path) + _depth(value) > MAX_DEPTH:
        raise Unprocessable(f"the document would be nested deeper than {MAX_DEPTH} levels")


def _depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, cast("dict[str, Any]", value).values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_depth, cast("list[Any]", value)), default=0)
    return 0


def _weight(value: Any) -> int:
    if isinstance(value, dict):
        return sum(len(name) + 1 + _weight(member) for name, member in cast("dict[str, Any]", value).items()) + 1
    if isinstance(value, list):
        return sum(map(_weight, cast("list[Any]", value))) + 1
    return len(value) + 1 if isinstance(value, str) else 1
