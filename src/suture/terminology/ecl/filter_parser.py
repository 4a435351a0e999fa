"""The parser of filters between double braces: of descriptions (D), concepts (C), members (M), and of history."""

import re
from collections.abc import Callable
from typing import TypeVar

from suture.terminology.content.dialects import DIALECTS
from suture.terminology.ecl.comparison_parser import comparison, equality, search_terms, times
from suture.terminology.ecl.nodes import (
    Accepted,
    ActiveFilter,
    ConceptFilter,
    ConceptFilters,
    ConceptsFilter,
    DescriptionFilter,
    DescriptionFilters,
    DialectFilter,
    Expression,
    FieldFilter,
    History,
    IdentifierFilter,
    LanguageFilter,
    MemberFilter,
    Reference,
    Sub,
    TermFilter,
    TimeFilter,
    ToText,
    Wildcard,
    bare,
)
from suture.terminology.ecl.scanner import Scanner

FSN, SYNONYM, DEFINITION = "900000000000003001", "900000000000013009", "900000000000550004"
PRIMITIVE, DEFINED = "900000000000074008", "900000000000073002"
PREFERRED, ACCEPTABLE = "900000000000548007", "900000000000549004"

_TYPES = {
    "syn": SYNONYM, "synonym": SYNONYM, "fsn": FSN, "fullyspecifiedname": FSN, "def": DEFINITION,
    "definition": DEFINITION,
}  # fmt: skip
_STATUSES = {"primitive": PRIMITIVE, "defined": DEFINED}
_ACCEPTABILITIES = {"accept": ACCEPTABLE, "acceptable": ACCEPTABLE, "prefer": PREFERRED, "preferred": PREFERRED}

_DESCRIPTION = (
    "term",
    "language",
    "typeId",
    "type",
    "dialectId",
    "dialect",
    "moduleId",
    "effectiveTime",
    "active",
    "id",
)
_CONCEPT = ("definitionStatusId", "definitionStatus", "moduleId", "effectiveTime", "active")

_LANGUAGE = re.compile(r"[A-Za-z]{2}(?![A-Za-z])")
_ALIAS = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_IDENTIFIER = re.compile(r"[1-9][0-9]{5,17}(?![0-9])")
_PROFILE = re.compile(r"[-_](min|mod|max)", re.IGNORECASE)
_ACTIVE = re.compile(r'(?P<mark>"?)(?P<value>1|0|true|false|\*)(?P=mark)', re.IGNORECASE)
_QUOTED_DATE = re.compile(r'\(?[ \t\r\n]*"[0-9]{8}"')

F = TypeVar("F")

Found = tuple[tuple[tuple[MemberFilter, ...], ...], tuple[DescriptionFilters | ConceptFilters, ...], History | None]


class FilterParser:
    """`sub`, `expression`: parse constraints that are values."""

    def __init__(self, scanner: Scanner, sub: Callable[[], Sub], expression: Callable[[], Expression]) -> None:
        self._scanner = scanner
        self._sub = sub
        self._expression = expression

    def read(self, *, member: bool) -> Found:
        """Everything between double braces that comes next. `member`: filters of members may be among it."""
        scanner = self._scanner
        members: list[tuple[MemberFilter, ...]] = []
        filters: list[DescriptionFilters | ConceptFilters] = []
        history: History | None = None
        while scanner.sees("{{"):
            start = scanner.position
            if history is not None:
                raise scanner.wrong("nothing may follow a history supplement")
            scanner.take("{{")
            if scanner.take("+"):
                history = self._history(start)
            else:
                kind = scanner.take_word("d", "c", "m")
                if kind == "m":
                    if not member or filters:
                        raise scanner.wrong("a member filter stands directly after ^ and its reference sets", start)
                    members.append(tuple(self._all(self._of_member)))
                elif kind == "c":
                    filters.append(ConceptFilters(start, tuple(self._all(self._of_concept))))
                else:
                    filters.append(DescriptionFilters(start, tuple(self._all(self._of_description))))
            scanner.expect("}}", "after filters")
        return tuple(members), tuple(filters), history

    def _all(self, one: Callable[[], F]) -> list[F]:
        found = [one()]
        while self._scanner.take(","):
            found.append(one())
        return found

    def _history(self, start: int) -> History:
        scanner = self._scanner
        if not scanner.take_word("history"):
            raise scanner.wrong("HISTORY was expected after +")
        profile = scanner.take_pattern(_PROFILE)
        if profile is not None:
            return History(start, profile[1].lower())
        if scanner.take("("):
            associations = self._expression()
            scanner.expect(")", "after the reference sets of a history supplement")
            return History(start) if isinstance(bare(associations), Wildcard) else History(start, "", associations)
        return History(start)

    def _of_description(self) -> DescriptionFilter:
        scanner = self._scanner
        start = scanner.position
        match self._keyword(_DESCRIPTION):
            case "term":
                negated = equality(scanner)
                return TermFilter(start, ToText(start, search_terms(scanner, "match"), negated))
            case "language":
                negated = equality(scanner)
                return LanguageFilter(
                    start, tuple(each.lower() for each in self._patterns(_LANGUAGE, "a language")), negated
                )
            case "id":
                negated = equality(scanner)
                return IdentifierFilter(start, tuple(self._patterns(_IDENTIFIER, "a description identifier")), negated)
            case "type":
                return self._tokens(start, "type", _TYPES)
            case "typeid":
                return self._concepts(start, "type")
            case "dialect":
                negated = equality(scanner)
                return DialectFilter(start, self._dialects(self._alias), negated)
            case "dialectid":
                negated = equality(scanner)
                return DialectFilter(start, self._dialects(self._dialect_set), negated)
            case other:
                return self._shared(start, other)

    def _of_concept(self) -> ConceptFilter:
        start = self._scanner.position
        match self._keyword(_CONCEPT):
            case "definitionstatus":
                return self._tokens(start, "definitionStatus", _STATUSES)
            case "definitionstatusid":
                return self._concepts(start, "definitionStatus")
            case other:
                return self._shared(start, other)

    def _of_member(self) -> MemberFilter:
        scanner = self._scanner
        start = scanner.position
        name = scanner.take_word()
        if name in ("moduleid", "effectivetime", "active"):
            return self._shared(start, name)
        if not name:
            raise scanner.wrong("the name of a reference set's field was expected")
        position = scanner.position
        scanner.take("!=", "<>", "<=", ">=", "=", "<", ">")
        dated = name.endswith("time") and _QUOTED_DATE.match(scanner.text, scanner.position) is not None
        scanner.back_to(position)
        return FieldFilter(start, name, times(scanner) if dated else comparison(scanner, self._sub, "match"))

    def _shared(self, start: int, keyword: str) -> ConceptsFilter | TimeFilter | ActiveFilter:
        scanner = self._scanner
        if keyword == "moduleid":
            return self._concepts(start, "module")
        if keyword == "effectivetime":
            return TimeFilter(start, times(scanner))
        negated = equality(scanner)
        match = scanner.take_pattern(_ACTIVE)
        if match is None:
            raise scanner.wrong("1, 0, true, false or * was expected")
        value = match["value"].lower()
        return ActiveFilter(start, None if value == "*" else (value in ("1", "true")) != negated)

    def _keyword(self, known: tuple[str, ...]) -> str:
        word = self._scanner.take_word(*(each.lower() for each in known))
        if not word:
            raise self._scanner.wrong(f"a filter was expected: {', '.join(known)}")
        return word

    def _tokens(self, start: int, field: str, known: dict[str, str]) -> ConceptsFilter:
        """A filter whose values are words that stand for concepts, one or several between parentheses."""
        scanner = self._scanner
        negated = equality(scanner)
        several = bool(scanner.take("("))
        found: list[Expression] = []
        while True:
            at = scanner.position
            word = scanner.take_word(*known)
            if not word:
                raise scanner.wrong(f"one of {', '.join(known)} was expected")
            found.append(Sub(at, Reference(at, known[word])))
            if not several or scanner.take(")"):
                return ConceptsFilter(start, field, tuple(found), negated)

    def _concepts(self, start: int, field: str) -> ConceptsFilter:
        """A filter whose value is a constraint, or several concepts between parentheses."""
        scanner = self._scanner
        negated = equality(scanner)
        position = scanner.position
        if scanner.take("("):
            found: list[Expression] = [self._expression()]
            while not scanner.sees(")") and _IDENTIFIER.match(scanner.text, scanner.position):
                found.append(self._sub())
            scanner.expect(")", "after the concepts of a filter")
            if len(found) > 1:
                return ConceptsFilter(start, field, tuple(found), negated)
            scanner.back_to(position)
        return ConceptsFilter(start, field, (self._sub(),), negated)

    def _dialects(self, one: Callable[[], Expression]) -> tuple[Accepted, ...]:
        """One dialect, or several between parentheses, each with the acceptabilities that count."""
        scanner = self._scanner
        if not scanner.take("("):
            return (Accepted(one(), self._acceptabilities()),)
        found: list[Accepted] = []
        while not found or not scanner.take(")"):
            found.append(Accepted(one(), self._acceptabilities()))
        shared = self._acceptabilities()
        return tuple(Accepted(each.dialect, each.acceptabilities or shared) for each in found)

    def _dialect_set(self) -> Expression:
        """A language reference set; a constraint without parentheses of its own when it is all between those of the
        filter.
        """
        scanner = self._scanner
        start = scanner.position
        found = self._sub()
        if scanner.word() in ("and", "or", "minus") or scanner.sees(":") or scanner.sees("."):
            scanner.back_to(start)
            return self._expression()
        return found

    def _alias(self) -> Expression:
        scanner = self._scanner
        start = scanner.position
        match = scanner.take_pattern(_ALIAS)
        if match is None or match[0].lower() not in DIALECTS:
            known = ", ".join(DIALECTS)
            raise scanner.wrong(
                f"a dialect alias was expected ({known}); else use dialectId and its reference set", start
            )
        return Sub(start, Reference(start, str(DIALECTS[match[0].lower()])))

    def _acceptabilities(self) -> tuple[str, ...]:
        scanner = self._scanner
        position = scanner.position
        if not scanner.take("("):
            return ()
        found: list[str] = []
        while not found or not scanner.take(")"):
            word = scanner.take_word(*_ACCEPTABILITIES)
            if word:
                found.append(_ACCEPTABILITIES[word])
                continue
            sub = self._sub()
            if not isinstance(sub.focus, Reference) or sub.focus.code not in (PREFERRED, ACCEPTABLE):
                raise scanner.wrong("accept or prefer was expected", position)
            found.append(sub.focus.code)
        return tuple(found)

    def _patterns(self, pattern: "re.Pattern[str]", what: str) -> list[str]:
        """One text of a pattern, or several between parentheses."""
        scanner = self._scanner
        several = bool(scanner.take("("))
        found: list[str] = []
        while True:
            match = scanner.take_pattern(pattern)
            if match is None:
                raise scanner.wrong(f"{what} was expected")
            found.append(match[0])
            if not several or scanner.take(")"):
                return found
