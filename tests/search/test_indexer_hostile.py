"""Definitions may come from anyone: whatever they say, the generated code is made of our own phrases only."""

import ast
import re
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from suture.fhir.definitions import Element, SearchParameter, Structure, load
from suture.fhir.fhirpath import nodes, to_text
from suture.fhir.versions import Version
from suture.search.indexer import Indexer
from suture.search.parameters import SearchParameters
from suture.store.keys import Keys
from tests.search.indexing import KEYS, indexer, parameters

R4 = load(Version.R4)
OUR_NAMES = re.compile(
    r"extract|resource|get|present|inside|sdate|reach|tok|text|qty|dat|ref|words|paired|set|tuple|len|float|owner\d+|done\d+|[a-z]\d+"
)
OUR_MEMBERS = {"get", "append", "young", "quantity", "range", "span"}
HOSTILE = [
    'x"); raise SystemExit("', "x'\n    raise SystemExit\n#", "{present}", "__import__", "c0", "tok", "\\", "\u2028",
    "\x00", "get(resource)", "%s", "''' + evil() + '''", "extract", "__builtins__", "a b", "", "é", "if", "None",
]  # fmt: skip


def assert_only_our_phrases(source: str) -> None:
    tree = ast.parse(source)
    allowed = (
        ast.Module, ast.FunctionDef, ast.arguments, ast.arg, ast.Assign, ast.AugAssign, ast.Expr, ast.Return,
        ast.If, ast.For, ast.Call, ast.Attribute, ast.Name, ast.Constant, ast.Tuple, ast.List, ast.BoolOp,
        ast.UnaryOp, ast.Compare, ast.IfExp, ast.Starred,
        ast.Subscript, ast.BinOp, ast.expr_context, ast.operator, ast.boolop, ast.unaryop, ast.cmpop,
    )  # fmt: skip
    for node in ast.walk(tree):
        assert isinstance(node, allowed), ast.dump(node)
        if isinstance(node, ast.Name):
            assert OUR_NAMES.fullmatch(node.id), node.id
        if isinstance(node, ast.Attribute):
            assert node.attr in OUR_MEMBERS, node.attr
        if isinstance(node, ast.Constant):
            assert node.value in (None, True, False, 0, 1, ""), node.value


def member(name: str) -> str:
    """The name as FHIRPath, quoted where it must be."""
    return to_text(nodes.Member(target=None, name=name))


def known(structures: list[Structure], parameters: list[SearchParameter], **compartments: Any) -> SearchParameters:
    """The search parameters of a version that consists of these definitions."""
    types = tuple(s.name for s in structures if s.kind == "resource" and not s.abstract)
    version: Any = SimpleNamespace(
        structures={s.name: s for s in structures},
        resource_types=types,
        search_parameters=tuple(parameters),
        compartments=compartments,
        value_set_codes=lambda url: None,
    )
    return SearchParameters(version)


def hostile_parameters(name: str, literal: str, code: str) -> SearchParameters:
    """One type with a hostile element of each kind, and parameters that reach them."""
    types = ("CodeableConcept", "Reference", "string", "Quantity", "Period", "canonical", "HumanName", "boolean")
    kinds = ("token", "reference", "string", "quantity", "date", "uri", "string", "token")
    elements = [element(f"{name}{i}", type) for i, type in enumerate(types)]
    elements += [element(f"{name}[x]", "Quantity", "dateTime"), element("extension", "Extension")]
    expressions = [f"Thing.{member(f'{name}{i}')}" for i in range(len(types))]
    expressions[0] += f".where(text = {to_text(nodes.String(value=literal))})"
    expressions[1] += ".where(resolve() is Thing)"
    made = [parameter(f"{code}{i}", kind, text) for i, (kind, text) in enumerate(zip(kinds, expressions, strict=True))]
    made.append(parameter(f"{code}8", "quantity", f"Thing.{member(name)}"))
    made.append(parameter(f"{code}9", "string", f"Thing.extension({to_text(nodes.String(value=literal))})"))
    structures = [R4.structures[type] for type in (*types, "Extension", "Coding", "Resource", "dateTime", "uri")]
    thing = replace(R4.structures["Patient"], name="Thing", base="Resource", elements=tuple(elements))
    return known([*structures, thing], made, Patient={"Thing": (f"{code}1",)})


def element(name: str, *types: str) -> Element:
    pattern = next(e for e in R4.structures["Patient"].elements if e.name == "name")
    kinds = tuple(replace(pattern.types[0], code=type) for type in types)
    return replace(pattern, name=name, path=f"Thing.{name}", types=kinds)


def parameter(code: str, type: str, expression: str, base: str = "Thing") -> SearchParameter:
    pattern = R4.search_parameters[0]
    return replace(
        pattern, url=f"http://x/{code}", code=code, type=type, base=(base,), expression=expression,
        targets=(base,), components=(),
    )  # fmt: skip


def check(name: str, literal: str, code: str) -> None:
    keys = Keys(b"x" * 32)
    hostile = Indexer(hostile_parameters(name, literal, code), keys)
    source = hostile.source("Thing")
    assert_only_our_phrases(source.text)
    resource: dict[str, Any] = {
        "resourceType": "Thing",
        f"{name}0": [{"text": literal, "coding": [{"code": literal or "x"}]}],
        f"{name}1": [{"reference": "Thing/1"}],
        f"{name}2": [literal],
        "extension": [{"url": literal, "valueString": name}],
    }
    rows = hostile.rows(resource)
    forms = {s for word in rows.words if word.h in rows.tok for s, _ in word.forms}
    assert keys.token("Thing", f"{code}0", (literal or "x").casefold()) in forms
    assert (keys.resource("Thing", "1"), keys.parameter("Thing", f"{code}1")) in rows.ref
    assert {h for h, _, _ in rows.str} == {keys.parameter("Thing", f"{code}2"), keys.parameter("Thing", f"{code}9")}


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_literals_and_codes_stay_data(text: str) -> None:
    check(text or "a", text, text)


@settings(derandomize=True, max_examples=60, deadline=None)
@given(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="[]"), min_size=1, max_size=12),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    st.text(max_size=12),
)
def test_any_name_literal_and_code_stay_data(name: str, literal: str, code: str) -> None:
    check(name, literal, code)


@pytest.mark.parametrize("version", list(Version))
def test_every_type_of_the_specification_generates_only_our_phrases(version: Version) -> None:
    for type in parameters(version).definitions.resource_types:
        source = indexer(version).source(type)
        assert_only_our_phrases(source.text)
        source.function()


@pytest.mark.parametrize(
    "expression",
    [
        "Patient" + ".extension.value" * 30,
        "Patient.extension('x').value" * 1 + ".extension('x').value" * 8,
        "(" + " | ".join(f"Patient.extension('{i}').value" for i in range(400)) + ")",
        "Patient.contact" * 1 + ".extension" * 20,
        "Patient.name.select(given)",
        "Patient.name.where(given.matches('(a+)+$'))",
        "Patient.name.repeat(given)",
        "Patient.name.trace('x')",
        "Patient.name[given]",
        "%resource.name",
        "Patient.name.where(given",
        "Patient.contained.name",
    ],
)
def test_expressions_beyond_search_are_refused_and_not_run(expression: str) -> None:
    extra = parameter("evil", "string", expression, "Patient")
    mine = known(list(R4.structures.values()), [*R4.search_parameters, extra])
    found = mine.get("Patient", "evil")
    assert found is not None and not found.supported and found.bit == -1
    rows = Indexer(mine, KEYS).rows({"resourceType": "Patient", "name": [{"given": ["a" * 40]}]})
    assert KEYS.parameter("Patient", "evil") not in {h for h, _, _ in rows.str}
