"""Regular expressions of the resources that are judged."""

from suture.fhir.regular_expressions import PatternRefused, compiled

MAX_LENGTH = 1000
"""Characters of a pattern."""


def matches(pattern: str, text: str) -> bool | None:
    """Whether a whole text matches a pattern; None for one that cannot be read."""
    if len(pattern) > MAX_LENGTH:
        return None
    try:
        return compiled(pattern).fullmatch(text) is not None
    except PatternRefused:
        return None
