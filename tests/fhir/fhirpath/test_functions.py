"""Functions on collections, strings and numbers (http://hl7.org/fhirpath/#functions)."""

from decimal import Decimal
from typing import Any

import pytest

from suture.fhirpath import FhirPathError
from tests.fhir.fhirpath.given import PATIENT, answer

ANSWERS: dict[str, list[Any]] = {
    # existence
    "{}.empty()": [True], "{}.exists()": [False], "(1 | 2).exists($this > 1)": [True], "{}.all(false)": [True],
    "(1 | 2).all($this > 1)": [False], "{}.allTrue()": [True], "{}.anyTrue()": [False],
    "(true | false).anyFalse()": [True],
    "(1 | 2).subsetOf(1 | 2 | 3)": [True], "{}.subsetOf({})": [True], "(1).supersetOf(1 | 2)": [False],
    "1.combine(2).combine(1).isDistinct()": [False], "1.combine(1).distinct()": [1],
    # filtering
    "(1 | 2 | 3).where($index > 0)": [2, 3], "(1 | 2 | 3).select($this * $index)": [0, 2, 6],
    "(1 | 2).select((10 | 20).where($index = 0).select($index) + $index)": [0, 1], "{}.where(1 / 0 = 1)": [],
    "(1 | 2 | 3 | 4).aggregate($total + $this, 0)": [10], "{}.aggregate($total + 1, 5)": [5],
    "1.repeat(iif($this < 4, $this + 1, {}))": [2, 3, 4],
    "'a'.repeatAll(iif($this.length() < 3, $this & 'a', {}))": ["aa", "aaa"],
    "coalesce({}, 'a', 1 / 0)": ["a"], "coalesce({}, {})": [], "iif(true, 'a', 1 + 'x')": ["a"], "iif({}, 'a')": [],
    # subsetting and combining
    "(1 | 2 | 3).tail()": [2, 3], "(1 | 2 | 3).skip(5)": [], "(1 | 2 | 3).take(-1)": [], "(1 | 2)[1]": [2],
    "(1 | 2)[9]": [],
    "{}.single()": [], "(1 | 2 | 2).intersect(2 | 5)": [2], "(1 | 2).combine(2 | 3)": [1, 2, 2, 3],
    "1.combine(1).exclude(2)": [1, 1], "(1 | 2).union(2 | 3)": [1, 2, 3],
    # sort: http://hl7.org/fhirpath/#fn-sort
    "(3 | 1 | 2).sort()": [1, 2, 3], "(3 | 1 | 2).sort($this desc)": [3, 2, 1], "(3 | 1 | 2).sort(-$this)": [3, 2, 1],
    "('c' | 'a' | 'b').sort(-$this)": ["c", "b", "a"], "('3' | '1' | '10').sort()": ["1", "10", "3"],
    "('bb' | 'a' | 'cc' | 'dd').sort(length() desc, $this asc)": ["bb", "cc", "dd", "a"],
    # strings
    "'a🔥b'.indexOf('b')": [2], "'abc abc'.lastIndexOf('a')": [4], "'abc'.substring(1, 1)": ["b"],
    "'abc'.substring(3)": [],
    "'abc'.substring(1, {})": ["bc"], "'abc'.substring(1, -1)": [""], "'abc'.replace('', 'x')": ["xaxbxcx"],
    "'\\ud83d\\udd25'.length()": [1], "' a\\t'.trim()": ["a"], "'A,,C'.split(',')": ["A", "", "C"],
    "('a' | 'b').join()": ["ab"],
    "'test'.encode('hex')": ["74657374"], "'zz'.decode('hex')": [], "'é'.encode('ascii')": ["?"],
    "'/w=='.decode('base64')": [],
    "'c3ViamVjdHM_X2Q='.decode('urlbase64')": ["subjects?_d"], "'\"<&'.escape('html')": ["&quot;&lt;&amp;"],
    "'a\"\\n'.escape('json').unescape('json')": ['a"\n'], "'abc'.toChars()": ["a", "b", "c"],
    # regular expressions
    "'a\\nb'.matches('^b', 'm')": [True], "'a\\nb'.matches('a.b')": [True], "'AB'.matches('b$', 'i')": [True],
    "'abc'.matchesFull('b')": [False], "'1/2'.replaceMatches('(\\\\d)/(?P<b>\\\\d)', '${b}-$1-$$')": ["2-1-$"],
    "'aaab'.replaceMatches('a*', 'x')": ["xxbx"],
    "'had Mary'.replaceMatches('(\\\\w+) (\\\\w+)', '\\\\2, \\\\1 (\\\\0)')": ["Mary, had (had Mary)"],
    # numbers
    "1.5.round()": [Decimal(2)], "(-0.5).round()": [Decimal(-1)], "3.14159.round(3)": [Decimal("3.142")],
    "2.power(3)": [8],
    "2.power(-1)": [Decimal("0.5")], "(-1).power(0.5)": [], "16.log(2)": [Decimal(4)], "0.ln()": [],
    "81.sqrt()": [Decimal(9)],
    "(-1).sqrt()": [], "(-1.5).floor()": [-2], "(-1.5).ceiling()": [-1], "(-1.5).truncate()": [-1],
    "0.exp()": [Decimal(1)],
    "0.power(0)": [1], "100.0.exp().round(0).toString().length()": [44],
    "0.0.lowBoundary(2)": [Decimal("-0.05")], "0.00.highBoundary(4)": [Decimal("0.0050")], "1.log(1)": [],
    "10.power(1000)": [], "(1.0 | 2.0).avg()": [Decimal("1.5")], "{}.sum()": [], "('a' | 'b').max()": ["b"],
    "1.587.lowBoundary(2)": [Decimal("1.58")], "0.highBoundary()": [Decimal("0.50000000")], "1.50.precision()": [2],
    # conversions
    "'1'.toLong()": [1], "'+5'.toInteger()": [5], "'1.0'.toInteger()": [], "'YES'.toBoolean()": [True],
    "2.toBoolean()": [],
    "true.toDecimal()": [Decimal("1.0")], "1.5.toString()": ["1.5"], "'x'.convertsToDecimal()": [False],
    "{}.convertsToDecimal()": [],
    # variables: http://hl7.org/fhirpath/#definevariable
    "defineVariable('a', 1).select(%a + 1)": [2], "(1 | 2).defineVariable('all').select(%all.count())": [2, 2],
    "(1 | 2).select(defineVariable('x').select(%x * 2))": [2, 4],
    "defineVariable('x', 1).select(%x) | defineVariable('x', 2).select(%x)": [1, 2],
    "defineVariable('n' & 'x', 'v').select(%nx)": ["v"],
    "defineVariable(defineVariable('p', 'q').select(%p), 'v').select(%q)": ["v"],
    "'aaa'.replace(defineVariable('p', 'aaa').select(%p), defineVariable('p', 'b').select(%p))": ["b"],
    # reflection
    "1.type().name": ["Integer"], "'a'.type().namespace": ["System"], "1.5 'mg'.value": [Decimal("1.5")],
}  # fmt: skip


@pytest.mark.parametrize("expression", ANSWERS)
def test_a_function_gives(expression: str) -> None:
    focus = {"resourceType": "Patient"} if "defineVariable" in expression else None
    found, wanted = answer(expression, focus), ANSWERS[expression]
    assert found == wanted
    assert [type(one) for one in found] == [type(one) for one in wanted]


@pytest.mark.parametrize(
    ("expression", "complaint"),
    [
        ("(1 | 2).single()", r"single\(\) found 2 items"),
        ("('a' | 'b').upper()", "A String is expected, there are 2"),
        ("1.5.indexOf('a')", "it is applied to a Decimal"),
        ("'a'.indexOf(1)", "A String is expected, this is an Integer"),
        ("'a'.matches('(?=a)')", "no look-around"),
        ("'a'.matches('a', 'x')", "flags"),
        ("'a'.encode('rot13')", "'rot13' is not an encoding; those are hex, base64"),
        ("1.round(-1)", "at least 0"),
        ("0.log(2)", "greater than 0"),
        ("2.log(-1)", "greater than 0"),
        ("(1 | 'a').sort()", r"'sort\(\)' does not take"),
        ("(1 | 2).iif(true, 1)", r"iif\(\) is applied to a single item, there are 2"),
        ("('a' | 1).max()", "one type"),
        ("true.sum()", r"sum\(\) can take"),
        ("('a' | true).allTrue()", "A Boolean is expected, this is a String"),
        ("(1 | 2).toString()", "A single item is expected, there are 2"),
        ("'a'.replaceMatches('a', '$1')", "no group '1'"),
        ("%nobody", "There is no variable %nobody"),
        ("defineVariable('x').defineVariable('x')", "%x exists already"),
        ("defineVariable('context', 1)", "%context exists already"),
        ("(1 | 2).select(defineVariable('x', 1)) | %x", "There is no variable %x"),
        ("defineVariable('con' & 'text', 1)", "%context exists already"),
        ("'a'.foo()", r"There is no function foo\(\)"),
        ("'a'.substring()", "takes 1 to 2 arguments, there are 0"),
        ("(1).where()", "takes 1 arguments, there are 0"),
        ("(1).all()", "takes 1 arguments, there are 0"),
        ("1.as(Foo)", "There is no type 'Foo'"),
        ("1 is FHIR.Foo", "There is no type 'FHIR.Foo'"),
        ("2147483648", "32 bits"),
    ],
)
def test_a_mistake_is_an_error_that_says_what(expression: str, complaint: str) -> None:
    with pytest.raises(FhirPathError, match=complaint):
        answer(expression)


def test_errors_name_the_place_of_the_part_that_failed() -> None:
    with pytest.raises(FhirPathError, match="at column 9 of the FHIRPath expression") as fault:
        answer("{} or 1 - 'a'")
    assert fault.value.position == 8


def test_sort_keeps_the_order_of_equals_and_puts_nothing_first() -> None:
    assert answer("name.sort(family).use", PATIENT) == ["usual", "official"]
    assert answer("name.sort(family desc).use", PATIENT) == ["official", "usual"]
    assert answer("name.sort(-family).use", PATIENT) == ["usual", "official"]


def test_children_and_descendants() -> None:
    assert answer("contact.children().type().name", PATIENT) == ["CodeableConcept", "code"]
    assert answer("gender.children().url", PATIENT) == ["http://why"]
    assert sorted(answer("contact.descendants().ofType(code)", PATIENT)) == ["N", "female"]


def test_paths() -> None:
    assert answer("name.given.where($this = 'Addie').pathname(true)", PATIENT) == ["Patient.name[1].given[0]"]
    assert answer("birthDate.pathname()", PATIENT) == ["Patient.birthDate[0]"]
    assert answer("(name.family & 'x').pathname()", PATIENT) == []
    assert answer("descendants().ofType(Coding).pathname(true)", PATIENT) == [
        "Patient.contact[0].relationship[0].coding[0]"
    ]
    assert answer("multipleBirth.pathname(true)", PATIENT) == ["Patient.multipleBirth"]
