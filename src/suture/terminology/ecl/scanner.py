"""The text of a constraint while it is parsed: where we are, what comes next, and errors that say where."""

import re

from suture.fhir.outcomes import Invalid, Issue, TooCostly

MAX_LENGTH = 50_000
"""Characters of one constraint."""

MAX_STEPS = 20_000
"""Times that the parser goes back."""

_SPACE = re.compile(r"(?:[ \t\r\n]|/\*(?:[^*]|\*(?!/))*+\*/)*+")
_WORD = re.compile(r"[A-Za-z][A-Za-z]*")
_DIGITS = re.compile(r"[0-9]+")


class Scanner:
    """Reads `text` from left to right. White space and comments may stand between any two parts."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self._steps = 0
        self._farthest = -1
        self.error: Invalid | None = None
        if len(text) > MAX_LENGTH:
            raise self.wrong(f"it has {len(text)} characters, the limit is {MAX_LENGTH}")
        self.skip()

    def wrong(self, what: str, position: int | None = None) -> Invalid:
        """The error for something at a position, the present one if none is given.

        `self.error` is then the one that is farthest to the right, which says best what is wrong with the text.
        """
        at = self.position if position is None else position
        start, end = max(0, at - 20), at + 20
        here = f"{self.text[start:at]}⟨here⟩{self.text[at:end]}"
        words = f"The expression constraint cannot be read at character {at + 1}: {what}. {here!r}"
        error = Invalid(issues=[Issue("error", "invalid", words)])
        if at > self._farthest:
            self._farthest, self.error = at, error
        return error

    def skip(self) -> None:
        """Go past white space and comments."""
        match = _SPACE.match(self.text, self.position)
        assert match is not None
        self.position = match.end()

    def back_to(self, position: int) -> None:
        """Go back to where another way can be tried."""
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise TooCostly(f"The expression constraint is too complicated: the limit is {MAX_STEPS} steps.")
        self.position = position

    def at_end(self) -> bool:
        """Whether nothing is left."""
        return self.position >= len(self.text)

    def sees(self, symbol: str) -> bool:
        """Whether this symbol comes next."""
        return self.text.startswith(symbol, self.position)

    def take(self, *symbols: str) -> str:
        """The first of these symbols that comes next, taken; "" for none."""
        for symbol in symbols:
            if self.text.startswith(symbol, self.position):
                self.position += len(symbol)
                self.skip()
                return symbol
        return ""

    def expect(self, symbol: str, purpose: str) -> None:
        """Take a symbol. Raises Invalid."""
        if not self.take(symbol):
            raise self.wrong(f"{symbol} was expected {purpose}")

    def word(self) -> str:
        """The letters that come next, in lower case; they are not taken."""
        match = _WORD.match(self.text, self.position)
        return match[0].lower() if match else ""

    def take_word(self, *words: str) -> str:
        """The word that comes next, in lower case and taken, when it is one of these (of none: any); else ""."""
        match = _WORD.match(self.text, self.position)
        if match is None or (words and match[0].lower() not in words):
            return ""
        self.position = match.end()
        self.skip()
        return match[0].lower()

    def take_pattern(self, pattern: "re.Pattern[str]") -> "re.Match[str] | None":
        """A pattern that matches here, taken."""
        match = pattern.match(self.text, self.position)
        if match is not None:
            self.position = match.end()
            self.skip()
        return match

    def number(self, purpose: str) -> int:
        """A number without sign, taken. Raises Invalid."""
        match = self.take_pattern(_DIGITS)
        if match is None or len(match[0]) > 9 or (match[0][0] == "0" and len(match[0]) > 1):
            raise self.wrong(f"a number was expected {purpose}")
        return int(match[0])

    def quoted(self, escapes: str, cut: str = "") -> list[str]:
        """A text between quotation marks, taken: its pieces, cut where an unescaped `cut` stands.

        `escapes`: the characters that may follow a backslash. Raises Invalid.
        """
        start = self.position
        if not self.sees('"'):
            raise self.wrong("a text between quotation marks was expected")
        at = start + 1
        pieces = [""]
        text = self.text
        while at < len(text) and text[at] != '"':
            if text[at] == "\\":
                if at + 1 >= len(text) or text[at + 1] not in escapes:
                    raise self.wrong(f"a backslash may stand before {' '.join(escapes)} only", at)
                at += 1
                pieces[-1] += text[at]
            elif text[at] == cut:
                pieces.append("")
            else:
                pieces[-1] += text[at]
            at += 1
        if at >= len(text):
            raise self.wrong("this text has no end", start)
        self.position = at + 1
        self.skip()
        return pieces
