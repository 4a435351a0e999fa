"""patch: the next version of a resource, made from the present one by JSON, XML or FHIRPath Patch.

Specification: https://hl7.org/fhir/R4/http.html#patch and fhirpatch.html. The one thing to know: the patch is tried
on the present version before the store is asked to write, and tried again inside the unit only when somebody else
was quicker.
"""

import base64
import binascii
import contextlib
from typing import TYPE_CHECKING, Any

import msgspec

from suture.api.answers import written
from suture.api.criteria import Criteria, criteria
from suture.api.http import Request, Response
from suture.api.negotiation import JSON_PATCH, XML_PATCH, is_fhir_json, is_fhir_xml
from suture.api.preconditions import check_match
from suture.api.preparation import prepare, ready, strip_own_base
from suture.api.services import Model, Services
from suture.api.shapes import as_object
from suture.api.target import Target
from suture.deferred import deferred
from suture.fhir import json
from suture.fhir.outcomes import (
    FhirError,
    Gone,
    Invalid,
    MultipleMatches,
    NotFound,
    Unprocessable,
    UnsupportedMediaType,
)
from suture.store.predicate import Predicate
from suture.store.rows import Prepared, Stored
from suture.store.transaction import Transaction

if TYPE_CHECKING:
    from suture.fhir import patch as patches
    from suture.fhir.patch import Patch
else:
    patches = deferred("suture.fhir.patch")

_FORMATS = f"{JSON_PATCH}, {XML_PATCH}, application/fhir+json, application/fhir+xml"


class Trial(msgspec.Struct, frozen=True, gc=False):
    """What a patch makes of one version."""

    version: int
    prepared: Prepared


async def read_patch(request: Request, model: Model) -> "Patch":
    """The patch in the body. Raises UnsupportedMediaType and Invalid."""
    if request.bundled:
        return patch_from_entry(await request.resource(), model)
    content_type = request.header("content-type")
    media = content_type.partition(";")[0].strip().lower()
    if media in (JSON_PATCH, XML_PATCH):
        return _patch_document(media, await request.body(), model)
    if not content_type or not (is_fhir_json(content_type) or is_fhir_xml(content_type)):
        raise UnsupportedMediaType(f"A patch is sent as one of {_FORMATS}.", headers=_accepted())
    return patches.FhirPathPatch.read(await request.resource(), model.definitions)


def patch_from_entry(resource: dict[str, Any], model: Model) -> "Patch":
    """The patch in an entry of a bundle: a Binary that holds JSON or XML Patch, or Parameters with FHIRPath Patch.

    Specification: https://hl7.org/fhir/R4/http.html#patch, "Patch in a batch or transaction".
    """
    if resource["resourceType"] != "Binary":
        return patches.FhirPathPatch.read(resource, model.definitions)
    media = str(resource.get("contentType", "")).partition(";")[0].strip().lower()
    if media not in (JSON_PATCH, XML_PATCH):
        raise UnsupportedMediaType(
            f"The Binary of a patch must have the contentType {JSON_PATCH} or {XML_PATCH}.", headers=_accepted()
        )
    try:
        document = base64.b64decode(str(resource.get("data", "")), validate=True)
    except (binascii.Error, ValueError):
        raise Invalid("The data of the Binary are not base64.", expression="Binary.data") from None
    return _patch_document(media, document, model)


def _patch_document(media: str, document: bytes, model: Model) -> "Patch":
    if not document:
        raise Invalid("The patch is empty.")
    if media == XML_PATCH:
        return patches.XmlPatch.read(document, model.definitions)
    return patches.JsonPatch.read(json.decode(document))


def try_patch(model: Model, patch: "Patch", current: Stored, base: str) -> Trial:
    """Apply `patch` to a version. Raises Unprocessable when it does not fit, InvalidStructure for a bad result."""
    resource = as_object(patch.apply(json.reread(current.body)))
    if resource is None or resource.get("resourceType") != current.type or resource.get("id") != current.id:
        raise Unprocessable("A patch cannot change the resourceType or the id of a resource.")
    strip_own_base(resource, base)
    return Trial(current.version, prepare(model, resource))


async def patch_one(
    tx: Transaction, model: Model, patch: "Patch", type: str, id: str, if_match: str, base: str, trial: Trial | None
) -> Stored:
    """Make the next version by `patch`; `trial` is used when nobody wrote since.

    Raises NotFound, Gone and PreconditionFailed.
    """
    current = await tx.current(type, id)
    check_match(if_match, current)
    present = require(current, type, id)
    if trial is None or trial.version != present.version:
        trial = await ready(lambda: try_patch(model, patch, present, base))
    return tx.put(type, id, trial.prepared, "PATCH")


def require(current: Stored | None, type: str, id: str) -> Stored:
    """`current` when it is there to be patched. Raises NotFound and Gone."""
    if current is None:
        raise NotFound(f"There is no {type}/{id}.")
    if current.deleted:
        raise Gone(f"{type}/{id} was deleted.")
    return current


async def patch_matching(
    tx: Transaction, model: Model, patch: "Patch", condition: Criteria, if_match: str, base: str, predicate: Predicate
) -> Stored:
    """Patch the one resource that matches `condition`. Raises NotFound and MultipleMatches."""
    await tx.flush()
    matches = await condition.identify(tx, model, predicate)
    if not matches:
        raise NotFound(f"No {condition.type} matches the condition; nothing was patched.")
    if len(matches) > 1:
        raise MultipleMatches(f"More than one {condition.type} matches the condition; nothing was patched.")
    return await patch_one(tx, model, patch, *matches[0], if_match, base, None)


async def patch(services: Services, model: Model, request: Request, target: Target) -> Response:
    """`PATCH [base]/[type]/[id]`, with If-Match."""
    decision = services.decide(request, target.type)
    document = await read_patch(request, model)
    if_match = request.header("if-match")
    seen = require(await services.store.read(target.type, target.id, decision.predicate), target.type, target.id)
    trial: Trial | None = None
    with contextlib.suppress(FhirError):  # The unit decides, on what is current then.
        trial = await ready(lambda: try_patch(model, document, seen, request.base))

    async def work(tx: Transaction) -> Stored:
        return await patch_one(tx, model, document, target.type, target.id, if_match, request.base, trial)

    stored = await services.store.write(work, targets=((target.type, target.id),))
    return written(request, stored, created=False)


async def conditional_patch(services: Services, model: Model, request: Request, target: Target) -> Response:
    """`PATCH [base]/[type]?[criteria]`."""
    decision = services.decide(request, target.type)
    condition = await services.catalogue.certainly(
        lambda: criteria(model, target.type, request.query, "A conditional patch")
    )
    document = await read_patch(request, model)
    if_match = request.header("if-match")

    async def work(tx: Transaction) -> Stored:
        return await patch_matching(tx, model, document, condition, if_match, request.base, decision.predicate)

    stored = await services.store.write(work, locks=condition.locks)
    return written(request, stored, created=False)


def _accepted() -> dict[str, str]:
    return {"Accept-Patch": _FORMATS}
