"""The OpenAPI 3.1 document of a FHIR base, generated from the same tables as the router and the CapabilityStatement.

Format: https://spec.openapis.org/oas/v3.1.0. The one thing to know: FHIR has one shape of path for all resource
types, so a path has a `{type}` parameter whose values are the types, instead of a thousand equal paths; what may be
searched by type is in the CapabilityStatement.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

import suture
from suture.api.capability import RESULT_PARAMETERS
from suture.api.operations import Operation
from suture.api.services import Model

Json = dict[str, Any]

_FHIR_JSON = "application/fhir+json"
_FHIR_XML = "application/fhir+xml"
_JSON_PATCH = "application/json-patch+json"
_XML_PATCH = "application/xml-patch+xml"
_ID = r"^[A-Za-z0-9\-.]{1,64}$"

_TITLES: Mapping[str, str] = {
    "read": "Read the current version of a resource",
    "vread": "Read one version of a resource",
    "update": "Make the next version of a resource, or create it",
    "patch": "Change parts of a resource",
    "delete": "Delete a resource",
    "history-instance": "The versions of a resource",
    "history-type": "The versions of all resources of a type",
    "history-system": "The versions of all resources",
    "create": "Create a resource",
    "search-type": "Search in a resource type",
    "search-system": "Search over all resource types",
    "search-compartment": "Search within the resources of one patient, encounter, practitioner …",
    "batch": "Run the entries of a batch or transaction Bundle",
    "capabilities": "What the server can do: the CapabilityStatement",
}

_QUERIES: Mapping[str, Sequence[str]] = {
    "read": ("_summary", "_elements"),
    "vread": ("_summary", "_elements"),
    "history-instance": ("_since", "_at", "_count"),
    "history-type": ("_since", "_at", "_count"),
    "history-system": ("_since", "_at", "_count"),
    "capabilities": ("mode",),
    "search-type": tuple(name for name in RESULT_PARAMETERS if name != "_type"),
    "search-system": tuple(RESULT_PARAMETERS),
    "search-compartment": tuple(name for name in RESULT_PARAMETERS if name != "_type"),
}
_HEADERS: Mapping[str, Sequence[str]] = {
    "read": ("If-None-Match", "If-Modified-Since"),
    "create": ("If-None-Exist", "Prefer"),
    "update": ("If-Match", "If-None-Match", "Prefer"),
    "patch": ("If-Match", "Prefer"),
    "delete": ("If-Match",),
    "batch": ("Prefer",),
    "search-type": ("Prefer",),
    "search-system": ("Prefer",),
}
_STATUS: Mapping[str, Sequence[int]] = {
    "create": (200, 201),
    "update": (200, 201),
    "delete": (200, 204),
    "read": (200, 304),
    "vread": (200, 304),
    "capabilities": (200, 304),
}
_PARAMETER: Json = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": {"type": "string"}, "resource": {"$ref": "#/components/schemas/Resource"}},
}
_ENTRY: Json = {
    "type": "object",
    "required": ["request"],
    "properties": {
        "fullUrl": {"type": "string"},
        "resource": {"$ref": "#/components/schemas/Resource"},
        "request": {
            "type": "object",
            "required": ["method", "url"],
            "properties": {
                "method": {"enum": ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]},
                "url": {"type": "string"},
                "ifNoneExist": {"type": "string"},
                "ifMatch": {"type": "string"},
            },
        },
    },
}
_MAY_BE_EMPTY = frozenset({"create", "update", "patch"})

Tables = Mapping[str, Mapping[str, str]]
"""Path template below the base -> HTTP method -> interaction."""

Offered = Callable[[], Tables]


class OpenApi:
    """The OpenAPI document of one FHIR version.

    `offered`: gives the interactions when the document is built. `path`: of the base URL, such as `/fhir/r4`.
    """

    def __init__(self, model: Model, operations: Sequence[Operation], offered: Offered, path: str) -> None:
        self._model = model
        self._operations = operations
        self._offered = offered
        self._path = path
        self.document = lru_cache(maxsize=1)(self._encoded)

    def _encoded(self) -> bytes:
        """The document as JSON bytes."""
        return msgspec.json.encode(self.build())

    def build(self) -> Json:
        """The document as a dict."""
        paths: Json = {}
        for template, methods in self._offered().items():
            paths[self._path + template] = self._item(template, methods)
        for operation in self._operations:
            paths.update(self._of_operation(operation))
        return {
            "openapi": "3.1.0",
            "info": {
                "title": "Suture FHIR API",
                "version": suture.__version__,
                "description": f"FHIR {self._model.version.number}. Resources are described by the FHIR specification, "
                "search parameters by the CapabilityStatement.",
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "servers": [{"url": "/"}],
            "paths": paths,
            "components": {
                "schemas": self._schemas(),
                "parameters": self._parameters(),
                "responses": {"Error": _body("What went wrong.", "OperationOutcome")},
            },
        }

    def _item(self, template: str, methods: Mapping[str, str]) -> Json:
        item: Json = {}
        if names := _in_path(template):
            item["parameters"] = [{"$ref": f"#/components/parameters/{name}"} for name in names]
        for method, interaction in methods.items():
            item[method.lower()] = self._call(template, method, interaction)
        return item

    def _call(self, template: str, method: str, interaction: str) -> Json:
        form = template.endswith("_search")
        names = () if form else _QUERIES.get(interaction, ())
        on_type = template == "/{type}" and method in ("PUT", "PATCH", "DELETE")
        parameters = [{"$ref": f"#/components/parameters/{name}"} for name in (*names, *_HEADERS.get(interaction, ()))]
        if (interaction.startswith("search") and not form) or on_type:
            parameters.append({"$ref": "#/components/parameters/criteria"})
        call: Json = {
            "operationId": _identifier(method, template),
            "summary": _TITLES.get(interaction, interaction) + (", found by criteria" if on_type else ""),
            "tags": [interaction],
            "parameters": [*parameters, {"$ref": "#/components/parameters/_format"}],
            "responses": self._responses(interaction),
        }
        if form:
            call["requestBody"] = _form()
        elif method in ("POST", "PUT"):
            call["requestBody"] = _request("Batch" if interaction == "batch" else "Resource")
        elif method == "PATCH":
            call["requestBody"] = _patches()
        return call

    def _responses(self, interaction: str) -> Json:
        schema = "Bundle" if interaction.startswith(("search", "history", "batch")) else "Resource"
        responses: Json = {}
        for status in _STATUS.get(interaction, (200,)):
            if status in (204, 304):
                responses[str(status)] = {"description": "No content." if status == 204 else "Not modified."}
            else:
                responses[str(status)] = _body("Done.", schema)
                if interaction in _MAY_BE_EMPTY:
                    responses[str(status)]["description"] = "Done; the body follows the Prefer header."
        responses["default"] = {"$ref": "#/components/responses/Error"}
        return responses

    def _of_operation(self, operation: Operation) -> Json:
        paths: Json = {}
        for level in operation.levels:
            places = [f"/{type}" for type in operation.types if operation.at(level, type)] or ["/{type}"]
            for place in [""] if level == "system" else places:
                template = f"{place}{'/{id}' if level == 'instance' else ''}/${operation.name}"
                type = place.strip("/") if place and place != "/{type}" else None
                paths[self._path + template] = self._operation_item(operation, template, type)
        return paths

    def _operation_item(self, operation: Operation, template: str, type: str | None) -> Json:
        definition = operation.definition(type or "Resource") or operation.definitions[0]
        inputs = [entry for entry in definition["parameter"] if entry["use"] == "in"]
        item: Json = {"parameters": [{"$ref": f"#/components/parameters/{name}"} for name in _in_path(template)]}
        shared: Json = {
            "summary": definition["title"],
            "description": definition["description"],
            "tags": [f"${operation.name}"],
            "externalDocs": {"url": definition["url"]},
            "responses": {"200": _body("Done.", "Resource"), "default": {"$ref": "#/components/responses/Error"}},
        }
        body: Json = {**_request("Parameters"), "required": any(entry["min"] for entry in inputs)}
        if operation.media:
            answer: Json = {"description": "The answer, or errors.", "content": {operation.media[0]: {"schema": {}}}}
            shared["responses"] = {"200": answer, "default": answer}
            body["content"] = {**body["content"], **{media: {"schema": {}} for media in operation.media}}
        if not operation.affects_state:
            simple = [_from_definition(entry) for entry in inputs if entry.get("type", "")[:1].islower()]
            item["get"] = {**shared, "operationId": _identifier("GET", template), "parameters": simple}
        item["post"] = {**shared, "operationId": _identifier("POST", template), "requestBody": body}
        return item

    def _schemas(self) -> Json:
        resource = {
            "type": "object",
            "required": ["resourceType"],
            "properties": {
                "resourceType": {"type": "string"},
                "id": {"type": "string", "pattern": _ID},
                "meta": {"type": "object"},
            },
        }
        return {
            "Resource": resource,
            "OperationOutcome": _narrowed(resource, "OperationOutcome", {"issue": {"type": "array"}}),
            "Parameters": _narrowed(resource, "Parameters", {"parameter": {"type": "array", "items": _PARAMETER}}),
            "Bundle": _narrowed(resource, "Bundle", {"type": {"type": "string"}, "entry": {"type": "array"}}),
            "Batch": _narrowed(
                resource,
                "Bundle",
                {"type": {"enum": ["batch", "transaction"]}, "entry": {"type": "array", "items": _ENTRY}},
            ),
            "JsonPatch": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["op", "path"],
                    "properties": {
                        "op": {"enum": ["add", "remove", "replace", "move", "copy", "test"]},
                        "path": {"type": "string"},
                        "from": {"type": "string"},
                        "value": {},
                    },
                },
            },
        }

    def _parameters(self) -> Json:
        compartments = sorted(self._model.definitions.compartments)
        members = ["*", *sorted(self._model.types)]
        text: Json = {"type": "string"}
        found: Json = {
            "type": _parameter("type", "path", {"enum": sorted(self._model.types)}, "A resource type."),
            "id": _parameter("id", "path", {"type": "string", "pattern": _ID}, "The id of a resource."),
            "vid": _parameter("vid", "path", {"type": "string", "pattern": r"^[1-9][0-9]{0,8}$"}, "A version."),
            "compartment": _parameter("compartment", "path", {"enum": compartments}, "Whose resources are searched."),
            "member": _parameter("member", "path", {"enum": members}, "The type searched for, or * for all."),
            "mode": _parameter("mode", "query", {"enum": ["full", "normative", "terminology"]}, "Which statement."),
            "_since": _parameter("_since", "query", text, "Only versions from this instant on."),
            "_at": _parameter("_at", "query", text, "Only versions that were current at some time in this span."),
            "_format": _parameter(
                "_format", "query", {"enum": ["json", "xml", _FHIR_JSON, _FHIR_XML]}, "The format of the answer."
            ),
            "criteria": {
                **_parameter(
                    "criteria", "query", {"type": "object", "additionalProperties": text}, "Search parameters."
                ),
                "style": "form",
                "explode": True,
            },
        }
        for name, (type, documentation) in RESULT_PARAMETERS.items():
            found[name] = _parameter(
                name, "query", {"type": "integer", "minimum": 0} if type == "number" else text, documentation
            )
        for name in ("If-Match", "If-None-Match", "If-Modified-Since", "If-None-Exist", "Prefer"):
            found[name] = _parameter(name, "header", text, f"As in the HTTP page of the FHIR specification: {name}.")
        return found


def _in_path(template: str) -> list[str]:
    return [part[1:-1] for part in template.split("/") if part.startswith("{")]


def _identifier(method: str, template: str) -> str:
    words = [part.strip("{}$_") for part in template.split("/") if part]
    return "-".join([method.lower(), *words]) if words else f"{method.lower()}-base"


def _parameter(name: str, place: str, schema: Json, description: str) -> Json:
    found: Json = {"name": name, "in": place, "schema": schema, "description": description}
    return {**found, "required": True} if place == "path" else found


def _from_definition(entry: Mapping[str, Any]) -> Json:
    schema: Json = {"type": "integer", "minimum": 0} if entry["type"] == "integer" else {"type": "string"}
    if entry["max"] != "1":
        schema = {"type": "array", "items": schema}
    return {**_parameter(entry["name"], "query", schema, entry["documentation"]), "required": bool(entry["min"])}


def _narrowed(resource: Json, type: str, elements: Json) -> Json:
    return {**resource, "properties": {**resource["properties"], "resourceType": {"const": type}, **elements}}


def _content(schema: str) -> Json:
    return {_FHIR_JSON: {"schema": {"$ref": f"#/components/schemas/{schema}"}}, _FHIR_XML: {"schema": {}}}


def _body(description: str, schema: str) -> Json:
    return {"description": description, "content": _content(schema)}


def _request(schema: str) -> Json:
    return {"required": True, "content": _content(schema)}


def _patches() -> Json:
    patch = {_JSON_PATCH: {"schema": {"$ref": "#/components/schemas/JsonPatch"}}}
    return {"required": True, "content": {**patch, _XML_PATCH: {"schema": {}}, **_content("Parameters")}}


def _form() -> Json:
    schema = {"type": "object", "additionalProperties": {"type": "string"}}
    return {"required": False, "content": {"application/x-www-form-urlencoded": {"schema": schema}}}
