"""FHIRPath for one FHIR version: text in, expressions out, each compiled once.

Specification: http://hl7.org/fhirpath/ and https://hl7.org/fhir/R4/fhirpath.html. `Engine.compile` is for the
expressions of definitions (invariants, search parameters): in R4 and R4B they use `as` on collections, and they are
written for data that may be of any type. `Engine.strict` is for everybody else: mistakes in names and types are
errors.
"""

import enum
from collections.abc import Mapping
from threading import Lock
from typing import Any, cast

from suture.fhir.definitions import Definitions
from suture.fhir.fhirpath.analysis import check
from suture.fhir.fhirpath.compiler import LOCATING, Compiler, Truth
from suture.fhir.fhirpath.environment import Budget, Environment, Items
from suture.fhir.fhirpath.evident import Test, holds
from suture.fhir.fhirpath.faults import FhirPathBudgetError, FhirPathEvaluationError
from suture.fhir.fhirpath.host import NOTHING, Host
from suture.fhir.fhirpath.model import Model
from suture.fhir.fhirpath.navigation import Code, Located
from suture.fhir.fhirpath.nodes import Node
from suture.fhir.fhirpath.parser import parse
from suture.fhir.fhirpath.stepping import Step, SteppingCompiler
from suture.fhir.fhirpath.types import Item, Json, Type
from suture.fhir.fhirpath.walk import calls, fitting
from suture.fhir.versions import Version

_KEPT = 8_192
_KEPT_TEXT = 1_000_000
"""Expressions, and characters of all of them, that an engine keeps compiled."""


class _Mode(enum.Enum):
    DEFINITION = enum.auto()
    STRICT = enum.auto()
    LOCATED = enum.auto()


class Expression:
    """A compiled expression. Stateless: any number of threads may evaluate it at once, each in its own environment.

    `calls`: the functions it uses.
    """

    __slots__ = ("_code", "_host", "_located", "_model", "_slots", "_truth", "calls", "text")

    def __init__(self, compiler: Compiler, tree: Node, host: Host) -> None:
        self.text = compiler.text
        self.calls = calls(tree)
        self._code: Code = compiler.code(tree, {})
        self._truth: Truth = compiler.truth(tree, {})
        self._slots = compiler.slots
        self._located = compiler.located_items
        self._model = compiler.model
        self._host = host

    def items(self, focus: Item | None, environment: Environment) -> list[Item]:
        """The result on `focus`, which is %context; None is nothing.

        Raises FhirPathEvaluationError, and Unanswered where the host does.
        """
        self._begin(focus, environment)
        try:
            return list(self._code(environment.context, environment))
        except FhirPathEvaluationError as fault:
            fault.locate(self.text)
            raise
        except RecursionError:
            raise FhirPathBudgetError("The data nest too deep", self.text) from None
        except ArithmeticError:
            raise FhirPathEvaluationError("A number is too large or too small to calculate with", self.text) from None

    def truth(self, focus: Item | None, environment: Environment) -> bool | None:
        """The result as an invariant's: None if it is empty; a single item that is no Boolean is true."""
        self._begin(focus, environment)
        try:
            return self._truth(environment.context, environment)
        except FhirPathEvaluationError as fault:
            fault.locate(self.text)
            raise
        except RecursionError:
            raise FhirPathBudgetError("The data nest too deep", self.text) from None
        except ArithmeticError:
            raise FhirPathEvaluationError("A number is too large or too small to calculate with", self.text) from None

    def _begin(self, focus: Item | None, environment: Environment) -> None:
        environment.context = () if focus is None else (focus,)
        if self._located and focus is not None:
            environment.below = None
            # what another expression found knows its place already
            environment.context = root = (focus if isinstance(focus, Located) else Located(focus),)
            if environment.resource and environment.resource[0][0] is focus[0]:
                environment.resource = root
            if environment.root and environment.root[0][0] is focus[0]:
                environment.root = root
        environment.index = environment.place
        environment.model = self._model
        if environment.host is NOTHING:
            environment.host = self._host
        if self._slots:
            environment.slots = [()] * self._slots
        if environment.named:
            environment.named = {}

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"


class Engine:
    """Compiles for one FHIR version. Safe for threads; keeps the expressions it compiled, up to a number."""

    def __init__(self, definitions: Definitions, host: Host = NOTHING) -> None:
        self.version = definitions.version
        self.model = Model(definitions)
        self._host = host
        self._kept: dict[tuple[str, str, _Mode], Expression] = {}
        self._text = 0
        self._lock = Lock()

    def compile(self, text: str, *, focus: str | None = None) -> Expression:
        """An expression of a definition. Raises FhirPathError for what is not FHIRPath.

        `focus`: name of the type, or path of the element, that it will be applied to, if that is known.
        """
        return self._remembered(text, focus or "", _Mode.DEFINITION)

    def strict(self, text: str, *, focus: str | None = None) -> Expression:
        """An expression of somebody who wants to hear of every mistake.

        Raises FhirPathError also for elements that the type `focus` does not have, and where it leads.
        """
        return self._remembered(text, focus or "", _Mode.STRICT)

    def located(self, text: str, *, focus: str | None = None) -> Expression:
        """Like `strict`; the items of the result know where they were found (`navigation.path_of`)."""
        return self._remembered(text, focus or "", _Mode.LOCATED)

    def stepping(self, text: str, *, focus: str | None = None) -> tuple[Expression, list[Step]]:
        """Like `located`; each evaluation adds its steps to the list. Such expressions are not kept."""
        tree = parse(text)
        compiler = SteppingCompiler(self.model, text)
        made = Expression(compiler, tree, self._host)
        check(tree, text, self.model, focus or "")
        return made, compiler.steps

    def evident(self, text: str, focus: Type) -> Test | None:
        """A quick test for JSON objects of the type `focus`: True only if the expression surely is true for one.

        None when there is no such test. Raises FhirPathError for what is not FHIRPath.
        """
        return holds(parse(text), focus)

    def item(self, value: Any, path: str | None = None, sibling: Json | None = None) -> Item:
        """A plain value as an item: `path` is the name of its type (`HumanName`) or the path of its element
        (`Patient.contact`); a resource says itself what it is. `sibling`: id and extensions of a primitive."""
        return self.model.item(value, path, sibling)

    def path(self, item: Item) -> str | None:
        """Where the elements of an item are defined, as `focus` of an expression for it; None if that is not known."""
        type = item[1]
        return type.path if type.namespace == "FHIR" and type is not self.model.untyped else None

    def environment(
        self,
        resource: Json | None = None,
        root: Json | None = None,
        variables: Mapping[str, Any] | None = None,
        budget: Budget | None = None,
        *,
        host: Host | None = None,
    ) -> Environment:
        """An environment of plain values. `variables`: plain values, or lists of them for collections."""
        given = {name: self.collection(value) for name, value in (variables or {}).items()}
        return Environment(
            None if resource is None else self.model.item(resource),
            None if root is None else self.model.item(root),
            given,
            budget,
            host=host or self._host,
        )

    def collection(self, value: Any) -> Items:
        """A plain value, a list of them or None as a collection."""
        if value is None:
            return ()
        values = cast("list[Any]", value) if isinstance(value, list) else [value]
        return [self.model.item(one) for one in values]

    def _remembered(self, text: str, focus: str, mode: _Mode) -> Expression:
        # of a definition's expression the focus matters only where it names types
        key = (text, focus if mode is not _Mode.DEFINITION or "|" in text else "", mode)
        known = self._kept.get(key)
        if known is not None:
            return known
        made = self._compiled(text, focus, mode)
        with self._lock:
            if len(self._kept) >= _KEPT or self._text > _KEPT_TEXT:
                self._kept.clear()
                self._text = 0
            self._kept[key] = made
            self._text += len(text)
        return made

    def _compiled(self, text: str, focus: str, mode: _Mode) -> Expression:
        tree = parse(text)
        if mode is _Mode.DEFINITION and focus in self.model:
            tree = fitting(tree, self.model.type(focus), self.model)
        strict_as = mode is not _Mode.DEFINITION or self.version is Version.R5
        located = mode is _Mode.LOCATED or not LOCATING.isdisjoint(calls(tree))
        made = Expression(Compiler(self.model, text, strict=strict_as, located=located), tree, self._host)
        if mode is not _Mode.DEFINITION:
            check(tree, text, self.model, focus)
        return made
