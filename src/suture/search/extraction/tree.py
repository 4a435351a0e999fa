"""All routes of one resource type as one tree, so that each JSON member is looked at once for all parameters."""

from typing import Any

from suture.search.composites import Element
from suture.search.extraction.datatypes import Form, parts
from suture.search.extraction.sites import Use
from suture.search.extraction.steps import Step
from suture.search.parameters import SearchParameters


class Branch:
    """A place in the resource: what is indexed here, and where to go on.

    `mask`: bits of `present` that are set when something is here. `leaves`: who indexes the value here, by form.
    `elements`: the composite rows of what lies here. `marks`: (rows, place) of the tokens of values here.
    `children`: by the key of their step, in the order of the parameters.
    """

    def __init__(self) -> None:
        self.mask = 0
        self.leaves: dict[Form, list[Use]] = {}
        self.elements: list[Element] = []
        self.marks: list[tuple[str, str]] = []
        self.children: dict[tuple[Any, ...], tuple[Step, Branch]] = {}

    def at(self, steps: tuple[Step, ...]) -> "Branch":
        """The branch at the end of `steps`, made where it is not there."""
        branch = self
        for step in steps:
            branch = branch.children.setdefault(step.key, (step, Branch()))[1]
        return branch


def plant(parameters: SearchParameters, type: str) -> Branch:
    """The tree of every indexed parameter of a resource type, also for a type of contained resources (`#Patient`)."""
    root = Branch()
    ranks: dict[tuple[str, ...], int] = {}
    for rank, code in enumerate(parameters.owners(type)):
        ranks.setdefault(parameters.for_type(type)[code].rows, rank)
    for parameter in parameters.for_type(type).values():
        leads = parameters.leads(parameter)
        for route in parameters.routes(parameter):
            end = root.at(route.steps)
            use = Use(
                rows=parameter.rows[0] if parameter.custom or parameter.rows == (parameter.code,) else "",
                only=route.only,
                mask=1 << parameter.bit if route.only else 0,
                rank=ranks.get(parameter.rows) if leads else None,
                sdate=parameter.sdate,
                paired=parameter.paired and leads,
            )
            if not route.only:
                end.mask |= 1 << parameter.bit
            if _matters(use):
                for part in parts(parameter.type, route.type):
                    uses = end.at(part.steps).leaves.setdefault(part.form, [])
                    if use not in uses:
                        uses.append(use)
    for element in parameters.elements(type):
        root.at(element.steps).elements.append(element)
    for mark in parameters.marks(type):
        root.at(mark.steps).marks.append((mark.rows, mark.place))
    return root


def _matters(use: Use) -> bool:
    return bool(use.rows or use.only or use.sdate or use.rank is not None)
