"""The steps of an evaluation, for those who want to see how a result comes about.

Form: https://github.com/brianpos/fhirpath-lab/blob/master/server-api.md (debug-trace). The one thing to know: a path is
compiled name by name here, and every node notes what it gave; nothing of this is in other expressions.
"""

from typing import NamedTuple

from suture.fhir.fhirpath import nodes
from suture.fhir.fhirpath.compiler import Compiler, Names, Truth
from suture.fhir.fhirpath.environment import Environment
from suture.fhir.fhirpath.lexer import extent
from suture.fhir.fhirpath.model import Model
from suture.fhir.fhirpath.navigation import Code
from suture.fhir.fhirpath.nodes import Node
from suture.fhir.fhirpath.values import EMPTY, Items, truth

MAX_STEPS = 500
"""Steps that are noted."""
MAX_SHOWN = 20
"""Items of one step that are noted."""


class Step(NamedTuple):
    """What one node gave. `label`: position and length in the text, and what stands there.

    `focus`: what it was applied to; `this`, `place`: `$this` and `$index` at that moment.
    """

    label: str
    result: Items
    focus: Items
    this: Items
    place: int | None


class SteppingCompiler(Compiler):
    """Compiles so that each evaluation adds to `steps`, innermost first."""

    def __init__(self, model: Model, text: str) -> None:
        super().__init__(model, text, strict=True, located=True)
        self.steps: list[Step] = []
        self._given: dict[int, Items] = {}

    def truth(self, node: Node, names: Names) -> Truth:
        """By way of a collection, so that the node is noted."""
        code = self.code(node, names)
        return lambda this, env: truth(code(this, env))

    def chain(self, node: Node, names: Names) -> tuple[Code, Names]:
        """The node, noting what it gives."""
        code, after = super().chain(node, names)
        label = _label(node, self.text)
        target = getattr(node, "target", None)
        steps, given = self.steps, self._given

        def run(this: Items, env: Environment) -> Items:
            result = code(this, env)
            given[id(node)] = result
            if len(steps) < MAX_STEPS:
                focus = this if target is None else given.get(id(target), EMPTY)
                steps.append(Step(label, result[:MAX_SHOWN], focus[:MAX_SHOWN], this[:MAX_SHOWN], env.index))
            return result

        return run, after

    def _member(self, target: Node | None, name: str, names: Names) -> tuple[Code, Names]:
        of_type = isinstance(target, nodes.Member) and target.target is None and target.name == "FHIR"
        if target is None or (of_type and name in self.model):
            return super()._member(target, name, names)
        inner, after = self.chain(target, names)
        return self._path(inner, (name,)), after


def _label(node: Node, text: str) -> str:
    match node:
        case nodes.Member(name=name) | nodes.Call(name=name):
            shown = name
        case nodes.Constant(name=name):
            shown = f"%{name}"
        case nodes.Binary(operator=operator) | nodes.Sign(operator=operator) | nodes.TypeOperation(operator=operator):
            shown = operator
        case nodes.This() | nodes.Index() | nodes.Total():
            shown = f"${type(node).__name__.lower()}"
        case nodes.Item():
            shown = "[]"
        case _:
            shown = "constant"
    return f"{node.position},{extent(text, node.position)},{shown}"
