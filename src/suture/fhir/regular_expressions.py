# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
"""Regular expressions from outside, by RE2 (https://github.com/google/re2/wiki/Syntax).

The one thing to know: they take time in proportion to the text and bounded memory, whatever the pattern, because a
pattern that somebody sends or stores must not be able to stop the server. There are no look-around and no
back-references.
"""

from collections.abc import Iterator
from typing import Any, Protocol, cast

import re2

_MAX_MEMORY = 1 << 20


class PatternRefused(ValueError):
    """RE2 does not take the pattern: it is malformed, too large, or has look-around or back-references."""


class Pattern(Protocol):
    """A compiled pattern; methods as in `re`."""

    def search(self, text: str) -> Any: ...
    def fullmatch(self, text: str) -> Any: ...
    def finditer(self, text: str) -> Iterator[Any]: ...


def compiled(pattern: str, *, any_case: bool = False, across_lines: bool = False) -> Pattern:
    """A pattern ready for use. `across_lines`: `.` matches line ends too. Raises PatternRefused with RE2's reason.

    The caller bounds the length of the pattern.
    """
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MAX_MEMORY
    options.case_sensitive = not any_case
    options.dot_nl = across_lines
    try:
        return cast(Pattern, re2.compile(pattern, options))
    except re2.error as error:
        raise PatternRefused(_reason(error)) from None


def _reason(error: Any) -> str:
    reason: Any = error.args[0] if error.args else ""
    return (reason.decode(errors="replace") if isinstance(reason, bytes) else f"{reason}")[:100]
