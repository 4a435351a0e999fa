"""FHIRPath on plain dictionaries, for anybody who has a resource and a question.

Specification: http://hl7.org/fhirpath/ and https://hl7.org/fhir/R4/fhirpath.html; docs/fhirpath.md has examples.
Resources are what a JSON reader gives (`suture.fhir.json.decode` keeps decimals exact). Expressions are judged
strictly: an unknown function, type, variable or element is an error and not an empty result.

    >>> evaluate("name.given | name.family", {"resourceType": "Patient", "name": [{"given": ["Ada"]}]})
    ['Ada']
"""

from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import Any

from suture.fhir.definitions import load
from suture.fhir.fhirpath import Engine, FhirPathError, Item
from suture.fhir.fhirpath.alone import Alone
from suture.fhir.fhirpath.values import plain, type_name
from suture.fhir.versions import Version

__all__ = ["Compiled", "FhirPathError", "compile", "evaluate", "evaluate_typed"]


class Compiled:
    """A compiled expression; `evaluate` and `evaluate_typed` may be called any number of times, from any thread."""

    __slots__ = ("_engine", "text")

    def __init__(self, text: str, version: str | Version) -> None:
        self.text = text
        self._engine = _engine(Version(version))
        self._engine.strict(text)

    def evaluate(self, resource: Any, *, variables: Mapping[str, Any] | None = None) -> list[Any]:
        """The result as plain values, see `evaluate`."""
        return [_value(item) for item in self._items(resource, variables)]

    def evaluate_typed(self, resource: Any, *, variables: Mapping[str, Any] | None = None) -> list[tuple[str, Any]]:
        """The result as plain values with the names of their types, see `evaluate_typed`."""
        return [(type_name(item), _value(item)) for item in self._items(resource, variables)]

    def _items(self, resource: Any, variables: Mapping[str, Any] | None) -> list[Item]:
        focus = None if resource is None else self._engine.item(resource)
        expression = self._engine.strict(self.text, focus=self._engine.path(focus) if focus else None)
        environment = self._engine.environment(resource, variables=variables)
        return expression.items(focus, environment)


def compile(expression: str, version: str | Version = "r4") -> Compiled:
    """Compile an expression for a FHIR version: r4, r4b or r5.

    Raises FhirPathError, which names the place of the fault.
    """
    return Compiled(expression, version)


def evaluate(
    expression: str,
    resource: Any,
    *,
    version: str | Version = "r4",
    variables: Mapping[str, Any] | None = None,
) -> list[Any]:
    """What the expression finds in a resource (a dict; other values and None are allowed), as plain values.

    Strings, ints, Decimals and bools stand for themselves; dates and times are text as FHIR writes it; structures and
    quantities are dicts. `variables`: name -> value or list of values, used as `%name`.
    Raises FhirPathError for what cannot be parsed, cannot mean anything or cannot be evaluated.
    """
    return compile(expression, version).evaluate(resource, variables=variables)


def evaluate_typed(
    expression: str,
    resource: Any,
    *,
    version: str | Version = "r4",
    variables: Mapping[str, Any] | None = None,
) -> list[tuple[str, Any]]:
    """Like `evaluate`, each value with the name of its type: `code`, `HumanName`, `integer`, `dateTime` …

    The types of FHIRPath's own namespace have the names of the FHIR types like them (`Integer` -> `integer`).
    """
    return compile(expression, version).evaluate_typed(resource, variables=variables)


def _value(item: Item) -> Any:
    if item[0] is None:
        return item[2]
    value = plain(item)
    return Decimal(repr(value)) if isinstance(value, float) else value


@cache
def _engine(version: Version) -> Engine:
    definitions = load(version)
    return Engine(definitions, Alone(definitions))
