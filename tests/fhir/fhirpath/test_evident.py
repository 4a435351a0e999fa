"""What is called evident is what evaluation says: every invariant, on objects with some of the elements of its type."""

# JSON values have no static type until they are looked at.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

import random
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from suture.fhir.definitions import load
from suture.fhir.fhirpath import Engine
from suture.fhir.fhirpath.evident import Test
from suture.fhir.profiles.branches import Branch
from suture.fhir.profiles.errata import CORRECTED
from suture.fhir.profiles.library import Library
from suture.fhir.versions import Version
from tests.fhir.samples import Samples

ROUNDS = 12
"""Objects made for each invariant."""

TYPES = 3
"""Types that an invariant which many have is tried on."""

DATES = ("2020", "2020-02", "2020-02-29", "2020-03-01", "2020-02-29T10:00:00+01:00", "2020-02-29T09:30:00Z",
         "2020-02-29T10:00:00.000Z", "2020-02-29T11:00:00+02:00", "2020-02-29T10:00:00-05:00")  # fmt: skip


@cache
def _engine(version: Version) -> Engine:
    return Engine(load(version))


@cache
def _invariants(version: Version) -> list[tuple[str, str, Test]]:
    """(path or type, expression, test) of every constraint that has a test."""
    engine, library = _engine(version), Library(version, None)
    found: dict[tuple[str, str], Test] = {}
    counted: Counter[str] = Counter()

    def add(branch: Branch, path: str) -> None:
        nested = bool(branch.children) or "." not in path
        names = [path] if nested else [str(entry.get("code")) for entry in branch.types]
        for name in names:
            for constraint in branch.constraints:
                text = constraint.get("expression")
                try:
                    type = engine.model.type(name)
                except KeyError:
                    continue
                if isinstance(text, str):
                    text = CORRECTED.get(text, text)
                    test = engine.evident(text, type)
                    if test is not None and counted[text] < TYPES:
                        counted[text] += (name, text) not in found
                        found[name, text] = test
        for child in branch.children.values():
            add(child, f"{path}.{child.name}")

    for name, structure in load(version).structures.items():
        if structure.kind != "primitive-type" and not structure.abstract:
            add(library.of_type(name).tree, name)
    return [(name, text, test) for (name, text), test in found.items()]


def _thinned(value: Any, made: random.Random, texts: list[str]) -> Any:
    """Parts of a value: some members are left out, some texts are others, some primitives have only an extension."""
    if isinstance(value, list):
        return [_thinned(item, made, texts) for item in value for _ in range(made.choice((1, 1, 2)))]
    if not isinstance(value, dict):
        if isinstance(value, str) and value[:4] == "2020":
            return made.choice(DATES)
        return made.choice(texts) if isinstance(value, str) and texts and made.random() < 0.6 else value
    kept: dict[str, Any] = {}
    for key, item in value.items():
        if key != "resourceType" and made.random() < 0.4:
            continue
        alone = isinstance(item, str) and key not in ("resourceType", "id", "url") and made.random() < 0.1
        kept["_" + key if alone else key] = (
            {"extension": [{"url": "urn:x:1", "valueString": "text"}]} if alone else _thinned(item, made, texts)
        )
    return kept or value


def _objects(version: Version, name: str, text: str) -> Iterator[dict[str, Any]]:
    made = random.Random(f"{name} {text}")
    texts = [*re.findall(r"'([^']*)'", text), "http://unitsofmeasure.org", "#b", "#"]
    for number in range(ROUNDS):
        yield _thinned(_whole(version, name, number % 3), made, texts)


@cache
def _whole(version: Version, name: str, choice: int) -> dict[str, Any]:
    samples = Samples(load(version), full=True, choice=choice)
    return samples.resource(name) if name in load(version).resource_types else samples.part(name)


@pytest.mark.parametrize("version", list(Version))
def test_what_is_evident_is_what_evaluation_says(version: Version) -> None:
    engine = _engine(version)
    evident = evaluated = 0
    for name, text, test in _invariants(version):
        expression, type = engine.compile(text), engine.model.type(name)
        for value in _objects(version, name, text):
            if test(value):
                evident += 1
                environment = engine.environment(value if "resourceType" in value else None)
                truth = expression.truth((value, type, None), environment)
                assert truth is True, f"{name}: {text} is {truth} for {value}"
            else:
                evaluated += 1
    # the test says something: many are evident, and not all of them
    assert evident > 1000
    assert evaluated > 500


@pytest.mark.parametrize(
    ("type", "text", "yes", "no"),
    [
        ("Period", "start.hasValue().not() or end.hasValue().not() or (start <= end)",
         {"start": "2020-01-01T10:00:00+01:00", "end": "2020-01-01T10:00:01+01:00"},
         {"start": "2020-01-01T10:00:00+01:00", "end": "2020-01-01T10:00:01+02:00"}),
        ("Reference", "reference.exists() implies reference.startsWith('#').not()",
         {"reference": "Patient/1"}, {"reference": "#p"}),
        ("Condition", "abatement.empty() or clinicalStatus.coding.where(system = 's' and code = 'resolved').exists()",
         {"abatementString": "x", "clinicalStatus": {"coding": [{"code": "x"}, {"system": "s", "code": "resolved"}]}},
         {"abatementString": "x", "clinicalStatus": {"coding": [{"system": "s", "code": "active"}]}}),
        ("Patient", "contained.meta.versionId.empty()",
         {"contained": [{"resourceType": "Basic", "meta": {"source": "x"}}]},
         {"contained": [{"resourceType": "Basic", "meta": {"versionId": "1"}}]}),
        ("Organization", "(identifier.count() + name.count()) > 0", {"name": "x"}, {"alias": ["x"]}),
        ("Address", "where(use = 'home').empty()", {"use": "work"}, {"use": "home"}),
        ("Extension", "extension.exists() != value.exists()", {"url": "u", "valueCode": "x"}, {"url": "u"}),
        ("Attachment", "data.empty() or contentType.exists()", {"url": "u"}, {"data": "AAAA"}),
    ],
)  # fmt: skip
def test_what_real_data_need_most_is_evident(type: str, text: str, yes: dict[str, Any], no: dict[str, Any]) -> None:
    engine = _engine(Version.R4)
    test = engine.evident(text, engine.model.type(type))
    assert test is not None
    assert test(yes)
    assert not test(no)


def test_of_what_needs_more_than_a_look_nothing_is_evident() -> None:
    engine = _engine(Version.R4)
    for text in ("name.given.count() = 1", "$this is Patient", "name.matches('a')", "%resource.name.exists()", "name"):
        assert engine.evident(text, engine.model.type("Patient")) is None


@pytest.mark.parametrize(
    "text",
    [
        "name.where(" * 40 + "use.exists()" + ").exists()" * 40,
        "contact.where(name.exists()).empty() = " * 60 + "true",
        "(" * 60 + "active.exists()" + " xor active.exists())" * 60,
        " or ".join(["name.empty()"] * 100),
    ],
    ids=("where in where", "equals", "xor", "or"),
)
def test_no_expression_takes_long(text: str) -> None:
    engine = _engine(Version.R4)
    type = engine.model.type("Patient")
    test = engine.evident(text, type)
    # what would take long is left to evaluation, which has a budget
    assert test is None or test({"resourceType": "Patient"})
