"""What a rule is shown: one value of a resource with its place, its type and what surrounds it."""

from collections.abc import Callable, Iterable
from typing import Any, Protocol

import msgspec

from suture.fhir.definitions import Definitions
from suture.fhir.outcomes import Issue
from suture.fhir.rules.questions import Question


class Canonicals(Protocol):
    """Conformance resources by their canonical URLs: those of users, of packages and of the specification."""

    def find(self, type: str, url: str, version: str | None = None) -> dict[str, Any] | None:
        """The resource with a canonical URL, which may end with `|version`. `type` "" means any type."""
        ...


class Expectations(msgspec.Struct, frozen=True):
    """What the caller wants judged beyond, or less strictly than, the letter of the specification.

    `best_practice`: severity of recommendations ("" leaves them out). `extension_domains`: prefixes of extension URLs
    that need no definition; "any" allows all. `examples`: whether URLs of examples (example.org …) are fine.
    `questionnaire`: whether a response must name a questionnaire that is at hand (none | check | required).
    `security`: whether text that could be code in a browser is an error. `references`: whether what a reference
    names must be found. `display`: severity of a display that is not one of the code's.
    """

    best_practice: str = "warning"
    extension_domains: tuple[str, ...] = ("any",)
    examples: bool = True
    questionnaire: str = "check"
    security: bool = False
    references: bool = False
    display: str = "warning"


class Scene:
    """What all values of one judgement share. `environment(resource)`: the FHIRPath environment of a resource."""

    __slots__ = ("canonicals", "definitions", "engine", "environment", "expectations", "root")

    def __init__(
        self,
        definitions: Definitions,
        canonicals: Canonicals,
        engine: Any,
        root: Any,
        *,
        environment: Callable[[Any], Any] | None = None,
        expectations: Expectations | None = None,
    ) -> None:
        self.definitions = definitions
        self.canonicals = canonicals
        self.engine = engine
        self.root = root
        self.environment = environment
        self.expectations = expectations or Expectations()


class Seen:
    """One value.

    `path`: FHIRPath location such as `Patient.contact[0].name`. `type`: its FHIR type (`HumanName`; `BackboneElement`
    for nested elements). `element`: path in the definition of the type that declares it (`Patient.contact.name`,
    `HumanName.given`; a type's name for a resource). `parent`: the value that holds it, None for the root.
    `sibling`: the id and extensions of a primitive.
    """

    __slots__ = ("element", "parent", "path", "scene", "sibling", "type", "value")

    def __init__(
        self,
        value: Any,
        path: str,
        type: str,
        element: str,
        parent: "Seen | None",
        scene: Scene,
        sibling: dict[str, Any] | None = None,
    ) -> None:
        self.value = value
        self.path = path
        self.type = type
        self.element = element
        self.parent = parent
        self.scene = scene
        self.sibling = sibling

    @property
    def resource(self) -> "Seen":
        """The resource that this value is part of; itself for a resource."""
        seen = self
        while seen.parent is not None and seen.type not in seen.scene.definitions.resource_types:
            seen = seen.parent
        return seen

    @property
    def container(self) -> "Seen":
        """The resource that stands for itself: like `resource`, but not a contained one."""
        seen = self.resource
        while seen.parent is not None and seen.element.endswith(".contained"):
            seen = seen.parent.resource
        return seen

    def issue(self, severity: str, code: str, diagnostics: str, below: str = "") -> Issue:
        """An issue at this value, or at `below` it (`entry[0].fullUrl`, `[1]`)."""
        path = self.path
        if below:
            path += below if below.startswith("[") else "." + below
        return Issue(severity, code, diagnostics, path)

    def error(self, code: str, diagnostics: str, below: str = "") -> Issue:
        """An issue of severity error."""
        return self.issue("error", code, diagnostics, below)

    def warning(self, code: str, diagnostics: str, below: str = "") -> Issue:
        """An issue of severity warning."""
        return self.issue("warning", code, diagnostics, below)


Rule = Callable[[Seen], Iterable[Issue | Question]]
"""A rule yields what is wrong with a value, and what must be asked first. It never raises, whatever the JSON is."""
