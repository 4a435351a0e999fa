# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
"""Regular expressions from outside, matched in linear time and bounded memory.

The one thing to know: these are RE2 patterns (https://github.com/google/re2/wiki/Syntax), without look-around and
back-references, because a pattern in a stored value set must not be able to stop the server.
"""

from collections.abc import Callable

import re2

from suture.terminology.refusals import shown, unsupported

MAX_PATTERN = 1000
"""Characters of a regular expression."""

_MAX_MEMORY = 1 << 20


def matcher(pattern: str) -> Callable[[str], bool]:
    """A function that tells whether a whole text matches `pattern`. Raises Invalid for what RE2 does not take."""
    if len(pattern) > MAX_PATTERN:
        raise unsupported(f"The regular expression {shown(pattern)!r} is longer than {MAX_PATTERN} characters.")
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MAX_MEMORY
    try:
        compiled = re2.compile(pattern, options)
    except re2.error:
        raise unsupported(
            f"The regular expression {shown(pattern)!r} cannot be used: it is malformed, too large, or uses "
            "look-around or back-references."
        ) from None
    return lambda text: compiled.fullmatch(text) is not None
