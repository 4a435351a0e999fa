"""FHIRPath in queries: filters of lists (`fhirpath:`) and names of slices (`@slice(path:)`).

Specification: https://hl7.org/fhir/R4/graphql.html#list; the language is that of `suture.fhir.fhirpath`. The one thing
to know: an expression sees the resource that holds the list and nothing else, because what a query may read is decided
elsewhere; functions that ask beyond it are refused by name.
"""

from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

from suture.api.graphql.budget import Budget
from suture.api.graphql.shapes import Shapes
from suture.api.shapes import as_object
from suture.fhir import fhirpath
from suture.fhir.definitions import load
from suture.fhir.fhirpath import Engine, Environment, FhirPathBudgetError, FhirPathError
from suture.fhir.fhirpath import Expression as Compiled
from suture.fhir.fhirpath.values import plain, type_name
from suture.fhir.outcomes import Invalid, TooCostly
from suture.fhir.versions import Version

LONGEST = 2000
"""Characters of one expression."""
MAX_SECONDS = 1.0
"""Time that one evaluation may take."""

_ASKING = frozenset((
    "resolve", "memberOf", "subsumes", "subsumedBy", "conformsTo", "slice", "expand", "lookup", "validateVS",
    "validateCS", "translate",
))  # fmt: skip


class Item(NamedTuple):
    """One value with its FHIR type (`string`, `HumanName`, `Patient.contact`)."""

    value: Any
    type: str


class Focus(NamedTuple):
    """What an expression is evaluated on: `$this`, its place in the list, and the resource around it."""

    this: Item
    position: int
    resource: Item


class Expression:
    """One FHIRPath expression. Raises Invalid when it is wrong, or asks for what a query must not."""

    def __init__(self, text: str, shapes: Shapes) -> None:
        if len(text) > LONGEST:
            raise Invalid(f"A FHIRPath expression in a query may have {LONGEST} characters.")
        self._text = text
        self._engine = _engine(shapes.version)
        try:
            asking = sorted(_ASKING & self._engine.strict(text).calls)
        except FhirPathError as error:
            raise Invalid(str(error)) from None
        if asking:
            raise Invalid(f"FHIRPath: {asking[0]}() is not known in queries, it leads out of the resource.")

    def holds(self, focus: Focus, budget: Budget) -> bool:
        """Whether the expression is true (one item that is not false counts as true). Raises Invalid, TooCostly."""
        compiled, item, environment = self._prepared(focus, budget)
        try:
            return compiled.truth(item, environment) is True
        except FhirPathError as error:
            raise _told(error) from None

    def name(self, focus: Focus, budget: Budget) -> str:
        """The result as text, "" when it is empty; several items are joined by commas. Raises Invalid, TooCostly."""
        compiled, item, environment = self._prepared(focus, budget)
        try:
            return ",".join(map(_text, compiled.items(item, environment)))
        except FhirPathError as error:
            raise _told(error) from None

    def _prepared(self, focus: Focus, budget: Budget) -> tuple[Compiled, fhirpath.Item, Environment]:
        budget.step()
        item = self._engine.item(*focus.this)
        try:
            compiled = self._engine.strict(self._text, focus=self._engine.path(item))
        except FhirPathError as error:
            raise _told(error) from None
        environment = self._engine.environment(as_object(focus.resource.value), budget=_Metered(budget))
        environment.place = focus.position
        return compiled, item, environment


class _Metered(fhirpath.Budget):
    """The limits of an evaluation, whose steps are steps of the query too."""

    __slots__ = ("_query",)

    def __init__(self, query: Budget) -> None:
        super().__init__(seconds=MAX_SECONDS)
        self._query = query

    def spend(self, steps: int) -> None:
        """Raises TooCostly when the query has none left."""
        self._query.step(steps)
        super().spend(steps)


@cache
def _engine(version: Version) -> Engine:
    """An engine of its own: what it keeps compiled comes from clients."""
    return Engine(load(version))


def _told(error: FhirPathError) -> Invalid | TooCostly:
    return TooCostly(str(error)) if isinstance(error, FhirPathBudgetError) else Invalid(str(error))


def _text(item: fhirpath.Item) -> str:
    match plain(item):
        case bool() as value:
            return "true" if value else "false"
        case Decimal() as value:
            return f"{value:f}"
        case str() | int() as value:
            return str(value)
        case _:
            raise Invalid(f"FHIRPath: a {type_name(item)} is not a plain value.")
