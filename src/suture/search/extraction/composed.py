"""The rows of composite parameters whose components belong together in one element.

A row's hash `h` begins as N = `Keys.parameter(type, rows)`. Every component that is a token or a reference is put
into it in the order of the components, `h = Keys.pair(h, x)`, where `x` is

- of a Coding: the hash of system and code without its display, `Keys.token(type, part, token_full(system, code))`;
- of a value without a system: `Keys.token(type, part, token_code(code))`;
- of a reference: `Keys.resource` of a resource of this server, else `Keys.token(type, part, text)`.

`part` is `rows[0]` of the component's parameter. When no other component is left, the row is one of `tok`. Else the
other one follows, `h = Keys.pair(h, x)`, with `x` the hash of a row that its own parameter would have, and the row
lies in the table of that row with its limits or texts. Two numbers are the ends of a range: `x =
Keys.parameter(type, rows)`, `lo` and `hi` the numbers.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any, Literal

from suture.fhir.dates import bounds
from suture.search.composites import HASHED, Element, ElementPart
from suture.search.extraction import coded, measures, sites
from suture.search.extraction.cache import HashCache
from suture.search.extraction.conditions import reader
from suture.search.extraction.datatypes import Form, parts
from suture.search.extraction.sites import Site, Use
from suture.search.extraction.steps import Route
from suture.search.values import canonical_forms, string_row, uri_form
from suture.store.keys import Keys
from suture.store.rows import Word

MAX_ROWS = 1000
"""Composite rows of one element."""

Table = Literal["tok", "text", "qty", "dat"]

Row = tuple[int, Any, Any]

Hashes = Callable[[Any, list[Word]], Iterable[int]]
"""The hashes `x` of a value. What they mean is added to the list."""

Rows = Callable[[Any], Iterable[Row]]
"""The rows that a value has under the component's own parameter."""

_TABLES: dict[str, Table] = {"date": "dat", "string": "text", "uri": "text"}


class ElementSite:
    """Makes the composite rows of one kind of element. `table`: where they belong."""

    def __init__(self, type: str, element: Element, keys: Keys, cache: HashCache) -> None:
        self._type = type
        self._keys = keys
        self._cache = cache
        self._base = keys.parameter(type, element.rows)
        hashed = [self._values(part, self._hashes) for part in element.parts if part.parameter.type in HASHED]
        ranged = [self._values(part, self._rows) for part in element.ranged]
        self._hashed = len(hashed)
        self._parts = (*hashed, *ranged)
        self._needed = len(hashed) + (len(ranged) == 1)  # of two numbers, either end may be open
        self.table: Table = _TABLES.get(element.ranged[0].parameter.type, "qty") if ranged else "tok"

    def __call__(self, value: Any, resource: Any, table: list[Any], words: list[Word]) -> None:
        """Add the rows of the element `value` of `resource`. Raises ValueError when they are too many."""
        parts: list[list[tuple[Any, Any]]] = []
        for values in self._parts:
            parts.append(found := values(value, resource))
            if not found and len(parts) <= self._needed:
                return
        hashed, ranged = parts[: self._hashed], parts[self._hashed :]
        hs = [self._base]
        for part in hashed:
            xs = dict.fromkeys(x for item, hashes in part for x in hashes(item, words))
            self._limit(len(hs) * len(xs))
            hs = [self._keys.pair(h, x) for h in hs for x in xs]
        if not ranged:
            table += hs
            return
        rows = [[row for item, made in part for row in made(item)] for part in ranged]
        if len(rows) == 2:
            rows = [_between(self._base, *rows)]
        self._limit(len(hs) * len(rows[0]))
        table += [(self._keys.pair(h, x), first, second) for h in hs for x, first, second in rows[0]]

    def _limit(self, number: int) -> None:
        if number > MAX_ROWS:
            raise ValueError(f"an element of {self._type} has more than {MAX_ROWS} combinations of codes and values")

    def _values(self, part: ElementPart, made: Callable[[ElementPart, Route, Form], Any]) -> Callable[..., Any]:
        """A function from (element, resource) to the values of a component, each with what `made` makes of it."""
        ways = [
            (reader((*route.steps, *of.steps)), made(part, route, of.form))
            for route in part.routes
            for of in parts(part.parameter.type, route.type)
        ]

        def values(value: Any, resource: Any) -> list[tuple[Any, Any]]:
            start = resource if part.anywhere else value
            return [(item, work) for read, work in ways for item in read(start)]

        return values

    def _site(self, kind: type[Site], part: ElementPart, only: tuple[str, ...] = ()) -> Any:
        use = Use(part.parameter.rows[0], only, paired=True)
        return kind(self._cache.next_site(), self._type, (use,), self._keys, self._cache)

    def _hashes(self, part: ElementPart, route: Route, form: Form) -> Hashes:
        match form:
            case "coding" | "concept":
                return self._codings(self._site(coded.CodingSite, part), part.invented, form == "concept")
            case "reference" | "canonical-reference" | "uri-reference":
                use = Use(part.parameter.rows[0], route.only)
                number = self._cache.next_site()
                canonical = form == "canonical-reference"
                site = sites.ReferenceSite(number, self._type, (use,), self._keys, self._cache, canonical=canonical)
                return lambda value, _: _reached(
                    site.reach(value.get("reference"), value.get("type"))
                    if form == "reference"
                    else site.reach(value, None)
                )
            case "boolean":
                codes: coded.CodeSite = self._site(coded.CodeSite, part)
                return lambda value, _: codes.found("true" if value else "false")[0]
            case "identifier":
                logical: coded.LogicalSite = self._site(coded.LogicalSite, part)
                return lambda value, _: logical((logical.number, value.get("system"), value.get("value")))
            case _:
                codes = self._site(coded.CodeSite, part)
                return lambda value, _: codes.found(str(value))[0]

    def _codings(self, site: coded.CodingSite, invented: bool, concept: bool) -> Hashes:
        def hashes(value: Any, words: list[Word]) -> list[int]:
            found: list[int] = []
            for coding in value.get("coding") or () if concept else (value,):
                if coding is not None:
                    key = (site.number, coding.get("system"), coding.get("code"), coding.get("display"))
                    _, meaning, xs = self._cache.young.get(key) or site(key)
                    found += xs
                    if invented:  # else the parameter's own values bring their words
                        words += meaning
            return found

        return hashes

    def _rows(self, part: ElementPart, route: Route, form: Form) -> Rows:
        h = self._keys.parameter(self._type, part.parameter.rows[0])
        match form:
            case "date":
                return lambda value: [(h, *bounds(value))]
            case "period" | "timing":
                span = measures.period if form == "period" else measures.timing
                return lambda value: [] if (found := span(value)) is None else [(h, *found)]
            case "number":
                return lambda value: [(h, float(value), float(value))]
            case "range":
                return lambda value: [] if (found := measures.quantity_range(value)) is None else [(h, *found)]
            case "text":
                return lambda value: [(h, *string_row(value))]
            case "uri":
                return lambda value: [(h, uri_form(value), "")]
            case "canonical-uri":
                return lambda value: [(h, uri_form(text), "") for text in canonical_forms(value)]
            case _:
                site: sites.UnitSite = self._site(sites.UnitSite, part)
                return lambda value: site.rows(form, value)


def _reached(reach: sites.Reach) -> tuple[int, ...]:
    return (*(t for t, _ in reach.ref), *reach.tok)


def _between(h: int, starts: list[Row], ends: list[Row]) -> list[Row]:
    """The range from the first number to the second; an absent end is open."""
    if not starts and not ends:
        return []
    return [(h, starts[0][1] if starts else -math.inf, ends[0][1] if ends else math.inf)]
