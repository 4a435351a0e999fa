"""The seam at which access control enters the store: every read path takes a Predicate."""

from collections.abc import Callable
from typing import Any, Protocol


class Predicate(Protocol):
    """What a caller may see, as SQL and as a function over one resource."""

    def sql(self, alias: str, bind: Callable[[Any], str]) -> str:
        """A condition on the `res` row named `alias`, or "" for no restriction.

        Values go through `bind(value)`, which returns the placeholder to write.
        """
        ...

    def allows(self, type: str, body: bytes) -> bool:
        """True when the caller may see this resource (JSON bytes)."""
        ...


def condition(predicate: Predicate, alias: str, args: list[Any]) -> str:
    """`predicate` as ` and (…)` with its values appended to `args`; "" when it restricts nothing."""

    def bind(value: Any) -> str:
        args.append(value)
        return f"?{len(args)}"

    text = predicate.sql(alias, bind)
    return f" and ({text})" if text else ""
