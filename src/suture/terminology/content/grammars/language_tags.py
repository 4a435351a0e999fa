"""Language tags, urn:ietf:bcp:47: https://www.rfc-editor.org/rfc/rfc5646, with the filters of FHIR's own definition.

A filter `region exists false` asks for the tags without a region; `language`, `script` and `region` also take `=`.
"""

import re

from suture.fhir.open_codes import is_language
from suture.terminology.content.grammars.countries import COUNTRIES
from suture.terminology.content.grammars.grammar import Grammar
from suture.terminology.content.grammars.languages import LANGUAGES
from suture.terminology.systems import Concept, Declared, Head

SCRIPTS = {
    "Arab": "Arabic", "Armn": "Armenian", "Beng": "Bengali", "Cyrl": "Cyrillic", "Deva": "Devanagari",
    "Ethi": "Ethiopic", "Geor": "Georgian", "Grek": "Greek", "Gujr": "Gujarati", "Guru": "Gurmukhi",
    "Hans": "Simplified Han",    "Hant": "Traditional Han", "Hebr": "Hebrew", "Jpan": "Japanese", "Khmr": "Khmer",
    "Knda": "Kannada", "Kore": "Korean", "Laoo": "Lao", "Latn": "Latin", "Mlym": "Malayalam",
    "Mong": "Mongolian", "Mymr": "Myanmar", "Orya": "Odia",
    "Sinh": "Sinhala", "Taml": "Tamil", "Telu": "Telugu", "Thai": "Thai", "Tibt": "Tibetan",
}  # fmt: skip

PARTS = ("language", "ext-lang", "script", "region", "variant", "extension", "private-use")

_EXTENDED = re.compile(r"[a-z]{3}")
_SCRIPT = re.compile(r"[a-z]{4}")
_REGION = re.compile(r"[a-z]{2}|[0-9]{3}")
_VARIANT = re.compile(r"[a-z0-9]{5,8}|[0-9][a-z0-9]{3}")


def parts_of(tag: str) -> dict[str, str]:
    """The parts of a well-formed tag by their names in PARTS, in its own writing."""
    pieces = tag.split("-")
    found: dict[str, list[str]] = {}
    if pieces[0].lower() in ("x", "i"):
        return {"private-use": tag}
    found["language"] = [pieces[0]]
    stage = 0
    stages = (("ext-lang", _EXTENDED), ("script", _SCRIPT), ("region", _REGION), ("variant", _VARIANT))
    at = 1
    while at < len(pieces) and len(pieces[at]) > 1:
        lower = pieces[at].lower()
        while stage < len(stages) and not stages[stage][1].fullmatch(lower):
            stage += 1
        if stage == len(stages):
            break
        found.setdefault(stages[stage][0], []).append(pieces[at])
        at += 1
    rest = pieces[at:]
    private = next((place for place, piece in enumerate(rest) if piece.lower() == "x"), len(rest))
    if rest[:private]:
        found["extension"] = rest[:private]
    if rest[private:]:
        found["private-use"] = rest[private:]
    return {name: "-".join(values) for name, values in found.items()}


class LanguageTags(Grammar):
    """BCP 47."""

    def __init__(self) -> None:
        super().__init__(
            Head(
                "urn:ietf:bcp:47", "", "LanguageTags", "Tags for the identification of languages (BCP 47)",
                case_sensitive=False, value_set="http://hl7.org/fhir/ValueSet/all-languages",
                properties=tuple(Declared(part, "code") for part in PARTS),
                filters=dict.fromkeys(PARTS, ("=", "in", "exists")),
            )
        )  # fmt: skip

    def named(self, code: str) -> str | None:
        """Language, script and region by their names, such as `German (Switzerland)`; else the tag itself."""
        if not is_language(code):
            return None
        parts = parts_of(code)
        language = LANGUAGES.get(parts.get("language", "").lower())
        if language is None or not parts.keys() <= {"language", "script", "region"}:
            return code
        script, region = parts.get("script", ""), parts.get("region", "")
        named = (SCRIPTS.get(script.title(), script), COUNTRIES.get(region.upper(), region))
        within = ", ".join(name for name in named if name)
        return f"{language} ({within})" if within else language

    async def satisfies(self, concept: Concept, property: str, op: str, value: str) -> bool:
        """Whether a tag has a part, or one of these values of it."""
        if property not in PARTS or op not in ("=", "in", "exists"):
            return await super().satisfies(concept, property, op, value)
        part = parts_of(concept.code).get(property)
        if op == "exists":
            return (part is not None) == (value == "true")
        wanted = [value] if op == "=" else value.split(",")
        return part is not None and part.lower() in [each.strip().lower() for each in wanted]
