"""The names of a concept: which one is shown for a language, and whether a display that somebody sent is one of them.

Specification: https://hl7.org/fhir/R4/valueset-operation-expand.html (displayLanguage) and
https://build.fhir.org/ig/HL7/fhir-tx-ecosystem-ig/languages.html. The one thing to know: every designation is a correct
display in its language, but only those without a use, or with one that means a display, are proposed as such.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from suture.terminology.languages import CLOSENESS, Languages, accepts, same_language
from suture.terminology.properties import STANDARDS_STATUS
from suture.terminology.supplements import SOURCE
from suture.terminology.systems import Concept, Designation, Head, Json

PREFERRED: Json = {
    "system": "http://terminology.hl7.org/CodeSystem/hl7TermMaintInfra",
    "code": "preferredForLanguage",
}
"""The use of the display that a code system gives."""

_SHOWN = frozenset((
    ("http://terminology.hl7.org/CodeSystem/hl7TermMaintInfra", "preferredForLanguage"),
    ("http://terminology.hl7.org/CodeSystem/designation-usage", "display"),
    ("http://snomed.info/sct", "900000000000013009"),
    ("http://snomed.info/sct", "900000000000548007"),
))  # fmt: skip
_FULLY_SPECIFIED = ("http://snomed.info/sct", "900000000000003001")
_GONE = frozenset(("withdrawn", "deprecated", "inactive"))


class Name(msgspec.Struct, frozen=True):
    """One name. `main`: the display of the code system or of the value set. `gone`: it is no longer to be used.
    `source`: the supplement that it is from, or "".
    """

    value: str
    language: str = ""
    use: Json | None = None
    main: bool = False
    gone: bool = False
    source: str = ""
    extension: Sequence[Json] = ()

    @property
    def shown(self) -> bool:
        """Whether it is a display, not a name for some other use."""
        return self.use is None or (self.use.get("system"), self.use.get("code")) in _SHOWN


Names = Sequence[Name]


def names_of(concept: Concept, head: Head, listed: Json | None = None, language: str = "") -> list[Name]:
    """The names of a concept, the display of its code system first.

    `listed`: its entry in a value set, whose own display and designations come after; `language`: of the value set.
    """
    found: list[Name] = []
    if concept.display:
        found.append(Name(concept.display, concept.language or head.language, PREFERRED, main=True))
    found += [_named(one) for one in concept.designations]
    if listed is not None:
        if listed.get("display"):
            found.append(own_name(listed, language))
        found += [
            _named(Designation(one["value"].strip(), one.get("language", ""), one.get("use"), one.get("extension", ())))
            for one in listed.get("designation", ())
            if one.get("value")
        ]
    return found


def own_name(listed: Json, language: str) -> Name:
    """The display that a value set gives to a concept."""
    return Name(listed["display"].strip(), language, PREFERRED, main=True)


def _named(one: Designation) -> Name:
    gone = any(each.get("url") == STANDARDS_STATUS and each.get("valueCode") in _GONE for each in one.extension)
    source = next((each["valueCanonical"] for each in one.extension if each.get("url") == SOURCE), "")
    kept = [each for each in one.extension if each.get("url") != SOURCE] if source else one.extension
    return Name(one.value, one.language, one.use, gone=gone, source=source, extension=kept)


def preferred(names: Names, languages: Languages | None) -> Name | None:
    """The name to show. With languages the closest of the most wanted one; None where none of them will do."""
    if languages is None:
        return _first(names, lambda name: name.main) or _first(names, lambda name: name.shown) or _any(names)
    for wanted in languages.wanted:
        if wanted.weight <= 0:
            continue
        if wanted.tag == "*":
            return preferred(names, None)
        for close in CLOSENESS:
            fitting = [name for name in names if name.language and close(wanted.tag, name.language)]
            found = _first(fitting, lambda name: name.main) or _first(fitting, lambda name: name.shown) or _any(fitting)
            if found is not None:
                return found
    return _first([name for name in names if not name.language], lambda name: name.shown)


def _first(names: Iterable[Name], fits: Callable[[Name], bool]) -> Name | None:
    fitting = [name for name in names if fits(name)]
    return next((name for name in fitting if not name.gone), fitting[0] if fitting else None)


def _any(names: Names) -> Name | None:
    return _first((name for name in names if _use(name) != _FULLY_SPECIFIED), lambda _: True) or _first(
        names, lambda _: True
    )


def _use(name: Name) -> tuple[Any, Any]:
    return (name.use.get("system"), name.use.get("code")) if name.use else ("", "")


class Judgement(msgspec.Struct, frozen=True):
    """What is to be said of a display. `id`: of the message, "" where it is right. `text`: with every detail.

    `wrong`: it is not a display of the concept. `silent`: said, but not part of the summary.
    """

    id: str = ""
    text: str = ""
    wrong: bool = False
    kind: str = "invalid-display"
    severity: str = "error"
    silent: bool = False


RIGHT = Judgement()


def judge(display: str, names: Names, languages: Languages | None, head: Head, concept: str) -> Judgement:
    """Whether `display` is a name of the concept in the languages asked for. `concept`: `system#code`."""
    usable = [name for name in names if accepts(languages, name.language)]
    matching = [name for name in usable if _same(display, name.value)]
    if matching:
        if any(not name.gone for name in matching):
            return RIGHT
        return _gone(display, names, concept)
    asked = languages.summary if languages else "--"
    proposed = [name for name in usable if name.shown and not name.gone]
    if not proposed:
        return _none_for_language(display, names, head, concept, asked)
    spaced = any(_same(" ".join(display.split()), " ".join(name.value.split())) for name in usable)
    choices = " or ".join(_presented(proposed)) if len(proposed) < 3 else _or(_presented(proposed))
    valid = "Valid display is" if len(proposed) == 1 else f"Valid display is one of {len(proposed)} choices:"
    word = "Wrong whitespace in Display Name" if spaced else "Wrong Display Name"
    id = "Display_Name_WS_for__should_be_one_of__instead_of" if spaced else _WRONG
    text = f"{word} '{display}' for {concept}. {valid} {choices} (for the language(s) '{asked}')"
    return Judgement(id, text, wrong=True)


_WRONG = "Display_Name_for__should_be_one_of__instead_of"


def _none_for_language(display: str, names: Names, head: Head, concept: str, asked: str) -> Judgement:
    """There is no display in the languages asked for: the default language must do."""
    default = preferred(names, None)
    if default is None:
        text = f"Cannot validate display Name '{display}' for {concept}: No displays are known"
        return Judgement("NO_VALID_DISPLAY_AT_ALL", text, severity="warning")
    own = [name for name in names if not name.language or same_language(head.language or "en", name.language)]
    if any(_same(display, name.value) for name in own):
        text = (
            f"There are no valid display names found for the code {concept} for language(s) '{asked}'. "
            f"The display is '{display}' which is a valid display for the default language"
        )
        return Judgement("NO_VALID_DISPLAY_FOUND_NONE_FOR_LANG_OK", text, severity="information")
    text = (
        f"Wrong Display Name '{display}' for {concept}. There are no valid display names found for "
        f"language(s) '{asked}'. Default display is '{default.value}'"
    )
    return Judgement("NO_VALID_DISPLAY_FOUND_NONE_FOR_LANG_ERR", text, wrong=True)


def _gone(display: str, names: Names, concept: str) -> Judgement:
    code = concept.rpartition("#")[2]
    correct = dict.fromkeys(name.value for name in names if name.shown and not name.gone)
    choices = ",".join(f'"{value}"' for value in correct)
    text = (
        f"'{display}' is no longer considered a correct display for code '{code}' (status = deprecated). "
        f"The correct display is one of {choices}."
    )
    return Judgement("INACTIVE_DISPLAY_FOUND", text, kind="display-comment", severity="warning", silent=True)


def _same(one: str, other: str) -> bool:
    return one == other or one.casefold() == other.casefold()


def _presented(names: Names) -> list[str]:
    return [f"'{name.value}' ({name.language})" if name.language else f"'{name.value}'" for name in names]


def _or(choices: list[str]) -> str:
    return f"{', '.join(choices[:-1])} or {choices[-1]}"
