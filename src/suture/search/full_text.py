"""Full text as SQL: which resources hold the words of a search, and how well they match.

SQLite answers from an FTS5 table, PostgreSQL from tsvectors under a GIN index. The one thing to know: among the
words of every resource is the marker of its type, so a search in one type never gives others to probe.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from suture.search.contained import is_inner
from suture.search.filters import Filter, Prose
from suture.search.parameters import Parameter
from suture.search.prose import marker
from suture.search.prose_inside import prose_filter_inside
from suture.search.prose_query import Any, Phrase, match_text, tsquery_text, understand
from suture.search.statement import Row, Statement
from suture.store.keys import Keys

FULL_TEXT: Mapping[str, Literal["narrative", "content"]] = MappingProxyType(
    {"_text": "narrative", "_content": "content"}
)
"""The search parameters that are answered here."""


def prose_filter(parameter: Parameter, keys: Keys, text: str) -> Filter:
    """The filter for one value of `_text` or `_content`. Raises Invalid."""
    type, column, asked = parameter.resource_type, FULL_TEXT[parameter.code], understand(text)
    return prose_filter_inside(keys, type, column, asked) if is_inner(type) else Prose(column, asked, (type,))


def prose_rows(s: Statement, filter: Prose) -> tuple[str, Row]:
    """A table of the resources that match, with their score, and the row it gives."""
    a = s.alias()
    return f"({_matching(s, filter)}) {a}", Row(s, a, score=f"{a}.score")


def prose_probe(s: Statement, filter: Prose, row: Row) -> str:
    """The condition that `row` matches."""
    a = s.alias()
    if s.dialect.lateral:
        found = f"prose {a} where {a}.k = {row.k} and {a}.ck = {row.ck} and {a}.words @@ {_bound(s, filter)}"
        if s.dialect.clustered:
            return f"exists (select 1 from {found})"
    else:
        found = f"prose where rowid = {row.k} and prose match {_bound(s, filter)}"
    return f"(select 1 from {found} limit 1) is not null"


def prose_score(s: Statement, filter: Prose, row: Row) -> str:
    """The score of `row`, which matches, on PostgreSQL."""
    a = s.alias()
    return f"(select {_rank(s, filter, f'{a}.')} from prose {a} where {a}.k = {row.k} and {a}.ck = {row.ck})"


def relevance(score: float) -> float:
    """Bundle.entry.search.score, between 0 and 1, of a score as the engine gives it (the lower the better)."""
    return -score / (1 - score) if score < 0 else 0.0


def _matching(s: Statement, filter: Prose) -> str:
    query = _bound(s, filter)
    if s.dialect.lateral:
        return f"select k, ck, {_rank(s, filter)} as score from prose where words @@ {query}"
    return f"select rowid as k, ck, bm25(prose) as score from prose where prose match {query}"


def _rank(s: Statement, filter: Prose, of: str = "") -> str:
    # Divided by the logarithm of the length, so that a long text does not win by its length.
    weights = "{0,0,0,1}" if filter.column == "narrative" else "{1,1,1,1}"
    return f"-ts_rank('{weights}', {of}words, {_tsquery(s, _weighted(filter))}, 1)::double precision"


def _bound(s: Statement, filter: Prose) -> str:
    marks = [Phrase((marker(type),), prefix=False) for type in filter.types]
    if s.dialect.lateral:
        texts = [_weighted(filter)]
        if marks:
            texts.insert(0, tsquery_text(Any(tuple(marks))))
        return _tsquery(s, " & ".join(texts))
    columns = "narrative" if filter.column == "narrative" else "narrative content"
    text = f"{{{columns}}} : {match_text(filter.asked)}"
    return s.bind(f"(content : {match_text(Any(tuple(marks)))}) AND ({text})" if marks else text)


def _weighted(filter: Prose) -> str:
    return tsquery_text(filter.asked, "A" if filter.column == "narrative" else "")


def _tsquery(s: Statement, text: str) -> str:
    return f"cast(cast({s.bind(text)} as text) as tsquery)"
