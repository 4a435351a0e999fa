"""The newest observations of every code: what $lastn answers with.

Specification: https://hl7.org/fhir/R4/observation-operation-lastn.html. Observations whose codes share a coding are of
one group, also by way of a third that has codings of both; those without codings are grouped by their text, letter by
letter. The one thing to know: one statement looks through all matches by their index rows. For every coding it tells
the newest observations, and which codings stand together in any observation; only the bodies of these are read, and
what belongs together is joined here.
"""

import msgspec

from suture.fhir.dates import bounds
from suture.fhir.outcomes import TooCostly
from suture.search.execute import Search
from suture.search.names import unbuilt
from suture.search.parameters import SearchParameters
from suture.search.query import Query
from suture.search.statement import Statement
from suture.store.bodies import STORED_COLUMNS, Bodies
from suture.store.connection import Connection
from suture.store.keys import Keys
from suture.store.predicate import Predicate
from suture.store.rows import NO_DATE, Stored

OBSERVATION = "Observation"

TOGETHER = -1
"""In place of a type number: the row tells of two codings that stand together."""

_CK, _K = 8, 9
_COLUMNS = STORED_COLUMNS.count(",") + 4
"""Where the columns of a row are; h, d and other are the last three."""

Code = tuple[str, str, str]
"""(subject, system, code), or (subject, "", text) with a text in place of codings."""


class _Coding(msgspec.Struct, frozen=True):
    system: str = ""
    code: str = ""


class _Concept(msgspec.Struct, frozen=True):
    coding: list[_Coding] = []
    text: str = ""


class _Reference(msgspec.Struct, frozen=True):
    reference: str = ""


class _Period(msgspec.Struct, frozen=True):
    start: str = ""
    end: str = ""


class _Observation(msgspec.Struct, frozen=True):
    """What decides about a group and a place in it. Everything else in the JSON is skipped."""

    code: _Concept = _Concept()
    subject: _Reference = _Reference()
    effectiveDateTime: str = ""
    effectiveInstant: str = ""
    effectivePeriod: _Period = _Period()


_read = msgspec.json.Decoder(_Observation).decode


class Groups:
    """Observations in groups. They are added newest first."""

    def __init__(self) -> None:
        self._above: dict[Code, Code] = {}
        self._added: list[tuple[Code, int | None, Stored]] = []

    def add(self, stored: Stored) -> Code:
        """One more observation, no newer than those before; a code of its group."""
        observation = _read(stored.body)
        first, *others = _codes(observation)
        self._above.setdefault(first, first)
        for other in others:
            self.join(first, other)
        self._added.append((first, _effective(observation), stored))
        return first

    def join(self, one: Code, other: Code) -> None:
        """Make one group of two."""
        self._above[self._top(other)] = self._top(one)

    def newest(self, most: int) -> list[Stored]:
        """`most` of each group and those that are as new as the last of them; first the group with the newest."""
        groups: dict[Code, list[tuple[int | None, Stored]]] = {}
        for code, at, stored in self._added:
            group = groups.setdefault(self._top(code), [])
            if len(group) < most or (at is not None and group[-1][0] == at):
                group.append((at, stored))
        return [stored for group in groups.values() for _, stored in group]

    def _top(self, code: Code) -> Code:
        above = self._above.setdefault(code, code)
        while above != code:
            self._above[code] = self._above[above]  # shorter for the next one
            code, above = above, self._above[above]
        return code


class Latest:
    """Finds the newest observations in one database, for one FHIR version."""

    def __init__(self, search: Search, parameters: SearchParameters, keys: Keys, bodies: Bodies) -> None:
        self._search = search
        self._bodies = bodies
        code = parameters.get(OBSERVATION, "code")
        if code is not None and code.pending:
            raise unbuilt(code)
        self._words = [keys.parameter(OBSERVATION, rows) for rows in code.rows] if code is not None else []

    async def newest(self, connection: Connection, query: Query, predicate: Predicate, most: int) -> list[Stored]:
        """The newest `most` observations of each code among the matches, and those as new as the last of them.

        `query`: a search of observations. Raises TooCostly when more match than the budget of searches allows.
        """
        s = self._search.statement(predicate)
        matches = await self._search.matching(connection, query, predicate, s)
        rows = await connection.fetch(self._sql(s, matches, most), s.args)
        if rows and rows[-1][0] is None:
            text = f"$lastn would look at more than {s.budget} observations; narrow them, "
            raise TooCostly(text + "for instance by category or code.")
        newest = sorted((row for row in rows if row[0] != TOGETHER), key=lambda row: (-row[-2], -row[_K]))
        groups = Groups()
        added: dict[int, Code] = {}
        coded: dict[tuple[int, int], Code] = {}
        for row in newest:
            code = added.get(row[_K])
            if code is None:
                code = added[row[_K]] = groups.add(self._bodies.stored(row))
            coded.setdefault((row[_CK], row[-3]), code)
        for row in rows:
            if row[0] == TOGETHER:
                groups.join(coded[row[_CK], row[-3]], coded[row[_CK], row[-1]])
        return groups.newest(most)

    def _sql(self, s: Statement, matches: str, most: int) -> str:
        """Rows of STORED_COLUMNS, h, d, other.

        They are the newest observations of each coding h, all of those that have none (h null), and, marked by
        TOGETHER in place of the type, pairs of codings that stand together in an observation.
        """
        found = s.gathered(matches)
        words = f"select w.h from words w where {s.any_of('w.p', self._words)}"
        # As a test of its own (is true) the engine asks it of each row, and does not look up every known coding.
        known = f"(tok.h in ({words})) is true"
        codings = f"tok on tok.k = m.k and {known}"
        if s.dialect.lateral:
            codings = f"lateral (select tok.h from tok where tok.k = m.k and {known} offset 0) tok on true"
        undated = f"case when m.d = {NO_DATE} then m.k end desc"
        each = s.named(
            "select m.k, m.ck, m.d, tok.h, min(tok.h) over (partition by m.k) as g, "
            f"rank() over (partition by tok.h, m.ck order by m.d desc, {undated}) as n "
            f"from {found} m left join {codings}"
        )
        newest = (
            f"select {STORED_COLUMNS}, x.h, x.d, null as other from {each} x{s.join('res', 'r', ck='x.ck', k='x.k')} "
            f"where x.n <= {s.bind(most)} or x.h is null"
        )
        nulls = ", ".join(["null"] * (_CK - 1))
        pairs = f"select distinct ck, h, g from {each} where h <> g"
        together = f"select {TOGETHER}, {nulls}, c.ck, null, c.h, null, c.g from ({pairs}) c"
        return s.complete(f"{newest} union all {together}", _COLUMNS)


def _codes(observation: _Observation) -> list[Code]:
    subject = observation.subject.reference
    codings = [(subject, coding.system, coding.code) for coding in observation.code.coding if coding.code]
    return codings or [(subject, "", f"\0{observation.code.text}")]


def _effective(observation: _Observation) -> int | None:
    """When the effective time begins, in microseconds since 1970 UTC; None where there is none to compare."""
    period = observation.effectivePeriod
    text = observation.effectiveDateTime or observation.effectiveInstant or period.start or period.end
    return bounds(text)[0] if text else None
