"""A search as it was asked: from the name-value pairs of a URL or form to a typed, checked Query.

Specification: https://hl7.org/fhir/R4/search.html. Unknown parameters are refused by name, with the nearest
known one, unless the client asked for lenient handling; values that cannot be understood are refused always.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import msgspec

from suture.fhir.definitions import type_number
from suture.fhir.outcomes import Invalid, Issue, Unavailable
from suture.search.compartments import Compartments
from suture.search.contained import inner_type, of_type
from suture.search.criteria import Criteria
from suture.search.filtering import FILTER, Filtering
from suture.search.filters import NOTHING, Filter, Holds, Prose, Types, all_of, any_of, conjuncts, size
from suture.search.include import MAX_INCLUDES, Include, include
from suture.search.names import Names, UnknownParameter
from suture.search.parameters import SearchParameters
from suture.search.planner import GATHER
from suture.search.sorting import NEWEST_DATE, NEWEST_UPDATE, SortKey, sort_keys
from suture.store.keys import Keys

MAX_PARAMETERS = 200
MAX_KEPT = 1000
"""Parameters of one search; `_sort` texts that are remembered."""

MAX_LEAVES = 500
"""Alternatives of one search, over all its parameters; many codes, references or ids of one parameter count once."""

CURSOR = "_cursor"
"""The parameter that holds the position of a page."""

Total = Literal["none", "estimate", "accurate"]
Pairs = Sequence[tuple[str, str]]


class Limits(msgspec.Struct, frozen=True):
    """Entries per page without `_count`, and at most; included resources per page.

    `gather`: candidates up to which all are read and sorted instead of read in order (`suture.search.planner`).
    `budget`: index rows that a search may read for one list of candidates; one that needs more is refused.
    """

    default_count: int = 20
    max_count: int = 1000
    max_include: int = 1000
    gather: int = GATHER
    budget: int = 200_000


class Query(msgspec.Struct, frozen=True):
    """One search, ready to be planned.

    - `types`: the resource types searched; empty: all. `filters`: all must hold; None: nothing can match.
      Leaves may be unresolved (`suture.search.unresolved`).
    - `sort`: the keys, never empty. `count`: entries per page. `counting`: only the number is asked
      (`_summary=count`, `_count=0`).
    - `summary`, `elements`: `_summary` and `_elements` as given, applied by the API.
    - `cursor`: the page, "" for the first. `applied`: what was understood, for the self link, without the cursor.
    - `scope`: with `applied`, what tells two searches apart (the type and the compartment).
    - `inside`: what matches is given as contained resources, not as their containers (`_containedType=contained`).
    - `ck`: on a cluster, the compartment to which all matches belong; None when there may be several.
    """

    types: tuple[str, ...]
    filters: tuple[Filter, ...] | None
    sort: tuple[SortKey, ...]
    count: int
    counting: bool
    total: Total
    includes: tuple[Include, ...]
    summary: str
    elements: tuple[str, ...]
    cursor: str
    applied: tuple[tuple[str, str], ...]
    warnings: tuple[Issue, ...]
    scope: str
    inside: bool = False
    ck: int | None = None


class _Draft:
    """What has been understood so far."""

    def __init__(self, types: tuple[str, ...]) -> None:
        self.types = types
        self.filters: list[Filter] = []
        self.contained = "false"
        self.inside = False
        self.inner: dict[str, list[Filter]] = {}
        self.outer: list[Filter] = []
        self.sort: tuple[SortKey, ...] = ()
        self.count: int | None = None
        self.total: Total = "none"
        self.includes: list[Include] = []
        self.summary = ""
        self.elements: tuple[str, ...] = ()
        self.cursor = ""
        self.applied: list[tuple[str, str]] = []
        self.seen: set[str] = set()


class QueryParser:
    """Understands the searches of one FHIR version against one database."""

    def __init__(self, parameters: SearchParameters, keys: Keys, limits: Limits) -> None:
        definitions = parameters.definitions
        self._keys = keys
        self._limits = limits
        self._all_types = definitions.resource_types
        self._parameters = parameters
        self._names = Names(parameters, definitions)
        self._criteria = Criteria(self._names, keys)
        self._filtering = Filtering(self._names, self._criteria, keys)
        self.compartments = Compartments(definitions, parameters, keys)
        self._sorts: dict[tuple[str, str], tuple[SortKey, ...]] = {}

    def parse(
        self, type: str | None, pairs: Pairs, *, lenient: bool, compartment: tuple[str, str] | None, base: str
    ) -> Query:
        """Understand a search in `type` (None: all types), within a compartment (type, id) if there is one.

        `lenient`: unknown parameters become warnings. `base`: own base URL ending in a slash, or "".
        Raises Invalid, with one issue for each unknown parameter, or NotFound for an unknown compartment.
        """
        if len(pairs) > MAX_PARAMETERS:
            raise Invalid(f"The search has {len(pairs)} parameters, more than {MAX_PARAMETERS}.")
        draft = _Draft((type,) if type is not None else self._types(pairs))
        unknown: list[Issue] = []
        now = int(time.time() * 1_000_000)
        self._contained(draft, pairs)
        for name, value in pairs:
            _check_text(name, value)
            try:
                self._parameter(draft, type, name, value, now, base)
            except UnknownParameter as error:
                unknown += error.issues
        if unknown and not lenient:
            raise Invalid(issues=unknown)
        scope = type or ""
        if compartment is not None:
            within = None if draft.inner else type
            draft.outer.append(self.compartments.filter(*compartment, within))
            scope = f"{compartment[0]}/{compartment[1]}/{scope}"
        if draft.types and (type is None or draft.inner):
            draft.filters.append(Types(tuple(map(type_number, draft.types))))
        if draft.inner:
            self._containers(draft)
        draft.filters += draft.outer
        return self._finish(draft, unknown, scope)

    def _contained(self, draft: _Draft, pairs: Pairs) -> None:
        """Understand `_contained`, on which the meaning of the other parameters depends."""
        draft.contained = next((value.strip() for name, value in pairs if name == "_contained"), "false")
        if draft.contained not in ("true", "both"):
            return
        if not self._parameters.contained:
            text = (
                "This server does not search contained resources (the setting contained_search): _contained is false."
            )
            raise Invalid(issues=[Issue("error", "not-supported", text)])
        if not draft.types:
            raise Invalid("A search for contained resources needs their types, in the URL or in _type.")
        if type := self._parameters.unbuilt_containers():
            text = f"Contained resources of {type} are still being indexed; $reindex tells how far it is."
            raise Unavailable(text, headers={"Retry-After": "10"})
        draft.inner = {type: [] for type in draft.types}

    def _containers(self, draft: _Draft) -> None:
        """Let containers match by what they contain, as well (`both`) or instead; the order is that of many types."""
        if any(key.by not in ("upd", "id") or key.path for key in draft.sort):
            text = "Results of a search with _contained are sorted by _lastUpdated or _id of what contains them."
            raise Invalid(issues=[Issue("error", "not-supported", text)])
        types = [(inner_type(type), filters) for type, filters in draft.inner.items()]
        held = [Holds(of_type(self._keys, type, filters)) for type, filters in types if NOTHING not in filters]
        draft.filters = [any_of((*held, all_of(draft.filters)) if draft.contained == "both" else held)]
        draft.types = ()

    def _finish(self, draft: _Draft, unknown: list[Issue], scope: str) -> Query:
        matching = all_of(draft.filters)
        if size(matching) > MAX_LEAVES:
            raise Invalid(
                f"The search has more than {MAX_LEAVES} alternatives. Ask in several searches, "
                "or name the resource types where it is about several."
            )
        if any(key.by == "score" for key in draft.sort) and not any(
            isinstance(item, Prose) for item in conjuncts(matching)
        ):
            raise Invalid("_sort=_score needs a search for words: _text or _content.")
        count = draft.count if draft.count is not None else self._limits.default_count
        natural = NEWEST_DATE if len(draft.types) == 1 else NEWEST_UPDATE
        return Query(
            draft.types,
            None if matching == NOTHING else conjuncts(matching),
            draft.sort or (natural,),
            min(count, self._limits.max_count),
            count == 0 or draft.summary == "count",
            draft.total,
            tuple(draft.includes),
            draft.summary,
            draft.elements,
            draft.cursor,
            tuple(draft.applied),
            tuple(Issue("warning", issue.code, f"Left out: {issue.diagnostics}") for issue in unknown),
            scope,
            draft.inside and bool(draft.inner),
        )

    def _types(self, pairs: Pairs) -> tuple[str, ...]:
        types: dict[str, None] = {}
        for name, value in pairs:
            if name == "_type":
                types.update(dict.fromkeys(self._names.check_type(part.strip()) for part in value.split(",")))
        return tuple(types)

    def _parameter(self, draft: _Draft, type: str | None, name: str, value: str, now: int, base: str) -> None:
        if name[:1] == "_" and self._result_parameter(draft, type, name, value.strip()):
            if name == "_count" and draft.count is not None:
                value = str(min(draft.count, self._limits.max_count))
            if name != CURSOR:
                draft.applied.append((name, value))
            return
        types = draft.types or self._all_types
        if draft.inner and name.partition(":")[0] == "_lastUpdated":
            draft.outer.append(self._asked(types[:1], name, value, now, base))  # contained resources have none
        else:
            inside = [self._asked((inner_type(type),), name, value, now, base) for type in draft.inner]
            if draft.contained != "true":
                draft.filters.append(self._asked(types, name, value, now, base))
            for filters, filter in zip(draft.inner.values(), inside, strict=True):
                filters.append(filter)
        draft.applied.append((name, value))

    def _asked(self, types: Sequence[str], name: str, value: str, now: int, base: str) -> Filter:
        if name == FILTER:
            return self._filtering.filter(types, value, now, base)
        return self._criteria.filter(types, name, value, now, base)

    def _result_parameter(self, draft: _Draft, type: str | None, name: str, value: str) -> bool:
        """Take `name` when it is about the answer and not about what matches."""
        known = _RESULT.get(name)
        if known is not None or name == "_sort":
            if name in draft.seen:
                raise Invalid(f"{name} is given more than once.")
            draft.seen.add(name)
            if known is not None:
                known(draft, value)
            else:
                self._sort(draft, value)
            return True
        if name.startswith(("_include", "_revinclude")):
            self._include(draft, name, value)
            return True
        return name == "_type" and type is None

    def _sort(self, draft: _Draft, value: str) -> None:
        key = draft.types[0] if len(draft.types) == 1 else "", value
        found = self._sorts.get(key)
        if found is None:
            doubts = self._parameters.doubts
            found = sort_keys(self._names, self._keys, draft.types or self._all_types, value)
            if doubts == self._parameters.doubts:
                if len(self._sorts) >= MAX_KEPT:
                    self._sorts.clear()
                self._sorts[key] = found
        draft.sort = found

    def _include(self, draft: _Draft, name: str, value: str) -> None:
        if len(draft.includes) >= MAX_INCLUDES:
            raise Invalid(f"The search has more than {MAX_INCLUDES} _include and _revinclude parameters.")
        draft.includes.append(include(self._names, self._keys, name, value))


def _check_text(name: str, value: str) -> None:
    """Refuse what no database text can hold: NUL and halves of surrogate pairs."""
    if "\0" in value or "\0" in name:
        raise Invalid("A search parameter holds a NUL character.")
    if not (value.isascii() and name.isascii()):
        try:
            (name + value).encode()
        except UnicodeEncodeError:
            raise Invalid("A search parameter is not valid UTF-8 text.") from None


def _count(draft: _Draft, value: str) -> None:
    if not (value.isascii() and value.isdigit() and len(value) <= 9):
        raise Invalid(f"_count must be a whole number from 0, not '{value[:20]}'.")
    draft.count = int(value)


def _total(draft: _Draft, value: str) -> None:
    match value:
        case "none" | "estimate" | "accurate":
            draft.total = value
        case _:
            raise Invalid(f"_total must be none, estimate or accurate, not '{value[:20]}'.")


def _summary(draft: _Draft, value: str) -> None:
    if value not in ("true", "text", "data", "count", "false"):
        raise Invalid(f"_summary must be true, text, data, count or false, not '{value[:20]}'.")
    draft.summary = value


def _elements(draft: _Draft, value: str) -> None:
    elements = tuple(part for part in map(str.strip, value.split(",")) if part)
    if not elements or not all(part.replace(".", "").isalnum() for part in elements):
        raise Invalid("_elements needs the names of elements, such as _elements=name,birthDate.")
    draft.elements = elements


def _contained(draft: _Draft, value: str) -> None:
    if value not in ("true", "false", "both"):
        raise Invalid(f"_contained must be true, false or both, not '{value[:20]}'.")


def _contained_type(draft: _Draft, value: str) -> None:
    if value not in ("container", "contained"):
        raise Invalid(f"_containedType must be container or contained, not '{value[:20]}'.")
    draft.inside = value == "contained"


def _cursor(draft: _Draft, value: str) -> None:
    if not value:
        raise Invalid(f"{CURSOR} has no value.")
    draft.cursor = value


def _left_to_the_api(draft: _Draft, value: str) -> None:
    pass


_RESULT: Mapping[str, Callable[[_Draft, str], None]] = {
    "_count": _count,
    "_total": _total,
    "_summary": _summary,
    "_elements": _elements,
    "_contained": _contained,
    "_containedType": _contained_type,
    CURSOR: _cursor,
    "_format": _left_to_the_api,
    "_pretty": _left_to_the_api,
}
