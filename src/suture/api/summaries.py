"""Which elements of each type the specification marks as its summary.

Specification: https://hl7.org/fhir/R4/search.html#summary and elementdefinition.html (isSummary). The one thing to
know: trees are worked out on first use and may contain themselves, because types do (Reference, Identifier).
"""

from collections.abc import Iterable

from suture.fhir.definitions import Definitions, Element

Tree = dict[str, "Tree | None"]
"""JSON names to keep; the value says what to keep below, None means everything."""


class Summaries:
    """The parts of each resource type of one FHIR version, worked out on first use."""

    def __init__(self, definitions: Definitions) -> None:
        self._structures = definitions.structures
        self._marked: dict[str, Tree] = {}

    def elements(self, type: str) -> tuple[Element, ...]:
        """The elements of a type; none for an unknown one."""
        structure = self._structures.get(type)
        return structure.elements if structure else ()

    def marked(self, type: str) -> Tree | None:
        """What is kept of a type in a summary: the elements that the specification marks, and mandatory ones."""
        if type not in self._structures or type == "Resource" or self._structures[type].kind == "primitive-type":
            return None
        tree = self._marked.get(type)
        if tree is None:
            tree = self._marked[type] = {}
            self._grow(tree, self.elements(type))
        return tree

    def _grow(self, tree: Tree, elements: Iterable[Element]) -> None:
        for element in elements:
            if not element.is_summary and element.min == 0:
                continue
            if element.children:
                below: Tree | None = {}
                self._grow(below, element.children)
                tree[element.name] = below
                continue
            for type in element.types:
                tree[json_name(element, type.code)] = self.marked(type.code)
            if not element.types:
                tree[element.name] = None


def json_name(element: Element, type: str) -> str:
    """The JSON name of an element that holds a value of `type`."""
    return element.name[:-3] + type[0].upper() + type[1:] if element.is_choice else element.name
