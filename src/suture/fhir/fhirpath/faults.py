"""What is wrong with a FHIRPath text or its evaluation, and where."""


class FhirPathError(ValueError):
    """The text is not FHIRPath, or it cannot be evaluated. `position`: offset of the fault, -1 where there is none.

    The message names line and column.
    """

    def __init__(self, complaint: str, text: str, position: int) -> None:
        self.complaint = complaint
        self.position = position
        super().__init__(_message(complaint, text, position))


class FhirPathSemanticError(FhirPathError):
    """The text is FHIRPath, but it cannot mean anything: an unknown function, type, element or variable.

    `nearest`: the name that may have been meant instead of one that is unknown, "" where there is none.
    """

    def __init__(self, complaint: str, text: str, position: int, nearest: str = "") -> None:
        self.nearest = nearest
        super().__init__(complaint, text, position)


class FhirPathEvaluationError(FhirPathError):
    """The expression cannot be evaluated on this input, such as a sum of two texts and a number."""

    def __init__(self, complaint: str, text: str = "", position: int = -1) -> None:
        super().__init__(complaint, text, position)

    def place(self, position: int) -> None:
        """Name the place of the innermost expression that could not be evaluated."""
        if self.position < 0:
            self.position = position

    def locate(self, text: str) -> None:
        """Name the expression in the message, once it is known."""
        self.args = (_message(self.complaint, text, self.position),)


class FhirPathBudgetError(FhirPathEvaluationError):
    """The evaluation took more steps, items, characters or time than one evaluation may take."""


def _message(complaint: str, text: str, position: int) -> str:
    if position < 0 and not text:
        return f"{complaint}."
    if position < 0:
        return f"{complaint}, in the FHIRPath expression '{shorten(text)}'."
    line = text.count("\n", 0, position) + 1
    column = position - (text.rfind("\n", 0, position) + 1) + 1
    place = f"column {column}" if "\n" not in text else f"line {line}, column {column}"
    return f"{complaint}, at {place} of the FHIRPath expression '{shorten(text)}'."


def shorten(text: str, limit: int = 80) -> str:
    """`text` for a message: printable, one line, at most `limit` characters."""
    shown = "".join(c if c.isprintable() else " " for c in text[: limit + 1])
    return shown if len(shown) <= limit else shown[:limit] + "…"
