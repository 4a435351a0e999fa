"""transaction: all entries or none, with links between them resolved.

Specification: https://hl7.org/fhir/R4/http.html#transaction and #trules. The steps: find out what every entry is
about and give new resources their ids; find the links once; decide conditions and prepare the resources ahead, on
what the database says now; then, in one unit of the group commit, decide the conditions again, prepare anew only what
came out differently, and write. Conditions are decided on the state after the deletes of the transaction and before
its other writes; creates with the same condition mean the same resource. Reads are answered last, after the commit.
"""

import asyncio
from functools import partial
from typing import Any

import msgspec

from suture.api.answers import deleted, matched, written
from suture.api.bundles import answers
from suture.api.entries import Entry, answered, at_entry, check_shell, read_entry
from suture.api.failures import failure
from suture.api.http import Request, Response
from suture.api.interactions.delete import delete_one, find_doomed
from suture.api.interactions.patch import patch_one
from suture.api.interactions.steps import (
    NOTHING_DECIDED,
    Decided,
    Plan,
    Step,
    decide,
    fill_links,
    find_references,
    plan_step,
    prepare_step,
    refuse_twice,
    unmatched,
)
from suture.api.interactions.update import Terms, check_new, put_next
from suture.api.preparation import ready
from suture.api.services import Model, Services
from suture.api.target import Find
from suture.fhir.outcomes import FhirError, Gone, NotFound
from suture.store.predicate import Predicate
from suture.store.rows import Stored
from suture.store.transaction import Transaction

WRITES = frozenset(("create", "update", "patch", "delete"))

BREATH = 64
"""After this many resources other requests get their turn."""


class Done(msgspec.Struct, frozen=True, gc=False):
    """What became of one step: the version (None when a delete found nothing), and whether it is a new resource."""

    stored: Stored | None
    created: bool = False
    existed: bool = False
    count: int = 1


async def transaction(
    services: Services, model: Model, request: Request, bundle: dict[str, Any], find: Find
) -> Response:
    """Process the entries of a transaction as one unit. Raises the error of the first entry that cannot be done."""
    entries = _read(model, request, bundle, find)
    reads = [entry for entry in entries if not _writes(entry)]
    writes = [entry for entry in entries if _writes(entry)]
    steps = await services.catalogue.certainly(lambda: [_planned(model, entry) for entry in writes])
    for type in sorted({step.type for step in steps}):
        services.decide(request, type)
    predicate = services.decide(request, "").predicate
    plan = Plan(model, steps, request.base, model.uris)
    if plan.referring:
        await services.catalogue.refresh()
    await _prepare_ahead(services, plan, predicate)
    unit = _Unit(services, plan, reads, predicate)
    needed = [
        *plan.targets,
        *((entry.target.type, entry.target.id) for entry in reads if entry.target.interaction == "read"),
    ]
    done = await services.store.write(unit.run, targets=needed, locks=plan.locks, savepoint=plan.searches)
    results: list[bytes] = [b""] * len(entries)
    for step in steps:
        results[step.entry.position] = answered(_answer(step, done[step.entry.position]), request.base)
    for entry in reads:
        results[entry.position] = answered(await _read_one(services, model, entry), request.base)
    return Response(200, answers(b"transaction-response", results))


def _read(model: Model, request: Request, bundle: dict[str, Any], find: Find) -> list[Entry]:
    entries: list[Entry] = []
    for position, entry in enumerate(check_shell(model, bundle)):
        try:
            entries.append(read_entry(request, find, entry, position))
        except FhirError as error:
            raise at_entry(error, f"Entry {position}", position) from error
    return entries


def _writes(entry: Entry) -> bool:
    interaction = entry.target.interaction
    return interaction in WRITES or (interaction.startswith("$") and entry.request.method == "POST")


def _planned(model: Model, entry: Entry) -> Step:
    try:
        return plan_step(model, entry)
    except FhirError as error:
        raise at_entry(error, entry.name, entry.position) from error


async def _prepare_ahead(services: Services, plan: Plan, predicate: Predicate) -> None:
    """Prepare what can be prepared before the unit runs; conditions are decided on what is committed now."""
    names, targets = plan.names, dict[str, str]()
    if plan.searches:
        try:
            async with services.store.reading() as connection:
                names = plan.named(await decide(plan, connection, predicate))
                targets = await find_references(plan, plan.referring, connection, predicate, names)
        except FhirError:
            # It may come out well once the deletes of this very transaction are done: the unit decides.
            names, targets = plan.names, {}
    for count, step in enumerate(plan.writes):
        if step.kind != "patch" and _ready(step, plan, names, targets):
            fill_links(step, names, targets, plan.urls)
            await ready(partial(prepare_step, plan.model, step))
        if count % BREATH == BREATH - 1:
            await asyncio.sleep(0)


def _ready(step: Step, plan: Plan, names: dict[int, str], targets: dict[str, str]) -> bool:
    if any(site.text not in targets for site in step.references):
        return False
    return not step.open or len(names) == len(plan.writes)


class _Unit:
    """The part of a transaction that runs inside the group commit; it may run more than once."""

    def __init__(self, services: Services, plan: Plan, reads: list[Entry], predicate: Predicate) -> None:
        self._several = services.settings.conditional_delete == "multiple"
        self._may_create = services.settings.update_as_create
        self._plan = plan
        self._reads = reads
        self._predicate = predicate

    async def run(self, tx: Transaction) -> dict[int, Done]:
        """Write everything; the result by position of the entry. Raises FhirError."""
        plan = self._plan
        done: dict[int, Done] = {}
        taken = await self._delete(tx, done)
        decided = NOTHING_DECIDED
        if plan.searches:
            await tx.flush()
            decided = await decide(plan, tx, self._predicate)
        names = plan.named(decided)
        for step in plan.writes:
            if step.kind != "create":
                refuse_twice(taken, names[step.entry.position], step)
        waiting: list[Step] = []
        for step in plan.writes:
            if step.references and not decided.spares(step.entry.position):
                waiting.append(step)
            else:
                await self._write(tx, step, decided, names, {}, done)
        while waiting:
            waiting = await self._write_referring(tx, waiting, decided, names, done)
        for position, first in decided.echoes.items():
            done[position] = Done(done[first].stored, existed=True)
        for entry in self._reads:
            await _check_readable(tx, entry)
        return done

    async def _delete(self, tx: Transaction, done: dict[int, Done]) -> dict[str, Step]:
        taken: dict[str, Step] = {}
        for step in self._plan.deletes:
            try:
                doomed = [(step.type, step.id)]
                if step.condition is not None:
                    await tx.flush()
                    doomed = await find_doomed(
                        tx, self._plan.model, step.condition, self._predicate, several=self._several
                    )
                for type, id in doomed:
                    refuse_twice(taken, f"{type}/{id}", step)
                if_match = step.entry.request.header("if-match")
                gone = [await delete_one(tx, type, id, if_match) for type, id in doomed]
            except FhirError as error:
                raise step.error(error) from error
            done[step.entry.position] = Done(gone[0] if len(gone) == 1 else None, count=len(gone))
        return taken

    async def _write_referring(
        self, tx: Transaction, waiting: list[Step], decided: Decided, names: dict[int, str], done: dict[int, Done]
    ) -> list[Step]:
        """Write the steps whose conditional references have a match by now; the others are returned."""
        await tx.flush()
        targets = await find_references(self._plan, waiting, tx, self._predicate, names)
        left: list[Step] = []
        for step in waiting:
            if all(site.text in targets for site in step.references):
                await self._write(tx, step, decided, names, targets, done)
            else:
                left.append(step)
        if len(left) == len(waiting):
            raise unmatched(left[0], next(site for site in left[0].references if site.text not in targets))
        return left

    async def _write(
        self, tx: Transaction, step: Step, decided: Decided, names: dict[int, str], targets: dict[str, str],
        done: dict[int, Done],
    ) -> None:  # fmt: skip
        position = step.entry.position
        if position in decided.echoes:
            return
        id = names[position].partition("/")[2]
        if position in decided.existing:
            done[position] = Done(await tx.current(step.type, id), existed=True)
            return
        fill_links(step, names, targets, self._plan.urls)
        try:
            if step.kind == "patch":
                done[position] = Done(await self._patch(tx, step, id))
            else:
                prepared = await ready(lambda: prepare_step(self._plan.model, step))
                if step.kind == "create":
                    done[position] = Done(tx.put(step.type, id, prepared, "POST"), created=True)
                    return
                if position in decided.unmatched:
                    check_new(await tx.current(step.type, id), id)
                header = step.entry.request.header
                terms = Terms(header("if-match"), header("if-none-match"), self._may_create)
                updated = await put_next(tx, prepared, id, terms)
                done[position] = Done(updated.stored, created=updated.created)
        except FhirError as error:
            raise step.error(error) from error

    async def _patch(self, tx: Transaction, step: Step, id: str) -> Stored:
        if step.patch is None:
            raise LookupError("a patch step without a patch")
        request = step.entry.request
        if_match = request.header("if-match")
        return await patch_one(tx, self._plan.model, step.patch, step.type, id, if_match, request.base, None)


async def _check_readable(tx: Transaction, entry: Entry) -> None:
    """Raise NotFound or Gone when a read of this transaction would fail."""
    target = entry.target
    if target.interaction != "read":
        return
    current = await tx.current(target.type, target.id)
    if current is None:
        raise at_entry(NotFound(f"There is no {target.type}/{target.id}."), entry.name, entry.position)
    if current.deleted:
        raise at_entry(Gone(f"{target.type}/{target.id} was deleted."), entry.name, entry.position)


def _answer(step: Step, done: Done) -> Response:
    request = step.entry.request
    if step.kind == "delete":
        return deleted(request, done.stored, f"{done.count} resources were deleted.")
    if done.stored is None:
        raise LookupError("a write without a version")
    if done.existed:
        return matched(request, done.stored)
    return written(request, done.stored, created=done.created)


async def _read_one(services: Services, model: Model, entry: Entry) -> Response:
    try:
        return await entry.handler(services, model, entry.request, entry.target)
    except Exception as error:
        # What was written is committed and must be told.
        return failure(error, entry.request)
