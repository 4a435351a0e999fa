"""What a code system is to the rest of this room: the `Provider` protocol and the concepts that it gives.

Specification: https://hl7.org/fhir/R4/codesystem.html and codesystem-concept-properties. The one thing to know: every
concept of a listed system has a number, its place in the system's own order, and sets of concepts are bitmaps of such
numbers, so a value set is set arithmetic whether its codes lie in memory or in the database. A system that is a grammar
(UCUM, language tags …) has no numbers: it can only tell whether a code is one of its own.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import msgspec
from pyroaring import BitMap

Json = dict[str, Any]

NO_NUMBER = -1
"""The number of a concept of a grammar."""


class Designation(msgspec.Struct, frozen=True):
    """Another name of a concept. `language`: a BCP-47 tag or "". `use`: a Coding or None. `extension`: as in FHIR."""

    value: str
    language: str = ""
    use: Json | None = None
    extension: Sequence[Json] = ()


class Property(msgspec.Struct, frozen=True):
    """One value of a property of a concept.

    `type`: the last part of its FHIR element name: Code, Coding, String, Integer, Boolean, DateTime or Decimal.
    `value`: str, dict for a Coding, int, bool or Decimal. `parts`: subproperties, as FHIR has them from R5 on.
    `group`: relationships of SNOMED CT with the same number stand in one role group; 0: in none.
    """

    code: str
    value: Any
    type: str = "String"
    parts: Sequence["Property"] = ()
    group: int = 0


class Declared(msgspec.Struct, frozen=True):
    """A property that a code system declares.

    `type`: code | Coding | string | integer | boolean | dateTime | decimal.
    """

    code: str
    type: str = "string"
    uri: str = ""
    description: str = ""


class Concept(msgspec.Struct, frozen=True):
    """One concept of a code system.

    `number`: its place, or NO_NUMBER. `display`, `definition`: "" where there is none. `abstract`: it may not be
    selected. `inactive`: it may no longer be used. `status`: as the system says it, such as "active", "retired" or
    "deprecated", or "". `extension`: of the concept, as in FHIR. `language`: of display and definition, "" for that of
    the system.
    """

    number: int
    code: str
    display: str = ""
    definition: str = ""
    abstract: bool = False
    inactive: bool = False
    status: str = ""
    designations: Sequence[Designation] = ()
    properties: Sequence[Property] = ()
    extension: Sequence[Json] = ()
    language: str = ""


class Head(msgspec.Struct, frozen=True):
    """What a code system says of itself, without its concepts.

    `content`: complete | fragment | example | not-present | supplement. `value_set`: the URL of the value set of all
    its codes, or "". `hierarchy_meaning`: "" when not said. `language`: of its displays, a BCP-47 tag or "".
    `languages`: all for which it has designations. `status`, `experimental`, `standards_status`: of the definition.
    `versions_by`: how versions compare: "semver", "natural", "date" …, "" when not said. `filters`: further properties
    that value sets may filter by, with their operators.
    """

    url: str
    version: str = ""
    name: str = ""
    title: str = ""
    content: str = "complete"
    case_sensitive: bool = True
    value_set: str = ""
    hierarchy_meaning: str = ""
    properties: Sequence[Declared] = ()
    language: str = ""
    languages: Sequence[str] = ()
    status: str = "active"
    experimental: bool = False
    standards_status: str = ""
    version_needed: bool = False
    versions_by: str = ""
    extension: Sequence[Json] = ()
    filters: Mapping[str, Sequence[str]] = msgspec.field(default_factory=dict[str, Sequence[str]])


class Provider(Protocol):
    """A version of a code system at work. Every answer is for that version; a provider never changes.

    `head`: what it says of itself. `enumerable`: False for a grammar, whose `all`, `filter` and `search` must not be
    asked; `satisfies` serves it instead. `size`: how many concepts there are (0 for a grammar).
    """

    @property
    def head(self) -> Head: ...

    @property
    def enumerable(self) -> bool: ...

    @property
    def size(self) -> int: ...

    async def concept(self, code: str) -> Concept | None:
        """The concept of a code; without regard to case where the system has none, and then `Concept.code` is as the
        system writes it. A code of a grammar has NO_NUMBER.
        """
        ...

    async def numbers(self, codes: Iterable[str]) -> Mapping[str, int]:
        """The numbers of those of `codes` that exist, by the code as it was asked for. Not for grammars."""
        ...

    async def concepts(self, numbers: Sequence[int]) -> Sequence[Concept]:
        """The concepts of these numbers, in the same order."""
        ...

    async def all(self) -> BitMap:
        """The numbers of all concepts, inactive and abstract ones among them. The caller must not change the set."""
        ...

    async def inactive(self) -> BitMap:
        """The numbers of the inactive concepts. The caller must not change the set."""
        ...

    async def abstract(self) -> BitMap:
        """The numbers of the concepts that may not be selected. The caller must not change the set."""
        ...

    async def filter(self, property: str, op: str, value: str) -> BitMap:
        """The concepts whose `property` stands in the relation `op` to `value`. A new set.

        `op`: = is-a descendent-of is-not-a regex in not-in generalizes exists child-of descendent-leaf. `property`:
        `concept` or `code` for the hierarchy, else a property of the system, `display`, `definition`, `designation`,
        `parent`, `child`, `inactive`, `notSelectable` or `status`. Raises Invalid (not-supported) for a property or
        operator that the system does not know, and Invalid (not-found) for the code of a hierarchy operator that it
        does not have.
        """
        ...

    async def satisfies(self, concept: Concept, property: str, op: str, value: str) -> bool:
        """The same question for one concept, of a grammar too. Raises as `filter` does."""
        ...

    async def search(self, text: str) -> BitMap:
        """The concepts of which every word of `text` begins a word of one display or designation, without regard to
        case and accents, or whose code begins with `text`. A new set.
        """
        ...

    async def parents(self, number: int) -> Sequence[int]:
        """The concepts directly above."""
        ...

    async def children(self, number: int) -> Sequence[int]:
        """The concepts directly below, in the order of the system."""
        ...

    async def roots(self) -> Sequence[int]:
        """The concepts with nothing above them, in the order of the system."""
        ...

    async def subsumes(self, a: str, b: str) -> str:
        """equivalent | subsumes | subsumed-by | not-subsumed: how `a` stands to `b`. Raises Invalid for an unknown
        code.
        """
        ...

    async def implicit(self, url: str) -> Json | None:
        """The ValueSet that the system defines by its URL, such as `…?fhir_vs=isa/…`, with a `compose` whose filters
        this provider understands (`ecl` as operator `=` on property `constraint`, for instance). None: not one of its.
        Raises Invalid for one that cannot be.
        """
        ...


class ImplicitMap(msgspec.Struct, frozen=True):
    """A ConceptMap that a code system defines by its URL. `resource`: without its groups. `groups`: those with the
    mappings of one code, which is a target when the second argument is true.
    """

    resource: Json
    groups: Callable[[str, bool], Awaitable[Sequence[Json]]]


class Content(Protocol):
    """Code systems that are kept elsewhere than in resources: in the tables of the database, or as grammars."""

    async def find(self, url: str, version: str | None) -> Provider | None:
        """The code system of this URL, in this version; the newest or the default edition for None."""
        ...

    async def versions(self, url: str) -> Sequence[str]:
        """The versions that are here, newest first; empty when the system is not here at all."""
        ...

    async def implicit(self, url: str, version: str = "") -> Json | None:
        """The ValueSet that one of these systems defines by its URL, see `Provider.implicit`. `version`: of the code
        system, where the canonical names one.
        """
        ...

    async def implicit_map(self, url: str) -> ImplicitMap | None:
        """The ConceptMap that one of these systems defines by its URL."""
        ...

    async def heads(self) -> Sequence[Head]:
        """All code systems that are here, for TerminologyCapabilities."""
        ...
