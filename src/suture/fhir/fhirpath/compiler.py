"""A syntax tree to closures.

The one thing to know: every node becomes a function of (what it is applied to, environment). Those that answer yes or
no exist in a second form that gives True, False or None without making a collection; `truth` finds it. Names of
types, functions and variables are settled here, so that a mistake shows before anything is evaluated.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from suture.fhir.fhirpath import instances, nodes, operators, types
from suture.fhir.fhirpath.environment import Environment
from suture.fhir.fhirpath.faults import FhirPathEvaluationError, FhirPathSemanticError
from suture.fhir.fhirpath.functions import FUNCTIONS, Function
from suture.fhir.fhirpath.functions.subsets import at
from suture.fhir.fhirpath.functions.terminology import TERMINOLOGIES
from suture.fhir.fhirpath.literals import literal
from suture.fhir.fhirpath.model import Model
from suture.fhir.fhirpath.navigation import Code, located_members, members
from suture.fhir.fhirpath.nodes import Node
from suture.fhir.fhirpath.scoped import FIXED, PREDICATES, RESERVED, SCOPED
from suture.fhir.fhirpath.values import EMPTY, Items, boolean, integer, string, truth
from suture.fhir.fhirpath.walk import makes

_Result = TypeVar("_Result")
Truth = Callable[[Items, Environment], bool | None]
Names = Mapping[str, int]
"""Variables that `defineVariable()` has made so far -> where their values are kept."""

LOCATING = frozenset(("pathname", "elementDefinition"))
"""Functions that ask where an item came from."""

_COMPUTED = "*"
"""Stands for all variables whose names are computed."""
_VALUE_SET = "http://hl7.org/fhir/ValueSet/"
_EXTENSION = "http://hl7.org/fhir/StructureDefinition/"


class Compiler:
    """Compiles the nodes of one expression. `located`: items remember where they came from.

    `strict`: as FHIRPath says; without it as definitions of R4 and R4B mean it, where `as` filters, and where the
    names of FHIRPath's types stand for FHIR's primitives as well.
    """

    def __init__(self, model: Model, text: str, *, strict: bool, located: bool) -> None:
        self.model = model
        self.strict = strict
        self.slots = 0
        self.text = text
        self.located_items = located
        self._members = located_members if located else members

    def code(self, node: Node, names: Names) -> Code:
        """The node as a function that gives a collection."""
        return self.chain(node, names)[0]

    def truth(self, node: Node, names: Names) -> Truth:
        """The node as a function that gives True, False or None (empty); other single items are true."""
        native = self._native(node, names)
        if native is not None:
            return native
        code = self.code(node, names)
        return lambda this, env: truth(code(this, env))

    def chain(self, node: Node, names: Names) -> tuple[Code, Names]:
        """The node, and the variables that what is applied to it can use."""
        match node:
            case nodes.Member(target=target, name=name):
                return self._member(target, name, names)
            case nodes.Call():
                return self._call(node, names)
            case nodes.Item(target=target, index=index):
                inner, after = self.chain(target, names)
                place = self.code(index, names)
                return self.located(lambda this, env: at(inner(this, env), place(this, env)), node), after
            case nodes.Binary() | nodes.TypeOperation() | nodes.Sign() | nodes.Ordered():
                return self._operation(node, names), names
            case nodes.This():
                return _this, names
            case nodes.Index():
                return _index, names
            case nodes.Total():
                return _total, names
            case nodes.Constant():
                return self._constant(node, names), names
            case nodes.Instance():
                return self.located(instances.selector(self, node, names), node), names
            case _:
                items = literal(node, self.fault)
                return (lambda this, env: items), names

    def located(
        self, code: Callable[[Items, Environment], _Result], node: Node
    ) -> Callable[[Items, Environment], _Result]:
        """Errors of `code` name the place of `node`."""
        position = node.position

        def run(this: Items, env: Environment) -> _Result:
            try:
                return code(this, env)
            except FhirPathEvaluationError as fault:
                fault.place(position)
                raise

        return run

    def fault(self, complaint: str, node: Node) -> FhirPathSemanticError:
        """An error at the place of a node."""
        return FhirPathSemanticError(complaint, self.text, node.position)

    def _native(self, node: Node, names: Names) -> Truth | None:
        match node:
            case nodes.Boolean(value=value):
                return lambda this, env: value
            case nodes.Binary():
                return operators.predicate(self, node, names)
            case nodes.TypeOperation(operator="is"):
                return operators.is_type(self, node, names)
            case nodes.Call() if not makes(node):
                found = self._predicate(node, names)
                return found[0] if found else None
            case _:
                return None

    def _operation(self, node: Node, names: Names) -> Code:
        native = self._native(node, names)
        if native is not None:
            return lambda this, env: boolean(native(this, env))
        return self.located(operators.operation(self, node, names), node)

    def _member(self, target: Node | None, name: str, names: Names) -> tuple[Code, Names]:
        path = [name]
        while isinstance(target, nodes.Member) and not (target.target is None and self._begins(target, path[-1])):
            path.append(target.name)
            target = target.target
        if (target is None and path[-1] in self.model) or (
            isinstance(target, nodes.Member) and target.name == "FHIR" and path[-1] in self.model
        ):
            inner, after = self._root(path.pop()), names
        else:
            inner, after = (_this, names) if target is None else self.chain(target, names)
        return self._path(inner, tuple(reversed(path))), after

    def _begins(self, node: nodes.Member, following: str) -> bool:
        """Whether a name that begins a path is that of a type, or of FHIR before that of a type."""
        return node.name in self.model or (node.name == "FHIR" and following in self.model)

    def _path(self, inner: Code, names: tuple[str, ...]) -> Code:
        """The elements at the end of a path of names."""
        step = self._members
        if not names:
            return inner
        if len(names) == 1:
            name = names[0]
            if inner is _this:
                return lambda this, env: step(this, name, env)
            return lambda this, env: step(inner(this, env), name, env)

        def run(this: Items, env: Environment) -> Items:
            items = inner(this, env)
            for name in names:
                items = step(items, name, env)
                if not items:
                    return EMPTY
            return items

        return run

    def _root(self, name: str) -> Code:
        """A name that begins a path and is that of a type: what it is applied to, if it is of that type."""
        step = self._members

        def run(this: Items, env: Environment) -> Items:
            if len(this) == 1 and name in this[0][1].supers:
                return this
            return [item for item in this if name in item[1].supers] or step(this, name, env)

        return run

    def _call(self, node: nodes.Call, names: Names) -> tuple[Code, Names]:
        if makes(node):
            return self.located(instances.factory(self, node, names), node), names
        scoped = SCOPED.get(node.name)
        if scoped is not None and len(node.arguments) >= scoped.fewest:
            if scoped.most is not None and len(node.arguments) > scoped.most:
                raise self._wrong_count(node, scoped.fewest, scoped.most)
            target, after = self.target(node, names)
            code, after = scoped.compile(self, node, target, after)
            return self.located(code, node), after
        found = self._predicate(node, names)
        if found is not None:
            predicate, after = found
            return (lambda this, env: boolean(predicate(this, env))), after
        function = self._function(node)
        target, after = self.target(node, names)
        arguments = [self.code(argument, after) for argument in node.arguments]
        return _applied(function.call, target, arguments, node.position), after

    def _predicate(self, node: nodes.Call, names: Names) -> tuple[Truth, Names] | None:
        scoped = PREDICATES.get(node.name)
        if scoped is not None and len(node.arguments) == 1:
            target, after = self.target(node, names)
            return self.located(scoped(self, node, target, after), node), after
        if node.name in SCOPED and node.name not in FUNCTIONS:
            return None
        function = self._function(node)
        if not function.predicate:
            return None
        target, after = self.target(node, names)
        arguments = [self.code(argument, after) for argument in node.arguments]
        return _applied(function.call, target, arguments, node.position), after

    def _function(self, node: nodes.Call) -> Function:
        function = FUNCTIONS.get(node.name)
        if function is None:
            if node.name in SCOPED:
                scoped = SCOPED[node.name]
                raise self._wrong_count(node, scoped.fewest, scoped.most)
            if node.name in PREDICATES:
                raise self._wrong_count(node, 1, 1)
            raise self.fault(f"There is no function {node.name[:60]}()", node)
        if len(node.arguments) < function.fewest or (function.most is not None and len(node.arguments) > function.most):
            raise self._wrong_count(node, function.fewest, function.most)
        return function

    def _wrong_count(self, node: nodes.Call, fewest: int, most: int | None) -> FhirPathSemanticError:
        wanted = f"{fewest}" if most == fewest else f"at least {fewest}" if most is None else f"{fewest} to {most}"
        count = len(node.arguments)
        return self.fault(f"The function {node.name}() takes {wanted} arguments, there are {count}", node)

    def target(self, node: nodes.Call, names: Names) -> tuple[Code, Names]:
        """What a function is applied to."""
        return (_this, names) if node.target is None else self.chain(node.target, names)

    def type_name(self, node: Node) -> frozenset[str]:
        """A type as written in an expression -> the names of which an item's type must have one.

        Raises for a name that is no type.
        """
        parts: list[str] = []
        at: Node | None = node
        while isinstance(at, nodes.Member):
            parts.append(at.name)
            at = at.target
        if at is not None or not parts:
            raise self.fault("The name of a type is expected", node)
        return self.type_named(".".join(reversed(parts)), node)

    def type_named(self, name: str, node: Node) -> frozenset[str]:
        """The same for a name."""
        namespace, _, short = name.rpartition(".")
        if namespace == "System":
            return frozenset((name,))
        if namespace in ("", "FHIR") and short in self.model:
            # what operators take for a quantity may be one of either namespace
            both = ("Quantity", "System.Quantity") if name == "Quantity" else (short,)
            return frozenset(both)
        if not namespace and (short in types.SYSTEM_TYPES or short == "Any"):
            # definitions of R4 write String and Boolean where they mean FHIR's own
            likes = () if self.strict else (f"{short[0].lower()}{short[1:]}",)
            return frozenset((f"System.{short}", *likes))
        raise self.fault(f"There is no type '{name[:80]}'", node)

    def _constant(self, node: nodes.Constant, names: Names) -> Code:
        name = node.name
        if name in names:
            slot = names[name]
            return lambda this, env: env.slots[slot]
        match name:
            case "context":
                return lambda this, env: env.context
            case "resource":
                return lambda this, env: env.resource
            case "rootResource":
                return lambda this, env: env.root
            case "terminologies":
                return lambda this, env: (TERMINOLOGIES,)
            case _:
                pass
        fixed = FIXED.get(name)
        if fixed is None and name.startswith("vs-"):
            fixed = _VALUE_SET + name[3:]
        if fixed is None and name.startswith("ext-"):
            fixed = _EXTENSION + name[4:]
        given = self.located(_variable(name), node)
        if fixed is None and _COMPUTED in names:
            return lambda this, env: env.named[name] if name in env.named else given(this, env)
        if fixed is None:
            return given
        items: Items = (string(fixed),)
        return lambda this, env: env.variables.get(name, items)

    def naming(self, names: Names) -> Names:
        """The variables, with those whose names are computed."""
        return {**names, _COMPUTED: -1}

    def define(self, name: str, node: Node, names: Names) -> tuple[int, Names]:
        """A new variable: where its value is kept, and all variables with it. Raises for a name that is taken."""
        if name in names or name in RESERVED:
            raise self.fault(f"The variable %{name[:60]} exists already", node)
        slot = self.slots
        self.slots += 1
        return slot, {**names, name: slot}


def _this(this: Items, env: Environment) -> Items:
    return this


def _index(this: Items, env: Environment) -> Items:
    return EMPTY if env.index is None else integer(env.index)


def _total(this: Items, env: Environment) -> Items:
    return env.total


def _variable(name: str) -> Code:
    def run(this: Items, env: Environment) -> Items:
        try:
            return env.variables[name]
        except KeyError:
            raise FhirPathEvaluationError(f"There is no variable %{name[:60]}") from None

    return run


def _applied(
    call: Callable[..., Any], target: Code, arguments: list[Code], position: int
) -> Callable[[Items, Environment], Any]:
    """A function applied to a target, with its arguments evaluated on what surrounds it. Errors name the place."""
    if not arguments:

        def alone(this: Items, env: Environment) -> Any:
            try:
                return call(target(this, env), env)
            except FhirPathEvaluationError as fault:
                fault.place(position)
                raise

        return alone

    def run(this: Items, env: Environment) -> Any:
        try:
            return call(target(this, env), env, *[argument(this, env) for argument in arguments])
        except FhirPathEvaluationError as fault:
            fault.place(position)
            raise

    return run
