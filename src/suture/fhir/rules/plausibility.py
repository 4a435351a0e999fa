"""Values that are allowed and yet are most likely mistakes: dates far away, text that looks like markup.

Warnings only, but for text that a browser could run, where the caller asks for that check.
Specification: https://hl7.org/fhir/R4/datatypes.html#date, https://hl7.org/fhir/R4/security.html#narrative.
"""

import re
from collections.abc import Iterable

from suture.fhir.outcomes import Issue
from suture.fhir.rules.seen import Seen

_EARLIEST_YEAR = 1800
_LATEST_YEAR = 2200
# Embeddings and overrides end with U+202C, isolates with U+2069.
_CLOSED_BY = {**dict.fromkeys("\u202a\u202b\u202d\u202e", "\u202c"), **dict.fromkeys("\u2066\u2067\u2068", "\u2069")}
_TAG = re.compile(r"<[A-Za-z/!][^<>]{0,200}").search
_LINK = re.compile(r"<(?:https?:|mailto:|[\w.+\-]+@)", re.IGNORECASE).match


def date_in_range(seen: Seen) -> Iterable[Issue]:
    """A year that people live in."""
    year = seen.value[:4] if isinstance(seen.value, str) else ""
    if year.isascii() and year.isdigit() and not _EARLIEST_YEAR <= int(year) <= _LATEST_YEAR:
        yield seen.warning("value", f"The year {year} is far away; is it a slip of the pen?")


def white_space(seen: Seen) -> Iterable[Issue]:
    """Text that neither starts nor ends with white space."""
    value = seen.value
    if isinstance(value, str) and value and (value[0].isspace() or value[-1].isspace()):
        yield seen.warning("value", "The text starts or ends with white space.")


def directions(seen: Seen) -> Iterable[Issue]:
    """Controls of writing direction that end: open ones let a text show as another one than it is."""
    value = seen.value
    if not isinstance(value, str) or value.isascii():
        return
    open_controls: list[str] = []
    for character in value:
        if character in _CLOSED_BY:
            open_controls.append(_CLOSED_BY[character])
        elif character in _CLOSED_BY.values() and (not open_controls or open_controls.pop() != character):
            yield seen.warning("security", "The text ends a writing direction that it did not start.")
            return
    if open_controls:
        yield seen.warning("security", "The text does not end a writing direction that it starts (CVE-2021-42574).")


def markup(seen: Seen) -> Iterable[Issue]:
    """Text in Markdown or plain text with something like an HTML tag."""
    text = seen.value
    found = _TAG(text) if isinstance(text, str) and "<" in text else None
    if found is None or _LINK(text, found.start()):
        return
    start = found[0][:20]
    if seen.scene.expectations.security:
        yield seen.error("security", f"The text contains what looks like an HTML tag: '{start}'.")
    elif seen.type == "markdown":
        yield seen.warning(
            "invalid", f"The text contains what looks like an HTML tag, which will be shown as it is: '{start}'."
        )
