"""What is wrong with a FHIRPath text, and where."""


class FhirPathError(ValueError):
    """The text is not FHIRPath. `position`: offset of the fault; the message names line and column."""

    def __init__(self, complaint: str, text: str, position: int) -> None:
        self.position = position
        line = text.count("\n", 0, position) + 1
        column = position - (text.rfind("\n", 0, position) + 1) + 1
        place = f"column {column}" if "\n" not in text else f"line {line}, column {column}"
        super().__init__(f"{complaint}, at {place} of the FHIRPath expression '{shorten(text)}'.")


def shorten(text: str, limit: int = 80) -> str:
    """`text` for a message: printable, one line, at most `limit` characters."""
    shown = "".join(c if c.isprintable() else " " for c in text[: limit + 1])
    return shown if len(shown) <= limit else shown[:limit] + "…"
