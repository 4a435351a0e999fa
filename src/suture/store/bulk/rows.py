"""From accepted resources to the rows of all tables, as the writer of a running server would make them.

The one thing to know: a bulk load knows that every resource is new, so each has version 1, one event, and index rows
that nothing has to be compared with.
"""

from collections.abc import Sequence

import msgspec

from suture.fhir.definitions import type_number
from suture.fhir.json import join_body
from suture.store.bodies import METHOD_NUMBER, Bodies
from suture.store.connection import Row
from suture.store.index_rows import index_rows
from suture.store.keys import Keys
from suture.store.rows import Prepared, Word
from suture.store.surrogates import BLOCK_BITS
from suture.store.tables import COLUMNS, FHIR_VERSION_NUMBER, INDEX_TABLES

Tables = dict[str, list[Row]]
"""Table -> rows, in the order of FILLED."""

FILLED = {**COLUMNS, "prose": ("k", "ck", "narrative", "content")}
"""The tables that a bulk load fills, and what is in their rows; each engine has its own form of `prose`."""

MOST = (1 << BLOCK_BITS) - 1
"""Resources that one block of surrogates has numbers for."""

WORDS_REMEMBERED = 500_000


class Accepted(msgspec.Struct, frozen=True, gc=False):
    """A resource that goes in. `method`: the interaction that plain loading would use, POST or PUT."""

    id: str
    method: str
    prepared: Prepared


class Assembler:
    """Makes rows, in one process. It remembers which words it has made rows of."""

    def __init__(self, keys: Keys, bodies: Bodies) -> None:
        self._keys = keys
        self._bodies = bodies
        self._words: set[int] = set()

    def tables(self, groups: Sequence[tuple[int, Sequence[Accepted]]], seq: int, now: int) -> Tables:
        """The rows of resources, in groups of at most MOST, each with a block of surrogates of its own.

        `seq`: number of the first event. `now`: microseconds since 1970 UTC, whole milliseconds.
        """
        tables: Tables = {name: [] for name in FILLED}
        res, events, prose = tables["res"], tables["events"], tables["prose"]
        lists = [tables[name] for name in INDEX_TABLES]
        for block, accepted in groups:
            for k, one in enumerate(accepted, (block << BLOCK_BITS) + 1):
                prepared, id = one.prepared, one.id
                type, rows = prepared.type, prepared.rows
                rt, rh, method = type_number(type), self._keys.resource(type, id), METHOD_NUMBER[one.method]
                ck = rows.ck if rows.ck is not None else rh
                fv = FHIR_VERSION_NUMBER[prepared.version]
                enc, body = self._bodies.encode(rt, join_body(type, id, 1, now, prepared.meta, prepared.rest))
                res.append((ck, k, rt, fv, id, 1, now, 0, method, rows.sdate, rows.present, rh, enc, body))
                for table, entries in zip(lists, index_rows(rows, ck, k), strict=True):
                    table += entries
                if rows.prose[1]:
                    prose.append((k, ck, *rows.prose))
                events.append((seq, rt, rh, k, 1, now, method, 0))
                seq += 1
                if rows.words:
                    self._vocabulary(rows.words, tables["forms"], tables["words"])
        return {name: rows for name, rows in tables.items() if rows}

    def _vocabulary(self, words: Sequence[Word], forms: list[Row], texts: list[Row]) -> None:
        known = self._words
        for word in words:
            h = word.h
            if word.unique:
                texts += [(p, norm, h) for p, norm in word.texts]
            elif h not in known:
                if len(known) >= WORDS_REMEMBERED:
                    known.clear()
                known.add(h)
                forms += [(s, h, f) for s, f in word.forms]
                texts += [(p, norm, h) for p, norm in word.texts]
