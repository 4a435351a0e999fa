"""The bounds of an evaluation, and the error for what is well formed and cannot be evaluated."""

from suture.fhir.outcomes import Invalid, Issue, TooCostly

MAX_WORK = 30_000_000
"""Relationships, rows, terms and concepts that one evaluation looks at."""


class Work:
    """Counts what an evaluation looks at."""

    __slots__ = ("_done",)

    def __init__(self) -> None:
        self._done = 0

    def count(self, amount: int) -> None:
        """Before looking at so much more. Raises TooCostly."""
        self._done += amount
        if self._done > MAX_WORK:
            raise TooCostly(
                f"The expression constraint makes the server look at more than {MAX_WORK:,} relationships, terms or "
                "rows. Narrow its focus, or name attributes instead of using *."
            )


def wrong(position: int, what: str) -> Invalid:
    """The error for a constraint that is well formed and cannot be evaluated."""
    text = f"The expression constraint cannot be evaluated at character {position + 1}: {what}."
    return Invalid(issues=[Issue("error", "not-supported", text)])
