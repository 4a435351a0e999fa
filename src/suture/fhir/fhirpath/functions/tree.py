"""children, descendants, pathname (http://hl7.org/fhirpath/#tree-navigation)."""

from suture.fhir.fhirpath import navigation
from suture.fhir.fhirpath.environment import Environment
from suture.fhir.fhirpath.functions.function import Function
from suture.fhir.fhirpath.values import EMPTY, Items, string, truth


def _children(focus: Items, env: Environment) -> Items:
    return navigation.children(focus, env)


def _descendants(focus: Items, env: Environment) -> Items:
    return navigation.descendants(focus, env)


def _pathname(focus: Items, env: Environment, short: Items = EMPTY) -> Items:
    paths = [navigation.path_of(item, short=truth(short) is True) for item in focus]
    return [string(path) for path in paths if path is not None]


FUNCTIONS = {
    "children": Function(_children),
    "descendants": Function(_descendants),
    "pathname": Function(_pathname, 0, 1),
}
