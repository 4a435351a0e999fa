"""What one query may cost, counted while it runs.

The one thing to know: the cost is counted in steps (one for each value looked at or answered, ten for each resource
read, twenty for each search), so that it says how much work the server has, whatever the shape of the query.
"""

from suture.fhir.outcomes import TooCostly

RESOURCE = 10
SEARCH = 20


class Budget:
    """What is left of the limits of one query. `resources`, `cost`: the most resources and steps."""

    __slots__ = ("_cost", "_left", "_resources", "_unread")

    def __init__(self, resources: int, cost: int) -> None:
        self._resources = self._unread = resources
        self._cost = self._left = cost

    def step(self, count: int = 1) -> None:
        """Take `count` steps. Raises TooCostly."""
        self._left -= count
        if self._left < 0:
            raise TooCostly(
                f"The query needs more than {self._cost} steps (setting graphql_cost). Ask for fewer fields, or limit "
                "lists with _count."
            )

    def search(self) -> None:
        """Begin one search. Raises TooCostly."""
        self.step(SEARCH)

    def read(self, count: int) -> None:
        """Take `count` resources. Raises TooCostly."""
        self._unread -= count
        if self._unread < 0:
            raise TooCostly(
                f"The query reads more than {self._resources} resources (setting graphql_resources). Limit lists with "
                "_count, or ask in several queries."
            )
        self.step(RESOURCE * count)
