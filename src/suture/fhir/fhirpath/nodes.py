"""The syntax tree of FHIRPath, one frozen record per kind of expression.

Specification: http://hl7.org/fhirpath/N1/#expressions. `position` is the offset of the node in the text
it was parsed from (of its operator, for binary ones); it takes no part in comparisons made with `to_text`.
"""

from decimal import Decimal

import msgspec


class _Node(msgspec.Struct, frozen=True, kw_only=True):
    position: int = 0


class Empty(_Node, frozen=True):
    """`{}`: the empty collection."""


class Boolean(_Node, frozen=True):
    """`true` or `false`."""

    value: bool


class String(_Node, frozen=True):
    """`'text'`, with its escapes resolved."""

    value: str


class Number(_Node, frozen=True):
    """`12` (int) or `12.50` (Decimal, digits kept)."""

    value: int | Decimal


class Long(_Node, frozen=True):
    """`12L`: a whole number of 64 bits."""

    value: int


class Date(_Node, frozen=True):
    """`@2014-01`: the text after the @."""

    value: str


class DateTime(_Node, frozen=True):
    """`@2014-01-25T14:30`: the text after the @; `2014T` has only a year."""

    value: str


class Time(_Node, frozen=True):
    """`@T14:30`: the text after the T."""

    value: str


class Quantity(_Node, frozen=True):
    """`4.5 'mg'` or `4 days`: `calendar` is True when the unit is a word such as `day` or `days`."""

    value: int | Decimal
    unit: str
    calendar: bool


class This(_Node, frozen=True):
    """`$this`."""


class Index(_Node, frozen=True):
    """`$index`."""


class Total(_Node, frozen=True):
    """`$total`."""


class Constant(_Node, frozen=True):
    """`%name`, `%'name'` or ``%`name` ``: the name."""

    name: str


class Member(_Node, frozen=True):
    """`target.name`; target None for a name that begins a path (a type or an element of the focus)."""

    target: "Node | None"
    name: str


class Call(_Node, frozen=True):
    """`target.name(arguments)`; target None when the function is applied to the focus."""

    target: "Node | None"
    name: str
    arguments: "tuple[Node, ...]"


class Item(_Node, frozen=True):
    """`target[index]`."""

    target: "Node"
    index: "Node"


class Sign(_Node, frozen=True):
    """`-operand` or `+operand`."""

    operator: str
    operand: "Node"


class Ordered(_Node, frozen=True):
    """`operand asc` or `operand desc`, an argument of `sort()`."""

    operand: "Node"
    descending: bool


class TypeOperation(_Node, frozen=True):
    """`operand is type` or `operand as type`; `type` may be qualified (`System.String`)."""

    operator: str
    operand: "Node"
    type: str


class Instance(_Node, frozen=True):
    """`type { name: value, … }`: a new value; `elements` are names with expressions."""

    type: str
    elements: "tuple[tuple[str, Node], ...]"


class Binary(_Node, frozen=True):
    """`left operator right` for every other operator, from `*` to `implies`."""

    operator: str
    left: "Node"
    right: "Node"


Node = (
    Empty
    | Boolean
    | String
    | Number
    | Long
    | Date
    | DateTime
    | Time
    | Quantity
    | This
    | Index
    | Total
    | Constant
    | Member
    | Call
    | Item
    | Sign
    | Ordered
    | TypeOperation
    | Instance
    | Binary
)
