"""The decision that every interaction asks for before it touches the store.

Nobody signs in yet, so today every decision allows everything. The one thing to know: the predicate of the
decision goes along every read path (search, count, include, chain, history, read and the searches of
conditional interactions), so that a narrower one takes effect everywhere at once.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from suture.store.predicate import Predicate


class AllowAll:
    """The predicate that restricts nothing."""

    def sql(self, alias: str, bind: Callable[[Any], str]) -> str:
        """No condition."""
        return ""

    def allows(self, type: str, body: bytes) -> bool:
        """Always True."""
        return True


ALLOW_ALL = AllowAll()


class Decision(msgspec.Struct, frozen=True):
    """What a caller may do within one interaction.

    `predicate`: which resources it may see. `administrator`: it runs this server, and may see how it works.
    """

    predicate: Predicate
    administrator: bool = False


_ALLOWED = Decision(ALLOW_ALL, administrator=True)


def decide(interaction: str, type: str) -> Decision:
    """Decide on one interaction (`read`, `search-type`, `$everything` …) on a resource type ("" for the whole system).

    Raises Forbidden when it is not allowed at all.
    """
    return _ALLOWED
