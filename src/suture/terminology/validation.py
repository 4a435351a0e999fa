"""$validate-code: whether a code, a Coding or a CodeableConcept is in a value set, and what is to be said of it.

Specification: https://hl7.org/fhir/R4/valueset-operation-validate-code.html and
https://build.fhir.org/ig/HL7/fhir-tx-ecosystem-ig/requirements.html. The one thing to know: besides membership there is
always more to say (is the code known at all, is it still used, is its display right), and each such thing is an issue.
"""

from typing import Literal

import msgspec

from suture.terminology import texts
from suture.terminology.asked import Asked, Coded
from suture.terminology.composing import Composed, Composer, missing_supplements
from suture.terminology.displays import Judgement, judge, names_of, preferred
from suture.terminology.membership import Membership, Verdict
from suture.terminology.problems import Problem, Refused, outcome
from suture.terminology.properties import standing_of
from suture.terminology.systems import Head, Json

Mode = Literal["code", "coding", "codeableConcept"]
"""In which form a code was sent."""

MAX_CODINGS = 100
"""Codings of one CodeableConcept."""


class Subject(msgspec.Struct, frozen=True):
    """What is to be judged. `concept`: the CodeableConcept as it was sent. The system is inferred of a code by itself
    only.
    """

    mode: Mode
    codings: tuple[Coded, ...]
    concept: Json | None = None


class Answer(msgspec.Struct, frozen=True):
    """What was found. `result`: in the value set, and nothing is wrong with it. `certain`: False where the code system
    is not here, so that membership cannot be told. `message`: the issues in one line.
    """

    result: bool
    certain: bool
    problems: tuple[Problem, ...]
    message: str
    parameters: Json
    display: str = ""


def subject_of_code(system: str, version: str, code: str, display: str) -> Subject:
    """A code that was sent by itself."""
    return Subject("code", (Coded(system, version, code, display, ""),))


def subject_of_coding(coding: Json) -> Subject:
    """A Coding."""
    return Subject("coding", (_coded(coding, "Coding"),))


def subject_of_concept(concept: Json) -> Subject:
    """A CodeableConcept."""
    codings = concept.get("coding", [])[:MAX_CODINGS]
    coded = (_coded(coding, f"CodeableConcept.coding[{number}]") for number, coding in enumerate(codings))
    return Subject("codeableConcept", tuple(coded), concept)


def _coded(coding: Json, place: str) -> Coded:
    system, version, code, display = (coding.get(name, "") for name in ("system", "version", "code", "display"))
    return Coded(system, version, code, display, place)


class Validation:
    """Judges one subject. `internal`: the value set only stands for all codes of a code system, so that nothing is
    said of not being in it. `lists_suffice`: see Membership.
    """

    def __init__(
        self,
        composer: Composer,
        composed: Composed,
        asked: Asked,
        subject: Subject,
        *,
        internal: bool = False,
        lists_suffice: bool = False,
    ) -> None:
        if composed.missing:
            raise missing_supplements(composed.missing)
        self._composed = composed
        self._asked = asked.see(composed.resource)
        self._membership = Membership(composer, self._asked, lists_suffice=lists_suffice)
        self._subject = subject
        self._internal = internal
        self._languages = self._asked.languages
        self._lenient = self._asked.truth("lenient-display-validation")
        self._inside: bool | None = False
        self._valid: tuple[Coded, Verdict] | None = None
        self._last: tuple[Coded, Verdict] | None = None
        self._display = ""

    async def answer(self) -> Answer:
        """Judge it. Raises Refused for what cannot be answered at all."""
        head = self._composed.resource
        self._membership.say_standing(
            "ValueSet", self._composed.name, head.get("status", ""), standing_of(head), head, head
        )
        for coded in self._subject.codings:
            await self._coding(coded)
        if self._inside is False and not self._internal:
            self._say_not_in()
        return self._answer()

    async def _coding(self, coded: Coded) -> None:
        if not coded.code:
            self._membership.say(texts.no_code(coded))
            return
        verdict = Verdict()
        coded, inside = await self._judged(coded, verdict)
        several = self._subject.mode == "codeableConcept"
        if inside is False and several and not self._internal:
            self._membership.say(texts.not_in(self._composed.name, coded, one_of_several=True))
        if not self._inside and inside is not False:
            self._inside = inside
        if self._last is None or inside:
            self._last = (coded, verdict)
        chosen = not several
        if inside:
            chosen = self._valid is None
            self._valid = self._valid or (coded, verdict)
            if several:
                self._say_status(coded, verdict)
        elif not self._membership.only_membership and coded.system:
            await self._look_closer(coded, verdict)
        if chosen:
            self._display = self._shown(verdict, inside=inside is True)
        if inside or not self._membership.only_membership:
            self._check_display(coded, verdict)

    def _shown(self, verdict: Verdict, *, inside: bool) -> str:
        if verdict.concept is not None and verdict.provider is not None:
            shown = preferred(verdict.names, self._languages) or preferred(verdict.names, None)
            return shown.value if shown else ""
        return verdict.names[0].value if inside and verdict.names else ""

    async def _judged(self, coded: Coded, verdict: Verdict) -> tuple[Coded, bool | None]:
        """The coding, with the system that it must mean, and whether it is in the value set."""
        if coded.system:
            return coded, await self._membership.judge(self._composed, coded, verdict)
        if self._subject.mode != "code":
            self._membership.say(texts.no_system(coded))
            return coded, False
        systems, certain = await self._membership.systems_of(self._composed, coded.code)
        if not systems and not certain and self._membership.lists_suffice:
            return coded, None
        if len(systems) != 1:
            self._membership.say(texts.not_inferred(coded.code, self._composed.name, systems, coded.at("code")))
            return coded, False
        coded = msgspec.structs.replace(coded, system=systems[0])
        return coded, await self._membership.judge(self._composed, coded, verdict)

    async def _look_closer(self, coded: Coded, verdict: Verdict) -> None:
        """Why a coding is not in the value set: perhaps there is no such system or code."""
        say = self._membership.say
        if not _absolute(coded.system):
            say(texts.relative_system(coded))
        version = self._membership.rules.chosen(coded.system, coded.version)
        provider = await self._membership.composer.provider(coded.system, version, self._membership.supplements)
        if provider is None:
            await self._why_unknown(coded, version)
            return
        self._membership.say_standing_of(provider.head, self._composed.resource)
        verdict.version = verdict.version or provider.head.version
        concept = await provider.concept(coded.code)
        if concept is None:
            say(texts.unknown_code(provider.head, coded))
        elif verdict.concept is None:
            verdict.saw(provider, concept, names_of(concept, provider.head))

    async def _why_unknown(self, coded: Coded, version: str) -> None:
        library = self._membership.library
        supplement = await library.supplement(coded.system)
        if supplement is not None:
            self._membership.say(texts.supplement_as_system(coded, supplement.head))
            self._membership.unknown[coded.system] = None
            return
        try:
            await library.value_set(coded.system)
        except Refused:
            await self._membership.say_unknown(coded.system, version, coded.at("system"))
        else:
            self._membership.say(texts.value_set_as_system(coded))

    def _check_display(self, coded: Coded, verdict: Verdict) -> None:
        if not coded.display or verdict.provider is None or not verdict.names:
            return
        name = f"{coded.system}#{coded.code}"
        found = judge(coded.display, verdict.names, self._languages, verdict.provider.head, name)
        if found.id:
            self._membership.say(self._of_display(found, coded))

    def _of_display(self, found: Judgement, coded: Coded) -> Problem:
        severity = "warning" if found.wrong and self._lenient else found.severity
        place = coded.at("display")
        return Problem(severity, "invalid", found.kind, found.id, found.text, place, silent=found.silent)

    def _say_not_in(self) -> None:
        if self._subject.mode == "codeableConcept":
            self._membership.say(texts.none_in(self._composed.name))
        elif self._last is not None:
            self._membership.say(texts.not_in(self._composed.name, self._last[0], one_of_several=False))

    def _answer(self) -> Answer:
        several = self._subject.mode == "codeableConcept"
        chosen = self._valid or (None if several else self._last)
        of_status = chosen or self._last
        if of_status is not None:
            self._say_status(*of_status)
        problems = tuple(self._membership.problems)
        if several and self._inside is True:
            problems = tuple(map(_not_decisive, problems))
        result = self._inside is True and not any(problem.severity == "error" for problem in problems)
        message = "; ".join(sorted({problem.text for problem in problems if not problem.silent}))
        found: list[Json] = [{"name": "result", "valueBoolean": result}]
        display = self._display if chosen is not None else ""
        if chosen is not None:
            found += _of_coding(*chosen, display)
        if of_status is not None:
            found += _of_status(of_status[1])
        word = "x-unknown-system" if self._inside is False else "x-caused-by-unknown-system"
        found += [{"name": word, "valueCanonical": name} for name in self._membership.unknown]
        if self._subject.concept is not None:
            found.append({"name": "codeableConcept", "valueCodeableConcept": self._subject.concept})
        if message:
            found.append({"name": "message", "valueString": message})
        if problems:
            found.append({"name": "issues", "resource": outcome(problems)})
        parameters = {"resourceType": "Parameters", "parameter": found}
        return Answer(result, self._inside is not None, problems, message, parameters, display)

    def _say_status(self, coded: Coded, verdict: Verdict) -> None:
        if verdict.inactive:
            place = coded.place or "code"
            self._membership.say(texts.inactive(coded.code, verdict.status, place))
        elif verdict.status.lower() == "deprecated":
            place = coded.place.partition(".")[0] or "code"
            self._membership.say(texts.deprecated(coded.code, place))


def _not_decisive(problem: Problem) -> Problem:
    """An issue beside a coding that is in the value set: the unknown code system of another one decides nothing."""
    if problem.id in ("UNKNOWN_CODESYSTEM", "UNKNOWN_CODESYSTEM_VERSION_NONE"):
        return msgspec.structs.replace(problem, severity="warning")
    return problem


def _of_coding(coded: Coded, verdict: Verdict, display: str) -> list[Json]:
    found: list[Json] = [{"name": "code", "valueCode": coded.code}] if coded.code else []
    if coded.system and coded.code:
        found.append({"name": "system", "valueUri": coded.system})
    version = verdict.version or coded.version
    if version:
        found.append({"name": "version", "valueString": version})
    if display:
        found.append({"name": "display", "valueString": display})
    if verdict.normal:
        found.append({"name": "normalized-code", "valueCode": verdict.normal})
    return found


def _of_status(verdict: Verdict) -> list[Json]:
    found: list[Json] = [{"name": "inactive", "valueBoolean": True}] if verdict.inactive else []
    shown = verdict.inactive and verdict.status != "inactive"
    if verdict.status and (shown or verdict.status.lower() == "deprecated"):
        found.append({"name": "status", "valueCode": verdict.status})
    return found


def not_answered(error: Refused, subject: Subject) -> Answer:
    """The answer where the value set cannot be worked out, though not by a mistake of the request itself."""
    message = "; ".join(sorted({problem.text for problem in error.problems}))
    found: list[Json] = [{"name": "result", "valueBoolean": False}]
    if subject.concept is not None:
        found.append({"name": "codeableConcept", "valueCodeableConcept": subject.concept})
    elif subject.codings:
        found += _of_coding(subject.codings[0], Verdict(), "")
    found += [{"name": "x-caused-by-unknown-system", "valueCanonical": name} for name in error.unknown]
    found.append({"name": "message", "valueString": message})
    found.append({"name": "issues", "resource": outcome(error.problems)})
    parameters = {"resourceType": "Parameters", "parameter": found}
    return Answer(False, False, tuple(error.problems), message, parameters)


def all_codes_of(head: Head) -> Json:
    """The ValueSet of all codes of a code system, for its own $validate-code."""
    include: Json = {"system": head.url}
    if head.version:
        include["version"] = head.version
    url = head.value_set or f"{head.url}?fhir_vs"
    return {"resourceType": "ValueSet", "status": "active", "url": url, "compose": {"include": [include]}}


def _absolute(url: str) -> bool:
    scheme, colon, _ = url.partition(":")
    return bool(colon) and scheme.replace("+", "").isalnum()
