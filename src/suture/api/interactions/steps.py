"""The writes of a transaction, planned: what each is about, what links it holds, what its conditions decide.

Specification: https://hl7.org/fhir/R4/http.html#trules. The one thing to know: a step knows its resource's id from the
start unless a condition decides it; only links to such undecided resources, and conditional references, are kept
open as places to fill in later, and are filled in again when the decision changes.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from suture.api.criteria import Criteria, criteria
from suture.api.entries import ORDER, Entry, at_entry
from suture.api.interactions.patch import patch_from_entry
from suture.api.interactions.update import resolve_match
from suture.api.links import InNarrative, Site, ToEntry, ToMatch, UriElements, find_links, replace_links
from suture.api.preparation import check_id, check_type, new_id, prepare, refuse_subset
from suture.api.services import Model
from suture.fhir.outcomes import FhirError, Invalid, Issue, MultipleMatches, NotFound, PreconditionFailed, Unprocessable
from suture.store.connection import Connection
from suture.store.predicate import Predicate
from suture.store.rows import Prepared

if TYPE_CHECKING:
    from suture.fhir.patch import Patch

Kind = Literal["create", "update", "patch", "delete"]


class Step:
    """One write of a transaction.

    - `id`: of the resource that is written, "" while a condition decides it; `fresh`: the id of a new resource.
    - `condition`: of a conditional interaction. `given`: the id in the body of a conditional update.
    - `open`: links whose value depends on a decision; `filled`: the values that were filled in last.
    - `prepared`: the resource with those values, once it was prepared.
    """

    __slots__ = ("condition", "entry", "filled", "fresh", "given", "id", "kind", "open", "patch", "prepared", "type")

    def __init__(self, entry: Entry, kind: Kind) -> None:
        self.entry = entry
        self.kind: Kind = kind
        self.type = entry.target.type
        self.id = entry.target.id
        self.fresh = ""
        self.given = ""
        self.condition: Criteria | None = None
        self.patch: Patch | None = None
        self.open: list[ToEntry | ToMatch | InNarrative] = []
        self.prepared: Prepared | None = None
        self.filled: tuple[str, ...] | None = None

    @property
    def references(self) -> list[ToMatch]:
        """The conditional references in the resource."""
        return [site for site in self.open if isinstance(site, ToMatch)]

    def error(self, error: FhirError) -> FhirError:
        """`error`, saying which entry it is about."""
        return at_entry(error, self.entry.name, self.entry.position)

    def body(self) -> dict[str, Any]:
        """The resource of the entry. Raises Invalid when there is none."""
        if self.entry.resource is None:
            raise Invalid("The entry needs a resource.", expression=f"Bundle.entry[{self.entry.position}]")
        return self.entry.resource


class Decided(msgspec.Struct, frozen=True):
    """What the conditions of a transaction came to.

    `ids`: position -> id of the resource. `existing`: creates that found their resource already there.
    `unmatched`: updates that found nothing. `echoes`: creates with the condition of an earlier one -> the
    position of that one.
    """

    ids: dict[int, str]
    existing: frozenset[int]
    unmatched: frozenset[int]
    echoes: dict[int, int]

    def spares(self, position: int) -> bool:
        """Whether the entry at `position` writes nothing, because its resource exists or another entry makes it."""
        return position in self.existing or position in self.echoes


NOTHING_DECIDED = Decided({}, frozenset(), frozenset(), {})


class Plan:
    """The writes of one transaction. `names`: position -> `Type/id` of the resources that no condition decides."""

    def __init__(self, model: Model, steps: Sequence[Step], base: str, uris: UriElements) -> None:
        self.model = model
        self.steps = steps
        self.deletes = [step for step in steps if step.kind == "delete"]
        self.writes = sorted((step for step in steps if step.kind != "delete"), key=_order)
        self.conditional = [step for step in self.writes if step.condition is not None]
        self.names = {step.entry.position: f"{step.type}/{step.id}" for step in self.writes if step.id}
        self.urls = _full_urls(self.writes)
        for step in self.writes:
            if step.entry.resource is not None:
                self._link(step, base, uris)
        self.referring = [step for step in self.writes if step.references]
        self.searches = bool(
            self.conditional or self.referring or any(step.condition is not None for step in self.deletes)
        )

    @property
    def locks(self) -> list[str]:
        """The resource types that must be locked while the conditions decide."""
        return sorted({step.type for step in self.steps if step.condition is not None})

    @property
    def targets(self) -> list[tuple[str, str]]:
        """The resources that are known to be written over."""
        return [(step.type, step.id) for step in self.steps if step.id and step.kind != "create"]

    def named(self, decided: Decided) -> dict[int, str]:
        """Position -> `Type/id` for all that is decided. Raises Invalid when two writes have the same target."""
        names = dict(self.names)
        for step in self.conditional:
            position = step.entry.position
            if position in decided.ids:
                names[position] = f"{step.type}/{decided.ids[position]}"
        taken: dict[str, Step] = {}
        for step in self.writes:
            position = step.entry.position
            if decided.spares(position) or position not in names:
                continue
            refuse_twice(taken, names[position], step)
        return names

    def _link(self, step: Step, base: str, uris: UriElements) -> None:
        for site in find_links(step.body(), step.entry.full_url, self.urls, base, uris):
            if (isinstance(site, ToEntry) and site.entry in self.names) or (
                isinstance(site, InNarrative) and all(entry in self.names for entry in site.entries)
            ):
                replace_links(site, self.urls, self.names)
            else:
                step.open.append(site)


def _order(step: Step) -> int:
    return ORDER[step.entry.request.method]


def plan_step(model: Model, entry: Entry) -> Step:
    """What one writing entry is about. Raises FhirError."""
    target, request = entry.target, entry.request
    match target.interaction:
        case "create":
            return _plan_create(model, entry)
        case "update":
            return _plan_update(model, entry)
        case "patch":
            step = Step(entry, "patch")
            step.patch = patch_from_entry(step.body(), model)
            if not target.id:
                step.condition = criteria(model, target.type, request.query, "A conditional patch")
            return step
        case "delete":
            step = Step(entry, "delete")
            if not target.id:
                step.condition = criteria(model, target.type, request.query, "A conditional delete")
            return step
        case _:
            raise Unprocessable(
                "Operations cannot be called by POST within a transaction; call them by themselves or in a batch."
            )


def _plan_create(model: Model, entry: Entry) -> Step:
    step = Step(entry, "create")
    check_type(model, step.body(), step.type)
    step.fresh = new_id()
    if_none_exist = entry.request.header("if-none-exist")
    if if_none_exist:
        step.condition = criteria(model, step.type, if_none_exist, "ifNoneExist")
    else:
        step.id = step.fresh
    return step


def _plan_update(model: Model, entry: Entry) -> Step:
    step = Step(entry, "update")
    resource = step.body()
    check_type(model, resource, step.type)
    refuse_subset(resource)
    if step.id:
        check_id(resource, step.type, step.id)
        return step
    step.condition = criteria(model, step.type, entry.request.query, "A conditional update")
    step.given = str(resource.get("id") or "")
    step.fresh = new_id()
    return step


def _full_urls(steps: Iterable[Step]) -> dict[str, int]:
    urls: dict[str, int] = {}
    for step in steps:
        url, position = step.entry.full_url, step.entry.position
        if not url or step.kind == "patch":
            continue
        if url in urls:
            raise duplicate(f"Two entries have the fullUrl {url[:200]}.", f"Bundle.entry[{position}].fullUrl")
        urls[url] = position
    return urls


def refuse_twice(taken: dict[str, Step], name: str, step: Step) -> None:
    """Note that `step` writes the resource `name`. Raises Invalid when another step does already."""
    other = taken.setdefault(name, step)
    if other is not step:
        raise duplicate(
            f"{other.entry.name} and {step.entry.name} both write {name}; a transaction writes a resource once.",
            f"Bundle.entry[{step.entry.position}]",
        )


def duplicate(message: str, expression: str) -> Invalid:
    """The error for what may be in a transaction only once."""
    return Invalid(issues=[Issue("error", "duplicate", message, expression)])


async def decide(plan: Plan, connection: Connection, predicate: Predicate) -> Decided:
    """Decide the conditions of creates, updates and patches on what `connection` sees. Raises FhirError."""
    if not plan.conditional:
        return NOTHING_DECIDED
    ids: dict[int, str] = {}
    existing: set[int] = set()
    unmatched: set[int] = set()
    echoes: dict[int, int] = {}
    found: dict[tuple[str, str], list[tuple[str, str]]] = {}
    creates: dict[tuple[str, str], int] = {}
    for step in plan.conditional:
        condition, position = step.condition, step.entry.position
        if condition is None:
            continue
        key = (condition.type, condition.text)
        try:
            if key not in found:
                found[key] = await condition.identify(connection, plan.model, predicate)
            matches = found[key]
            if step.kind == "create" and not matches and key in creates:
                echoes[position] = creates[key]
                ids[position] = ids[creates[key]]
                continue
            ids[position] = _decide_step(step, matches)
        except FhirError as error:
            raise step.error(error) from error
        if step.kind == "create":
            creates.setdefault(key, position)
            if matches:
                existing.add(position)
        elif not matches:
            unmatched.add(position)
    return Decided(ids, frozenset(existing), frozenset(unmatched), echoes)


def _decide_step(step: Step, matches: list[tuple[str, str]]) -> str:
    if step.kind == "update":
        return resolve_match(matches, step.type, step.given) or step.given or step.fresh
    if len(matches) > 1:
        raise MultipleMatches(f"More than one {step.type} matches the condition.")
    if not matches and step.kind == "patch":
        raise NotFound(f"No {step.type} matches the condition.")
    return matches[0][1] if matches else step.fresh


async def find_references(
    plan: Plan, steps: Iterable[Step], connection: Connection, predicate: Predicate, names: Mapping[int, str]
) -> dict[str, str]:
    """The targets of the conditional references in `steps`: text -> `Type/id`; those without a match are left out.

    A reference with the condition of another entry means that entry's resource. Raises PreconditionFailed when
    there is more than one match.
    """
    own = {
        (step.condition.type, step.condition.text): names[step.entry.position]
        for step in plan.conditional
        if step.condition is not None and step.entry.position in names
    }
    found: dict[str, str] = {}
    missing: set[str] = set()
    for step in steps:
        for site in step.references:
            if site.text in found or site.text in missing:
                continue
            try:
                target = own.get((site.type, site.query)) or await _find_one(plan.model, connection, predicate, site)
            except FhirError as error:
                raise step.error(error) from error
            if target:
                found[site.text] = target
            else:
                missing.add(site.text)
    return found


async def _find_one(model: Model, connection: Connection, predicate: Predicate, site: ToMatch) -> str:
    if site.type not in model.types:
        raise Invalid(f"The conditional reference {site.text[:200]!r} names no resource type.")
    condition = criteria(model, site.type, site.query, "A conditional reference")
    matches = await condition.identify(connection, model, predicate)
    if len(matches) > 1:
        raise MultipleMatches(f"More than one {site.type} matches the conditional reference {site.text[:200]!r}.")
    return f"{matches[0][0]}/{matches[0][1]}" if matches else ""


def unmatched(step: Step, site: Site) -> FhirError:
    """The error for a conditional reference without a match."""
    text = f"Nothing matches the conditional reference {site.text[:200]!r}."
    return step.error(PreconditionFailed(issues=[Issue("error", "not-found", text)]))


def fill_links(step: Step, names: Mapping[int, str], targets: Mapping[str, str], urls: Mapping[str, int]) -> None:
    """Write the real references in place of the open links of `step`.

    `targets`: conditional reference -> `Type/id`.
    """
    filled: list[str] = []
    for site in step.open:
        match site:
            case ToEntry():
                filled.append(names[site.entry])
            case InNarrative():
                filled += [names[entry] for entry in site.entries]
            case ToMatch():
                filled.append(targets[site.text])
    values = tuple(filled)
    if step.filled == values:
        return
    for site in step.open:
        if isinstance(site, ToMatch):
            site.holder[site.key] = targets[site.text]
        else:
            replace_links(site, urls, names)
    step.filled = values
    step.prepared = None


def prepare_step(model: Model, step: Step) -> Prepared:
    """The resource of a create or update, whose links are filled in, ready to be written. Done only once.

    Raises InvalidStructure.
    """
    if step.prepared is None:
        try:
            step.prepared = prepare(model, step.body())
        except FhirError as error:
            raise step.error(error) from error
    return step.prepared
