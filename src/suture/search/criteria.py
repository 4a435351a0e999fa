"""One search parameter of a URL, name and value, becomes a filter.

Specification: https://hl7.org/fhir/R4/search.html, sections string, uri, composite, modifiers, _list and _filter. The
one thing to know: index rows of parameters are found by hashes of resource type, code and value, so the forms of
`suture.search.values` and the `rows` codes of the parameter decide what a value means.
"""

import re
from collections.abc import Iterable, Sequence

from suture.fhir.definitions import type_number
from suture.fhir.outcomes import Invalid
from suture.search import values as forms
from suture.search.contained import held_hash, id_hash, is_inner, of_type, presence
from suture.search.escapes import split, unescape, values
from suture.search.filters import (
    EVERYTHING,
    NOTHING,
    Beside,
    Chain,
    Compares,
    Contains,
    Enters,
    Equals,
    Filter,
    Has,
    Ids,
    Named,
    Or,
    Prose,
    Refers,
    StartsWith,
    Token,
    Types,
    all_of,
    any_of,
    negated,
)
from suture.search.full_text import FULL_TEXT, prose_filter
from suture.search.names import Inward, Leaf, Link, Name, Names
from suture.search.parameters import Composed, Parameter
from suture.search.places import near_filter
from suture.search.ranges import date_filter, interval_filter, number_filter, quantity_filter, updated_filter
from suture.search.referring import References
from suture.search.tokens import Tokens
from suture.search.unresolved import Coded, Terms, Together, Worded
from suture.store.keys import Keys

MAX_VALUES = 10_000
MAX_IDS = 100_000
"""Alternatives of one parameter; of `_id`."""

LIST = "_list"

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}", re.ASCII).fullmatch


class Criteria:
    """Builds filters for one database and FHIR version."""

    def __init__(self, names: Names, keys: Keys) -> None:
        self._names = names
        self._keys = keys
        self.tokens = Tokens(keys)
        self.references = References(names, keys)

    def filter(self, types: Sequence[str], text: str, value: str, now: int, base: str) -> Filter:
        """What `text=value` asks of resources of `types`, where the parameter must exist in each.

        `now`: microseconds since 1970, for `ap`. `base`: this server's own base URL with a slash at its end,
        taken off references, or "". Raises UnknownParameter or Invalid.
        """
        if text == LIST:
            return self._listed(types, value)
        if len(types) == 1:
            return self._filter(types[0], self._names.resolve(types[0], text), value, now, base)
        if len(types) * (value.count(",") + 1) > MAX_IDS:
            raise Invalid(f"The search parameter '{text[:60]}' has too many values for {len(types)} types.")
        return by_type((type, self._filter(type, self._names.resolve(type, text), value, now, base)) for type in types)

    def _filter(self, type: str, name: Name, value: str, now: int, base: str) -> Filter:
        if isinstance(name, Leaf):
            return self._leaf(name.parameter, name.modifier, value, now, base)
        if isinstance(name, Link):
            return self.chain(
                name.parameter,
                ((target, self._filter(target, inner, value, now, base)) for target, inner in name.branches),
            )
        if isinstance(name, Inward):
            return self.inward(
                (parameter, self._filter(parameter.resource_type, inner, value, now, base))
                for parameter, inner in name.branches
            )
        inner = self._filter(name.source, name.inner, value, now, base)
        rt = type_number(name.source)
        if inner == NOTHING:
            return NOTHING
        return any_of(Has(p, rt, inner) for p in self._ps(name.parameter))

    def chain(self, parameter: Parameter, branches: Iterable[tuple[str, Filter]]) -> Filter:
        """Resources that refer by `parameter` to one of a type that satisfies the filter beside it."""
        possible = [branch for branch in branches if branch[1] != NOTHING]
        source = parameter.resource_type
        return any_of(self._linked(source, p, target, inner) for target, inner in possible for p in self._ps(parameter))

    def _linked(self, source: str, p: int, target: str, inner: Filter) -> Filter:
        if is_inner(target):
            return Enters(p, held_hash(self._keys, source, target), of_type(self._keys, target, (inner,)))
        return Chain(p, type_number(target), inner)

    def inward(self, branches: Iterable[tuple[Parameter, Filter]]) -> Filter:
        """Contained resources to which their container, or one in it, refers by a parameter, if that is as asked."""
        possible = [branch for branch in branches if branch[1] != NOTHING]
        return any_of(
            (Beside if is_inner(parameter.resource_type) else Named)(p, inner)
            for parameter, inner in possible
            for p in self._ps(parameter)
        )

    def _ps(self, parameter: Parameter) -> tuple[int, ...]:
        return tuple(self._keys.parameter(parameter.resource_type, rows) for rows in parameter.rows)

    def _leaf(self, parameter: Parameter, modifier: str, text: str, now: int, base: str) -> Filter:
        if modifier == "missing":
            if text not in ("true", "false"):
                raise Invalid(f"'{parameter.code}:missing' must be true or false.")
            return self.missing(parameter, text == "true")
        parts = values(text)
        if not parts:
            raise Invalid(f"The search parameter '{parameter.code}' has no value.")
        limit = MAX_IDS if parameter.column == "id" else MAX_VALUES
        if len(parts) > limit:
            raise Invalid(f"The search parameter '{parameter.code}' has {len(parts)} values, more than {limit}.")
        if parameter.column == "id":
            found = self.ids(parameter, parts)
        elif parameter.type == "token":
            found = self.tokens.filter(parameter, modifier, parts)
        else:
            return self._alternatives(parameter, modifier, parts, now, base)
        return negated(found) if modifier in ("not", "not-in") else found

    def _alternatives(self, parameter: Parameter, modifier: str, parts: Sequence[str], now: int, base: str) -> Filter:
        if parameter.type == "reference":
            if modifier == "identifier":
                return self.tokens.identifiers(parameter, parts)
            return self.references.filter(parameter, modifier, [unescape(part) for part in parts], base)
        return any_of(self.value(parameter, modifier, part, now, base) for part in parts)

    def value(self, parameter: Parameter, modifier: str, part: str, now: int, base: str) -> Filter:
        """What one value, its escapes still in it, asks of a parameter. Raises Invalid."""
        match parameter.type:
            case "token":
                return self.tokens.filter(parameter, modifier, (part,))
            case "reference":
                return self.references.filter(parameter, modifier, (unescape(part),), base)
            case "string":
                return self._string(parameter, modifier, unescape(part))
            case "uri":
                return self._uri(parameter, modifier, unescape(part))
            case "date":
                if parameter.column:
                    return updated_filter(parameter, part, now)
                return date_filter(parameter, self._keys, part, now)
            case "number":
                return number_filter(parameter, self._keys, part)
            case "composite":
                return self._composite(parameter, part, now, base)
            case "special":
                if parameter.code in FULL_TEXT:
                    return prose_filter(parameter, self._keys, unescape(part))
                return near_filter(parameter, self._keys, part)
            case _:
                return quantity_filter(parameter, self._keys, part)

    def missing(self, parameter: Parameter, missing: bool) -> Filter:
        """The parameter has no value (`missing`), or has one."""
        if parameter.column:
            return NOTHING if missing else EVERYTHING
        if parameter.custom:
            present = self.tokens.hashed(parameter, ("",), forms.PRESENT_SUFFIX, few=False)
            return negated(present) if missing else present
        return presence(self._keys, parameter, missing=missing)

    def ids(self, parameter: Parameter, parts: Iterable[str]) -> Filter:
        """The resources with one of these ids."""
        resource, type = self._keys.resource, parameter.resource_type
        if is_inner(type):
            return Token(tuple({id_hash(self._keys, unescape(part)): None for part in parts}), few=False)
        return Ids(tuple({resource(type, unescape(part).removeprefix("|")): None for part in parts}))

    def _listed(self, types: Sequence[str], value: str) -> Filter:
        """`_list`: what a List refers to; of contained resources, in itself."""
        ids = [unescape(part).removeprefix("List/") for part in values(value)]
        if not ids or len(ids) > MAX_VALUES or not all(map(_ID, ids)):
            raise Invalid(
                "_list needs the id of a List resource, such as _list=42. "
                "Lists with a function, such as $current-problems, are not kept here."
            )
        item = self._names.reference("List", "item")
        rhs = tuple(self._keys.resource("List", id) for id in ids)
        if is_inner(types[0]):
            return self.inward([(item, Ids(rhs))])
        return any_of(Has(p, type_number("List"), Ids(rhs)) for p in self._ps(item))

    def _composite(self, parameter: Parameter, part: str, now: int, base: str) -> Filter:
        pieces = split(part, "$")
        many = len(parameter.composed[0].parts)
        if len(pieces) != many or not all(pieces):
            codes = "$".join(p.code for p in parameter.composed[0].parts)
            raise Invalid(
                f"The value '{part[:60]}' of the search parameter '{parameter.code}' is not of the form {codes}: "
                rf"{many} values joined by $. A sign that belongs to a value is written \$."
            )
        return any_of(self._composed(parameter, composed, pieces, now, base) for composed in parameter.composed)

    def _composed(self, whole: Parameter, composed: Composed, pieces: Sequence[str], now: int, base: str) -> Filter:
        each = list(zip(composed.parts, pieces, strict=True))
        if not composed.rows:
            found = [self.value(part, "", piece, now, base) for part, piece in each]
            token, type = self._keys.token, whole.resource_type
            others = [token(type, rows + forms.KIND_SUFFIX, place) for rows, place in composed.others]
            return all_of((*found, negated(Token(tuple(others), few=False))) if others else found)
        firsts = [(part, piece) for part, piece in each if part.type in ("token", "reference")]
        lasts = [(part, piece) for part, piece in each if part.type not in ("token", "reference")]
        last: Filter | None = None
        if len(lasts) == 2:
            (start, low), (end, high) = lasts
            h = self._keys.parameter(whole.resource_type, whole.code)
            last = interval_filter(start, end, h, (low, high))
        elif lasts:
            last = self.value(lasts[0][0], "", lasts[0][1], now, base)
        n = self._keys.parameter(whole.resource_type, composed.rows)
        return Together(n, tuple(self.value(part, "", piece, now, base) for part, piece in firsts), last)

    def _string(self, parameter: Parameter, modifier: str, value: str) -> Filter:
        if modifier == "exact":
            return Equals(self._ps(parameter), *forms.string_row(value))
        folded = forms.fold(value)
        if not folded:
            raise Invalid(f"The value of the search parameter '{parameter.code}' holds no letter, digit or sign.")
        kind = Contains if modifier == "contains" else StartsWith
        return kind(self._ps(parameter), folded)

    def _uri(self, parameter: Parameter, modifier: str, value: str) -> Filter:
        hs = self._ps(parameter)
        if modifier == "below":
            below = value if value.endswith("/") else value + "/"
            return any_of((Equals(hs, forms.uri_form(value), ""), StartsWith(hs, below[: forms.URI_LIMIT])))
        if modifier == "above":
            ends = [i for i, c in enumerate(value) if c == "/" and i > value.find("://") + 2]
            return any_of(Equals(hs, forms.uri_form(value[:end]), "") for end in (*ends, len(value)))
        return Equals(hs, forms.uri_form(value), "")


def by_type(found: Iterable[tuple[str, Filter]]) -> Filter:
    """Join what one parameter means on several types. Hashes already hold the type; the rest is asked per type."""
    leaves: list[Filter] = []
    others: dict[Filter, list[int]] = {}
    for type, item in found:
        if _typed(item):
            leaves.append(item)
        else:
            others.setdefault(item, []).append(type_number(type))
    if not leaves and len(others) == 1:
        return next(iter(others))
    typed = (all_of((Types(tuple(rts)), item)) for item, rts in others.items())
    return any_of((*leaves, *typed))


def _typed(filter: Filter) -> bool:
    """True when what the filter finds is of one type already."""
    if isinstance(filter, Or):
        return all(map(_typed, filter.items))
    return isinstance(
        filter, Prose | Token | Ids | Coded | Worded | Terms | Refers | StartsWith | Equals | Contains | Compares
    )
