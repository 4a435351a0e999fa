"""What an expression constraint is made of, named as its specification names it."""

from decimal import Decimal
from enum import Enum

import msgspec


class Operator(Enum):
    """How a constraint goes from its focus to other concepts."""

    DESCENDANTS = "<"
    DESCENDANTS_OR_SELF = "<<"
    CHILDREN = "<!"
    CHILDREN_OR_SELF = "<<!"
    ANCESTORS = ">"
    ANCESTORS_OR_SELF = ">>"
    PARENTS = ">!"
    PARENTS_OR_SELF = ">>!"
    TOP = "!!>"
    BOTTOM = "!!<"


class Node(msgspec.Struct, frozen=True):
    """A part of a constraint. `position`: of its first character, from 0."""

    position: int


class Wildcard(Node, frozen=True):
    """`*`: any concept."""


class Reference(Node, frozen=True):
    """A concept by its identifier."""

    code: str


class Alternate(Node, frozen=True):
    """A concept by an identifier of another scheme, such as `LOINC#718-7`."""

    scheme: str
    code: str


class MemberOf(msgspec.Struct, frozen=True):
    """`^`, with the fields between brackets: names, ("*",) for all, () for the component itself."""

    fields: tuple[str, ...] = ()


class Containing(msgspec.Struct, frozen=True):
    """`^R`: the reference sets that have any of the concepts."""


class Sub(Node, frozen=True):
    """A focus with what is asked of it. The parts apply from left to right: member of, operator, filters, history."""

    focus: "Wildcard | Reference | Alternate | Expression"
    operator: Operator | None = None
    member_of: MemberOf | Containing | None = None
    member_filters: "tuple[tuple[MemberFilter, ...], ...]" = ()
    filters: "tuple[DescriptionFilters | ConceptFilters, ...]" = ()
    history: "History | None" = None


class Compound(Node, frozen=True):
    """Constraints that are joined. `kind`: and | or | minus."""

    kind: str
    parts: "tuple[Sub, ...]"


class Refined(Node, frozen=True):
    """A constraint with a refinement: `focus : refinement`."""

    focus: Sub
    refinement: "Refinement"


class Dotted(Node, frozen=True):
    """The values of attributes: `focus . attribute . attribute`."""

    focus: Sub
    attributes: tuple[Sub, ...]


Expression = Sub | Compound | Refined | Dotted


def bare(expression: Expression) -> "Wildcard | Reference | Alternate | None":
    """The concept, or `*`, that a constraint is, between parentheses or not; None for any other."""
    focus: Wildcard | Reference | Alternate | Expression = expression
    while isinstance(focus, Sub) and focus == Sub(focus.position, focus.focus):
        focus = focus.focus
    return focus if isinstance(focus, Wildcard | Reference | Alternate) else None


def identifier_of(expression: Expression) -> str:
    """The identifier that a constraint is, "" for any other."""
    found = bare(expression)
    return found.code if isinstance(found, Reference) else ""


class Joined(Node, frozen=True):
    """Refinements, or attributes within a group, that are joined. `kind`: and | or."""

    kind: str
    parts: "tuple[Refinement, ...]"


class Group(Node, frozen=True):
    """An attribute group. `most`: None for any number."""

    content: "Joined | Attribute"
    least: int = 1
    most: int | None = None


class Attribute(Node, frozen=True):
    """An attribute with its values. `reverse`: the value has the focus as its attribute's value."""

    name: Sub
    comparison: "Comparison"
    least: int = 1
    most: int | None = None
    reverse: bool = False


Refinement = Joined | Group | Attribute


class AmongConcepts(Node, frozen=True):
    """`= constraint`, or not."""

    value: Sub
    negated: bool


class ToNumber(Node, frozen=True):
    """`>= #5`. `operator`: = != < <= > >="""

    operator: str
    value: Decimal


class ToText(Node, frozen=True):
    """`= "text"`: one of the search terms matches, or none does."""

    terms: "tuple[SearchTerm, ...]"
    negated: bool


class ToBoolean(Node, frozen=True):
    """`= true`."""

    value: bool
    negated: bool


class ToTime(Node, frozen=True):
    """`>= "20240101"`; several times are alternatives."""

    operator: str
    times: tuple[str, ...]


Comparison = AmongConcepts | ToNumber | ToText | ToBoolean


class SearchTerm(msgspec.Struct, frozen=True):
    """What a text is compared with. `way`: match (beginnings of its words, which are the pieces), wild (all of it, with
    anything between the pieces) or exact (it is the one piece).
    """

    pieces: tuple[str, ...]
    way: str


# Filters


class Accepted(msgspec.Struct, frozen=True):
    """A dialect, by a constraint or its reference set, and which acceptabilities count (none named: both)."""

    dialect: "Expression"
    acceptabilities: "tuple[str, ...]"


class TermFilter(Node, frozen=True):
    comparison: ToText


class LanguageFilter(Node, frozen=True):
    languages: tuple[str, ...]
    negated: bool


class IdentifierFilter(Node, frozen=True):
    """`id = …`, of descriptions."""

    identifiers: tuple[str, ...]
    negated: bool


class ConceptsFilter(Node, frozen=True):
    """A filter whose value is a set of concepts. `field`: type | module | definitionStatus."""

    field: str
    values: "tuple[Expression, ...]"
    negated: bool


class DialectFilter(Node, frozen=True):
    dialects: tuple[Accepted, ...]
    negated: bool


class TimeFilter(Node, frozen=True):
    comparison: ToTime


class ActiveFilter(Node, frozen=True):
    """`active`: None for whatever."""

    active: bool | None


class FieldFilter(Node, frozen=True):
    """A filter on a column of a reference set."""

    field: str
    comparison: Comparison | ToTime


DescriptionFilter = (
    TermFilter | LanguageFilter | IdentifierFilter | ConceptsFilter | DialectFilter | TimeFilter | ActiveFilter
)
ConceptFilter = ConceptsFilter | TimeFilter | ActiveFilter
MemberFilter = ConceptsFilter | TimeFilter | ActiveFilter | FieldFilter


class DescriptionFilters(Node, frozen=True):
    """`{{ D … }}`: one description must pass them all."""

    filters: tuple[DescriptionFilter, ...]


class ConceptFilters(Node, frozen=True):
    """`{{ C … }}`."""

    filters: tuple[ConceptFilter, ...]


class History(Node, frozen=True):
    """`{{ + HISTORY … }}`. `profile`: min | mod | max; `associations`: a constraint for the reference sets instead."""

    profile: str = "max"
    associations: Expression | None = None
