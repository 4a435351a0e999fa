"""update: the next version of a resource under an id that the client knows, or that a condition finds.

Specification: https://hl7.org/fhir/R4/http.html#update, #upsert and #cond-update. The one thing to know:
every accepted update makes a new version, also one that sends what is stored already, so that of many writers
with the same If-Match exactly one wins.
"""

from typing import Any

import msgspec

from suture.api import raw
from suture.api.answers import written
from suture.api.criteria import Criteria, criteria
from suture.api.http import Request, Response
from suture.api.preconditions import check_match, check_none_match
from suture.api.preparation import (
    check_id,
    check_type,
    mentions,
    new_id,
    prepare_alone,
    ready,
    refuse_subset,
    strip_own_base,
)
from suture.api.services import Model, Services
from suture.api.target import Target
from suture.fhir.outcomes import Conflict, Invalid, MethodNotAllowed, MultipleMatches
from suture.store.predicate import Predicate
from suture.store.rows import Prepared, Stored
from suture.store.transaction import Transaction


class Terms(msgspec.Struct, frozen=True):
    """On what terms a resource is updated: the preconditions, and whether it may be created by that."""

    if_match: str = ""
    if_none_match: str = ""
    may_create: bool = True


class Updated(msgspec.Struct, frozen=True, gc=False):
    """The outcome of an update: the version, and whether there was no such resource before."""

    stored: Stored
    created: bool


async def put_next(tx: Transaction, prepared: Prepared, id: str, terms: Terms) -> Updated:
    """Make the next version of a resource, or the first one. Raises PreconditionFailed and MethodNotAllowed."""
    current = await tx.current(prepared.type, id)
    check_match(terms.if_match, current)
    check_none_match(terms.if_none_match, current)
    absent = current is None or current.deleted
    if absent and not terms.may_create:
        raise MethodNotAllowed(
            f"There is no {prepared.type}/{id}, and this server does not create resources by update.",
            headers={"Allow": "GET, HEAD, OPTIONS"},
        )
    return Updated(tx.put(prepared.type, id, prepared, "PUT"), absent)


async def put_matching(
    tx: Transaction, model: Model, prepared: Prepared, given: str, fresh: str, condition: Criteria, terms: Terms,
    predicate: Predicate,
) -> Updated:  # fmt: skip
    """Update the one resource that matches `condition`, or create it.

    `given`: the id in the body, or "". `fresh`: the id of a new resource when none was given. The unit needs a
    lock on the type. Raises MultipleMatches, Invalid when `given` is not the id of the match, and Conflict.
    """
    await tx.flush()
    id = resolve_match(await condition.identify(tx, model, predicate), prepared.type, given)
    if id:
        return await put_next(tx, prepared, id, terms)
    current = await tx.current(prepared.type, given) if given else None
    check_new(current, given)
    return await put_next(tx, prepared, given or fresh, terms)


def resolve_match(matches: list[tuple[str, str]], type: str, given: str) -> str:
    """The id of the one match of a conditional update, "" when there is none."""
    if len(matches) > 1:
        raise MultipleMatches(f"More than one {type} matches the condition; nothing was updated.")
    if not matches:
        return ""
    id = matches[0][1]
    if given and given != id:
        raise Invalid(f"The condition matches {type}/{id}, but the body has the id {given!r}.", expression=f"{type}.id")
    return id


def check_new(current: Stored | None, id: str) -> None:
    """Raise Conflict when a conditional update would create a resource under an id that is taken."""
    if current is not None and not current.deleted:
        raise Conflict(f"Nothing matches the condition, but {current.type}/{id} exists; nothing was updated.")


async def update(services: Services, model: Model, request: Request, target: Target) -> Response:
    """`PUT [base]/[type]/[id]`, with If-Match and If-None-Match."""
    services.decide(request, target.type)
    resource = await _received(request, model, target)
    check_id(resource, target.type, target.id)
    if target.type == "SearchParameter":
        await services.catalogue.refresh()
    prepared = await ready(lambda: prepare_alone(model, resource))
    terms = _terms(services, request)

    async def work(tx: Transaction) -> Updated:
        return await put_next(tx, prepared, target.id, terms)

    updated = await services.store.write(work, targets=((target.type, target.id),))
    return written(request, updated.stored, created=updated.created)


async def conditional_update(services: Services, model: Model, request: Request, target: Target) -> Response:
    """`PUT [base]/[type]?[criteria]`."""
    decision = services.decide(request, target.type)
    condition = await services.catalogue.certainly(
        lambda: criteria(model, target.type, request.query, "A conditional update")
    )
    resource = await _received(request, model, target)
    given = resource.get("id") or ""
    if target.type == "SearchParameter":
        await services.catalogue.refresh()
    prepared = await ready(lambda: prepare_alone(model, resource))
    fresh = new_id()
    terms = _terms(services, request)

    async def work(tx: Transaction) -> Updated:
        return await put_matching(tx, model, prepared, given, fresh, condition, terms, decision.predicate)

    updated = await services.store.write(work, locks=condition.locks)
    return written(request, updated.stored, created=updated.created)


async def _received(request: Request, model: Model, target: Target) -> dict[str, Any]:
    resource = await raw.received(request, target.type, target.id)
    check_type(model, resource, target.type)
    if target.type == raw.BINARY and target.id:
        resource.setdefault("id", target.id)
    refuse_subset(resource)
    if request.bundled or mentions(await request.body(), request.base):
        strip_own_base(resource, request.base)
    return resource


def _terms(services: Services, request: Request) -> Terms:
    return Terms(request.header("if-match"), request.header("if-none-match"), services.settings.update_as_create)
