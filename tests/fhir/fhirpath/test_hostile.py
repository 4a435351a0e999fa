"""Expressions and data that mean harm end in a clear error, soon."""

import random
import time
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suture.fhir.fhirpath import Budget, FhirPathBudgetError, FhirPathError
from suture.fhir.fhirpath.functions import FUNCTIONS
from suture.fhir.fhirpath.scoped import PREDICATES, SCOPED
from suture.fhirpath import evaluate
from tests.fhir.fhirpath.given import PATIENT, answer, engine

LONG = {"resourceType": "Patient", "name": [{"given": [f"n{number}" for number in range(3000)]}]}


@pytest.mark.parametrize(
    "expression",
    [
        "name.given.select(%context.name.given.select(%context.name.given))",
        "name.given.where(%context.name.given.exists(%context.name.given.all($this = 'x')))",
        "'a'.repeatAll($this & 'a')",
        "'a'.repeatAll($this)",
        "1.repeat($this + 1)",
        "name.given.aggregate($total & $total & 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'a')",
        "name.given.aggregate($total.combine($total).combine($this), {})",
        "name.given.aggregate($total.replace('', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'), 'a')",
        "name.given.select(%resource.descendants().select(%resource.descendants().count()))",
        "name.given.aggregate(iif($index > 16, $total.select(%resource).name.given, $total.combine($total)), 1)",
    ],
)
def test_work_without_end_is_refused(expression: str) -> None:
    started = time.monotonic()
    with pytest.raises(FhirPathBudgetError):
        answer(expression, LONG)
    assert time.monotonic() - started < 20


def test_the_budget_may_be_larger_or_smaller() -> None:
    used = engine()
    expression = used.strict("name.given.select($this & 'x').count()")
    focus = used.item(LONG)
    assert expression.items(focus, used.environment(LONG))[0][0] == 3000
    with pytest.raises(FhirPathBudgetError, match="The evaluation takes too many steps, at column"):
        expression.items(focus, used.environment(LONG, budget=Budget(steps=2000)))
    with pytest.raises(FhirPathBudgetError, match="too much time"):
        used.strict("name.given.select(%context.name.given.count())").items(
            focus, used.environment(LONG, budget=Budget(steps=10**12, seconds=0.05))
        )


@pytest.mark.parametrize(
    "expression",
    [
        "'" + "a" * 30_000 + "'.matches('(a+)+$b')",
        "'" + "a" * 30_000 + "'.matches('(a|a)*c')",
        "'a'.matches('" + "(" * 500 + "a" + ")" * 500 + "')",
        "'a'.matches('((a{0,100}){0,100}){0,100}')",
        "'a'.matches('" + "a" * 3000 + "')",
        "'" + "a" * 10_000 + "'.replaceMatches('(.*)(.*)', '$1$2$1$2')",
        "10.power(100000000)", "2.5.power(99999999.5)", "9999.exp()", "'a'.substring(999999999)",
        "@2020 + 99999999999999999999 years", "1 'm99999'", "1 '" + "m." * 90 + "m'.toQuantity()",
        "99999999999999999999999999999.9 * 99999999999999999999999999999.9",
    ],
)  # fmt: skip
def test_patterns_and_numbers_take_little_time(expression: str) -> None:
    started = time.monotonic()
    with suppress(FhirPathError):
        answer(expression)
    assert time.monotonic() - started < 5


def test_data_that_nest_deep_are_refused() -> None:
    deep: Any = {"url": "x"}
    for _ in range(3000):
        deep = {"extension": [deep]}
    patient = {"resourceType": "Patient", "extension": [deep, deep]}
    for expression in ("extension.distinct()", "extension[0] ~ extension[1]", "repeat(extension).count()"):
        with suppress(FhirPathBudgetError):
            answer(expression, patient)


@pytest.mark.parametrize(
    "broken",
    [
        {"name": "x"}, {"name": [None, 3, "x", ["y"], {"given": {"a": 1}}]}, {"birthDate": 5, "_birthDate": [1]},
        {"active": {"a": 1}}, {"extension": "x"}, {"name": {"given": "x", "_given": {"extension": 5}}},
        {"contained": [1, {}]},
        {"multipleBirthInteger": "x", "deceasedBoolean": []}, {"birthDate": "yesterday"}, {"id": None, "_id": {}},
        {"contact": [{"gender": ["male"], "name": []}]}, {"meta": {"tag": [{"code": 1}, 2]}},
    ],
)  # fmt: skip
def test_broken_resources_are_answered_or_refused(broken: dict[str, Any]) -> None:
    resource = {"resourceType": "Patient", **broken}
    for expression in (
        "descendants().count()", "name.given.first() & 'x'", "birthDate < today()", "active and true",
        "children().distinct()",
        "extension('x').value", "descendants() ~ descendants()", "name.given.upper()", "contained.id",
        "multipleBirth + 1",
        "birthDate + 1 day", "birthDate.toString().length()", "active.toInteger()", "(name | contact | active).count()",
    ):  # fmt: skip
        with suppress(FhirPathError):
            answer(expression, resource)


NAMES = ("name", "given", "family", "birthDate", "extension", "value", "contact", "active", "id", "Patient", "code")
LITERALS = (
    "1", "-1", "2.50", "'a'", "''", "true", "{}", "@2020-02", "@2020-02-03T10:20:30.5Z", "@T10:20", "4 'mg'", "3 days",
    "1 year", "5L", "$this", "$index", "$total", "%resource", "%ucum",
)  # fmt: skip
OPERATORS = ("+", "-", "*", "/", "div", "mod", "&", "|", "=", "~", "<", ">=", "and", "or", "xor", "implies", "in")
TYPES = ("string", "Quantity", "System.String", "HumanName", "Integer", "code")
CALLS = sorted({*FUNCTIONS, *SCOPED, *PREDICATES} - {"defineVariable"})


def expression(source: random.Random, depth: int) -> str:
    """Any expression."""
    kind = source.random()
    if depth == 0 or kind < 0.2:
        return source.choice(NAMES + LITERALS)
    inner = f"({expression(source, depth - 1)})"
    if kind < 0.4:
        return f"{inner}.{source.choice(NAMES)}"
    if kind < 0.7:
        name = source.choice(CALLS)
        if name in ("is", "as", "ofType"):
            return f"{inner}.{name}({source.choice(TYPES)})"
        function = FUNCTIONS.get(name)
        count = source.randint(function.fewest, function.most or function.fewest) if function else source.randint(1, 3)
        return f"{inner}.{name}({', '.join(expression(source, depth - 1) for _ in range(count))})"
    if kind < 0.95:
        return f"({inner} {source.choice(OPERATORS)} {expression(source, depth - 1)})"
    return f"({inner} is {source.choice(TYPES)})"


def value(source: random.Random, depth: int) -> Any:
    """Any JSON."""
    kind = source.random()
    if depth == 0 or kind < 0.5:
        plain = (None, True, 0, -5, Decimal("1.50"), "a", "2020-01-01", "2020-01-01T10:00:00Z", "", [], {}, 2**70)
        return source.choice(plain)
    if kind < 0.75:
        keys = source.choices((*NAMES, "_birthDate", "valueString", "_valueString", "resourceType", "url"), k=3)
        return {key: value(source, depth - 1) for key in keys}
    return [value(source, depth - 1) for _ in range(source.randint(0, 3))]


@settings(derandomize=True, max_examples=400, deadline=None)
@given(st.integers(0, 2**32))
def test_any_expression_on_any_json_is_answered_or_refused(seed: int) -> None:
    source = random.Random(seed)
    resource = {"resourceType": "Patient", **{name: value(source, 3) for name in source.choices(NAMES, k=5)}}
    if seed % 2:
        resource = PATIENT
    text = expression(source, source.randint(1, 5))
    used = engine()
    for compiled in (used.compile, used.strict, used.located):
        with suppress(FhirPathError):
            found = compiled(text, focus="Patient")
            budget = Budget(steps=50_000, seconds=2)
            found.items(used.item(resource), used.environment(resource, budget=budget))
            found.truth(used.item(resource), used.environment(resource, budget=budget))


@settings(derandomize=True, max_examples=200, deadline=None)
@given(st.text(alphabet="ab1.()[]{}'`%$@+-*/&|<>=~!, \\:TZL\u00e9", max_size=30))
def test_any_text_is_answered_or_refused(text: str) -> None:
    try:
        evaluate(text, PATIENT)
    except FhirPathError as error:
        assert len(str(error)) < 600


@pytest.mark.parametrize(
    "number", [float("nan"), float("inf"), Decimal("1e9999999"), Decimal("9e400"), 10**5000], ids=lambda _: "number"
)
def test_numbers_beyond_everything_are_no_numbers(number: Any) -> None:
    observation = {"resourceType": "Observation", "valueQuantity": {"value": number, "code": "mg"}}
    for value in ("%x", "value", "value.value"):
        for use in ("{} + {}", "{} | 1", "{} > 1", "{}.toString()", "{} / 2", "-{}", "{}.toQuantity('g')"):
            # an answer or the one error there is
            with suppress(FhirPathError):
                answer(use.replace("{}", value), observation, x=number)
