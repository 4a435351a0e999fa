"""Questions about a syntax tree."""

from collections.abc import Iterator

from suture.fhir.fhirpath import nodes
from suture.fhir.fhirpath.model import Model
from suture.fhir.fhirpath.nodes import Node
from suture.fhir.fhirpath.types import Type


def below(node: Node) -> Iterator[Node]:
    """The node and all nodes in it."""
    stack: list[Node] = [node]
    while stack:
        one = stack.pop()
        yield one
        match one:
            case nodes.Member(target=target):
                stack += [target] if target is not None else []
            case nodes.Call(target=target, arguments=arguments):
                stack += [*arguments, *([target] if target is not None else [])]
            case nodes.Item(target=target, index=index):
                stack += [target, index]
            case nodes.Sign(operand=operand) | nodes.TypeOperation(operand=operand) | nodes.Ordered(operand=operand):
                stack.append(operand)
            case nodes.Binary(left=left, right=right):
                stack += [left, right]
            case nodes.Instance(elements=elements):
                stack += [value for _, value in elements]
            case _:
                pass


def fitting(node: Node, type: Type, model: Model) -> Node:
    """An expression for many types, as search parameters have them, without the parts that are for others.

    Of `A.x | B.y | C.z` only `B.y` is left when it is to be applied to a B.
    """
    if not isinstance(node, nodes.Binary) or node.operator != "|":
        return node
    left, right = fitting(node.left, type, model), fitting(node.right, type, model)
    if _is_for_another(left, type, model):
        return right
    if _is_for_another(right, type, model):
        return left
    return nodes.Binary(operator="|", left=left, right=right, position=node.position)


def _is_for_another(node: Node, type: Type, model: Model) -> bool:
    """Whether the expression is a path that begins with the name of a type which `type` neither is nor derives from."""
    first: Node | None = node
    while True:
        match first:
            case nodes.Member(target=None, name=name):
                return name in model and name not in type.supers and type.fields[name] is None
            case nodes.Member(target=target) | nodes.Call(target=target) | nodes.Item(target=target):
                first = target
            case nodes.TypeOperation(operand=operand, operator="as"):
                first = operand
            case _:
                return False


def makes(node: nodes.Call) -> bool:
    """Whether a call is one of a function of %factory."""
    return isinstance(node.target, nodes.Constant) and node.target.name == "factory"


def uses_index(node: Node) -> bool:
    """Whether `$index` is in the expression."""
    return any(isinstance(one, nodes.Index) for one in below(node))


def calls(node: Node) -> frozenset[str]:
    """The names of all functions that the expression calls."""
    return frozenset(one.name for one in below(node) if isinstance(one, nodes.Call))
