"""create: a new resource under an id that the server chooses, unless one matches already.

Specification: https://hl7.org/fhir/R4/http.html#create and #ccreate.
"""

import msgspec

from suture.api import raw
from suture.api.answers import matched, written
from suture.api.criteria import Criteria, criteria
from suture.api.http import Request, Response
from suture.api.preparation import check_type, mentions, new_id, prepare_alone, ready, strip_own_base
from suture.api.services import Model, Services
from suture.api.target import Target
from suture.fhir.outcomes import MultipleMatches, NotFound
from suture.store.predicate import Predicate
from suture.store.rows import Prepared, Stored
from suture.store.transaction import Transaction


class Created(msgspec.Struct, frozen=True, gc=False):
    """The outcome of a create: the version, and whether it is new (else it matched the condition)."""

    stored: Stored
    new: bool


async def create_unless(
    tx: Transaction, model: Model, prepared: Prepared, id: str, condition: Criteria, predicate: Predicate
) -> Created:
    """Create a resource, or find the one that matches `condition`. Raises MultipleMatches.

    The unit needs a lock on the type, so that nobody creates a second match meanwhile.
    """
    await tx.flush()
    matches = await condition.identify(tx, model, predicate)
    if not matches:
        return Created(tx.put(prepared.type, id, prepared, "POST"), True)
    if len(matches) > 1:
        raise MultipleMatches(f"More than one {prepared.type} matches If-None-Exist; nothing was created.")
    stored = await tx.current(*matches[0])
    if stored is None:
        raise NotFound("The matching resource is gone.")
    return Created(stored, False)


async def create(services: Services, model: Model, request: Request, target: Target) -> Response:
    """`POST [base]/[type]`, with If-None-Exist as a conditional create."""
    decision = services.decide(request, target.type)
    resource = await raw.received(request, target.type)
    check_type(model, resource, target.type)
    if request.bundled or mentions(await request.body(), request.base):
        strip_own_base(resource, request.base)
    if target.type == "SearchParameter":
        await services.catalogue.refresh()
    prepared = await ready(lambda: prepare_alone(model, resource))
    id = new_id()
    if_none_exist = request.header("if-none-exist")
    if not if_none_exist:

        async def work(tx: Transaction) -> Stored:
            return tx.put(target.type, id, prepared, "POST")

        return written(request, await services.store.write(work), created=True)

    condition = await services.catalogue.certainly(lambda: criteria(model, target.type, if_none_exist, "If-None-Exist"))

    async def conditional(tx: Transaction) -> Created:
        return await create_unless(tx, model, prepared, id, condition, decision.predicate)

    created = await services.store.write(conditional, locks=condition.locks)
    return written(request, created.stored, created=True) if created.new else matched(request, created.stored)
