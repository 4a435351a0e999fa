"""delete: a last version that says the resource is gone; by id or by a condition.

Specification: https://hl7.org/fhir/R4/http.html#delete and #3.1.0.7.1. The one thing to know: deleting what is
not there succeeds too, and its history stays readable.
"""

from suture.api.answers import deleted
from suture.api.criteria import Criteria, criteria
from suture.api.http import Request, Response
from suture.api.preconditions import check_match
from suture.api.services import Model, Services
from suture.api.target import Target
from suture.fhir.outcomes import MultipleMatches, TooCostly
from suture.store.predicate import Predicate
from suture.store.rows import Stored
from suture.store.transaction import Transaction

MOST_AT_ONCE = 1000
"""Resources that one conditional delete may remove."""


async def delete_one(tx: Transaction, type: str, id: str, if_match: str) -> Stored | None:
    """Delete a resource; None when there is nothing to delete. Raises PreconditionFailed."""
    current = await tx.current(type, id)
    check_match(if_match, current)
    if current is None or current.deleted:
        return None
    return tx.delete(type, id)


async def find_doomed(
    tx: Transaction, model: Model, condition: Criteria, predicate: Predicate, *, several: bool
) -> list[tuple[str, str]]:
    """The resources that a conditional delete removes. Raises MultipleMatches unless `several` may go at once."""
    limit = MOST_AT_ONCE if several else 1
    matches = await condition.identify(tx, model, predicate, limit + 1)
    if len(matches) > limit and several:
        raise TooCostly(f"More than {limit} resources match the condition; narrow it. Nothing was deleted.")
    if len(matches) > limit:
        raise MultipleMatches(f"More than one {condition.type} matches the condition; nothing was deleted.")
    return matches


async def delete(services: Services, model: Model, request: Request, target: Target) -> Response:
    """`DELETE [base]/[type]/[id]`, with If-Match."""
    services.decide(request, target.type)
    if_match = request.header("if-match")

    async def work(tx: Transaction) -> Stored | None:
        return await delete_one(tx, target.type, target.id, if_match)

    stored = await services.store.write(work, targets=((target.type, target.id),))
    what = f"{target.type}/{target.id}"
    return deleted(request, stored, f"{what} is deleted." if stored else f"There was no {what} to delete.")


async def conditional_delete(services: Services, model: Model, request: Request, target: Target) -> Response:
    """`DELETE [base]/[type]?[criteria]`: one match, or several when the setting allows."""
    decision = services.decide(request, target.type)
    condition = await services.catalogue.certainly(
        lambda: criteria(model, target.type, request.query, "A conditional delete")
    )
    if_match = request.header("if-match")
    several = services.settings.conditional_delete == "multiple"

    async def work(tx: Transaction) -> list[Stored]:
        await tx.flush()
        matches = await find_doomed(tx, model, condition, decision.predicate, several=several)
        if if_match and not matches:
            check_match(if_match, None)
        gone = [await delete_one(tx, type, id, if_match) for type, id in matches]
        return [stored for stored in gone if stored is not None]

    gone = await services.store.write(work, locks=condition.locks)
    return deleted(request, gone[0] if len(gone) == 1 else None, f"{len(gone)} resources were deleted.")
