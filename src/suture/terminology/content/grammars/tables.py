"""Tables of codes with their names, written as text."""

from collections.abc import Mapping


def table(text: str) -> Mapping[str, str]:
    """Code -> name, from `code name; code name; …`."""
    pairs = (entry.strip().partition(" ") for entry in " ".join(text.split()).split(";"))
    return {code: name for code, _, name in pairs}
