"""The search parameters of one FHIR version, by resource type.

Specification: https://hl7.org/fhir/R4/search.html and https://hl7.org/fhir/R4/searchparameter-registry.html.
The one thing to know: parameters whose expressions are provably equal share their index rows (`sharing`).
"""

import difflib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType

import msgspec

from suture.fhir.definitions import Definitions, SearchParameter
from suture.fhir.fhirpath import FhirPathError, Node, parse
from suture.search.composites import Composites, Element, Mark
from suture.search.contained import CONTAINED, is_inner, plain_type, waiting
from suture.search.extraction.clinical_dates import clinical_date
from suture.search.extraction.conditions import UnroutableError
from suture.search.extraction.datatypes import Form, parts
from suture.search.extraction.routes import Router
from suture.search.extraction.steps import Route
from suture.search.parameter import Composed, Parameter
from suture.search.sharing import MAX_BITS, Draft, custom_draft, draft, share

__all__ = ["MAX_BITS", "Composed", "Parameter", "SearchParameters"]

_WORDS = frozenset(("_text", "_content"))
"""Parameters whose index is that of full text."""

_COLUMNS = {"_id": "id", "_lastUpdated": "upd"}
_OPEN_VALUE_SETS = {
    "http://hl7.org/fhir/ValueSet/mimetypes": ("urn:ietf:bcp:13",),
    "http://hl7.org/fhir/ValueSet/all-languages": ("urn:ietf:bcp:47",),
}
"""Code systems of the required value sets whose codes cannot be listed."""

_PAIRED = frozenset({"code", "vaccine-code"})
"""Parameters that are asked together with a patient more often than alone."""

_CODED: frozenset[Form] = frozenset({"coding", "concept"})
_DIRECT: frozenset[Form] = frozenset({"code", "contact", "boolean", "amount-code", "identifier"})

_NONE: Mapping[str, Parameter] = MappingProxyType({})


class _About(msgspec.Struct, frozen=True):
    """What holds for a whole type: the codes of its clinical date and of the parameter that names its patient."""

    date: str | None
    owner: str


class SearchParameters:
    """All search parameters of one FHIR version. A type is worked out when it is first asked for.

    `custom`: those that were added by SearchParameter resources, checked (`suture.search.custom`). `pending`: (type,
    code) whose index rows are not complete yet; code "" stands for all of the type. `full_text`: the
    resource types in which words can be searched. `contained`: contained resources are searched. `doubts`: grows when
    somebody asked for what another process may have changed, see `asked`.
    """

    def __init__(
        self,
        definitions: Definitions,
        custom: Sequence[SearchParameter] = (),
        pending: Collection[tuple[str, str]] = (),
        full_text: Collection[str] = (),
        *,
        contained: bool = True,
    ) -> None:
        self.definitions = definitions
        self.contained = contained
        self.custom = tuple(custom)
        self.doubts = 0
        self._pending = frozenset(pending)
        self._full_text = frozenset(full_text)
        self._router = Router(definitions)
        self._by_base: dict[str, list[SearchParameter]] = defaultdict(list)
        self._by_url = {p.url: p for p in (*custom, *definitions.search_parameters)}
        self._added = frozenset(p.url for p in custom)
        for parameter in (*definitions.search_parameters, *custom):
            for base in parameter.base:
                self._by_base[base].append(parameter)
        self._types: dict[str, Mapping[str, Parameter]] = {}
        self._routes: dict[tuple[str, str], tuple[Route, ...]] = {}
        self._owners: dict[str, tuple[str, ...]] = {}
        self._leaders: set[tuple[str, str]] = set()
        self._elements: dict[str, tuple[Element, ...]] = {}
        self._marks: dict[str, tuple[Mark, ...]] = {}
        self._parsed: dict[str, Node] = {}

    def revised(
        self, custom: Sequence[SearchParameter], pending: Collection[tuple[str, str]]
    ) -> tuple["SearchParameters", frozenset[str]]:
        """The same with other added parameters, and the types that are different; what is known of others is kept."""
        same = SearchParameters(self.definitions, custom, pending, self._full_text, contained=self.contained)
        different = {type for type, _ in same._pending ^ self._pending}
        different.update(base for p in set(self.custom).symmetric_difference(custom) for base in p.base)
        for type in {type for type in self._types.keys() - different if not is_inner(type)}:
            same._types[type], same._owners[type] = self._types[type], self._owners[type]
            same._elements[type], same._marks[type] = self._elements[type], self._marks[type]
            for code in self._types[type]:
                same._routes[type, code] = self._routes[type, code]
        same._leaders = {(type, code) for type, code in self._leaders if type in same._types}
        same._parsed = self._parsed
        return same, frozenset(different)

    def get(self, type: str, code: str) -> Parameter | None:
        """The parameter `code` of a resource type, or None."""
        return self.for_type(type).get(code)

    def asked(self, type: str, code: str) -> Parameter | None:
        """`get` for a name that a client has given: raises `doubts` unless the answer is the same for ever."""
        found = self.get(type, code)
        if found is None or found.custom or found.pending:
            self.doubts += 1
        return found

    def for_type(self, type: str) -> Mapping[str, Parameter]:
        """The parameters of a resource type by code, in alphabetical order; empty for an unknown type.

        Also of a type of contained resources (`suture.search.contained`).
        """
        found = self._types.get(type)
        if found is None:
            if plain_type(type) not in self.definitions.resource_types:
                return _NONE
            made = self._of_contained(type) if is_inner(type) else self._work_out(type)
            found = self._types[type] = MappingProxyType(made)
        return found

    def unbuilt_containers(self) -> str:
        """A type whose contained resources may lack index rows, "" for none. Raises `doubts` when there is one."""
        waiting = sorted(type for type, code in self._pending if code in ("", CONTAINED))
        self.doubts += bool(waiting)
        return waiting[0] if waiting else ""

    def nearest(self, type: str, code: str) -> str | None:
        """The code of the type that is spelled most like `code`, or None when none is near."""
        close = difflib.get_close_matches(code[:64], self.for_type(type), n=1, cutoff=0.5)
        return close[0] if close else None

    def routes(self, parameter: Parameter) -> tuple[Route, ...]:
        """Where the values of `parameter` lie in a resource; () when it is not indexed."""
        self.for_type(parameter.resource_type)
        return self._routes.get((parameter.resource_type, parameter.code), ())

    def leads(self, parameter: Parameter) -> bool:
        """True for the one of several parameters with the same values that stands for all of them."""
        self.for_type(parameter.resource_type)
        return (parameter.resource_type, parameter.code) in self._leaders

    def elements(self, type: str) -> tuple[Element, ...]:
        """The elements of a resource type that have rows of composite parameters."""
        self.for_type(type)
        return self._elements.get(type, ())

    def marks(self, type: str) -> tuple[Mark, ...]:
        """Which values of resources of a type are marked."""
        self.for_type(type)
        return self._marks.get(type, ())

    def owners(self, type: str) -> tuple[str, ...]:
        """Codes of the parameters that tell which patient a resource belongs to, the deciding one first."""
        self.for_type(type)
        return self._owners.get(type, ())

    def _work_out(self, type: str) -> dict[str, Parameter]:
        definitions = self._definitions_of(type)
        drafts = {
            definition.code: (custom_draft if definition.url in self._added else draft)(
                definition, self._usable_routes(type, definition)
            )
            for definition in definitions
        }
        share(type, drafts)
        dates = [code for code, draft in drafts.items() if draft.definition.type == "date" and draft.routes]
        primary = clinical_date(type, dates)
        self._owners[type] = self._owners_of(type, drafts)
        owner = _certain_owner(drafts, self._owners[type])
        about = _About(primary, owner)
        composites = Composites(type, self._router, self._by_url, drafts, lambda d: self._finished(type, d, about))
        composites.add([definition for definition in definitions if definition.type == "composite"])
        self._elements[type], self._marks[type] = composites.elements, composites.marks
        for code, found in drafts.items():
            self._routes[type, code] = found.routes
            if found.leads and found.routes:
                self._leaders.add((type, code))
        return {
            code: self._finished(type, found, about, composites.composed.get(code, ()))
            for code, found in drafts.items()
        }

    def _of_contained(self, type: str) -> dict[str, Parameter]:
        """The parameters of the type whose contained resources are meant: they have no date or patient of their own."""
        plain = plain_type(type)
        unbuilt = {code for _, code in self._pending}
        found = {
            code: _inside(type, parameter, unbuilt=waiting(type, code) in unbuilt)
            for code, parameter in self.for_type(plain).items()
        }
        self._owners[type], self._elements[type], self._marks[type] = (), self._elements[plain], self._marks[plain]
        for code in found:
            self._routes[type, code] = self._routes[plain, code]
            if (plain, code) in self._leaders:
                self._leaders.add((type, code))
        return found

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
        if definition.type == "special" and definition.code != "near":
            return ()
        usable = [route for route in routes if parts(definition.type, route.type)]
        return tuple(_limited_resource(route, definition) for route in usable)

    def _parse(self, expression: str) -> Node:
        node = self._parsed.get(expression)
        if node is None:
            node = self._parsed[expression] = parse(expression)
        return node

    def _owners_of(self, type: str, drafts: Mapping[str, Draft]) -> tuple[str, ...]:
        """Parameters of the Patient compartment; `patient` and `subject` come first where their rows are among them."""
        codes = self.definitions.compartments.get("Patient", {}).get(type, ())
        members = [code for code in codes if code in drafts and drafts[code].routes]
        if type == "Patient":
            return ()
        leaders = {drafts[code].leader for code in members}
        first = [code for code in ("patient", "subject") if code in drafts and drafts[code].leader in leaders]
        return (*first, *(code for code in members if code not in first))

    def _finished(self, type: str, draft: Draft, about: _About, composed: tuple[Composed, ...] = ()) -> Parameter:
        definition = draft.definition
        forms = {part.form for route in draft.routes for part in parts(definition.type, route.type)}
        coded, direct = bool(forms & _CODED), bool(forms & _DIRECT)
        owned = bool(about.owner)
        return Parameter(
            resource_type=type,
            code=definition.code,
            type="special" if definition.code in _WORDS else definition.type,
            url=definition.url,
            expression=definition.expression,
            rows=() if definition.type == "composite" else draft.rows,
            targets=_targets(definition, draft.routes),
            bit=draft.bit,
            column=_COLUMNS.get(definition.code, ""),
            sdate=definition.code == about.date,
            implied_systems=self._implied_systems(draft.routes) if definition.type == "token" else (),
            bare=bool(forms & {"boolean", "amount-code", "contact"}) or _has_bare_code(definition, draft.routes),
            canonical=bool(forms & {"canonical-reference", "uri-reference"}),
            owner=owned and draft.leader == about.owner,
            coded=coded,
            direct=direct,
            embedded="resource" in forms,
            identified="identifier" in forms,
            unique=bool(forms & {"identifier", "contact"}),
            paired=owned and coded and not direct and len(draft.rows) == 1 and draft.leader in _PAIRED,
            composed=composed,
            custom=draft.custom,
            pending=definition.code not in _COLUMNS and bool({(type, definition.code), (type, "")} & self._pending),
            supported=bool(draft.routes or composed)
            or definition.code in _COLUMNS
            or (definition.code in _WORDS and type in self._full_text),
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


def _inside(type: str, parameter: Parameter, *, unbuilt: bool = False) -> Parameter:
    """`parameter` for a type of contained resources, of some of which it may be `unbuilt`."""
    of = tuple(
        msgspec.structs.replace(each, parts=tuple(_inside(type, part) for part in each.parts))
        for each in parameter.composed
    )
    return msgspec.structs.replace(
        parameter,
        resource_type=type,
        sdate=False,
        owner=False,
        paired=False,
        pending=parameter.pending or unbuilt,
        composed=of,
        supported=parameter.supported and parameter.column != "upd",
    )


def _limited_resource(route: Route, definition: SearchParameter) -> Route:
    """A whole resource as a value (Bundle.entry[0].resource) counts only when it is of a target type."""
    if route.type != "Resource" or route.only:
        return route
    return msgspec.structs.replace(route, only=tuple(sorted(definition.targets)))


def _certain_owner(drafts: Mapping[str, Draft], owners: tuple[str, ...]) -> str:
    """The leader of the deciding parameter when it has at most one value, else ""."""
    if not owners:
        return ""
    draft = drafts[owners[0]]
    return draft.leader if len(draft.routes) == 1 and draft.routes[0].single else ""


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
