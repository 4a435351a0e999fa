"""The answer to "is this code in that value set" as validation wants it: once worked out, it costs a look-up.

The one thing to know: answers are kept for one generation of definitions, with the display that was sent along, because
a wrong display is part of the answer.
"""

from collections import OrderedDict
from typing import TYPE_CHECKING

import msgspec

from suture.fhir.outcomes import FhirError, TimedOut, Unavailable
from suture.terminology.asked import Asked
from suture.terminology.problems import Problem, Refused
from suture.terminology.validation import Subject, Validation, subject_of_coding

if TYPE_CHECKING:
    from suture.terminology.desk import Desk

KEPT = 50_000
"""Answers that are kept."""

_NOTHING = Asked({})


class Membership(msgspec.Struct, frozen=True):
    """Whether a code is in a value set, and what else is to be said of it.

    `result`: True, False, or None where that cannot be told because a code system or the value set is not here.
    `display_ok`: the display that was sent is right (True without one); `display`: the right one, or "". `message`: in
    one line, "" when there is nothing to say. `known`: False where its code system, or the code in it, is not here.
    """

    result: bool | None
    message: str = ""
    display_ok: bool = True
    display: str = ""
    known: bool = True
    inactive: bool = False
    problems: tuple[Problem, ...] = ()


_Key = tuple[str, str, str, str, str]


class Memberships:
    """Answers that were worked out."""

    def __init__(self) -> None:
        self._kept: OrderedDict[_Key, Membership] = OrderedDict()

    def get(self, value_set: str, system: str, version: str, code: str, display: str) -> Membership | None:
        """The answer, if it is known already; never waits."""
        return self._kept.get((value_set, system, version, code, display))

    async def member(
        self, desk: "Desk", value_set: str, system: str, version: str, code: str, display: str
    ) -> Membership:
        """Whether a code is in the value set of a canonical; "" asks for its code system alone.

        Without `system` it is inferred from the value set, as for an element of type code. Never raises FhirError.
        """
        key = (value_set, system, version, code, display)
        found = self._kept.get(key)
        if found is None:
            try:
                found = await _worked_out(desk, *key)
            except (Unavailable, TimedOut) as error:
                return Membership(None, str(error), known=False)
            self._kept[key] = found
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return found


async def _worked_out(desk: "Desk", value_set: str, system: str, version: str, code: str, display: str) -> Membership:
    question = desk.question(_NOTHING)
    coding = {"system": system, "version": version, "code": code, "display": display}
    subject = subject_of_coding({name: value for name, value in coding.items() if value})
    if not system:
        subject = Subject("code", subject.codings)
    try:
        if value_set:
            composed = await question.value_set(value_set)
        else:
            provider = await question.library.code_system(system, version)
            if provider is None:
                return Membership(None, f"The code system {system} is not known here.", known=False)
            composed = await question.codes_of(provider.head)
        validation = Validation(
            question.composer, composed, question.asked, subject, internal=not value_set, lists_suffice=True
        )
        answer = await validation.answer()
    except Refused as error:
        return Membership(None, str(error), known=False, problems=tuple(error.problems))
    except (Unavailable, TimedOut):
        raise
    except FhirError as error:
        return Membership(None, str(error), known=False)
    wrong_display = any(
        problem.kind == "invalid-display" and problem.severity == "error" for problem in answer.problems
    )
    unknown = any(problem.kind in ("invalid-code", "not-found") for problem in answer.problems)
    outside = any(problem.kind in ("not-in-vs", "invalid-code", "code-rule") for problem in answer.problems)
    result: bool | None = None
    if answer.certain:
        result = answer.result or (wrong_display and not outside and not unknown)
    return Membership(
        result,
        answer.message,
        display_ok=not wrong_display,
        display=answer.display,
        known=not unknown,
        inactive=any(problem.id == "INACTIVE_CONCEPT_FOUND" for problem in answer.problems),
        problems=answer.problems,
    )
