"""FHIRPath becomes a tree by the grammar of http://hl7.org/fhirpath/N1/#formal-specifications."""

import xml.etree.ElementTree as ElementTree
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suture.fhir.definitions import Element, load
from suture.fhir.fhirpath import MAX_DEPTH, MAX_LENGTH, FhirPathError, nodes, parse, to_text
from suture.fhir.versions import Version


@pytest.mark.parametrize(
    ("text", "grouped"),
    [
        ("a + b * c", "(a + (b * c))"),
        ("a - b - c", "((a - b) - c)"),
        ("-a * b", "((-a) * b)"),
        ("-a.b[0].c()", "(-a.b[0].c())"),
        ("a | b = c", "((a | b) = c)"),
        ("a is B and c", "((a is B) and c)"),
        ("a as System.String | b", "((a as System.String) | b)"),
        ("a or b and c", "(a or (b and c))"),
        ("a xor b or c", "((a xor b) or c)"),
        ("a implies b or c implies d", "((a implies (b or c)) implies d)"),
        ("a in b = c", "(a in (b = c))"),
        ("a contains b", "(a contains b)"),
        ("a < b = c > d", "((a < b) = (c > d))"),
        ("a & b + c", "((a & b) + c)"),
        ("a div b mod c", "((a div b) mod c)"),
        ("a ~ b !~ c", "((a ~ b) !~ c)"),
        ("(a | b).c", "(a | b).c"),
        ("a.where(b = 'x' and c.exists()).d", "a.where(((b = 'x') and c.exists())).d"),
        ("{}", "{}"),
        ("true and false", "(true and false)"),
        ("%context.a", "%context.a"),
        ("%'vs-name'", "%`vs-name`"),
        ("%`ext-name`", "%`ext-name`"),
        ("`div`.`a b`", "`div`.`a b`"),
        ("as.is.contains.in", "`as`.`is`.`contains`.`in`"),
        ("$this.a[$index] + $total", "($this.a[$index] + $total)"),
        ("4 days", "(4 days)"),
        ("1.50 'mg'", "(1.50 'mg')"),
        ("a /* note */ . b // end", "a.b"),
        ("@2014-01-25T14:30:14.559+02:00", "@2014-01-25T14:30:14.559+02:00"),
        ("@2014T | @T14:30 | @2014-01", "((@2014T | @T14:30) | @2014-01)"),
        (r"'a\'b\\c\n\u00e9'", r"'a\'b\\c\u000aé'"),
        ("f(a, b, {})", "f(a, b, {})"),
        (r"'\q\u00'", "'qu00'"),
        ("10L + 5", "(10L + 5)"),
        ("a.sort(-b, c desc, d asc)", "a.sort((-b), c desc, d asc)"),
        ("asc.desc", "asc.desc"),
    ],
)
def test_operators_bind_as_the_grammar_says(text: str, grouped: str) -> None:
    assert to_text(parse(text)) == grouped
    assert to_text(parse(grouped)) == grouped


def test_literals_keep_their_digits_and_positions() -> None:
    tree = parse("a = 1.50")
    assert isinstance(tree, nodes.Binary) and tree.position == 2
    assert isinstance(tree.right, nodes.Number) and str(tree.right.value) == "1.50" and tree.right.position == 4
    assert parse("10") == nodes.Number(value=10)
    assert parse("4 'mg'") == nodes.Quantity(value=4, unit="mg", calendar=False)
    assert parse("0.5 year") == nodes.Quantity(value=Decimal("0.5"), unit="year", calendar=True)
    assert parse(r"'\ud83d\ude00'") == nodes.String(value="😀")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "Expected an expression, found the end, at column 1"),
        ("a.", "Expected a name, found the end, at column 3"),
        ("a b", "Expected an operator or the end, found 'b', at column 3"),
        ("a +", "Expected an expression, found the end"),
        ("(a", r"Expected '\)', found the end"),
        ("a[1", r"Expected '\]', found the end"),
        ("f(a,)", r"Expected an expression, found '\)'"),
        ("'open", "The string is not closed, at column 1"),
        ("`open", "The quoted name is not closed"),
        ("a /* open", "The comment is not closed, at column 3"),
        ("a ? b", r"'\?' is not part of FHIRPath, at column 3"),
        ("a.1", "Expected a name, found '1'"),
        ("a\n  .b )", "at line 2, column 6"),
        ("a is 5", "Expected the name of a type, found '5'"),
        ("1" * 65, "A number may have 64 digits"),
        ("$that", r"'\$' is not part of FHIRPath"),
    ],
)
def test_a_fault_is_named_with_its_place(text: str, complaint: str) -> None:
    with pytest.raises(FhirPathError, match=complaint):
        parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 5_000 + "a" + ")" * 5_000, "-" * 20_000 + "1", "a" + ".a" * 10_000, "a" + "[a" * 5_000,
        "a" + " | a" * 8_000, "f(" * 8_000, "a" + " as b" * 5_000, "x" * (MAX_LENGTH + 1), "/*" * 16_000,
        "'" * 32_767, "a+" * 16_000 + "a",
    ],
)  # fmt: skip
def test_hostile_length_and_depth_end_in_a_clear_fault(text: str) -> None:
    with pytest.raises(FhirPathError) as fault:
        parse(text)
    assert len(str(fault.value)) < 300


def test_the_deepest_tree_can_be_walked() -> None:
    assert to_text(parse("a" + ".a" * (MAX_DEPTH - 1))).count(".") == MAX_DEPTH - 1
    with pytest.raises(FhirPathError, match="levels deep"):
        parse("a" + ".a" * MAX_DEPTH)


@settings(derandomize=True, max_examples=300)
@given(st.text(alphabet="ab.()[]{}'`\"%$@+-*/&|<>=~!, 01T:\\\nu", max_size=40))
def test_any_text_parses_or_faults_and_what_parses_prints_and_parses_again(text: str) -> None:
    try:
        tree = parse(text)
    except FhirPathError as fault:
        assert 0 <= fault.position <= len(text)
        return
    printed = to_text(tree)
    assert to_text(parse(printed)) == printed


def constraints(elements: tuple[Element, ...]) -> list[str]:
    found = [c.expression for e in elements for c in e.constraints if c.expression]
    return found + [text for e in elements for text in constraints(e.children)]


@pytest.mark.parametrize("version", list(Version))
def test_every_expression_of_the_specification_parses(version: Version) -> None:
    definitions = load(version)
    expressions = {p.expression for p in definitions.search_parameters if p.expression}
    expressions |= {c.expression for p in definitions.search_parameters for c in p.components}
    for structure in definitions.structures.values():
        expressions.update(constraints(structure.elements))
        expressions.update(c.expression for c in structure.constraints if c.expression)
    assert len(expressions) > 1_000
    for expression in expressions:
        assert to_text(parse(to_text(parse(expression)))) == to_text(parse(expression))


def test_the_official_suite_parses(shared: Path) -> None:
    suite = ElementTree.parse(shared / "suites/fhirpath-r4/tests-fhir-r4.xml")
    expressions = [e for e in suite.iter("expression") if e.text]
    assert len(expressions) > 900
    for expression in expressions:
        text = expression.text or ""
        if expression.get("invalid") == "syntax":
            with pytest.raises(FhirPathError):
                parse(text)
        elif "T14:34:28Z" in text or "T14:34:28+10:00" in text:
            continue  # a time with a zone: the suite wants an error, at any stage
        else:
            parse(text)
