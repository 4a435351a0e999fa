"""The search parameters of one FHIR version, by resource type.

Specification: https://hl7.org/fhir/R4/search.html and https://hl7.org/fhir/R4/searchparameter-registry.html.
The one thing to know: parameters whose expressions are provably equal share their index rows (`rows`), also
when one of them only limits the other to some target types, as `patient` does with `subject`.
"""

import difflib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from suture.fhir.definitions import Definitions, SearchParameter
from suture.fhir.fhirpath import FhirPathError, Node, parse
from suture.search.extraction.clinical_dates import clinical_date
from suture.search.extraction.conditions import UnroutableError
from suture.search.extraction.datatypes import parts
from suture.search.extraction.routes import Router
from suture.search.extraction.steps import Route

MAX_BITS = 63
"""Bits of `present`, a signed 64-bit integer."""

_COLUMNS = {"_id": "id", "_lastUpdated": "upd"}
_OPEN_VALUE_SETS = {
    "http://hl7.org/fhir/ValueSet/mimetypes": ("urn:ietf:bcp:13",),
    "http://hl7.org/fhir/ValueSet/all-languages": ("urn:ietf:bcp:47",),
}
"""Code systems of the required value sets whose codes cannot be listed."""


class Component(msgspec.Struct, frozen=True):
    """One part of a composite parameter: the code of the parameter it refers to, and its own expression."""

    code: str
    type: str
    expression: str


class Parameter(msgspec.Struct, frozen=True):
    """One search parameter of one resource type.

    - `resource_type`, `code`: where it is used; `type`: number | date | string | token | reference |
      composite | quantity | uri | special. `url`, `expression`: of its definition.
    - `rows`: the code under which its index rows are stored; differs from `code` when the parameter
      shares the rows of another one (`patient` of Observation uses the rows of `subject`). Always hash
      with `rows`: `keys.token(p.resource_type, p.rows, form)`, `keys.parameter(p.resource_type, p.rows)`.
    - `targets`: resource types that a reference may point to, sorted; for a parameter that shares rows,
      only those that it means (`("Patient",)` for `patient`), and a query must restrict itself to them.
    - `bit`: position in `present`, its own even when rows are shared; -1 when there is no index
      (special and composite parameters, and those with a `column`).
    - `column`: column of `res` that holds the value instead of index rows: "id" (`_id`), "upd" (`_lastUpdated`), or "".
    - `sdate`: True when the parameter is the type's primary clinical date.
    - `implied_systems`: code systems that elements of datatype `code` have by their binding. Those elements have
      only a `token_code` row, so `system|code` with one of these systems asks for `token_code(code)` as well.
    - `bare`: values may come without any system (string, boolean, uri, ContactPoint, id): they too have only a
      `token_code` row, so `|code` asks for `token_code(code)` as well.
    - `owner`: the resource belongs to exactly the patient that this parameter names, so a value `Patient/x` implies
      `ck = keys.resource("Patient", "x")`.
    - `canonical`: the reference parameter has canonical or uri values (forms of `canonical_forms`).
    - `supported`: False when the definition is known but cannot be searched (special ones such as `near`).
    """

    resource_type: str
    code: str
    type: str
    url: str
    expression: str
    rows: str
    targets: tuple[str, ...] = ()
    bit: int = -1
    column: str = ""
    sdate: bool = False
    implied_systems: tuple[str, ...] = ()
    bare: bool = False
    canonical: bool = False
    owner: bool = False
    supported: bool = True
    components: tuple[Component, ...] = ()
    comparators: tuple[str, ...] = ()
    modifiers: tuple[str, ...] = ()
    multiple_or: bool = True
    multiple_and: bool = True


_NONE: Mapping[str, Parameter] = MappingProxyType({})


class _Draft(msgspec.Struct):
    definition: SearchParameter
    routes: tuple[Route, ...]
    rows: str
    bit: int = -1


class SearchParameters:
    """All search parameters of one FHIR version. A type is worked out when it is first asked for."""

    def __init__(self, definitions: Definitions) -> None:
        self.definitions = definitions
        self._router = Router(definitions)
        self._by_base: dict[str, list[SearchParameter]] = defaultdict(list)
        self._by_url = {p.url: p for p in definitions.search_parameters}
        for parameter in definitions.search_parameters:
            for base in parameter.base:
                self._by_base[base].append(parameter)
        self._types: dict[str, Mapping[str, Parameter]] = {}
        self._routes: dict[tuple[str, str], tuple[Route, ...]] = {}
        self._owners: dict[str, tuple[str, ...]] = {}
        self._parsed: dict[str, Node] = {}

    def get(self, type: str, code: str) -> Parameter | None:
        """The parameter `code` of a resource type, or None."""
        return self.for_type(type).get(code)

    def for_type(self, type: str) -> Mapping[str, Parameter]:
        """The parameters of a resource type by code, in alphabetical order; empty for an unknown type."""
        found = self._types.get(type)
        if found is None:
            if type not in self.definitions.resource_types:
                return _NONE
            found = self._types[type] = MappingProxyType(self._work_out(type))
        return found

    def nearest(self, type: str, code: str) -> str | None:
        """The code of the type that is spelled most like `code`, or None when none is near."""
        close = difflib.get_close_matches(code[:64], self.for_type(type), n=1, cutoff=0.5)
        return close[0] if close else None

    def routes(self, parameter: Parameter) -> tuple[Route, ...]:
        """Where the values of `parameter` lie in a resource; () when it is not indexed."""
        self.for_type(parameter.resource_type)
        return self._routes.get((parameter.resource_type, parameter.code), ())

    def owners(self, type: str) -> tuple[str, ...]:
        """Codes of the parameters that tell which patient a resource belongs to, the deciding one first."""
        self.for_type(type)
        return self._owners.get(type, ())

    def _work_out(self, type: str) -> dict[str, Parameter]:
        drafts = {
            definition.code: _Draft(definition, self._usable_routes(type, definition), definition.code)
            for definition in self._definitions_of(type)
        }
        _share_rows(drafts.values())
        _number_bits(type, drafts)
        dates = [code for code, draft in drafts.items() if draft.definition.type == "date" and draft.routes]
        primary = clinical_date(type, dates)
        self._owners[type] = self._owners_of(type, drafts)
        owner = _certain_owner(drafts, self._owners[type])
        for code, draft in drafts.items():
            self._routes[type, code] = draft.routes
        return {
            code: self._finished(type, draft, sdate=code == primary, owner=bool(owner) and draft.rows == owner)
            for code, draft in drafts.items()
        }

    def _definitions_of(self, type: str) -> list[SearchParameter]:
        found: dict[str, SearchParameter] = {}
        base = type
        while base:
            for definition in self._by_base.get(base, ()):
                found.setdefault(definition.code, definition)
            base = self.definitions.structures[base].base
        return [found[code] for code in sorted(found)]

    def _usable_routes(self, type: str, definition: SearchParameter) -> tuple[Route, ...]:
        if definition.code in _COLUMNS or not definition.expression:
            return ()
        try:
            routes = self._router.routes(type, self._parse(definition.expression))
        except (UnroutableError, FhirPathError):
            return ()
        usable = [route for route in routes if parts(definition.type, route.type)]
        return tuple(_limited_resource(route, definition) for route in usable)

    def _parse(self, expression: str) -> Node:
        node = self._parsed.get(expression)
        if node is None:
            node = self._parsed[expression] = parse(expression)
        return node

    def _owners_of(self, type: str, drafts: Mapping[str, _Draft]) -> tuple[str, ...]:
        """Parameters of the Patient compartment; `patient` and `subject` come first where their rows are among them."""
        codes = self.definitions.compartments.get("Patient", {}).get(type, ())
        members = [code for code in codes if code in drafts and drafts[code].routes]
        if type == "Patient":
            return ()
        rows = {drafts[code].rows for code in members}
        first = [code for code in ("patient", "subject") if code in drafts and drafts[code].rows in rows]
        return (*first, *(code for code in members if code not in first))

    def _finished(self, type: str, draft: _Draft, *, sdate: bool, owner: bool) -> Parameter:
        definition = draft.definition
        forms = {part.form for route in draft.routes for part in parts(definition.type, route.type)}
        return Parameter(
            resource_type=type,
            code=definition.code,
            type=definition.type,
            url=definition.url,
            expression=definition.expression,
            rows=draft.rows,
            targets=_targets(definition, draft.routes),
            bit=draft.bit,
            column=_COLUMNS.get(definition.code, ""),
            sdate=sdate,
            implied_systems=self._implied_systems(draft.routes) if definition.type == "token" else (),
            bare=bool(forms & {"boolean", "amount-code"}) or _has_bare_code(definition, draft.routes),
            canonical=bool(forms & {"canonical-reference", "uri-reference"}),
            owner=owner,
            supported=bool(draft.routes) or definition.code in _COLUMNS,
            components=self._components(definition),
            comparators=definition.comparators,
            modifiers=definition.modifiers,
            multiple_or=definition.multiple_or,
            multiple_and=definition.multiple_and,
        )

    def _implied_systems(self, routes: Iterable[Route]) -> tuple[str, ...]:
        systems: set[str] = set()
        for route in routes:
            if route.type == "code" and route.value_set:
                known = self.definitions.value_set_codes(route.value_set)
                systems.update(known or _OPEN_VALUE_SETS.get(route.value_set.partition("|")[0], ()))
        return tuple(sorted(systems))

    def _components(self, definition: SearchParameter) -> tuple[Component, ...]:
        found: list[Component] = []
        for component in definition.components:
            part = self._by_url.get(component.definition)
            if part is not None:
                found.append(Component(part.code, part.type, component.expression))
        return tuple(found)


def _limited_resource(route: Route, definition: SearchParameter) -> Route:
    """A whole resource as a value (Bundle.entry[0].resource) counts only when it is of a target type."""
    if route.type != "Resource" or route.only:
        return route
    return msgspec.structs.replace(route, only=tuple(sorted(definition.targets)))


def _share_rows(drafts: Iterable[_Draft]) -> None:
    """Let equal parameters share rows: those without a limit of target types own them, else the first by code."""
    alike: dict[Any, list[_Draft]] = defaultdict(list)
    for draft in drafts:
        if draft.routes:
            alike[draft.definition.type, frozenset((r.path, r.type) for r in draft.routes)].append(draft)
    for group in alike.values():
        for draft in group:
            limit = _limit(draft)
            equal = [other for other in group if _limit(other) == limit]
            open_ones = [other for other in group if _limit(other) == frozenset({()})]
            owner = open_ones[0] if open_ones and len(limit) == 1 else equal[0]
            draft.rows = owner.definition.code


def _certain_owner(drafts: Mapping[str, _Draft], owners: tuple[str, ...]) -> str:
    """The `rows` of the deciding parameter when it has at most one value, else ""."""
    if not owners:
        return ""
    draft = drafts[owners[0]]
    return draft.rows if len(draft.routes) == 1 and draft.routes[0].single else ""


def _limit(draft: _Draft) -> frozenset[Any]:
    """The limits of target types: {()} for none, {("Patient",)} for one, pairs with paths when they differ."""
    limits = frozenset(route.only for route in draft.routes)
    return limits if len(limits) == 1 else frozenset((route.path, route.only) for route in draft.routes)


def _number_bits(type: str, drafts: Mapping[str, _Draft]) -> None:
    numbered: dict[Any, int] = {}
    for draft in drafts.values():
        if draft.routes:
            draft.bit = numbered.setdefault((draft.rows, _limit(draft)), len(numbered))
    if len(numbered) > MAX_BITS:
        raise ValueError(f"{type} has {len(numbered)} search parameters, {MAX_BITS} is the most")


def _targets(definition: SearchParameter, routes: Iterable[Route]) -> tuple[str, ...]:
    """Types that values may point to: of the definition, of the elements, and of `resolve() is`; () for any."""
    if definition.type != "reference":
        return ()
    declared = set(definition.targets) - {"Resource"}
    reached: set[str] = set()
    for route in routes:
        here = set(route.targets)
        if not here or "Resource" in here:
            here = set(declared)
        if route.only:
            here = here & set(route.only) or set(route.only)
        reached |= here
    both = reached & declared if declared and reached else reached | declared
    return tuple(sorted(both or reached))


def _has_bare_code(definition: SearchParameter, routes: Iterable[Route]) -> bool:
    return any(
        part.form == "code" and not (route.type == "code" and route.value_set)
        for route in routes
        for part in parts(definition.type, route.type)
    )
