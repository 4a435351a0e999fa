"""From the FHIRPath of a search parameter to routes: typed ways through the JSON of one resource type.

The definitions tell at compile time which JSON members an expression can reach and which datatype lies
there, so nothing is left to find out when a resource is indexed. Specification:
https://hl7.org/fhir/R4/search.html#3.1.1.4 and http://hl7.org/fhirpath/N1/. Two things to know: `as` on a
collection filters like `ofType` (R4 means it so), and `where(resolve() is Patient)` looks at the
reference itself, never at the target. What search expressions never use is refused with UnroutableError.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from suture.fhir.definitions import Definitions, Element, ElementType
from suture.fhir.fhirpath import nodes, to_text
from suture.fhir.fhirpath.nodes import Node
from suture.search.extraction.conditions import UnroutableError, compile_test, simple_comparison
from suture.search.extraction.steps import Child, Compute, First, Route, Step, Where

MAX_STEPS = 12
"""Steps of one route; no resource of the specification comes near."""
MAX_ROUTES = 512
"""Routes of one expression."""


class Router:
    """Finds the routes of expressions over the types of one FHIR version."""

    def __init__(self, definitions: Definitions) -> None:
        self._structures = definitions.structures
        self._spelled = {name.casefold(): name for name in definitions.structures}  # a parameter of R4 says DateTime

    def routes(self, resource_type: str, expression: Node) -> tuple[Route, ...]:
        """The routes of `expression` in resources of `resource_type`; none when it speaks of other types only.

        Raises UnroutableError.
        """
        found = self._distinct(self._walk(expression, self.start(resource_type)))
        if any(len(route.steps) > MAX_STEPS for route in found):
            raise UnroutableError(f"a path of more than {MAX_STEPS} steps")
        return found

    def start(self, resource_type: str) -> Route:
        """The resource itself."""
        return Route((), resource_type, fields=self._structures[resource_type].elements)

    def relative(self, focus: Route, expression: Node) -> tuple[Route, ...]:
        """The routes of `expression` from the values of `focus`, as in the criteria of `where`."""
        start = Route((), focus.type, fields=focus.fields)
        return self._distinct(self._walk(expression, start))

    def exclusive(self, resource_type: str, a: tuple[Step, ...], b: tuple[Step, ...]) -> bool:
        """Whether a resource cannot have values at the ends of both ways, since they take different choices of one."""
        focus = self.start(resource_type)
        for x, y in zip(a, b, strict=False):
            if not (isinstance(x, Child) and isinstance(y, Child)) or x.repeats or y.repeats:
                return False
            if x.name != y.name:
                return any(
                    element.is_choice and {x.name, y.name} <= self._choices(focus, element, element.name[:-3]).keys()
                    for element in focus.fields
                )
            below = self._children(focus, x.name)
            if len(below) != 1:
                return False
            focus = below[0]
        return False

    def _walk(self, node: Node, root: Route) -> list[Route]:
        match node:
            case nodes.This():
                return [root]
            case nodes.Member(target=None, name=name):
                return self._first_name(name, root)
            case nodes.Member(target=target, name=name) if target is not None:
                return self._few(r for focus in self._walk(target, root) for r in self._children(focus, name))
            case nodes.Binary(operator="|", left=left, right=right):
                return self._few(self._walk(left, root) + self._walk(right, root))
            case nodes.TypeOperation(operator="as", operand=operand, type=type):
                return self._of_type(self._walk(operand, root), type)
            case nodes.Item(target=target, index=nodes.Number(value=int() as index)):
                return [self._item(route, index) for route in self._walk(target, root)]
            case nodes.Call(target=target, name=name, arguments=arguments):
                return self._call(node, target, name, arguments, root)
            case nodes.Binary(operator="and" | "or" | "xor" | "implies" | "=" | "!="):
                return self._compute(node, root)
            case _:
                raise UnroutableError(f"'{to_text(node)[:80]}'")

    def _first_name(self, name: str, root: Route) -> list[Route]:
        if name in self._lineage(root.type):
            return [root]
        if name in self._structures and self._structures[name].kind == "resource":
            return []
        return self._children(root, name)

    def _call(
        self, node: nodes.Call, target: Node | None, name: str, arguments: tuple[Node, ...], root: Route
    ) -> list[Route]:
        if name in ("exists", "empty", "not", "hasExtension"):
            return self._compute(node, root)
        found = [root] if target is None else self._walk(target, root)
        match name, arguments:
            case (("as" | "ofType"), (nodes.Member() as type,)):
                return self._of_type(found, to_text(type))
            case "where", (criteria,):
                return [kept for route in found for kept in self._where(route, criteria)]
            case "extension", (nodes.String(value=url),):
                wanted = nodes.Binary(
                    operator="=", left=nodes.Member(target=None, name="url"), right=nodes.String(value=url)
                )
                extensions = self._few(e for route in found for e in self._children(route, "extension"))
                return [kept for route in extensions for kept in self._where(route, wanted)]
            case "first", ():
                text = to_text(node)
                begin, end = First(text, False), First(text, True)
                return [msgspec.structs.replace(r, steps=(begin, *r.steps, end), single=True) for r in found]
            case _:
                raise UnroutableError(f"the function {name}()")

    def _where(self, route: Route, criteria: Node) -> list[Route]:
        types = _resolved_types(criteria)
        if types:
            return [msgspec.structs.replace(route, only=types)]
        test = compile_test(lambda node: self.relative(route, node), criteria)
        equals = simple_comparison(lambda node: self.relative(route, node), criteria)
        return [route.then(Where(to_text(criteria), test, equals))]

    def _compute(self, node: Node, root: Route) -> list[Route]:
        test = compile_test(lambda inner: self.relative(root, inner), node)
        return [Route((Compute(to_text(node), test),), "boolean")]

    def _children(self, focus: Route, name: str) -> list[Route]:
        for element in focus.fields:
            if element.name == name:
                plain = [self._child(focus, element, name, type) for type in element.types[:1]]
                return plain or self._repeated(focus, element)
            if element.is_choice and name.startswith(stem := element.name[:-3]):
                choices = self._choices(focus, element, stem)
                if kept := list(choices.values()) if name == stem else [choices[name]] if name in choices else []:
                    return kept
        return []

    def _choices(self, focus: Route, element: Element, name: str) -> dict[str, Route]:
        """By member of the JSON, such as `valueDateTime`, by which expressions of some guides name a choice."""
        found: dict[str, Route] = {}
        for type in element.types:
            member = name + type.code[0].upper() + type.code[1:]
            if member not in found:
                found[member] = self._child(focus, element, member, type)
        return found

    def _child(self, focus: Route, element: Element, member: str, type: ElementType) -> Route:
        fields = element.children
        if not fields and type.code in self._structures:
            fields = self._structures[type.code].elements
        route = focus.then(Child(member, element.repeats))
        return Route(
            steps=route.steps,
            type=type.code,
            targets=type.targets,
            value_set=element.binding_value_set if element.binding_strength == "required" else "",
            single=focus.single and not element.repeats,
            fields=fields,
        )

    def _repeated(self, focus: Route, element: Element) -> list[Route]:
        """A member whose content is described elsewhere in the type, such as Questionnaire.item.item."""
        head, *names = element.content_reference.split(".")
        if head not in self._structures:
            return []
        fields = self._structures[head].elements
        for name in names:
            fields = next((e.children for e in fields if e.name == name), ())
        route = focus.then(Child(element.name, element.repeats))
        return [Route(route.steps, "BackboneElement", single=focus.single and not element.repeats, fields=fields)]

    def _of_type(self, found: Iterable[Route], type: str) -> list[Route]:
        wanted = type.removeprefix("FHIR.")
        wanted = wanted if wanted in self._structures else self._spelled.get(wanted.casefold(), wanted)
        routes = list(found)
        exact = [r for r in routes if r.type == wanted]
        if exact:
            return exact
        kept = [r for r in routes if wanted in self._lineage(r.type)]
        if not kept and wanted in self._structures and self._structures[wanted].kind == "resource":
            kept = [
                msgspec.structs.replace(
                    r.then(_resource_type_is(wanted)), type="Resource", fields=self._structures[wanted].elements
                )
                for r in routes
                if r.type in self._lineage(wanted)
            ]
        return kept

    def _item(self, route: Route, index: int) -> Route:
        last = route.steps[-1] if route.steps else None
        before = route.steps[:-1]
        if not isinstance(last, Child) or any(not isinstance(s, Child) or s.repeats for s in before):
            raise UnroutableError("an index into more than one list")
        if not last.repeats:
            if index:
                raise UnroutableError("an index into something that does not repeat")
            return route
        return msgspec.structs.replace(route, steps=(*before, Child(last.name, True, index)), single=True)

    def _lineage(self, type: str) -> set[str]:
        names: set[str] = set()
        while type and type not in names:
            names.add(type)
            structure = self._structures.get(type)
            type = structure.base if structure else ""
        return names

    def _few(self, routes: Iterable[Route]) -> list[Route]:
        return list(self._distinct(routes))

    def _distinct(self, routes: Iterable[Route]) -> tuple[Route, ...]:
        found: dict[tuple[Any, ...], Route] = {}
        for route in routes:
            found.setdefault((route.path, route.type, route.only), route)
            if len(found) > MAX_ROUTES:
                raise UnroutableError(f"more than {MAX_ROUTES} ways through the resource")
        return tuple(found.values())


def _resource_type_is(name: str) -> Where:
    return Where(f"$this is {name}", lambda value: value.get("resourceType") == name, ("resourceType", name))


def _resolved_types(criteria: Node) -> tuple[str, ...]:
    """The types of `resolve() is A or resolve() is B`, () for any other criteria."""
    match criteria:
        case nodes.TypeOperation(
            operator="is", operand=nodes.Call(target=None | nodes.This(), name="resolve", arguments=()), type=type
        ):
            return (type.removeprefix("FHIR."),)
        case nodes.Call(
            target=nodes.Call(target=None | nodes.This(), name="resolve", arguments=()),
            name="is",
            arguments=(nodes.Member(target=None, name=type),),
        ):
            return (type,)
        case nodes.Binary(operator="or", left=left, right=right):
            a, b = _resolved_types(left), _resolved_types(right)
            return tuple(sorted({*a, *b})) if a and b else ()
        case _:
            return ()
