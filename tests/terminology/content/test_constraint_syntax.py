"""The syntax of expression constraints: brief and long forms mean the same, and errors say where."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suture.fhir.outcomes import FhirError
from suture.terminology.ecl import parse
from suture.terminology.ecl.nodes import Attribute, Compound, Group, Joined, Refined, Sub

A, B, C = "404684003", "363698007", "39057004"


def shape(node: object) -> object:
    """A constraint without positions."""
    if isinstance(node, tuple):
        return tuple(shape(part) for part in node)
    if hasattr(node, "__struct_fields__"):
        names = [name for name in node.__struct_fields__ if name != "position"]
        return (type(node).__name__, *(shape(getattr(node, name)) for name in names))
    return node


SAME = [
    (f"< {A}", f"descendantOf {A} |Clinical finding|"),
    (f"<<{A}", f"DESCENDANTORSELFOF {A}"),
    (f"<! {A}", f"childOf {A}"),
    (f"<<! {A}", f"childOrSelfOf {A}"),
    (f"> {A}", f"ancestorOf {A}"),
    (f">> {A}", f"ancestorOrSelfOf {A}"),
    (f">! {A}", f"parentOf {A}"),
    (f">>! {A}", f"parentOrSelfOf {A}"),
    (f"!!> {A}", f"top {A}"),
    (f"!!< {A}", f"bottom {A}"),
    (f"^ {A}", f"memberOf {A}"),
    ("*", "any"),
    (f"{A},{B}", f"{A} and {B}"),
    (f"{A}:{B}!={C}", f"{A} : {B} NOT = {C}"),
    (f"{A}:{B}<>{C}", f"{A} : {B} != {C}"),
    (f"{A}:[0..*]R {B}=*", f"{A} : [0 to many] reverseOf {B} = any"),
    (f'{A}{{{{term="x"}}}}', f'{A} {{{{ D term = match:"x" }}}}'),
    (f"{A}{{{{type=syn}}}}", f"{A} {{{{ d TYPE = synonym }}}}"),
    (f"{A}{{{{+HISTORY}}}}", f"{A} {{{{ + history }}}}"),
    (f"{A}{{{{+HISTORY (*)}}}}", f"{A} {{{{ + HISTORY }}}}"),
    (f"^ {A}{{{{M active=*}}}}", f'memberOf {A} {{{{ m ACTIVE = "*" }}}}'),
    (f"{A}{{{{C active=1}}}}", f'{A} {{{{ C active = "true" }}}}'),
    ('"LOINC#54486-6"', 'LOINC#"54486-6"'),
    (f'{A}:{B}="a*b"', f'{A} : {B} = "a\\*b"'),
    (f"{A} AND (({B}))", f"{A} AND ( /* twice */ ({B}) )"),
]


@pytest.mark.parametrize(("brief", "long"), SAME)
def test_brief_and_long_syntax_are_the_same(brief: str, long: str) -> None:
    assert shape(parse(brief)) == shape(parse(long))


WELL_FORMED = [
    f"({A} OR {B}) MINUS {C}",
    f"< {A} . {B} . {C}",
    f"< {A}: {B} = << {C}, {{ {B} = *, {C} = * }}",
    f"< {A}: [1..3] {{ [0..1] {B} = * , {C} = * }}",
    f"< {A}: ({B} = {C} OR {C} = {B}), {C} = {A}",
    f"< {A}: ( {{ {B} = {C} }} OR {{ {C} = {B} }} ) AND {B} = *",
    f"< {A}: (<< {B} AND {C}) = (< {A} OR {C})",
    f"< {A}: {B} = (< {A}: {{ {B} = {C} }})",
    f"{A}: {B} >= #-2.50, {C} = \"a \\\" b\", {B} = (\"x\" wild:\"y*\"), {C} = TRUE",
    f"^ [referencedComponentId, mapTarget] {A} {{{{ M mapGroup = #2, active = true, moduleId = {B} }}}}",
    f"{A} {{{{ term = (\"a\" match:\"b c\" wild:\"*d\"), language = (en sv), id = 1234567011 }}}}",
    f"{A} {{{{ dialect = (en-gb (prefer) en-us (accept prefer)), effectiveTime >= \"20200101\" }}}}",
    f"{A} {{{{ dialectId = ({B} {C}) (prefer), typeId = ({B} {C}), moduleId = (<< {B}) }}}}",
    f"{A} {{{{ C definitionStatus = (primitive defined), active = 1 }}}} {{{{ D language = en }}}}",
    f"{A} {{{{ dialectId = (< {B} OR {C}) (accept), dialect = en-nz-x-pat }}}}",
    f"^R ({A} OR {B}) {{{{ M mapTarget = \"x\" }}}}",
    f"{A}: " + ", ".join([f"({B} = *, {C} = *)"] * 60),
    f"{A} {{{{ + HISTORY (< {B}) }}}}",
    "LOINC#718-7 OR \"LOINC#LP 1\"",
    f"/* a * comment */ {A} |a term with (signs) & more|",
]  # fmt: skip


@pytest.mark.parametrize("text", WELL_FORMED)
def test_what_the_grammar_allows_is_read(text: str) -> None:
    parse(text)


def test_a_run_of_joined_attributes_binds_tighter_than_what_follows() -> None:
    constraint = parse(f"{A}: {B} = *, {C} = * OR {B} = {C}")
    assert isinstance(constraint, Refined)
    assert isinstance(constraint.refinement, Joined)
    first, second = constraint.refinement.parts
    assert (constraint.refinement.kind, type(first), type(second)) == ("or", Joined, Attribute)


def test_a_group_may_follow_attributes() -> None:
    constraint = parse(f"{A}: {B} = *, [0..1] {{ {C} = * }}")
    assert isinstance(constraint, Refined)
    assert isinstance(constraint.refinement, Joined)
    group = constraint.refinement.parts[1]
    assert isinstance(group, Group)
    assert (group.least, group.most) == (0, 1)


WRONG = [
    ("", 1, "a concept identifier"),
    ("12345", 1, "a concept identifier"),
    (f"{A} AND {B} OR {C}", 25, "put parentheses around what AND joins"),
    (f"{A} MINUS {B} MINUS {C}", 27, "put parentheses around what MINUS joins"),
    (f"({A}", 11, ") was expected"),
    (f"{A} |no end", 11, "a second | is missing"),
    (f"{A}: {B}", 21, "a comparison"),
    (f"{A}: {B} = ", 24, "a concept identifier"),
    (f"{A}: [3..1] {B} = *", 12, "from the smaller to the larger"),
    (f"{A}: {B} > {C}", 24, "a number such as #5"),
    (f"{A}: {B} = #05", 24, "a number such as #5"),
    (f"{A}: {B} = \"open", 24, "has no end"),
    (f"{A}: {B} = \"\"", 24, "must not be empty"),
    (f"{A} {{{{ colour = red }}}}", 14, "a filter was expected"),
    (f"{A} {{{{ dialect = klingon }}}}", 24, "a dialect alias was expected"),
    (f"{A} {{{{ M active = 1 }}}}", 11, "directly after ^"),
    (f"{A} {{{{ effectiveTime > \"2020\" }}}}", 30, "a date such as"),
    (f"{A} {{{{ dialect = en-gb () }}}}", 31, "a concept identifier"),
    (f"{A} {B}", 11, "should end here"),
    (f"{A} /* no end", 11, "should end here"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "position", "said"), WRONG)
def test_errors_say_where_and_what(text: str, position: int, said: str) -> None:
    with pytest.raises(FhirError) as error:
        parse(text)
    assert f"at character {position}: " in str(error.value)
    assert said in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 5_000 + A + ")" * 5_000,
        f"{A}:" + "(" * 500 + f"{B}=*",
        f"{A}:" + f"({A}:" * 300,
        f"{A}: " + ", ".join([f"({B} = {C}"] * 300),
        f"{A} OR " * 8_000 + A,
        "/*" * 20_000,
        f"{A}: " + f"[0..1] {{ {B} = * }}, " * 2_000,
        "{{" * 1_000,
    ],
)
def test_hostile_texts_end_quickly(text: str) -> None:
    try:
        parse(text)
    except FhirError as error:
        assert re.search(r"character|limit", str(error))


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [A, B, "*", "<<", ":", "=", "{", "}", "(", ")", ",", "OR", "^", "[0..1]", "{{", "}}", '"a"', "R", "."]
        ),
        max_size=14,
    )
)
def test_any_text_is_a_constraint_or_a_clear_error(parts: list[str]) -> None:
    try:
        found = parse(" ".join(parts))
    except FhirError as error:
        assert error.status == 400
    else:
        assert isinstance(found, Sub | Compound | Refined) or found.attributes
