"""What a function is: its code, how many arguments it takes, and whether it answers yes or no."""

from collections.abc import Callable
from typing import Any, NamedTuple


class Function(NamedTuple):
    """`call(focus, environment, *arguments)`: collections in; out a collection, or for a `predicate` a bool or None.

    `fewest`, `most`: arguments (most None: any number). `result`: the kind of the one item it gives
    (`suture.fhir.fhirpath.types`), None where that depends. `takes`: kinds of focus it can work on, () for all.
    """

    call: Callable[..., Any]
    fewest: int = 0
    most: int | None = 0
    predicate: bool = False
    result: int | None = None
    takes: tuple[int, ...] = ()
