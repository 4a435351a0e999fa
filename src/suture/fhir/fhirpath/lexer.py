"""FHIRPath text to tokens.

Specification: http://hl7.org/fhirpath/N1/#lexical-elements. The one thing to know: words are all of kind
NAME here; the parser decides where a word is an operator, a unit or a name. Strings in double quotes are
read as well, because R4's own ElementDefinition has one.
"""

import re
from typing import NamedTuple

from suture.fhir.fhirpath.faults import FhirPathError, shorten

NAME, QUOTED, STRING, NUMBER, DATE, DATETIME, TIME, VARIABLE, SYMBOL, END, LONG = range(11)

_ESCAPES = {"`": "`", "'": "'", '"': '"', "\\": "\\", "/": "/", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)", re.DOTALL)
_DATE = r"[0-9]{4}(?:-[0-9]{2}(?:-[0-9]{2})?)?"
_TIME = r"[0-9]{2}(?::[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?)?"
_TOKEN = re.compile(
    rf"""
    (?P<skip> [ \t\r\n\u00a0]+ | //[^\r\n]* | /\*(?:[^*]|\*(?!/))*\*/ )
  | (?P<name> [A-Za-z_][A-Za-z0-9_]* )
  | (?P<datetime> @{_DATE}T(?:{_TIME}(?:Z|[+-][0-9]{{2}}:[0-9]{{2}})?)? )
  | (?P<time> @T{_TIME} )
  | (?P<date> @{_DATE} )
  | (?P<long> [0-9]+L (?![A-Za-z0-9_]) )
  | (?P<number> [0-9]+(?:\.[0-9]+)? )
  | (?P<string> '(?:[^'\\]|\\.)*' | "(?:[^"\\]|\\.)*" )
  | (?P<quoted> `(?:[^`\\]|\\.)*` )
  | (?P<variable> \$(?:this|index|total)(?![A-Za-z0-9_]) )
  | (?P<symbol> <=|>=|!=|!~|[.,:()\[\]{{}}+\-&|<>=~%*]|/(?!\*) )
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_KINDS = {
    "name": NAME,
    "quoted": QUOTED,
    "string": STRING,
    "number": NUMBER,
    "long": LONG,
    "date": DATE,
    "datetime": DATETIME,
    "time": TIME,
    "variable": VARIABLE,
    "symbol": SYMBOL,
}


class Token(NamedTuple):
    """One token: its kind, its meaning (quotes and escapes resolved, @ dropped) and its offset."""

    kind: int
    text: str
    position: int


def tokens(text: str) -> list[Token]:
    """All tokens of `text`, with one of kind END last. Raises FhirPathError."""
    found: list[Token] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise FhirPathError(_complaint(text, position), text, position)
        group = match.lastgroup or ""
        if group != "skip":
            found.append(Token(_KINDS[group], _meaning(group, match.group()), position))
        position = match.end()
    found.append(Token(END, "", len(text)))
    return found


def extent(text: str, position: int) -> int:
    """How many characters the token at an offset has; that of a variable of the environment includes its name."""
    match = _TOKEN.match(text, position)
    if match is None:
        return 0
    return match.end() - position + (extent(text, match.end()) if match.group() == "%" else 0)


def _meaning(group: str, raw: str) -> str:
    match group:
        case "string" | "quoted":
            return _unescape(raw[1:-1]) if "\\" in raw else raw[1:-1]
        case "date" | "datetime":
            return raw[1:]
        case "time":
            return raw[2:]
        case _:
            return raw


def _unescape(body: str) -> str:
    def replace(match: re.Match[str]) -> str:
        escape = match.group(1)
        if len(escape) == 5:
            return chr(int(escape[1:], 16))
        # a backslash before anything else is ignored (http://hl7.org/fhirpath/#string)
        return _ESCAPES.get(escape, escape)

    unescaped = _ESCAPE.sub(replace, body)
    # two \u escapes may form one character beyond the basic plane
    return unescaped.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _complaint(text: str, position: int) -> str:
    if text[position] in "'\"":
        return "The string is not closed"
    if text[position] == "`":
        return "The quoted name is not closed"
    if text.startswith("/*", position):
        return "The comment is not closed"
    return f"'{shorten(text[position])}' is not part of FHIRPath"
