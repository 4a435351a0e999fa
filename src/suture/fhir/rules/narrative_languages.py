"""Language sections of a narrative: parts of the text that stand in a `<div>` with a language of their own.

Specification: https://hl7.org/fhir/R5/narrative.html#lang and the extension narrative-language-control, by which a
profile says which sections a narrative must have.
"""

from collections.abc import Iterable, Iterator, Sequence
from xml.parsers.expat import ExpatError, ParserCreate

from suture.fhir.outcomes import Issue
from suture.fhir.rules.seen import Seen
from suture.fhir.rules.shapes import text

CONTROL = "http://hl7.org/fhir/StructureDefinition/narrative-language-control"
"""The extension of an ElementDefinition."""


def mixed_languages(seen: Seen) -> Iterable[Issue]:
    """With language sections, all of the text stands in one."""
    languages, others = sections(text(seen.value, "div"))
    if languages and others:
        yield seen.warning(
            "business-rule",
            f"The narrative has sections for {', '.join(languages)[:200]}, and text that is in none of them.",
            "div",
        )


def control_faults(div: str, controls: Sequence[str], language: str) -> Iterator[str]:
    """What a narrative lacks that a profile wants of its languages, as sentences.

    `controls`: the values of the extension: `_no`, `_yes`, `_resource` or a language. `language`: the resource's.
    """
    languages, _ = sections(div)
    found = ", ".join(languages)[:200] or "none"
    for control in controls:
        if control == "_no":
            if languages:
                yield f"The narrative must have no language sections; it has some ({found})."
        elif control == "_yes":
            if not languages:
                yield "The narrative must have language sections."
        else:
            wanted = language if control == "_resource" else control
            if wanted and wanted not in languages:
                yield f"The narrative must have a section in '{wanted[:20]}'; there is {found}."


def sections(div: str) -> tuple[list[str], bool]:
    """The languages of the sections directly below the outer `<div>`, and whether there is other text."""
    if "lang" not in div:
        return [], True
    languages: list[str] = []
    depth = 0
    inside = 0
    others = False

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth, inside
        depth += 1
        if depth == 2 and name == "div":
            language = attributes.get("lang") or attributes.get("xml:lang")
            if language:
                languages.append(language)
                inside = depth

    def end(_: str) -> None:
        nonlocal depth, inside
        if depth == inside:
            inside = 0
        depth -= 1

    def data(characters: str) -> None:
        nonlocal others
        if not inside and not characters.isspace():
            others = True

    parser = ParserCreate()
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = data
    try:
        parser.Parse(div, True)
    except ExpatError:
        # That it is no XHTML is a matter of its form.
        return [], True
    return languages, others
