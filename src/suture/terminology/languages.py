"""Languages that are asked for, with their weights, and how they match the languages of displays.

Specification: https://www.rfc-editor.org/rfc/rfc9110#field.accept-language, BCP 47 tags
(https://www.rfc-editor.org/rfc/rfc5646), and https://build.fhir.org/ig/HL7/fhir-tx-ecosystem-ig/languages.html. The one
thing to know: an expansion falls back to any language unless `*;q=0` forbids it, a validation does not.
"""

import re
from collections.abc import Callable

import msgspec

MAX_LANGUAGES = 20
"""Languages of one request that are looked at."""

_TAG = re.compile(r"\*|[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*")


class Language(msgspec.Struct, frozen=True):
    """One language that is asked for. `weight`: 0 … 1; 0 refuses it. `written`: as in the request."""

    tag: str
    weight: float = 1.0
    written: str = ""


class Languages(msgspec.Struct, frozen=True):
    """The languages of a request, the most wanted first."""

    wanted: tuple[Language, ...]

    @property
    def summary(self) -> str:
        """As it is shown in messages and echoed: `en, en-AU; q=0.4`."""
        return ", ".join(one.written for one in self.wanted)

    @property
    def well_formed(self) -> bool:
        """Whether each of them has the form of a language tag."""
        return all(_TAG.fullmatch(one.tag) for one in self.wanted)

    @property
    def any_other(self) -> bool:
        """Whether any other language will do: true unless `*` is refused."""
        return not any(one.tag == "*" and one.weight <= 0 for one in self.wanted)


def parse(text: str) -> Languages | None:
    """The languages of a `displayLanguage` or an `Accept-Language`; None when there are none."""
    found: list[Language] = []
    for part in text.split(",")[:MAX_LANGUAGES]:
        tag, _, parameters = part.strip().partition(";")
        tag = tag.strip()
        if not tag:
            continue
        weight, shown = 1.0, tag
        for parameter in parameters.split(";"):
            name, _, value = parameter.strip().partition("=")
            if name.strip() == "q":
                weight, shown = _weight(value.strip()), f"{tag}; q={value.strip()}"
        found.append(Language(tag, weight, shown))
    found.sort(key=lambda one: -one.weight)
    return Languages(tuple(found)) if found else None


def _weight(text: str) -> float:
    try:
        return min(max(float(text), 0.0), 1.0)
    except ValueError:
        return 1.0


def same(asked: str, stated: str) -> bool:
    """The same tag."""
    return asked.lower() == stated.lower()


def same_region(asked: str, stated: str) -> bool:
    """The same language and region, whatever else the tags say."""
    return _parts(asked) == _parts(stated)


def same_language(asked: str, stated: str) -> bool:
    """The same language, in whatever region."""
    return _parts(asked)[0] == _parts(stated)[0]


CLOSENESS: tuple[Callable[[str, str], bool], ...] = (same, same_region, same_language)
"""The ways in which a language may match, the closest first."""


def accepts(languages: Languages | None, stated: str) -> bool:
    """Whether a text in the language `stated` is one that was asked for; one without a language always is."""
    if languages is None or not stated:
        return True
    return any(one.weight > 0 and (one.tag == "*" or same_language(one.tag, stated)) for one in languages.wanted)


def _parts(tag: str) -> tuple[str, str]:
    """Language and region of a tag, in lower case."""
    language, *others = tag.lower().split("-")
    region = next((one for one in others if len(one) == 2 or (len(one) == 3 and one.isdigit())), "")
    return language, region
