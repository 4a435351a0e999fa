"""QuestionnaireResponse against its Questionnaire: the right items, in the right place, as often as they may be.

Specification: https://hl7.org/fhir/R4/questionnaireresponse.html#notes. What an answer itself must be is in `answers`.
The rules need the Questionnaire; without it nothing but its absence can be said.
"""

from collections.abc import Iterable, Sequence

from suture.fhir.outcomes import Issue
from suture.fhir.rules.answers import answer_faults, exclusive_options
from suture.fhir.rules.enable_when import enabled, order_dates
from suture.fhir.rules.expressions import holds
from suture.fhir.rules.form import Form, form_of
from suture.fhir.rules.form_constraints import broken_constraints
from suture.fhir.rules.questionnaire import value_types
from suture.fhir.rules.questions import Question
from suture.fhir.rules.seen import Seen
from suture.fhir.rules.shapes import Json, below, extension_value, listed, numbered, text

_MIN_OCCURS = "http://hl7.org/fhir/StructureDefinition/questionnaire-minOccurs"
_MAX_OCCURS = "http://hl7.org/fhir/StructureDefinition/questionnaire-maxOccurs"
_CONDITION = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-enableWhenExpression"

Findings = Iterable[Issue | Question]


def agrees_with_questionnaire(seen: Seen) -> Findings:
    """The whole comparison."""
    wanted = seen.scene.expectations.questionnaire
    url = text(seen.value, "questionnaire")
    if wanted == "none" or (not url and wanted != "required"):
        return
    if not url:
        yield seen.error("required", "The response must name its questionnaire.")
        return
    form = form_of(seen)
    if form is None:
        severity = "error" if wanted == "required" else "warning"
        yield seen.issue(
            severity, "not-found", f"The questionnaire '{url[:300]}' is not known, so the answers are not judged by it."
        )
        return
    yield from _authored(seen, form)
    yield from broken_constraints(seen, form)
    yield from _Comparison(seen, form).items(form.questionnaire, seen.value, "", (seen.value,))


def _authored(seen: Seen, form: Form) -> Findings:
    authored = text(seen.value, "authored")
    period = below(form.questionnaire, "effectivePeriod")
    if authored and text(period, "start") and order_dates(authored, text(period, "start")) == -1:
        yield seen.warning(
            "business-rule", "The response was written before its questionnaire came into use.", "authored"
        )
    if authored and text(period, "end") and order_dates(authored, text(period, "end")) == 1:
        yield seen.warning(
            "business-rule", "The response was written after its questionnaire went out of use.", "authored"
        )


class _Comparison:
    """One response beside its form. A path is "" for the response, else `item[0].answer[1]`."""

    def __init__(self, seen: Seen, form: Form) -> None:
        self._seen = seen
        self._form = form
        finished = text(seen.value, "status") in ("completed", "amended")
        self._missing = "error" if finished else "warning"

    def items(self, asked: Json, given: Json, path: str, around: Sequence[Json]) -> Findings:
        """What stands below `given` against what is asked below `asked`. `around`: see `enable_when.enabled`."""
        expected = {text(item, "linkId"): item for item in listed(asked, "item")}
        met: dict[str, list[tuple[str, Json]]] = {}
        last = -1
        order = list(expected)
        for number, item in numbered(given, "item"):
            place = f"{path}.item[{number}]".lstrip(".")
            link = text(item, "linkId")
            if link in expected:
                met.setdefault(link, []).append((place, item))
                if order.index(link) < last:
                    yield self._seen.error(
                        "structure", "The item stands before one that comes first in the form.", place
                    )
                last = max(last, order.index(link))
            elif link:
                yield from self._stray(link, item, place, path, around)
        for link, item in expected.items():
            yield from self._expected(item, met.get(link, []), path, around)

    def _stray(self, link: str, item: Json, place: str, path: str, around: Sequence[Json]) -> Findings:
        asked = self._form.items.get(link)
        if asked is None:
            # Told of what holds it, where the form ends: an adaptive form may not know the item yet.
            yield self._seen.error("not-found", f"The questionnaire has no item '{link[:100]}'.", path)
            return
        yield self._seen.error("structure", f"The item '{link[:100]}' is not in its place of the questionnaire.", place)
        yield from self._item(asked, item, place, around)

    def _expected(self, asked: Json, given: Sequence[tuple[str, Json]], path: str, around: Sequence[Json]) -> Findings:
        link = text(asked, "linkId")[:100]
        is_enabled = self._enabled(asked, around)
        filled = [(place, item) for place, item in given if listed(item, "answer") or listed(item, "item")]
        if is_enabled is False:
            for place, _ in filled:
                yield self._seen.error(
                    "invalid", f"The item '{link}' is answered, but its condition is not met.", place
                )
        elif not filled and is_enabled and asked.get("required") is True and text(asked, "type") != "display":
            place = given[0][0] if given else path
            yield self._seen.issue(self._missing, "required", f"The required item '{link}' has no answer.", place)
        if len(given) > 1 and asked.get("repeats") is not True:
            yield self._seen.error(
                "invalid", f"The item '{link}' does not repeat, but stands here more than once.", path
            )
        yield from self._occurs(asked, given)
        for place, item in given:
            yield from self._item(asked, item, place, around)

    def _enabled(self, asked: Json, around: Sequence[Json]) -> bool | None:
        expression = extension_value(asked, _CONDITION)
        if expression is None:
            return enabled(asked, around)
        is_fhirpath = text(expression, "language") == "text/fhirpath"
        return holds(self._seen, text(expression, "expression")) if is_fhirpath else None

    def _occurs(self, asked: Json, given: Sequence[tuple[str, Json]]) -> Findings:
        """How often an item may be there: a group counts itself, a question its answers."""
        least, most = extension_value(asked, _MIN_OCCURS), extension_value(asked, _MAX_OCCURS)
        if not given:
            return
        is_group = text(asked, "type") == "group"
        count = len(given) if is_group else sum(len(listed(item, "answer")) for _, item in given)
        place = given[0][0]
        if isinstance(least, int) and count < least:
            yield self._seen.issue(
                self._missing, "invalid", f"{count} are given here, at least {least} are needed.", place
            )
        if isinstance(most, int) and count > most:
            yield self._seen.error("invalid", f"{count} are given here, at most {most} are allowed.", place)

    def _item(self, asked: Json, given: Json, place: str, around: Sequence[Json]) -> Findings:
        type = text(asked, "type")
        answers = list(numbered(given, "answer"))
        wording = text(given, "text")
        if wording and text(asked, "text") and wording != text(asked, "text"):
            yield self._seen.warning("invalid", "The text of the item is not the one of the questionnaire.", place)
        if type == "group":
            if answers:
                yield self._seen.error("structure", "A group has items, not answers.", place)
            elif asked.get("required") is True and "item" not in given:
                yield self._seen.issue(self._missing, "required", "A required group must have items.", place)
            yield from self.items(asked, given, place, (*around, given))
            return
        if type == "display":
            if answers or "item" in given:
                yield self._seen.error("structure", "An item of type 'display' has neither answers nor items.", place)
            return
        if type == "question" and answers:
            yield self._seen.error(
                "structure",
                "The questionnaire gives the item the abstract type 'question', which has no answers.",
                place,
            )
        if "item" in given and value_types(asked):
            yield self._seen.error("structure", "The items below a question stand in its answers.", place)
        if len(answers) > 1 and asked.get("repeats") is not True:
            yield self._seen.error("invalid", "The question takes one answer only.", place)
        yield from exclusive_options(self._seen, asked, answers, place)
        for number, answer in answers:
            path = f"{place}.answer[{number}]"
            yield from answer_faults(self._seen, self._form, asked, answer, path)
            yield from self.items(asked, answer, path, (*around, given, answer))
