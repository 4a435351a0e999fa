"""What one evaluation stands in: the resource, variables, the clock, and how much it may still do.

Specification: http://hl7.org/fhirpath/#environment-variables and https://hl7.org/fhir/R4/fhirpath.html#vars. One
environment serves one thread, and any number of expressions, one after the other: all of them see the same time.
"""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from suture.fhir.fhirpath.faults import FhirPathBudgetError
from suture.fhir.fhirpath.host import NOTHING, Host
from suture.fhir.fhirpath.model import Model
from suture.fhir.fhirpath.types import Item

Items = Sequence[Item]

MAX_STEPS = 2_000_000
"""Items that one environment's evaluations may look at, create or compare."""
MAX_SECONDS = 5.0
"""Time that one environment's evaluations may take."""
MAX_ITEMS = 100_000
"""Items of one collection."""
MAX_TEXT = 4_000_000
"""Characters of one string that an expression makes."""

_CHUNK = 1_000


class Budget:
    """Steps and seconds that are left. Time is counted from the first thousand steps on."""

    __slots__ = ("_chunk", "_deadline", "_left", "_seconds")

    def __init__(self, steps: int = MAX_STEPS, seconds: float = MAX_SECONDS) -> None:
        self._chunk = min(_CHUNK, steps)
        self._left = steps - self._chunk
        self._seconds = seconds
        self._deadline = 0.0

    def spend(self, steps: int) -> None:
        """Account for some steps. Raises FhirPathBudgetError."""
        self._chunk -= steps
        if self._chunk < 0:
            self._refill()

    def hold(self, items: int) -> None:
        """Account for a new collection. Raises FhirPathBudgetError."""
        self.limit(items)
        self.spend(items)

    def limit(self, items: int) -> None:
        """Refuse a collection that is too large. Raises FhirPathBudgetError."""
        if items > MAX_ITEMS:
            raise FhirPathBudgetError(f"A collection would have more than {MAX_ITEMS} items")

    def write(self, characters: int) -> None:
        """Account for a new string. Raises FhirPathBudgetError."""
        if characters > MAX_TEXT:
            raise FhirPathBudgetError(f"A string would have more than {MAX_TEXT} characters")
        self.spend(1 + (characters >> 6))

    def _refill(self) -> None:
        self._left += self._chunk
        if self._left < 0:
            raise FhirPathBudgetError("The evaluation takes too many steps")
        now = time.monotonic()
        if not self._deadline:
            self._deadline = now + self._seconds
        elif now > self._deadline:
            raise FhirPathBudgetError("The evaluation takes too much time")
        self._chunk = min(_CHUNK, self._left)
        self._left -= self._chunk


class Environment:
    """`resource`: %resource, the one that holds the focus. `root`: %rootResource, its container if it is contained.
    `place`: what $index is to begin with.

    `variables`: further %names with their items. `host`: in place of the engine's. Everything else belongs to the
    evaluation under way.
    """

    __slots__ = (
        "_now",
        "below",
        "budget",
        "context",
        "host",
        "index",
        "model",
        "named",
        "place",
        "resource",
        "root",
        "slots",
        "total",
        "variables",
    )

    def __init__(
        self,
        resource: Item | None = None,
        root: Item | None = None,
        variables: Mapping[str, Items] | None = None,
        budget: Budget | None = None,
        *,
        host: Host | None = None,
    ) -> None:
        self.resource: Items = () if resource is None else (resource,)
        self.root: Items = self.resource if root is None else (root,)
        self.variables: Mapping[str, Items] = variables or {}
        self.budget = budget or Budget()
        self.host: Host = host or NOTHING
        self.context: Items = ()
        self.place = 0
        self.index: int | None = None
        self.total: Items = ()
        self.slots: list[Items] = []
        self.named: dict[str, Items] = {}
        self.model: Model | None = None
        self.below: Items | None = None
        self._now: datetime | None = None

    @property
    def now(self) -> datetime:
        """The time of the evaluation, in UTC: that of the first question for it."""
        if self._now is None:
            self._now = datetime.now(UTC)
        return self._now
