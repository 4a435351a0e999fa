"""Narratives are well-formed, harmless XHTML (https://hl7.org/fhir/R4/narrative.html, rules txt-1 and txt-2)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suture.fhir.narrative import narrative_fault

DIV = '<div xmlns="http://www.w3.org/1999/xhtml">{}</div>'


@pytest.mark.parametrize(
    "content",
    [
        "text",
        "<p>a <b>b</b><br/></p>",
        "<table border='1' class='grid'><tr><td colspan='2'>x</td></tr></table>",
        '<a name="x"/>text',
        '<a href="https://example.org/a?b=c&amp;d=e">x</a>',
        '<a href="Patient/1">x</a>',
        '<a href="?a=b:c">x</a>',
        '<a href="#part">x</a>',
        '<a href="mailto:a@example.org">x</a>',
        '<img src="data:image/png;base64,AAAA" alt="x"/>',
        '<img src="#image"/>',
        '<img src="http://example.org/a.png"/>',
        '<p style="color: red; background-image: url(data:image/png;base64,AA)">x</p>',
        "&amp; &lt; &gt; &quot; &apos; &#160; &#xA0;",
        "<!-- a remark -->text",
        '<p xml:lang="de" lang="de" dir="ltr">x</p>',
        "<ul><li>a</li></ul><dl><dt>b</dt><dd>c</dd></dl>",
    ],
)
def test_basic_formatting_is_allowed(content: str) -> None:
    assert narrative_fault(DIV.format(content)) is None


@pytest.mark.parametrize(
    "content",
    [
        "<script>alert(1)</script>",
        "<p onclick='x()'>a</p>",
        "<div onmouseover='x'>a</div>",
        "<form><input/></form>",
        "<iframe src='x'/>a",
        "<object data='x'/>a",
        "<link rel='stylesheet' href='x'/>a",
        "<style>p {}</style>a",
        "<base href='x'/>a",
        "<body>a</body>",
        "<head/>a",
        "<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>a",
        "<math/>a",
        "<font>a</font>",
        "<center>a</center>",
        "<video src='x'/>a",
        "<del>a</del>",
        "<x:script xmlns:x='http://www.w3.org/1999/xhtml'>a</x:script>",
        "<p data-x='1'>a</p>",
        "<p xmlns='urn:other'>a</p>",
    ],
)
def test_other_elements_and_attributes_are_refused(content: str) -> None:
    assert narrative_fault(DIV.format(content)) is not None


@pytest.mark.parametrize(
    "href",
    [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        " javascript:alert(1)",
        "java&#9;script:alert(1)",
        "java&#10;script:alert(1)",
        "&#106;avascript:alert(1)",
        "vbscript:x",
        "data:text/html,x",
        "data:image/png;base64,AAAA",
        "file:///etc/passwd",
        "blob:x",
        "x-unknown:y",
    ],
)
def test_links_that_run_code_are_refused(href: str) -> None:
    assert "unsafe href" in str(narrative_fault(DIV.format(f'<a href="{href}">x</a>')))


@pytest.mark.parametrize("src", ["javascript:x", "data:text/html,x", "data:application/javascript,x", "x-unknown:y"])
def test_images_that_run_code_are_refused(src: str) -> None:
    assert "unsafe src" in str(narrative_fault(DIV.format(f'<img src="{src}"/>')))


@pytest.mark.parametrize(
    "style",
    [
        "width: expression(alert(1))",
        "background: url(javascript:alert(1))",
        "behavior: url(x.htc)",
        "-moz-binding: url(x)",
        "@import 'x'",
        "width: exp/**/ression(alert(1))",
        "width: \\65xpression(1)",
    ],
)
def test_styles_that_run_code_are_refused(style: str) -> None:
    assert "unsafe style" in str(narrative_fault(DIV.format(f'<p style="{style}">x</p>')))


@pytest.mark.parametrize(
    ("div", "why"),
    [
        ("", "not well-formed"),
        ("text", "not well-formed"),
        ("<div>x</div>", "namespace"),
        ('<div xmlns="urn:other">x</div>', "namespace"),
        ('<p xmlns="http://www.w3.org/1999/xhtml">x</p>', "must be one <div>"),
        (DIV.format("x") + DIV.format("y"), "not well-formed"),
        (DIV.format("<p>"), "not well-formed"),
        (DIV.format("<p></b>"), "not well-formed"),
        (DIV.format("<p a=1>x</p>"), "not well-formed"),
        (DIV.format(""), "empty"),
        (DIV.format("  \n "), "empty"),
        (DIV.format("<p> <br/> </p>"), "empty"),
        (DIV.format("<!-- text -->"), "empty"),
        (DIV.format("&nbsp;"), "'&nbsp;'"),
        (DIV.format("a & b"), "&amp;"),
        (DIV.format("&#1;"), "not well-formed"),
        ("<!DOCTYPE div>" + DIV.format("x"), "DOCTYPE"),
        ('<!DOCTYPE div [<!ENTITY a "b">]>' + DIV.format("&a;"), "DOCTYPE"),
        (DIV.format("<![CDATA[x]]>"), "CDATA"),
        (DIV.format("<?php x ?>"), "processing instruction"),
        ('<?xml version="1.0"?>' + DIV.format("x"), "processing instruction"),
        (DIV.format("<p>" * 101 + "x" + "</p>" * 101), "deeper"),
    ],
)
def test_what_is_no_narrative_is_refused_with_a_reason(div: str, why: str) -> None:
    assert why in str(narrative_fault(div))


def test_an_image_alone_is_content() -> None:
    assert narrative_fault(DIV.format('<img src="#i"/>')) is None
    assert narrative_fault(DIV.format('<img alt="x"/>')) is not None


@given(st.one_of(st.text(max_size=60), st.text('<>/="&;:# abdivpscr!-?[]', max_size=60)))
@settings(max_examples=300, derandomize=True, deadline=None)
def test_any_text_is_judged_and_scripts_never_pass(text: str) -> None:
    for div in (text, DIV.format(text)):
        fault = narrative_fault(div)
        if fault is None:
            assert "<script" not in div
