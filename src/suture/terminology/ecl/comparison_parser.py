"""Comparisons, of attributes and in filters: an operator and a value, whose form says what is compared."""

import re
from collections.abc import Callable
from decimal import Decimal

from suture.terminology.ecl.nodes import AmongConcepts, Comparison, SearchTerm, Sub, ToBoolean, ToNumber, ToText, ToTime
from suture.terminology.ecl.scanner import Scanner

_OPERATORS = ("!=", "<>", "<=", ">=", "=", "<", ">")
_NUMBER = re.compile(r"#([-+]?(?:0|[1-9][0-9]{0,40})(?:\.[0-9]{1,40})?)(?![0-9.])")
_TIME = re.compile(r"(?:[1-9][0-9]{3}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01]))?")
_TYPED = re.compile(r"(match|wild)(?:[ \t\r\n])*:", re.IGNORECASE)


def operator(scanner: Scanner) -> str:
    """= | != | < | <= | > | >=, taken. Raises Invalid."""
    found = scanner.take(*_OPERATORS)
    if found:
        return "!=" if found == "<>" else found
    if scanner.take_word("not"):
        scanner.expect("=", "after NOT")
        return "!="
    raise scanner.wrong("a comparison (=, !=, <, <=, >, >=) was expected")


def equality(scanner: Scanner) -> bool:
    """True for != and false for =, taken. Raises Invalid."""
    position = scanner.position
    found = operator(scanner)
    if found not in ("=", "!="):
        raise scanner.wrong("only = and != are possible here", position)
    return found == "!="


def comparison(scanner: Scanner, sub: Callable[[], Sub], way: str) -> Comparison:
    """A comparison with concepts, a number, texts or a boolean. `way`: how texts compare that do not say it."""
    start = scanner.position
    found = operator(scanner)
    if scanner.sees("#"):
        match = scanner.take_pattern(_NUMBER)
        if match is None:
            raise scanner.wrong("a number such as #5 or #-2.5 was expected")
        return ToNumber(start, found, Decimal(match[1]))
    if found not in ("=", "!="):
        raise scanner.wrong(f"after {found} a number such as #5 was expected")
    if at_text(scanner):
        return ToText(start, search_terms(scanner, way), found == "!=")
    if scanner.word() in ("true", "false"):
        return ToBoolean(start, scanner.take_word() == "true", found == "!=")
    return AmongConcepts(start, sub(), found == "!=")


def at_text(scanner: Scanner) -> bool:
    """Whether search terms come next, one or several between parentheses."""
    position = scanner.position
    try:
        scanner.take("(")
        return scanner.sees('"') or _TYPED.match(scanner.text, scanner.position) is not None
    finally:
        scanner.back_to(position)


def search_terms(scanner: Scanner, way: str) -> tuple[SearchTerm, ...]:
    """One search term, or several between parentheses. `way`: how those compare that do not say it."""
    if not scanner.take("("):
        return (_search_term(scanner, way),)
    found = [_search_term(scanner, way)]
    while not scanner.take(")"):
        found.append(_search_term(scanner, way))
    return tuple(found)


def _search_term(scanner: Scanner, way: str) -> SearchTerm:
    said = scanner.take_word("match", "wild")
    if said:
        scanner.expect(":", f"after {said}")
        way = said
    position = scanner.position
    match way:
        case "wild":
            pieces = scanner.quoted('"\\*', cut="*")
        case "match":
            pieces = scanner.quoted('"\\')[0].split()
        case _:
            pieces = scanner.quoted('"\\*')
    if pieces in ([], [""]):
        raise scanner.wrong("a search term must not be empty", position)
    return SearchTerm(tuple(pieces), way)


def times(scanner: Scanner) -> ToTime:
    """A comparison with an effective time, or several between parentheses."""
    start = scanner.position
    found = operator(scanner)
    if not scanner.take("("):
        return ToTime(start, found, (_time(scanner),))
    several = [_time(scanner)]
    while not scanner.take(")"):
        several.append(_time(scanner))
    return ToTime(start, found, tuple(several))


def _time(scanner: Scanner) -> str:
    position = scanner.position
    text = scanner.quoted('"\\')[0]
    if not _TIME.fullmatch(text):
        raise scanner.wrong('a date such as "20240131" was expected', position)
    return text
