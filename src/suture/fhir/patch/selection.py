"""FHIRPath to places: evaluates the path of a patch operation to the elements that it names.

The FHIRPath engine (`suture.fhir.fhirpath`) evaluates, with items that know where they were found; here a place is
made of each. A path may use the part of the language that picks elements out of a resource; what is not in
`FUNCTIONS` and `OPERATORS` is refused when the patch is read. Work is bounded by a budget of steps per patch.
"""

from functools import cache

from suture.fhir.definitions import Definitions, load
from suture.fhir.fhirpath import (
    Budget,
    Engine,
    FhirPathBudgetError,
    FhirPathError,
    FhirPathEvaluationError,
    FhirPathSemanticError,
    Item,
    Node,
    nodes,
    to_text,
)
from suture.fhir.fhirpath.navigation import Located
from suture.fhir.fhirpath.walk import below
from suture.fhir.outcomes import Invalid, Unprocessable
from suture.fhir.patch.elements import Location, Tree
from suture.fhir.versions import Version

MAX_STEPS = 200_000
"""Elements that the paths of one patch may look at."""

OPERATORS = frozenset(("=", "!=", "~", "!~", "<", "<=", ">", ">=", "and", "or", "xor", "implies", "in", "contains"))
FUNCTIONS = frozenset((
    "where", "exists", "all", "ofType", "as", "is", "extension", "first", "last", "tail", "single", "skip", "take",
    "count", "empty", "not", "hasValue", "startsWith", "endsWith", "contains",
))  # fmt: skip


@cache
def _engine(version: Version) -> Engine:
    """An engine of its own: what it keeps compiled comes from clients."""
    return Engine(load(version))


def check(path: Node, definitions: Definitions) -> None:
    """Refuse what the path of a patch must not use. Raises Invalid that says what it is."""
    for node in below(path):
        match node:
            case nodes.Call(name=name) if name == "resolve":
                raise Invalid("resolve() leads out of the resource that is patched, which a patch must not do")
            case nodes.Call(name=name) if name not in FUNCTIONS:
                known = ", ".join(sorted(FUNCTIONS))
                raise Invalid(f"the function {name}() is not supported in the path of a patch; known are: {known}")
            case nodes.Binary(operator=operator) if operator not in OPERATORS:
                raise Invalid(f"the operator {operator!r} is not supported in the path of a patch")
            case nodes.Constant(name=name) if name not in ("resource", "context"):
                raise Invalid(f"%{name} is not known in the path of a patch")
            case nodes.Quantity() | nodes.Long() | nodes.Total():
                raise Invalid("quantities, longs and $total are not supported in the path of a patch")
            case _:
                pass
    try:
        _engine(definitions.version).compile(to_text(path))
    except FhirPathError as fault:
        raise Invalid(fault.complaint) from None


class Selector:
    """Evaluates paths over one resource."""

    __slots__ = ("_budget", "_engine", "tree")

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self._engine = _engine(tree.definitions.version)
        self._budget = Budget(MAX_STEPS)

    def location(self, path: Node) -> Location | None:
        """The one element that `path` names, None when it is not there.

        Raises Unprocessable when it names several, or what the resource cannot have, or gives a computed value.
        """
        resource = self.tree.root.value
        environment = self._engine.environment(resource, budget=self._budget)
        try:
            expression = self._engine.located(to_text(path), focus=self.tree.root.type)
            found = expression.items(self._engine.item(resource), environment)
        except FhirPathBudgetError:
            raise Unprocessable("the paths of this patch look at too many elements") from None
        except (FhirPathSemanticError, FhirPathEvaluationError) as fault:
            raise Unprocessable(_complaint(fault)) from None
        if len(found) > 1:
            raise Unprocessable(f"the path names {len(found)} elements, and it must name one")
        return self._place(found[0]) if found else None

    def _place(self, item: Item) -> Location:
        if not isinstance(item, Located):
            raise Unprocessable("the path gives a computed value, not an element of the resource")
        if item.parent is None or item.field is None:
            return self.tree.root
        owner = self._place(item.parent)
        there = [
            place
            for place in self.tree.children(owner, item.field.name)
            if place.value is not None or place.extra is not None
        ]
        at = item.at or 0
        if at < len(there) and there[at].value is item[0]:
            return there[at]
        # the value of a primitive as one of FHIRPath's own, or JSON that is no FHIR
        raise Unprocessable("the path gives a computed value, not an element of the resource")


def _complaint(fault: FhirPathError) -> str:
    nearest = fault.nearest if isinstance(fault, FhirPathSemanticError) else ""
    return fault.complaint + (f"; the nearest is {nearest!r}" if nearest else "")
