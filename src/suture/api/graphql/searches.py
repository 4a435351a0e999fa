"""The lookups of a query: `Patient(id:)`, `PatientList(…)`, `PatientConnection(…)`, and what refers to a resource.

Specification: https://hl7.org/fhir/R4/graphql.html#searching and #reverse. The one thing to know: the cursor of a page
holds the whole search, so that a page is asked for by its cursor alone, also one of a search that stood inside of a
resource.
"""

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from graphql import FieldNode

from suture.api.graphql.arguments import condition_of, nearest, search_pairs
from suture.api.graphql.expressions import Expression
from suture.api.graphql.faults import refuse
from suture.api.graphql.shapes import QUERY, Field, Shapes
from suture.search.parameters import SearchParameters

Pairs = tuple[tuple[str, str], ...]

_LIST, _CONNECTION = "List", "Connection"


class Read(msgspec.Struct, frozen=True):
    """One resource by its id."""

    type: str
    id: str

    @property
    def field(self) -> Field:
        """What is found, as a field."""
        return Field(self.type, "resource", "Resource", False, (self.type,))


class Search(msgspec.Struct, frozen=True):
    """A search.

    `paged`: as a connection; else everything that matches. `reference`: the search parameter by which matches refer to
    the resource around, "" at the root. `cursor`, `offset`: the page. `counted`: the number of all matches is asked.
    """

    type: str
    pairs: Pairs
    paged: bool
    reference: str = ""
    condition: Expression | None = None
    cursor: str = ""
    offset: int = 0
    counted: bool = False

    @property
    def field(self) -> Field:
        """What is found, as a field."""
        if self.paged:
            return Field(f"{self.type}Connection", "object", f"{self.type}Connection")
        return Field(f"{self.type}List", "resource", "Resource", True, (self.type,))


Lookup = Read | Search


class Cursor(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A page of a search. `after`: the cursor of the search itself, "" for the first page."""

    type: str
    pairs: Pairs
    after: str
    offset: int

    def sealed(self) -> str:
        """The cursor as clients get it."""
        return base64.urlsafe_b64encode(msgspec.json.encode(self)).decode("ascii").rstrip("=")


def lookup(
    node: FieldNode, values: dict[str, Any], scope: frozenset[str], shapes: Shapes, parameters: SearchParameters
) -> Lookup | None:
    """The lookup that a field means where objects of `scope` stand; None when it is none. Raises QueryError."""
    name = node.name.value
    at_root = QUERY in scope
    if not at_root and not any(map(shapes.is_resource, scope)):
        return None
    if at_root and name in shapes.resources:
        return Read(name, _id(node, values))
    for ending in (_LIST, _CONNECTION):
        type = name.removesuffix(ending)
        if type != name and type in shapes.resources:
            return _search(node, type, ending == _CONNECTION, values, scope, shapes, parameters)
    return None


def _id(node: FieldNode, values: Mapping[str, Any]) -> str:
    type = node.name.value
    for name in values:
        if name not in ("id", "_id"):
            raise refuse(f"{type} is read by its id; use {type}List to search by {name}.", node)
    ids = list(values.values())
    if len(ids) != 1 or not isinstance(ids[0], str | int) or isinstance(ids[0], bool):
        raise refuse(f'{type} needs the argument id, such as {type}(id: "1").', node)
    return str(ids[0])


def _search(
    node: FieldNode,
    type: str,
    paged: bool,
    values: dict[str, Any],
    scope: frozenset[str],
    shapes: Shapes,
    parameters: SearchParameters,
) -> Search:
    condition = condition_of(node, values, shapes)
    given = {name: value for name, value in values.items() if name not in ("fhirpath", "_reference", "_cursor")}
    if "_cursor" in values:
        return _continued(node, type, paged, values, given, scope, condition, parameters)
    pairs = search_pairs(node, type, given, parameters)
    if QUERY in scope:
        if "_reference" in values:
            raise refuse("_reference is for searches inside of a resource.", node)
        return Search(type, pairs, paged, "", condition)
    return Search(type, pairs, paged, _reference(node, type, values, scope, parameters), condition)


def _continued(
    node: FieldNode,
    type: str,
    paged: bool,
    values: Mapping[str, Any],
    given: dict[str, Any],
    scope: frozenset[str],
    condition: Expression | None,
    parameters: SearchParameters,
) -> Search:
    if not paged or QUERY not in scope:
        raise refuse(f"_cursor is for {type}{_CONNECTION} at the root of a query at [base]/$graphql.", node)
    cursor = _opened(values["_cursor"])
    if cursor is None or cursor.type != type or cursor.offset < 0:
        raise refuse(f"The _cursor is none that a {type}{_CONNECTION} gave.", node)
    if given and not set(search_pairs(node, type, given, parameters)) <= set(cursor.pairs):
        raise refuse("With _cursor the other arguments are left out, or those of the search it is from.", node)
    return Search(type, cursor.pairs, True, "", condition, cursor.after, cursor.offset)


def _opened(text: Any) -> Cursor | None:
    if not isinstance(text, str) or not text.isascii() or len(text) > 32_768:
        return None
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(packed, type=Cursor)
    except (binascii.Error, msgspec.MsgspecError, ValueError):
        return None


def _reference(
    node: FieldNode, type: str, values: Mapping[str, Any], scope: frozenset[str], parameters: SearchParameters
) -> str:
    """The search parameter that `_reference` names: one of `type` that may lead to what stands here."""
    text = values.get("_reference")
    known = parameters.for_type(type)
    usable = {
        code.replace("-", "_"): code
        for code, parameter in known.items()
        if parameter.type == "reference" and may_lead(parameter.targets, scope)
    }
    if not isinstance(text, str):
        raise refuse(f"{node.name.value} inside of a resource needs _reference: one of {', '.join(usable)}.", node)
    if text in known and text in usable.values():
        return text
    if text not in usable:
        raise refuse(f"{type} does not refer here by {text[:80]!r}.{nearest(text, usable)}", node)
    return usable[text]


def may_lead(targets: Iterable[str], types: Iterable[str]) -> bool:
    """Whether a reference parameter with these targets may lead to one of `types`."""
    allowed = frozenset(targets)
    return not allowed or "Resource" in allowed or not allowed.isdisjoint(types)
