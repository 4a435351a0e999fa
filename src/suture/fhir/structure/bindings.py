"""Required bindings: which codes an element may hold, and why another code is refused.

Specification: https://hl7.org/fhir/R4/terminologies.html#required. A `code` must be one of the codes; a Coding must be
one of them with its system; of a CodeableConcept at least one Coding must be, or none need be there where a largest
value set only limits a preferred binding. Value sets that cannot be listed are checked by the rules of their code
systems (`suture.fhir.open_codes`), or not at all where even those are unknown (`Definitions.unexpanded`).
"""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, cast

from suture.fhir.open_codes import OPEN_SYSTEMS
from suture.fhir.primitives import shown

# Codes that a message lists, and codes that are compared to find a similar one.
_LISTED = 12
_COMPARED = 400


class Binding:
    """The codes that one value set allows. `codes`: by system; systems known by rule have none here.

    `all_codes`: of all listed systems together, for elements of type `code`, where the system is implied.
    `text_suffices`: whether a CodeableConcept may do without any Coding.
    """

    __slots__ = ("_rules", "all_codes", "codes", "text_suffices", "url")

    def __init__(self, url: str, codes: Mapping[str, frozenset[str]], *, text_suffices: bool = False) -> None:
        self.url = url
        self.text_suffices = text_suffices
        self.codes = codes
        self.all_codes = frozenset[str]().union(*codes.values())
        self._rules = {system: OPEN_SYSTEMS[system] for system, found in codes.items() if not found}

    @property
    def is_listed(self) -> bool:
        """Whether `all_codes` is everything that is allowed."""
        return not self._rules

    def accepts_code(self, code: Any) -> bool:
        """Whether a code without a system is allowed."""
        return isinstance(code, str) and (
            code in self.all_codes or any(rule.accepts(code) for rule in self._rules.values())
        )

    def accepts_coding(self, coding: Any) -> bool:
        """Whether a Coding (or a Quantity: system and code) is allowed."""
        if not isinstance(coding, dict):
            return False
        values = cast("dict[str, Any]", coding)
        system, code = values.get("system"), values.get("code")
        if not isinstance(system, str) or not isinstance(code, str):
            return False
        rule = self._rules.get(system)
        return rule.accepts(code) if rule else code in self.codes.get(system, ())

    def accepts_concept(self, concept: Any) -> bool:
        """Whether a CodeableConcept holds an allowed Coding."""
        if not isinstance(concept, dict):
            return False
        codings = cast("dict[str, Any]", concept).get("coding")
        if codings is None:
            return self.text_suffices
        return isinstance(codings, list) and any(self.accepts_coding(c) for c in cast("list[Any]", codings))

    def complaint(self, code: str, *, guess: bool) -> str:
        """Why a code is refused, and what would be right. `guess`: whether to look for a similar code."""
        if self._rules:
            return f"{shown(code)} is not allowed here; {self._rule()} is expected."
        near = get_close_matches(code[:40], self.all_codes, n=1, cutoff=0.6) if guess and self._is_short else []
        if len(self.all_codes) <= _LISTED:
            return f"{shown(code)} is not allowed here; the codes are {', '.join(sorted(self.all_codes))} ({self.url})."
        hint = f"; did you mean '{near[0]}'?" if near else "."
        return f"{shown(code)} is not one of the {len(self.all_codes)} codes of {self.url}{hint}"

    def missing_complaint(self) -> str:
        """Why extensions cannot stand in for a code."""
        return f"A code is required here, an extension cannot replace it: one from {self._wanted()}."

    def coding_complaint(self, system: Any, code: Any) -> str:
        """Why a Coding or Quantity is refused."""
        if system is None or code is None:
            return f"A system and a code are required here, from {self._wanted()}."
        return f"{shown(code)} of {shown(system)} is not allowed here; a code from {self._wanted()} is required."

    def concept_complaint(self) -> str:
        """Why a CodeableConcept is refused."""
        return f"At least one coding is required here from {self._wanted()}."

    @property
    def _is_short(self) -> bool:
        return len(self.all_codes) <= _COMPARED

    def _rule(self) -> str:
        return " or ".join(rule.expects for rule in self._rules.values())

    def _wanted(self) -> str:
        systems = " or ".join(sorted(self.codes))
        if self._rules:
            return f"{systems} ({self._rule()})"
        if len(self.all_codes) <= _LISTED:
            return f"{systems}: {', '.join(sorted(self.all_codes))}"
        return f"{systems} ({len(self.all_codes)} codes of {self.url})"
