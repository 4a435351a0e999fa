"""What a search asks of a terminology: members of value sets, and what lies above and below a code.

Specification: https://hl7.org/fhir/R4/search.html#modifiers (`:in`, `:not-in`, `:above`, `:below`). Whoever builds a
`Search` supplies one.
"""

from collections.abc import Mapping
from typing import Protocol

from suture.fhir.outcomes import Invalid, Issue
from suture.search.stored_definitions import StoredDefinitions


class Codes(Protocol):
    """Codes of one system: those listed, or, when `complement`, all codes of the system but those listed."""

    @property
    def codes(self) -> frozenset[str]: ...
    @property
    def complement(self) -> bool: ...


class Terminology(Protocol):
    """Answers for one FHIR version. All raise FhirError for what is unknown, too large or cannot be worked out."""

    async def members(self, reference: str, source: StoredDefinitions) -> Mapping[str, Codes]:
        """The codes of a value set by code system; `reference`: its canonical URL, or `ValueSet/id`."""
        ...

    async def below(self, system: str, code: str, source: StoredDefinitions) -> frozenset[str]:
        """The code and everything that it subsumes."""
        ...

    async def above(self, system: str, code: str, source: StoredDefinitions) -> frozenset[str]:
        """The code and everything that subsumes it."""
        ...


class NoTerminology:
    """Where none was supplied: every question is refused."""

    async def members(self, reference: str, source: StoredDefinitions) -> Mapping[str, Codes]:
        """Raises Invalid."""
        raise _refusal()

    async def below(self, system: str, code: str, source: StoredDefinitions) -> frozenset[str]:
        """Raises Invalid."""
        raise _refusal()

    async def above(self, system: str, code: str, source: StoredDefinitions) -> frozenset[str]:
        """Raises Invalid."""
        raise _refusal()


def _refusal() -> Invalid:
    text = "Value sets and code hierarchies are not available on this server."
    return Invalid(issues=[Issue("error", "not-supported", text)])
