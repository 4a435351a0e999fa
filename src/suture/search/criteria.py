"""One search parameter of a URL, name and value, becomes a filter.

Specification: https://hl7.org/fhir/R4/search.html, sections string, token, reference, uri and modifiers.
The one thing to know: index rows of parameters are found by hashes of resource type, code and value, so the
forms of `suture.search.values` and the `rows` code of the parameter decide what a value means.
"""

from collections.abc import Callable, Iterable, Sequence

from suture.fhir.definitions import type_number
from suture.fhir.outcomes import Invalid
from suture.search import values as forms
from suture.search.escapes import split, unescape, values
from suture.search.filters import (
    EVERYTHING,
    NOTHING,
    Chain,
    Contains,
    Equals,
    Filter,
    Has,
    Ids,
    Missing,
    Not,
    Or,
    StartsWith,
    Token,
    Types,
    all_of,
    any_of,
)
from suture.search.names import Leaf, Link, Name, Names
from suture.search.parameters import Parameter
from suture.search.ranges import date_filter, number_filter, quantity_filter, updated_filter
from suture.store.keys import Keys

MAX_VALUES = 10_000
MAX_IDS = 100_000
"""Alternatives of one parameter; of `_id`."""

SHARED = frozenset(
    (
        "CareTeam", "CodeSystem", "Device", "Endpoint", "Group", "HealthcareService", "Library", "Location", "Measure",
        "Medication", "Organization", "OrganizationAffiliation", "PlanDefinition", "Practitioner", "PractitionerRole",
        "Questionnaire", "ResearchStudy", "StructureDefinition", "Substance", "ValueSet",
    )
)  # fmt: skip
"""Types to which a great many resources may refer; references to others lead to few."""


class Criteria:
    """Builds filters for one database and FHIR version."""

    def __init__(self, names: Names, keys: Keys) -> None:
        self._names = names
        self._keys = keys

    def filter(self, types: Sequence[str], text: str, value: str, now: int, base: str) -> Filter:
        """What `text=value` asks of resources of `types`, where the parameter must exist in each.

        `now`: microseconds since 1970, for `ap`. `base`: this server's own base URL with a slash at its end,
        taken off references, or "". Raises UnknownParameter or Invalid.
        """
        if len(types) == 1:
            return self._filter(types[0], self._names.resolve(types[0], text), value, now, base)
        if len(types) * (value.count(",") + 1) > MAX_IDS:
            raise Invalid(f"The search parameter '{text[:60]}' has too many values for {len(types)} types.")
        return _by_type((type, self._filter(type, self._names.resolve(type, text), value, now, base)) for type in types)

    def _filter(self, type: str, name: Name, value: str, now: int, base: str) -> Filter:
        if isinstance(name, Leaf):
            return self._leaf(name.parameter, name.modifier, value, now, base)
        if isinstance(name, Link):
            p = self._keys.parameter(type, name.parameter.rows)
            return any_of(
                Chain(p, type_number(target), self._filter(target, inner, value, now, base))
                for target, inner in name.branches
            )
        p = self._keys.parameter(name.source, name.parameter.rows)
        return Has(p, type_number(name.source), self._filter(name.source, name.inner, value, now, base))

    def _leaf(self, parameter: Parameter, modifier: str, text: str, now: int, base: str) -> Filter:
        if modifier == "missing":
            return _missing(parameter, text)
        parts = values(text)
        if not parts:
            raise Invalid(f"The search parameter '{parameter.code}' has no value.")
        limit = MAX_IDS if parameter.column == "id" else MAX_VALUES
        if len(parts) > limit:
            raise Invalid(f"The search parameter '{parameter.code}' has {len(parts)} values, more than {limit}.")
        if parameter.column == "id":
            found = self._ids(parameter, parts)
            return Not(found) if modifier else found
        match parameter.type:
            case "token":
                found = self._tokens(parameter, parts)
                return Not(found) if modifier else found
            case "reference":
                return self._references(parameter, modifier, parts, base)
            case "string":
                return _each(parts, lambda part: self._string(parameter, modifier, unescape(part)))
            case "uri":
                return _each(parts, lambda part: self._uri(parameter, modifier, unescape(part)))
            case "date":
                if parameter.column:
                    return _each(parts, lambda part: updated_filter(parameter, part, now))
                return _each(parts, lambda part: date_filter(parameter, self._keys, part, now))
            case "number":
                return _each(parts, lambda part: number_filter(parameter, self._keys, part))
            case _:
                return _each(parts, lambda part: quantity_filter(parameter, self._keys, part))

    def _ids(self, parameter: Parameter, parts: Iterable[str]) -> Filter:
        resource, type = self._keys.resource, parameter.resource_type
        return Ids(tuple({resource(type, unescape(part).removeprefix("|")): None for part in parts}))

    def _tokens(self, parameter: Parameter, parts: Sequence[str]) -> Filter:
        if len(parts) == 1 and "|" not in parts[0]:
            wanted = [forms.token_code(unescape(parts[0]))]
        else:
            wanted = [form for part in parts for form in _token_forms(parameter, part)]
        return self._hashed(parameter, parameter.rows, wanted, parameter.code == "identifier")

    def _hashed(self, parameter: Parameter, code: str, wanted: Iterable[str], few: bool) -> Filter:
        token, type = self._keys.token, parameter.resource_type
        hashes = tuple([token(type, code, form) for form in dict.fromkeys(wanted)])
        return Token(hashes, few) if hashes else NOTHING

    def _references(self, parameter: Parameter, modifier: str, parts: Sequence[str], base: str) -> Filter:
        if modifier == "identifier":
            wanted = [form for part in parts for form in _token_forms(parameter, part)]
            return self._hashed(parameter, parameter.rows + forms.IDENTIFIER_SUFFIX, wanted, True)
        wanted: list[str] = []
        few = not parameter.canonical
        for part in parts:
            found = self._reference_forms(parameter, modifier, unescape(part).removeprefix(base))
            few = few and all(form.partition("/")[0] not in SHARED for form in found)
            wanted += found
        return self._hashed(parameter, parameter.rows, wanted, few)

    def _reference_forms(self, parameter: Parameter, modifier: str, value: str) -> list[str]:
        """The stored forms that `value` may have: `Patient/1`, `1`, an absolute URL or a canonical."""
        targets = (modifier,) if modifier else self._names.targets(parameter)
        if "/" not in value and ":" not in value and "|" not in value:
            return [f"{target}/{value}" for target in targets]
        if modifier or parameter.rows != parameter.code:
            segments = value.partition("/_history/")[0].split("/")
            if len(segments) >= 2 and segments[-2] not in targets:
                return []
        if parameter.canonical:
            return [value.partition("#")[0]]
        return [value]

    def _string(self, parameter: Parameter, modifier: str, value: str) -> Filter:
        h = self._keys.parameter(parameter.resource_type, parameter.rows)
        if modifier == "exact":
            return Equals(h, *forms.string_row(value))
        folded = forms.fold(value)
        if not folded:
            raise Invalid(f"The value of the search parameter '{parameter.code}' holds no letter, digit or sign.")
        return Contains(h, folded) if modifier == "contains" else StartsWith(h, folded)

    def _uri(self, parameter: Parameter, modifier: str, value: str) -> Filter:
        h = self._keys.parameter(parameter.resource_type, parameter.rows)
        if modifier == "below":
            below = value if value.endswith("/") else value + "/"
            return Or((Equals(h, forms.uri_form(value), ""), StartsWith(h, below[: forms.URI_LIMIT])))
        if modifier == "above":
            ends = [i for i, c in enumerate(value) if c == "/" and i > value.find("://") + 2]
            return any_of(Equals(h, forms.uri_form(value[:end]), "") for end in (*ends, len(value)))
        return Equals(h, forms.uri_form(value), "")


def _token_forms(parameter: Parameter, part: str) -> list[str]:
    pieces = split(part, "|")
    if len(pieces) == 1:
        return [forms.token_code(unescape(part))]
    if len(pieces) > 2 or pieces == ["", ""]:
        raise Invalid(
            f"The value '{part[:60]}' of the search parameter '{parameter.code}' is not of the form code, "
            r"system|code, |code or system|. A sign that belongs to the code is written \|."
        )
    system, code = unescape(pieces[0]), unescape(pieces[1])
    if not code:
        return [forms.token_system(system)]
    found = [forms.token_full(system, code)]
    if (parameter.bare or parameter.implied_systems) if not system else system in parameter.implied_systems:
        found.append(forms.token_code(code))
    return found


def _missing(parameter: Parameter, text: str) -> Filter:
    if text not in ("true", "false"):
        raise Invalid(f"'{parameter.code}:missing' must be true or false.")
    missing = text == "true"
    if parameter.column:
        return NOTHING if missing else EVERYTHING
    return Missing(parameter.bit, missing)


def _each(parts: Sequence[str], build: Callable[[str], Filter]) -> Filter:
    return build(parts[0]) if len(parts) == 1 else any_of(map(build, parts))


def _by_type(found: Iterable[tuple[str, Filter]]) -> Filter:
    """Join what one parameter means on several types. Hashes already hold the type; the rest is asked per type."""
    leaves: list[Filter] = []
    others: dict[Filter, list[int]] = {}
    for type, item in found:
        if isinstance(item, Token | Ids):
            leaves.append(item)
        else:
            others.setdefault(item, []).append(type_number(type))
    if not leaves and len(others) == 1:
        return next(iter(others))
    typed = (all_of((Types(tuple(rts)), item)) for item, rts in others.items())
    return any_of((*leaves, *typed))
