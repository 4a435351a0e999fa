"""The search that picks the resource of a conditional interaction.

Specification: https://hl7.org/fhir/R4/http.html#ccreate, #cond-update and #3.1.0.7.1. The one thing to know: a
condition without a single criterion would match everything, so it is refused.
"""

from urllib.parse import unquote

import msgspec

from suture.api.http import parse_pairs
from suture.api.services import Model
from suture.fhir.outcomes import Invalid
from suture.search.query import Query
from suture.store.connection import Connection
from suture.store.predicate import Predicate

_CONTROLS = frozenset(
    ("_format", "_pretty", "_summary", "_elements", "_count", "_sort", "_total", "_include", "_revinclude", "_cursor",
     "_contained", "_containedType", "_score")
)  # fmt: skip


class Criteria(msgspec.Struct, frozen=True):
    """A condition on the resources of one type. `text`: as the client wrote it, without the question mark."""

    type: str
    text: str
    query: Query

    @property
    def locks(self) -> tuple[str, ...]:
        """The resource types that must be locked while the condition decides."""
        return (self.type,)

    async def identify(
        self, connection: Connection, model: Model, predicate: Predicate, limit: int = 2
    ) -> list[tuple[str, str]]:
        """The (type, id) of the resources that match, at most `limit`."""
        return await model.search.identify(connection, self.query, predicate, limit)


def criteria(model: Model, type: str, text: str, source: str) -> Criteria:
    """Read a condition such as `identifier=system|value`.

    `text` may begin with `?` or `Type?`. `source`: where it was written, for messages. Raises Invalid.
    """
    path, mark, query = text.partition("?")
    text = query if mark else path
    if mark and path not in ("", type) and not path.endswith(f"/{type}"):
        raise Invalid(f"{source} must search for {type}, not {unquote(path)[:80]}.")
    pairs = [(name, value) for name, value in parse_pairs(text) if name not in _CONTROLS]
    if not any(value for _, value in pairs):
        raise Invalid(f"{source} needs at least one search criterion, such as identifier=http://example.org|1234.")
    return Criteria(type, text, model.search.parse(type, pairs, lenient=False))
