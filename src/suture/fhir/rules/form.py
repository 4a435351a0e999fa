"""The Questionnaire that a QuestionnaireResponse answers: found by its canonical URL, or contained in the response."""

from suture.fhir.rules.questionnaire import items
from suture.fhir.rules.seen import Seen
from suture.fhir.rules.shapes import Json, listed, text


class Form:
    """A Questionnaire with its items by linkId. `container`: the resource in which `#id` is found."""

    def __init__(self, questionnaire: Json, container: Json) -> None:
        self.questionnaire = questionnaire
        self.container = container
        self.items: dict[str, Json] = {}
        for _, item in items(questionnaire):
            self.items.setdefault(text(item, "linkId"), item)

    def contained(self, reference: str) -> Json | None:
        """The resource that `#id` names."""
        return contained(self.container, reference) or contained(self.questionnaire, reference)


def contained(resource: Json, reference: str) -> Json | None:
    """The contained resource that `#id` names."""
    wanted = reference.removeprefix("#")
    return next((item for item in listed(resource, "contained") if item.get("id") == wanted), None)


def form_of(seen: Seen) -> Form | None:
    """The form of a QuestionnaireResponse, when it is at hand."""
    url = text(seen.value, "questionnaire")
    if url.startswith("#"):
        container = seen.container.value
        found = contained(container, url)
        return Form(found, container) if found and found.get("resourceType") == "Questionnaire" else None
    found = seen.scene.canonicals.find("Questionnaire", url) if url else None
    return Form(found, found) if found else None
