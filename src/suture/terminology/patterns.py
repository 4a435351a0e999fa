"""The regular expressions of filters in value sets."""

from collections.abc import Callable

from suture.fhir.regular_expressions import PatternRefused, compiled
from suture.terminology.refusals import shown, unsupported

MAX_PATTERN = 1000
"""Characters of a regular expression."""


def matcher(pattern: str) -> Callable[[str], bool]:
    """A function that tells whether a whole text matches `pattern`. Raises Invalid for what RE2 does not take."""
    if len(pattern) > MAX_PATTERN:
        raise unsupported(f"The regular expression {shown(pattern)!r} is longer than {MAX_PATTERN} characters.")
    try:
        found = compiled(pattern)
    except PatternRefused:
        raise unsupported(
            f"The regular expression {shown(pattern)!r} cannot be used: it is malformed, too large, or uses "
            "look-around or back-references."
        ) from None
    return lambda text: found.fullmatch(text) is not None
