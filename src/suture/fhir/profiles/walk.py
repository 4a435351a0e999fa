"""One pass over one resource: what was found, what must be asked first, and where references lead.

The one thing to know: the walk never waits. What it cannot know by itself (terminology, other resources) is noted as
open and taken as fine for the moment; when all open questions are answered, the judge walks again with the answers.
"""

# JSON values and ElementDefinitions have no static type until they are looked at.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false
# pyright: reportUnnecessaryIsInstance=false

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from suture.fhir.outcomes import Issue
from suture.fhir.profiles.spots import Spot
from suture.fhir.references import parse_literal
from suture.fhir.rules.questions import (
    UNKNOWN,
    Coded,
    Filtered,
    Membership,
    Operated,
    Resolvable,
    Subsumption,
    Unknown,
)
from suture.fhir.rules.seen import Scene

if TYPE_CHECKING:
    from suture.fhir.profiles.book import Book

Check = Callable[["Walk", Spot], None]
"""Looks at one value and reports what is wrong with it. One that is an object may have `passes`, a `Pass`."""

Pass = Callable[[Any], bool]
"""Whether a check surely reports nothing about a JSON value of its type, told without a walk. "No": not sure."""

Asks = Coded | Resolvable | Filtered | Subsumption | Operated

MAX_ISSUES = 1000
"""Problems listed for one resource."""

MAX_DEPTH = 120
"""Values that are followed one inside of the other, profiles and referenced resources included."""


MAX_STEPS = 3_000_000
"""Comparisons of values with slices in one judgement, of the resource and of those that it refers to."""


def quick_pass(checks: Iterable[Check]) -> Pass | None:
    """The quick test that all of these checks pass; None when one of them has no such test."""
    found: list[Pass | None] = [getattr(check, "passes", None) for check in checks]
    tests = [test for test in found if test is not None]
    if len(tests) < len(found):
        return None
    if len(tests) == 1:
        return tests[0]

    def passes(value: Any) -> bool:
        for test in tests:  # noqa: SIM110 - `all` with a generator takes three times as long
            if not test(value):
                return False
        return True

    return passes


class Enough(Exception):
    """So much was found, or done, that more would not help. Its text says what, for the caller to report."""


class Open:
    """The answer to a question that was not asked yet."""


OPEN = Open()


class Walk:
    """The state of one pass.

    `answers`: to questions asked before. `open`: those that must still be asked. `unsure`: set when what decides on
    a slice is not known.
    """

    __slots__ = ("_bundles", "_conformity", "_depth", "_environments", "_resource", "_steps", "answers", "book", "busy",
                 "declared", "issues", "open", "root", "scene", "unsure")  # fmt: skip

    def __init__(self, book: "Book", root: Spot, scene: Scene, answers: Mapping[Asks, Any], *, declared: bool) -> None:
        """`declared`: whether the profiles that resources claim in meta.profile are checked."""
        self.book = book
        self.root = root
        self.scene = scene
        self.answers = answers
        self.declared = declared
        self.open: set[Asks] = set()
        self.issues: list[Issue] = []
        self.busy: set[tuple[int, str]] = set()
        self.unsure = False
        self._resource = root
        self._environments: dict[int, Any] = {}
        self._bundles: dict[int, _BundleIndex] = {}
        self._conformity: dict[tuple[int, str], tuple[Spot, list[Issue]]] = {}
        self._depth = 0
        self._steps = 0

    # Reporting

    def report(self, spot: Spot, severity: str, code: str, text: str, below: str = "") -> None:
        """Note something about a value, or about `below` it (`.code`, `[0]`)."""
        self.add(Issue(severity, code, text, spot.path + below))

    def error(self, spot: Spot, code: str, text: str) -> None:
        """Note an error about a value."""
        self.add(Issue("error", code, text, spot.path))

    def add(self, issue: Issue) -> None:
        """Note an issue. Raises Enough when there are too many."""
        if len(self.issues) >= MAX_ISSUES:
            raise Enough(f"Only the first {MAX_ISSUES} findings are listed.")
        self.issues.append(issue)

    def spend(self, steps: int) -> None:
        """Account for comparisons. Raises Enough."""
        self._steps += steps
        if self._steps > MAX_STEPS:
            raise Enough("")

    def trial(self, checks: Sequence[Check], spot: Spot) -> list[Issue]:
        """What `checks` would report on a value, without reporting it."""
        before, self.issues = self.issues, []
        try:
            self.run(checks, spot)
            return self.issues
        finally:
            self.issues = before

    def run(self, checks: Sequence[Check], spot: Spot) -> None:
        """Apply checks to a value."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self._depth -= 1
            return
        try:
            for check in checks:
                check(self, spot)
        finally:
            self._depth -= 1

    # Questions

    def ask(self, question: Asks) -> Any:
        """The answer to a question, or OPEN."""
        answer = self.answers.get(question, OPEN)
        if answer is OPEN:
            self.open.add(question)
        return answer

    def member(self, question: Coded) -> "Membership | Open":
        """The answer to whether a code is in a value set, or OPEN."""
        return self.ask(question)

    # Resources

    def within(self, checks: Sequence[Check], resource: Spot) -> None:
        """Apply checks to a resource, with its own FHIRPath environment."""
        before, self._resource = self._resource, resource
        try:
            self.run(checks, resource)
        finally:
            self._resource = before

    @contextmanager
    def apart(self) -> Generator[None]:
        """Use other FHIRPath environments than those at work, for what is judged in the middle of an expression."""
        before, self._environments = self._environments, {}
        try:
            yield
        finally:
            self._environments = before

    @property
    def environment(self) -> Any:
        """The FHIRPath environment of the resource that is looked at."""
        return self.environment_of(self._resource)

    def environment_of(self, resource: Spot) -> Any:
        """The FHIRPath environment of a resource."""
        found = self._environments.get(id(resource.value))
        if found is None:
            container = resource.up if resource.name == "contained" and resource.up is not None else resource
            found = self.book.environment(resource.value, container.value, self)
            self._environments[id(resource.value)] = found
        return found

    def conforms(self, spot: Spot, url: str) -> list[Issue] | None:
        """Why a value does not meet a profile (errors only; empty when it does); None when the profile is unknown."""
        key = (id(spot.value), url)
        known = self._conformity.get(key)
        if known is not None:
            return known[1]
        if key in self.busy:
            return []
        compiled = self.book.profile(url)
        if compiled is None:
            return None
        self.busy.add(key)
        try:
            before, self.issues = self.issues, []
            try:
                compiled.apply(self, spot)
                errors = [issue for issue in self.issues if issue.severity in ("error", "fatal")]
            finally:
                self.issues = before
        finally:
            self.busy.discard(key)
        # The spot is kept with the answer, so that the id of its value stays taken.
        self._conformity[key] = (spot, errors)
        return errors

    # References

    def resource_of(self, spot: Spot) -> Spot:
        """The resource that a value is part of."""
        resource_types = self.book.resource_types
        while spot.up is not None and spot.type not in resource_types:
            spot = spot.up
        return spot

    def resolve(self, spot: Spot, reference: str) -> "Spot | Open | Unknown | None":
        """Where a reference at a place leads: contained, in the same Bundle, or elsewhere (asked). None: nowhere."""
        resource = self.resource_of(spot)
        container = resource.up if resource.name == "contained" and resource.up is not None else resource
        if reference.startswith("#"):
            return container if reference == "#" else _contained(container, reference[1:])
        bundled = self._bundled(container, reference)
        if bundled is not None:
            return bundled
        answer = self.ask(Resolvable(reference))
        if isinstance(answer, dict):
            kind = str(answer.get("resourceType"))
            return Spot(answer, kind, kind, element=kind)
        return answer if answer is OPEN or answer is None else UNKNOWN

    def bundled(self, reference: str) -> Spot | None:
        """The entry of the judged Bundle that a reference of the resource that is looked at leads to."""
        resource = self._resource
        return self._bundled(resource.up if resource.name == "contained" and resource.up else resource, reference)

    def is_bundled(self, spot: Spot) -> bool:
        """Whether a resource is an entry of the same judged Bundle."""
        return spot.name == "resource" and spot.up is not None and spot.up.name == "entry"

    def _bundled(self, container: Spot, reference: str) -> Spot | None:
        if not self.is_bundled(container):
            return None
        entry = container.up
        assert entry is not None
        bundle = entry.up
        if bundle is None or not isinstance(bundle.value, dict):
            return None
        index = self._bundles.get(id(bundle.value))
        if index is None:
            index = self._bundles[id(bundle.value)] = _BundleIndex(bundle)
        return index.find(reference, entry.value.get("fullUrl") if isinstance(entry.value, dict) else None)


def _contained(container: Spot, id: str) -> Spot | None:
    items: Any = container.members.get("contained")
    for number, item in enumerate(items if isinstance(items, list) else ()):
        if isinstance(item, dict) and item.get("id") == id:
            kind = str(item.get("resourceType"))
            return Spot(item, kind, "contained", number, container, element=f"{container.type}.contained")
    return None


class _BundleIndex:
    """The entries of a Bundle by what may refer to them."""

    __slots__ = ("_by_name", "_by_url")

    def __init__(self, bundle: Spot) -> None:
        self._by_url: dict[str, Spot] = {}
        self._by_name: dict[str, Spot | None] = {}
        entries: Any = bundle.value.get("entry")
        for number, entry in enumerate(entries if isinstance(entries, list) else ()):
            resource: Any = entry.get("resource") if isinstance(entry, dict) else None
            if not isinstance(resource, dict):
                continue
            kind = str(resource.get("resourceType"))
            above = Spot(entry, "BackboneElement", "entry", number, bundle, element="Bundle.entry")
            spot = Spot(resource, kind, "resource", -1, above, element="Bundle.entry.resource")
            url: Any = entry.get("fullUrl")
            if isinstance(url, str):
                self._by_url.setdefault(url, spot)
            name = f"{kind}/{resource.get('id')}"
            # None: several have the name, so that it names none of them.
            self._by_name[name] = None if name in self._by_name else spot

    def find(self, reference: str, full_url: Any) -> Spot | None:
        """The entry that a reference in the entry of `full_url` names."""
        plain = reference.partition("#")[0]
        found = self._by_url.get(plain)
        if found is not None:
            return found
        literal = parse_literal(plain)
        if literal is None:
            return None
        own = parse_literal(full_url) if isinstance(full_url, str) else None
        if own is not None and own.base and not literal.base:
            return self._by_url.get(own.base + literal.relative) or self._by_name.get(literal.relative)
        return (
            self._by_name.get(literal.relative)
            if not literal.base
            else self._by_url.get(literal.base + literal.relative)
        )
