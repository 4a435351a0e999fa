r"""Taking the text of a parameter value apart: `,` `|` `$` separate, and `\,` `\|` `\$` `\\` stand for themselves.

Specification: https://hl7.org/fhir/R4/search.html#escaping.
"""

import re

_SPECIAL = re.compile(r"([,|$\\])")
_ESCAPED = re.compile(r"\\([,|$\\])")


def split(text: str, separator: str) -> list[str]:
    """The parts of `text` between unescaped separators (`,`, `|` or `$`), with their escapes still in them."""
    if "\\" not in text:
        return text.split(separator)
    parts: list[str] = []
    start = position = 0
    while position < len(text):
        if text[position] == "\\":
            position += 1
        elif text[position] == separator:
            parts.append(text[start:position])
            start = position + 1
        position += 1
    parts.append(text[start:])
    return parts


def unescape(text: str) -> str:
    """The text that was meant, once nothing is left to split."""
    return _ESCAPED.sub(r"\1", text) if "\\" in text else text


def escape(text: str) -> str:
    """`text` as a value that means exactly it."""
    return _SPECIAL.sub(r"\\\1", text)


def values(text: str) -> list[str]:
    """The non-empty alternatives of a parameter value, escapes still in them, surrounding blanks removed."""
    return [part for part in map(str.strip, split(text, ",")) if part]
