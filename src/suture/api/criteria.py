"""The search that picks the resource of a conditional interaction.

Specification: https://hl7.org/fhir/R4/http.html#ccreate, #cond-update and #3.1.0.7.1. The one thing to know: a
condition without a single criterion would match everything, so it is refused.
"""

from urllib.parse import unquote

import msgspec

from suture.api.http import parse_pairs
from suture.api.services import Model
from suture.fhir.outcomes import Invalid
from suture.search.execute import Search
from suture.search.query import Query
from suture.store.connection import Connection
from suture.store.predicate import Predicate

_CONTROLS = frozenset(
    ("_format", "_pretty", "_summary", "_elements", "_count", "_sort", "_total", "_include", "_revinclude", "_cursor",
     "_contained", "_containedType", "_score")
)  # fmt: skip


class Criteria(msgspec.Struct, frozen=True):
    """A condition on the resources of one type. `text`: as the client wrote it, without the question mark.

    `search`: what has understood it; when the search parameters have changed since, it is understood again.
    """

    type: str
    text: str
    query: Query
    search: Search

    @property
    def locks(self) -> tuple[str, ...]:
        """The resource types that must be locked while the condition decides."""
        return (self.type,)

    async def identify(
        self, connection: Connection, model: Model, predicate: Predicate, limit: int = 2
    ) -> list[tuple[str, str]]:
        """The (type, id) of the resources that match, at most `limit`."""
        query = self.query if self.search is model.search else understood(model, self.type, self.text)
        return await model.search.identify(connection, query, predicate, limit)


def criteria(model: Model, type: str, text: str, source: str) -> Criteria:
    """Read a condition such as `identifier=system|value`.

    `text` may begin with `?` or `Type?`. `source`: where it was written, for messages. Raises Invalid.
    """
    path, mark, query = text.partition("?")
    text = query if mark else path
    if mark and path not in ("", type) and not path.endswith(f"/{type}"):
        raise Invalid(f"{source} must search for {type}, not {unquote(path)[:80]}.")
    if not any(value for _, value in _asked(text)):
        raise Invalid(f"{source} needs at least one search criterion, such as identifier=http://example.org|1234.")
    return Criteria(type, text, understood(model, type, text), model.search)


def understood(model: Model, type: str, text: str) -> Query:
    """The search that a condition means, without what is about the answer. Raises Invalid."""
    return model.search.parse(type, _asked(text), lenient=False)


def _asked(text: str) -> list[tuple[str, str]]:
    return [(name, value) for name, value in parse_pairs(text) if name not in _CONTROLS]
