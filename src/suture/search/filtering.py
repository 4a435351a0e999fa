"""`_filter`: a tree of tests becomes a tree of filters.

Specification: https://hl7.org/fhir/R4/search_filter.html, its tables of operators and of additional parameters. The one
thing to know: a test means what the search parameter of the same name means, except where its operator says more.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from suture.fhir.definitions import type_number
from suture.fhir.outcomes import Invalid
from suture.search import values as forms
from suture.search.contained import MAX_ENTERED, inner_type, is_inner, plain_type
from suture.search.criteria import Criteria, by_type
from suture.search.filter_syntax import Both, Comparison, Either, Expression, Negation, Segment, parse
from suture.search.filters import (
    NOTHING,
    Compares,
    Contains,
    Equals,
    Filter,
    Has,
    StartsWith,
    all_of,
    any_of,
    negated,
)
from suture.search.names import MAX_BRANCHES, MAX_DEPTH, Names, UnknownParameter
from suture.search.parameters import Parameter
from suture.search.ranges import (
    PREFIXES,
    covering_dates,
    covering_numbers,
    overlap_filter,
)
from suture.store.keys import Keys

FILTER = "_filter"

SYSTEMS = {
    "loinc": "http://loinc.org",
    "snomed": "http://snomed.info/sct",
    "rxnorm": "http://www.nlm.nih.gov/research/umls/rxnorm",
    "ucum": "http://unitsofmeasure.org",
}
"""Names that a filter may write for a code system."""

TOGETHER: Mapping[tuple[str, str], tuple[str, tuple[str, str]]] = {
    ("Group", "characteristic"): ("characteristic-value", ("code", "value")),
    ("DocumentReference", "relatesTo"): ("relationship", ("code", "target")),
}
"""Elements whose two children a filter may name: the composite parameter that keeps them together."""

_OF_TYPE = {
    "string": ("eq", "ne", "co", "sw", "ew", "gt", "lt", "ge", "le", "pr"),
    "uri": ("eq", "ne", "co", "sw", "ew", "pr"),
    "number": (*PREFIXES, "co", "pr"),
    "date": (*PREFIXES, "co", "po", "pr"),
    "quantity": (*PREFIXES, "pr"),
    "token": ("eq", "ne", "co", "sw", "ew", "ss", "sb", "in", "ni", "pr"),
    "reference": ("eq", "ne", "re", "pr"),
    "composite": ("eq",),
    "special": ("eq",),
}
"""The operators that a parameter of each type understands."""


class _Context:
    """What the tests of one filter share: the moment of `ap`, the own base URL."""

    def __init__(self, now: int, base: str) -> None:
        self.now = now
        self.base = base


class Filtering:
    """Builds the filters of `_filter` for one database and FHIR version."""

    def __init__(self, names: Names, criteria: Criteria, keys: Keys) -> None:
        self._names = names
        self._criteria = criteria
        self._keys = keys

    def filter(self, types: Sequence[str], text: str, now: int, base: str) -> Filter:
        """What `_filter=text` asks of resources of `types`. Raises Invalid, with the place of the fault."""
        tree = parse(text)
        context = _Context(now, base)
        if len(types) == 1:
            return self._expression(types[0], tree, context)
        return by_type((type, self._expression(type, tree, context)) for type in types)

    def _expression(self, type: str, tree: Expression, context: _Context) -> Filter:
        match tree:
            case Both():
                return all_of((self._expression(type, tree.left, context), self._expression(type, tree.right, context)))
            case Either():
                return any_of((self._expression(type, tree.left, context), self._expression(type, tree.right, context)))
            case Negation():
                return negated(self._expression(type, tree.item, context))
            case Comparison():
                if len(tree.path) > MAX_DEPTH:
                    raise _fault(tree, f"a path may have at most {MAX_DEPTH} names")
                try:
                    return self._path(type, tree.path, tree, context)
                except Invalid as error:
                    raise _placed(error, tree) from None

    def _path(self, type: str, path: Sequence[Segment], test: Comparison, context: _Context) -> Filter:
        first, rest = path[0], path[1:]
        if not rest:
            return self._test(self._names.parameter(type, first.name), test, context)
        if first.name.startswith("_has:"):
            return self._reverse(type, first.name, rest, test, context)
        together = TOGETHER.get((type, first.name))
        if together is not None:
            return self._together(type, together, first, rest, test, context)
        code, _, target = first.name.partition(":")
        parameter = self._names.reference(type, code)
        possible = self._names.targets(parameter)
        if target and target not in possible:
            raise _fault(test, f"'{code}' never refers to '{target}'")
        branches: list[tuple[str, Filter]] = []
        unknown: UnknownParameter | None = None
        for one in (target,) if target else possible:
            try:
                inner = self._path(one, rest, test, context)
                if first.within is not None:
                    inner = all_of((self._expression(one, first.within, context), inner))
                branches.append((one, inner))
            except UnknownParameter as error:
                unknown = error
            else:
                branches += self._entered(type, inner_type(one), path, test, context)
        if not branches:
            raise unknown or _fault(test, f"'{code}' refers to nothing that could be asked")
        if (number := sum(not is_inner(one) for one, _ in branches)) > MAX_BRANCHES:
            raise _fault(test, f"'{code}' may mean {number} resource types; name one, as in {code}:Patient")
        return self._criteria.chain(parameter, branches)

    def _entered(
        self, type: str, target: str, path: Sequence[Segment], test: Comparison, context: _Context
    ) -> Iterator[tuple[str, Filter]]:
        """The rest of the path in contained resources of the type `target`; not once more from one of these."""
        if not self._names.enters or is_inner(type) or len(path) > MAX_ENTERED + 1:
            return
        with suppress(Invalid):
            inner = self._path(target, path[1:], test, context)
            if (within := path[0].within) is not None:
                inner = all_of((self._expression(target, within, context), inner))
            yield target, inner

    def _reverse(self, type: str, name: str, rest: Sequence[Segment], test: Comparison, context: _Context) -> Filter:
        _, source, code, _ = name.split(":")
        source = self._names.check_type(source)
        parameter = self._names.reference(source, code)
        if plain_type(type) not in self._names.targets(parameter):
            raise _fault(test, f"the search parameter '{code}' of {source} never refers to a {plain_type(type)}")
        inner = self._path(source, rest, test, context)
        if is_inner(type):
            branches = [(parameter, inner)]
            with suppress(Invalid):
                beside = inner_type(source)
                branches.append((self._names.reference(beside, code), self._path(beside, rest, test, context)))
            return self._criteria.inward(branches)
        if inner == NOTHING:
            return NOTHING
        ps = (self._keys.parameter(source, rows) for rows in parameter.rows)
        return any_of(Has(p, type_number(source), inner) for p in ps)

    def _together(
        self,
        type: str,
        together: tuple[str, tuple[str, str]],
        first: Segment,
        rest: Sequence[Segment],
        test: Comparison,
        context: _Context,
    ) -> Filter:
        """`characteristic[code eq x].value eq y`: one composite value."""
        code, children = together
        inner = first.within
        simple = isinstance(inner, Comparison) and inner.operator in ("eq", "re") and len(inner.path) == 1
        if not simple or len(rest) != 1 or test.operator not in ("eq", "re"):
            a, b = children
            raise _fault(test, f"'{first.name}' must be of the form {first.name}[{a} eq value].{b} eq value")
        assert isinstance(inner, Comparison)
        named = {inner.path[0].name: inner.value, rest[0].name: test.value}
        if set(named) != set(children):
            raise _fault(test, f"'{first.name}' has the names {' and '.join(children)}")
        parameter = self._names.parameter(type, code)
        value = "$".join(_system(named[child]).replace("$", r"\$") for child in children)
        return self._criteria.value(parameter, "", value, context.now, context.base)

    def _test(self, parameter: Parameter, test: Comparison, context: _Context) -> Filter:
        operator, value = test.operator, test.value
        known = _OF_TYPE[parameter.type]
        if operator not in known:
            raise _fault(
                test,
                f"'{operator}' is not for '{parameter.code}', which is a {parameter.type}; "
                f"its operators are {', '.join(known)}",
            )
        if operator == "pr":
            if value not in ("true", "false"):
                raise _fault(test, "pr needs true or false")
            return self._criteria.missing(parameter, value == "false")
        match parameter.type:
            case "string" | "uri":
                return self._text(parameter, test)
            case "date" if operator in ("po", "co") and not parameter.column:
                return (overlap_filter if operator == "po" else covering_dates)(parameter, self._keys, value)
            case "number" if operator == "co":
                return covering_numbers(parameter, self._keys, value)
            case "date" | "number" | "quantity":
                prefix = "eq" if operator in ("po", "co") else operator
                return self._criteria.value(parameter, "", prefix + _system(value, at=1), context.now, context.base)
            case "token" if parameter.column != "id":
                return self._token(parameter, test, context)
            case _:
                found = self._equal(parameter, value, context)
                return self._different(parameter, found) if operator == "ne" else found

    def _equal(self, parameter: Parameter, value: str, context: _Context) -> Filter:
        if parameter.column == "id":
            return self._criteria.ids(parameter, (value,))
        if parameter.type == "reference":
            return self._criteria.references.filter(parameter, "", (value,), context.base)
        return self._criteria.value(parameter, "", _system(value), context.now, context.base)

    def _different(self, parameter: Parameter, equal: Filter) -> Filter:
        """There is a value, and not this one. Rows of tokens and references do not name their parameter."""
        return all_of((self._criteria.missing(parameter, False), negated(equal)))

    def _token(self, parameter: Parameter, test: Comparison, context: _Context) -> Filter:
        tokens, value = self._criteria.tokens, test.value
        match test.operator:
            case "eq":
                return self._equal(parameter, value, context)
            case "ne":
                return self._different(parameter, self._equal(parameter, value, context))
            case "ss":
                return tokens.filter(parameter, "below", (_system(value),))
            case "sb":
                return tokens.filter(parameter, "above", (_system(value),))
            case "in":
                return tokens.filter(parameter, "in", (value,))
            case "ni":
                return negated(tokens.filter(parameter, "in", (value,)))
            case operator:
                ways = {"sw": "begins", "co": "contains", "ew": "ends"}
                return tokens.worded(parameter, ways[operator], value)

    def _text(self, parameter: Parameter, test: Comparison) -> Filter:
        hs = tuple(self._keys.parameter(parameter.resource_type, rows) for rows in parameter.rows)
        uri = parameter.type == "uri"
        norm = forms.uri_form(test.value) if uri else forms.fold(test.value)
        if not norm:
            raise _fault(test, "the value holds no letter, digit or sign")
        match test.operator:
            case "eq":
                return Equals(hs, norm, "") if uri else Compares(hs, "=", norm)
            case "ne":
                return Compares(hs, "<>", norm)
            case "co":
                return Contains(hs, norm)
            case "sw":
                return StartsWith(hs, norm)
            case "ew":
                return Contains(hs, norm, at_end=True)
            case "gt":
                return Compares(hs, ">", norm)
            case "lt":
                return Compares(hs, "<", norm)
            case "ge":
                return Compares(hs, ">=", norm)
            case "le":
                return Compares(hs, "<=", norm)
            case _:
                return NOTHING


def _system(value: str, at: int = 0) -> str:
    """`value` with the whole URL for a short name of a code system; `at`: the piece that is the system."""
    pieces = value.split("|")
    if len(pieces) > at + 1 and pieces[at] in SYSTEMS:
        pieces[at] = SYSTEMS[pieces[at]]
    return "|".join(pieces)


def _fault(test: Comparison, text: str) -> Invalid:
    return Invalid(f"_filter, character {test.at}: {text}.")


def _placed(error: Invalid, test: Comparison) -> Invalid:
    """The error with the place of the test, once."""
    if str(error).startswith("_filter, character"):
        return error
    kind = UnknownParameter if isinstance(error, UnknownParameter) else Invalid
    placed = [
        type(issue)(issue.severity, issue.code, f"_filter, character {test.at}: {issue.diagnostics}")
        for issue in error.issues
    ]
    return kind(issues=placed)
