"""From method and path to interaction and handler; from a wrong one to 404 or 405.

Specification: https://hl7.org/fhir/R4/http.html#summary. The one thing to know: a path has one shape, a shape
has a table of methods, and a method that is not in the table is 405 with `Allow`.
"""

import difflib
import re
from collections.abc import Mapping, Sequence

from suture.api.capability import Capabilities, Surface
from suture.api.http import Request, Response
from suture.api.interactions import (
    bundle,
    capabilities,
    create,
    delete,
    history,
    patch,
    read,
    search,
    update,
    vread,
)
from suture.api.operations.operation import Operation
from suture.api.services import NEVER_STORED, Model, Services
from suture.api.target import Handler, Target
from suture.fhir.outcomes import Invalid, MethodNotAllowed, NotFound
from suture.settings import Settings

ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")

Methods = Mapping[str, tuple[str, Handler]]
"""HTTP method -> (interaction, handler)."""

SYSTEM_SEARCH: Methods = {"POST": ("search-system", search.search_system)}
SYSTEM_HISTORY: Methods = {"GET": ("history-system", history.history)}
TYPE: Methods = {
    "GET": ("search-type", search.search_type),
    "POST": ("create", create.create),
    "PUT": ("update", update.conditional_update),
    "PATCH": ("patch", patch.conditional_patch),
    "DELETE": ("delete", delete.conditional_delete),
}
TYPE_SEARCH: Methods = {"POST": ("search-type", search.search_type)}
TYPE_HISTORY: Methods = {"GET": ("history-type", history.history)}
INSTANCE: Methods = {
    "GET": ("read", read.read),
    "PUT": ("update", update.update),
    "PATCH": ("patch", patch.patch),
    "DELETE": ("delete", delete.delete),
}
INSTANCE_HISTORY: Methods = {"GET": ("history-instance", history.history)}
VERSION: Methods = {"GET": ("vread", vread.vread)}
COMPARTMENT: Methods = {"GET": ("search-compartment", search.search_compartment)}
COMPARTMENT_SEARCH: Methods = {"POST": ("search-compartment", search.search_compartment)}


class _NotAnId(NotFound):
    """What stands in the place of an id cannot be one."""


class Router:
    """The routes of one FHIR base. `operations`: what `$name` may be."""

    def __init__(self, model: Model, operations: Sequence[Operation], settings: Settings) -> None:
        self._model = model
        self._base: Methods = {
            "GET": ("search-system", search.search_system),
            "POST": ("batch", bundle.receiver(self.find)),
        }
        self._types = model.types
        self._compartments = model.definitions.compartments
        self._operations: dict[str, list[Operation]] = {}
        for operation in operations:
            self._operations.setdefault(operation.name, []).append(operation)
        self.capabilities = Capabilities(model, settings, operations, self._surface())
        self._metadata: Methods = {"GET": ("capabilities", capabilities.reporter(self.capabilities))}

    def find(self, method: str, path: str) -> tuple[Target, Handler]:
        """What `method` on `path` (below the base) asks for, and who answers it.

        HEAD is answered like GET. Raises NotFound and MethodNotAllowed, and Invalid for a PUT to what cannot be an id.
        """
        if method == "HEAD":
            method = "GET"
        try:
            methods, target = self._shape(path)
        except _NotAnId as error:
            if method == "PUT" and path.count("/") == 1:
                raise Invalid(str(error)) from None
            raise
        found = methods.get(method)
        if found is None:
            raise MethodNotAllowed(f"{method} is not possible on this URL.", headers={"Allow": allow(methods)})
        interaction, handler = found
        type, id, version, member = target
        return Target(interaction, type, id, version, member), handler

    def allow(self, path: str) -> str:
        """The methods that `path` knows, as for an `Allow` header. Raises NotFound."""
        return allow(self._shape(path)[0])

    def _surface(self) -> Surface:
        tables = (self._base, SYSTEM_SEARCH, SYSTEM_HISTORY, TYPE, TYPE_SEARCH, TYPE_HISTORY, INSTANCE,
                  INSTANCE_HISTORY, VERSION, COMPARTMENT, COMPARTMENT_SEARCH)  # fmt: skip
        return Surface({interaction for table in tables for interaction, _ in table.values()}, TYPE)

    def _shape(self, path: str) -> tuple[Methods, tuple[str, str, str, str]]:
        segments = path.split("/") if path else []
        match segments:
            case [type, id] if type in self._types and ID.fullmatch(id):
                return INSTANCE, (type, id, "", "")
            case [type] if type in self._types:
                return TYPE, (type, "", "", "")
            case []:
                return self._base, ("", "", "", "")
            case ["metadata"]:
                return self._metadata, ("", "", "", "")
            case ["_search"]:
                return SYSTEM_SEARCH, ("", "", "", "")
            case ["_history"]:
                return SYSTEM_HISTORY, ("", "", "", "")
            case [*place, name] if name.startswith("$"):
                return self._operation(place, name)
            case [type, *_] if type not in self._types:
                raise self._unknown_type(type)
            case [type, "_search"]:
                return TYPE_SEARCH, (type, "", "", "")
            case [type, "_history"]:
                return TYPE_HISTORY, (type, "", "", "")
            case [type, id, *_] if not ID.fullmatch(id):
                raise _NotAnId(f"{id[:80]!r} cannot be an id: ids have 1 to 64 letters, digits, '-' and '.'.")
            case [type, id, "_history"]:
                return INSTANCE_HISTORY, (type, id, "", "")
            case [type, id, "_history", version] if ID.fullmatch(version):
                return VERSION, (type, id, version, "")
            case [type, id, member] if self._in_compartment(type, member):
                return COMPARTMENT, (type, id, "", member)
            case [type, id, member, "_search"] if self._in_compartment(type, member):
                return COMPARTMENT_SEARCH, (type, id, "", member)
            case _:
                raise NotFound("There is nothing at this URL.")

    def _in_compartment(self, owner: str, member: str) -> bool:
        return owner in self._compartments and (member == "*" or member in self._types)

    def _operation(self, place: list[str], name: str) -> tuple[Methods, tuple[str, str, str, str]]:
        type, id = [*place, "", ""][:2]
        if type and type not in self._types:
            raise self._unknown_type(type)
        named = self._operations.get(name.removeprefix("$"))
        if named is None:
            nearest = difflib.get_close_matches(name.removeprefix("$"), self._operations, 1)
            hint = f" Did you mean ${nearest[0]}?" if nearest else ""
            raise NotFound(f"There is no operation {name[:80]!r} here.{hint}")
        level = ("system", "type", "instance")[len(place)] if len(place) < 3 else ""
        for operation in named:
            if operation.at(level, type):
                if id and not ID.fullmatch(id):
                    break
                call = (name, _call(operation))
                return ({"POST": call} if operation.affects_state else {"GET": call, "POST": call}), (type, id, "", "")
        raise NotFound(f"The operation {name} cannot be called at this URL.")

    def _unknown_type(self, type: str) -> NotFound:
        if type in NEVER_STORED:
            return NotFound(f"{type} resources are only sent to and answered by operations; they have no URL.")
        nearest = difflib.get_close_matches(type, self._types, 1)
        hint = f" Did you mean {nearest[0]}?" if nearest else ""
        return NotFound(f"There is no resource type {type[:80]!r} in FHIR {self._model.version.number}.{hint}")


def allow(methods: Methods) -> str:
    """An `Allow` header for a table of methods."""
    names = ["GET", "HEAD"] if "GET" in methods else []
    return ", ".join([*names, *(name for name in methods if name != "GET"), "OPTIONS"])


def _call(operation: Operation) -> Handler:
    async def call(services: Services, model: Model, request: Request, target: Target) -> Response:
        return await operation.handler(services, model, request, target.type or None, target.id or None)

    return call
