"""What $meta-add and $meta-delete share: reading the Meta that was sent, and writing the version that it makes.

Specification: https://hl7.org/fhir/R4/resource-operation-meta-add.html and -delete.html. The one thing to know: a
change of labels is a change of the resource, so it makes a new version with its own ETag and honours If-Match.
"""

from collections.abc import Callable
from typing import Any, cast

from suture.api.answers import version_headers
from suture.api.http import Request, Response
from suture.api.interactions.patch import patch_one, require
from suture.api.operations.inputs import read_inputs
from suture.api.operations.labels import LABELS
from suture.api.operations.meta import answer, meta_of
from suture.api.services import Model, Services
from suture.fhir.outcomes import Invalid
from suture.store.rows import Stored
from suture.store.transaction import Transaction

Combine = Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]
"""(meta of the resource, meta that was sent) -> the meta that the resource gets."""

_IGNORED = ("versionId", "lastUpdated")


class MetaChange:
    """A change of the labels of a resource, in the form of a patch."""

    __slots__ = ("_combine", "_sent")

    def __init__(self, combine: Combine, sent: dict[str, Any]) -> None:
        self._combine = combine
        self._sent = sent

    def apply(self, resource: Any) -> Any:
        """The resource with its labels changed; `resource` itself is left as it was."""
        return {**resource, "meta": self._combine(resource.get("meta", {}), self._sent)}


async def change_meta(
    services: Services, model: Model, request: Request, type: str, id: str, combine: Combine
) -> Response:
    """Change the labels of the current version of a resource and answer with its meta."""
    decision = services.decide(request, type)
    change = MetaChange(combine, await _sent(request))
    if_match = request.header("if-match")
    require(await services.store.read(type, id, decision.predicate), type, id)

    async def work(tx: Transaction) -> Stored:
        return await patch_one(tx, model, change, type, id, if_match, request.base, None)

    stored = await services.store.write(work, targets=((type, id),))
    response = answer(meta_of(stored.body))
    response.headers += version_headers(stored)
    return response


async def _sent(request: Request) -> dict[str, Any]:
    """The Meta in the parameter `meta`. Raises Invalid."""
    value = (await read_inputs(request, ("meta",))).one("meta")
    if not isinstance(value, dict) or not value:
        raise Invalid("The operation needs a parameter 'meta' with a valueMeta.")
    sent = cast("dict[str, Any]", value)
    for name in sent:
        if name not in LABELS and name not in _IGNORED:
            raise Invalid(f"Only {', '.join(LABELS)} can be changed by this operation, not {name[:80]!r}.")
    for name in LABELS:
        if not isinstance(sent.get(name, []), list):
            raise Invalid(f"Meta.{name} is an array.")
    if not any(sent.get(name) for name in LABELS):
        raise Invalid(f"The Meta that was sent has none of {', '.join(LABELS)}.")
    return sent
