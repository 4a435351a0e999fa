"""Regular expressions from outside: RE2, which takes no longer than the text is, whatever the pattern."""

# The package has no type stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false

import re2

MAX_LENGTH = 1000
"""Characters of a pattern."""

_MAX_MEMORY = 1 << 20


def matches(pattern: str, text: str) -> bool | None:
    """Whether a whole text matches a pattern; None for one that cannot be read."""
    if len(pattern) > MAX_LENGTH:
        return None
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MAX_MEMORY
    try:
        return re2.compile(pattern, options).fullmatch(text) is not None
    except re2.error:
        return None
