"""The checks that hold for every value of a type: invariants, bindings, extensions, and rules beyond definitions.

Specification: https://hl7.org/fhir/R4/structuredefinition.html of each type. What `suture.fhir.structure` has
checked (members, cardinality, formats, required codes that can be listed, reference types) is not checked again.
"""

# JSON values and ElementDefinitions have no static type until they are looked at.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false
# pyright: reportUnnecessaryIsInstance=false

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from suture.fhir.outcomes import Issue
from suture.fhir.profiles.bindings import binding_check, bindings_of
from suture.fhir.profiles.branches import Branch, Unusable, profile_urls
from suture.fhir.profiles.compliance import compliance_check
from suture.fhir.profiles.invariants import invariant_check
from suture.fhir.profiles.shapes import Member, Shape
from suture.fhir.profiles.spots import Spot
from suture.fhir.profiles.vital_signs import vital_sign_check
from suture.fhir.profiles.walk import OPEN, Check, Pass, Walk, quick_pass
from suture.fhir.rules import WORTH
from suture.fhir.rules import of as rules_of
from suture.fhir.rules.questions import Question
from suture.fhir.rules.seen import Rule

if TYPE_CHECKING:
    from suture.fhir.profiles.book import Book, Compiled

_FHIR_TYPE = "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type"


def type_code(entry: Mapping[str, Any]) -> str:
    """The type that a `type` entry means; for the attributes of FHIRPath's own types, the FHIR type behind them."""
    code = str(entry.get("code") or "")
    if not code.startswith("http://hl7.org/fhirpath/"):
        return code.rpartition("/")[2]
    for extension in entry.get("extension") or ():
        if extension.get("url") == _FHIR_TYPE:
            return str(extension.get("valueUrl") or extension.get("valueUri") or "string")
    return "string"


def json_key(name: str, code: str) -> str:
    """The JSON member of an element for one of its types."""
    return name[:-3] + code[:1].upper() + code[1:] if name.endswith("[x]") else name


class TypeChecks:
    """The checks of all types, compiled one by one."""

    def __init__(self, book: "Book") -> None:
        self._book = book
        self._types: dict[str, tuple[Check, ...]] = {}
        self._passes: dict[str, Pass | None] = {}
        self._shapes: dict[str, Shape] = {}

    def of(self, name: str) -> tuple[Check, ...]:
        """The checks of a type; none for one that is not known."""
        known = self._types.get(name)
        if known is None:
            try:
                tree = self._book.library.of_type(name).tree
            except Unusable:
                return ()
            known = self._types[name] = self._compiled(name, tree)
        return known

    def passes(self, name: str) -> Pass | None:
        """A quick test that values of a type surely pass all of its checks; None when there is none."""
        if name not in self._passes:
            self._passes[name] = quick_pass(self.of(name))
        return self._passes[name]

    def _compiled(self, name: str, tree: Branch) -> tuple[Check, ...]:
        book = self._book
        type = book.path_type(name)
        checks: list[Check] = []
        is_resource = name in book.resource_types
        if not book.errors_only and is_resource:
            checks += _rule_checks(book, "Resource")
        if not book.errors_only:
            checks += _rule_checks(book, name)
        checks += _invariants(book, tree.constraints, type)
        if name == "Extension":
            checks.append(ExtensionCheck(book))
        structure = book.definitions.structures.get(name)
        if structure is not None and structure.kind != "primitive-type":
            checks.append(self._shape(tree, tree, name, is_resource=is_resource))
        if name == "Observation" and not book.errors_only:
            checks.append(vital_sign_check)
        if name == "StructureDefinition" and not book.errors_only:
            checks.append(compliance_check)
        if is_resource:
            checks.append(DeclaredCheck())
        return tuple(checks)

    def _shape(self, branch: Branch, tree: Branch, path: str, *, is_resource: bool = False) -> Shape:
        known = self._shapes.get(path)
        if known is not None:
            return known
        members: dict[str, Member] = {}
        shape = self._shapes[path] = Shape(OfType(self, "Extension"), is_resource=is_resource)
        for child in branch.children.values():
            target, element = child, f"{path}.{child.name}"
            reference = child.facts.get("contentReference")
            if isinstance(reference, str):
                id = reference.partition("#")[2]
                target, element = tree.find(id) or child, id
            for entry in target.types:
                code = type_code(entry)
                key = json_key(child.name, code)
                checks = tuple(self._checks(target, tree, element, entry, code))
                members[key] = Member(code, child.name.removesuffix("[x]"), element, checks)
        shape.fill(members)
        return shape

    def _checks(
        self, branch: Branch, tree: Branch, element: str, entry: Mapping[str, Any], code: str
    ) -> Iterable[Check]:
        book = self._book
        nested = bool(branch.children)
        type = book.path_type(element if nested else code)
        yield from _invariants(book, _own(book, branch, code), type)
        if not book.errors_only or code in ("Coding", "CodeableConcept"):
            for bound in bindings_of(branch.facts, ""):
                structural = bound.strength in ("required", "maximum") and self._is_listed(bound.value_set)
                check = None if structural else binding_check(bound, code, errors_only=book.errors_only)
                if check is not None:
                    yield check
        for url in profile_urls(entry):
            yield _type_profile(url)
        if nested:
            yield self._shape(branch, tree, element)
        elif code in ("Resource", "DomainResource") or code in book.resource_types:
            yield ResourceCheck(book)
        elif code not in ("BackboneElement", "Element"):
            structure = book.definitions.structures.get(code)
            is_primitive = structure is not None and structure.kind == "primitive-type"
            if not is_primitive or (not book.errors_only and rules_of(code, book.library.version)):
                yield OfType(self, code)

    def _is_listed(self, url: str) -> bool:
        definitions = self._book.definitions
        return definitions.value_set_codes(url) is not None or definitions.open_value_set_codes(url) is not None


class OfType:
    """The checks of a type, compiled when a value of it is first seen: types hold each other."""

    __slots__ = ("_checks", "_name", "_passes", "_types")

    def __init__(self, types: TypeChecks, name: str) -> None:
        self._types = types
        self._name = name
        self._checks: tuple[Check, ...] | None = None
        self._passes: Pass | None = None

    def __call__(self, walk: Walk, spot: Spot) -> None:
        """Check one value."""
        for check in self._checks or self._compiled():
            check(walk, spot)

    def passes(self, value: Any) -> bool:
        """See `Check`."""
        if self._checks is None:
            self._compiled()
        return self._passes is not None and self._passes(value)

    def _compiled(self) -> tuple[Check, ...]:
        self._passes = self._types.passes(self._name)
        checks = self._checks = self._types.of(self._name)
        return checks


class ResourceCheck:
    """A resource inside of another."""

    __slots__ = ("_book",)

    def __init__(self, book: "Book") -> None:
        self._book = book

    def passes(self, value: Any) -> bool:
        """See `Check`."""
        name: Any = value.get("resourceType")
        test = self._book.passes(name) if isinstance(name, str) and name in self._book.resource_types else None
        return test is not None and test(value)

    def __call__(self, walk: Walk, spot: Spot) -> None:
        """Check one resource."""
        value: Any = spot.value
        name: Any = value.get("resourceType") if isinstance(value, dict) else None
        if isinstance(name, str) and name in self._book.resource_types:
            spot.type = name
            walk.within(self._book.type_checks(name), spot)


def _own(book: "Book", branch: Branch, code: str) -> list[Mapping[str, Any]]:
    """The constraints of an element that are not those of its type."""
    try:
        inherited = (
            {c.get("key") for c in book.library.of_type(code).tree.constraints} if not branch.children else set()
        )
    except Unusable:
        inherited = set()
    return [constraint for constraint in branch.constraints if constraint.get("key") not in inherited]


def _invariants(book: "Book", constraints: Iterable[Mapping[str, Any]], type: Any) -> Iterable[Check]:
    for constraint in constraints:
        check = invariant_check(book.engine, constraint, type, "", errors_only=book.errors_only)
        if check is not None:
            yield check


def _type_profile(url: str) -> Check:
    def check(walk: Walk, spot: Spot) -> None:
        compiled = walk.book.profile(url)
        if compiled is not None:
            compiled.apply(walk, spot)

    return check


class ExtensionCheck:
    """An extension against its definition. That there is one is a matter of the rules."""

    __slots__ = ("_book",)

    def __init__(self, book: "Book") -> None:
        self._book = book

    def passes(self, value: Any) -> bool:
        """See `Check`."""
        return self._definition(value) is None

    def __call__(self, walk: Walk, spot: Spot) -> None:
        """Check one extension."""
        compiled = self._definition(spot.value)
        if compiled is not None:
            compiled.apply(walk, spot)

    def _definition(self, value: Any) -> "Compiled | None":
        url: Any = value.get("url") if isinstance(value, dict) else None
        return self._book.extension(url) if isinstance(url, str) and ":" in url else None


class DeclaredCheck:
    """A resource against the profiles that it claims to meet."""

    @staticmethod
    def passes(value: Any) -> bool:
        """See `Check`."""
        meta: Any = value.get("meta")
        return not isinstance(meta, dict) or "profile" not in meta

    def __call__(self, walk: Walk, spot: Spot) -> None:
        """Check one resource."""
        meta: Any = spot.value.get("meta") if walk.declared else None
        urls: Any = meta.get("profile") if isinstance(meta, dict) else None
        for number, url in enumerate(urls if isinstance(urls, list) else ()):
            if isinstance(url, str):
                apply_profile(walk, spot, url, f".meta.profile[{number}]")


def apply_profile(walk: Walk, spot: Spot, url: str, place: str = "") -> None:
    """Check a resource against a profile by its URL, which stands at `place` below it ("" where it was asked for)."""
    book = walk.book
    compiled = book.profile(url)
    if compiled is not None:
        compiled.apply(walk, spot)
    elif book.fault(url):
        walk.report(
            spot,
            "warning" if place else "error",
            "processing",
            f"The profile {url[:300]} was not checked, it cannot be used: {book.fault(url)}",
            place,
        )
    elif not book.errors_only or not place:
        severity = "warning" if place else "error"
        walk.report(
            spot, severity, "not-found", f"The profile {url[:300]} was not checked: it is not known here.", place
        )


def _rule_checks(book: "Book", name: str) -> Iterable[Check]:
    return [_rule_check(rule, WORTH.get(name)) for rule in rules_of(name, book.library.version)]


def _rule_check(rule: Rule, worth: Callable[[Any], bool] | None) -> Check:
    if worth is not None:

        def check_if_worth(walk: Walk, spot: Spot) -> None:
            if worth(spot.value):
                _follow(walk, rule(spot.seen(walk.scene)))

        return check_if_worth

    def check(walk: Walk, spot: Spot) -> None:
        _follow(walk, rule(spot.seen(walk.scene)))

    return check


def _follow(walk: Walk, found: Iterable[Issue | Question]) -> None:
    for one in found:
        if isinstance(one, Issue):
            walk.add(one)
        else:
            answer = walk.ask(one.asks)
            if answer is not OPEN:
                _follow(walk, one.then(answer))
