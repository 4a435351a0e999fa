"""What an operation is: a name, where it may be called, its OperationDefinition, and the function that answers.

Specification: https://hl7.org/fhir/R4/operations.html. The one thing to know: name, levels, types and effect are
read from the OperationDefinitions it is declared with, so the router, the CapabilityStatement and the OpenAPI
document cannot disagree with them. URLs are HL7's own, but for operations that only Suture has (`urn:suture:`); levels
that Suture does not serve are false.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from suture.api.http import Request, Response

if TYPE_CHECKING:
    from suture.api.services import Model, Services

Definition = Mapping[str, Any]
"""An OperationDefinition resource."""

Handler = Callable[["Services", "Model", Request, "str | None", "str | None"], Awaitable[Response]]
"""(services, model, request, type or None, id or None) -> Response. Raises FhirError."""

LEVELS = ("system", "type", "instance")


class Operation:
    """One name that can be called, such as `everything`, with one definition or one for each of several types.

    - `name`: as in the URL, without `$`. `affects_state`: only POST may call it.
    - `levels`: where it may be called, of `system`, `type`, `instance`; not all of them on each type: see `at`.
    - `types`: the resource types it belongs to, () for all of them.
    - `media`: the media types in which it may also be asked, the first of which is that of every answer; () for FHIR.
    """

    __slots__ = ("affects_state", "definitions", "handler", "levels", "media", "name", "types")

    def __init__(self, handler: Handler, *definitions: Definition, media: tuple[str, ...] = ()) -> None:
        first = definitions[0]
        self.handler = handler
        self.media = media
        self.definitions = definitions
        self.name: str = first["code"]
        self.affects_state: bool = first["affectsState"]
        self.levels: tuple[str, ...] = tuple(level for level in LEVELS if any(one[level] for one in definitions))
        types = [type for definition in definitions for type in definition["resource"]]
        self.types: tuple[str, ...] = () if "Resource" in types else tuple(types)

    def at(self, level: str, type: str) -> bool:
        """Whether it may be called at `level`, on the resource type `type` ("" at the level of the system)."""
        definition = self.definition(type) if type else self.definitions[0]
        return definition is not None and bool(definition.get(level))

    def definition(self, type: str | None) -> Definition | None:
        """The definition for a resource type (None: the system level); None where the operation cannot be called."""
        if type is None:
            return self.definitions[0] if "system" in self.levels else None
        if self.levels == ("system",):
            return None
        wanted = type if self.types else "Resource"
        return next((definition for definition in self.definitions if wanted in definition["resource"]), None)


def define(
    id: str,
    title: str,
    description: str,
    *,
    resource: str,
    levels: Sequence[str],
    affects_state: bool,
    parameters: Sequence[Definition],
) -> Definition:
    """The OperationDefinition of an operation of the FHIR specification, as far as Suture serves it.

    `id`: HL7's, such as `Patient-everything`; what follows the type is the name. `description`: also says
    where Suture does less than the specification allows.
    """
    code = id.partition("-")[2]
    return {
        "resourceType": "OperationDefinition",
        "id": id,
        "url": f"http://hl7.org/fhir/OperationDefinition/{id}",
        "name": "".join(part.capitalize() for part in id.split("-")),
        "title": title,
        "status": "active",
        "kind": "operation",
        "description": description,
        "affectsState": affects_state,
        "code": code,
        "resource": [resource],
        **{level: level in levels for level in LEVELS},
        "parameter": list(parameters),
    }


def parameter(name: str, use: str, cardinality: str, type: str, documentation: str) -> Definition:
    """One OperationDefinition.parameter. `use`: in | out. `cardinality`: such as `0..1`."""
    fewest, _, most = cardinality.partition("..")
    return {
        "name": name,
        "use": use,
        "min": int(fewest),
        "max": most,
        "documentation": documentation,
        "type": type,
    }


def group(name: str, use: str, cardinality: str, documentation: str, *parts: Definition) -> Definition:
    """A parameter that has parts in place of a value."""
    described = parameter(name, use, cardinality, "", documentation)
    return {**{key: item for key, item in described.items() if key != "type"}, "part": list(parts)}
