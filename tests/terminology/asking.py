"""Questions to the terminology as the operations ask them, without a server: definitions are sent along."""

from typing import Any

from suture.fhir.packages import CoreCanonicals
from suture.fhir.versions import Version
from suture.terminology.asked import Asked
from suture.terminology.concept_maps import concept_map
from suture.terminology.content.grammars import Grammars
from suture.terminology.desk import Desk, Question
from suture.terminology.expansion import expand
from suture.terminology.lookup import lookup
from suture.terminology.translation import Translation, Wanted
from suture.terminology.validation import Answer, Subject, Validation

Json = dict[str, Any]


def code_system(url: str, *concepts: Json, **more: Any) -> Json:
    """A CodeSystem with everything that is needed."""
    return {
        "resourceType": "CodeSystem", "url": url, "version": "1", "status": "active", "content": "complete",
        "caseSensitive": True, "concept": list(concepts),
    } | more  # fmt: skip


def value_set(url: str, *include: Json, **compose: Any) -> Json:
    """A ValueSet of these includes."""
    return {
        "resourceType": "ValueSet", "url": url, "version": "1", "status": "active",
        "compose": {"include": list(include), **compose},
    }  # fmt: skip


class Asking:
    """Asks about definitions that are sent along."""

    def __init__(self, *resources: Json, version: Version = Version.R4) -> None:
        self._resources = resources
        self._version = version
        self._desk = Desk(version, Grammars()).current(CoreCanonicals(version), 0)

    def question(self, **parameters: Any) -> Question:
        """A question; `_` in the names of parameters is a hyphen, values are lists where there are several."""
        values = {
            name.replace("_", "-"): given if isinstance(given, list) else [given] for name, given in parameters.items()
        }
        return self._desk.question(Asked(values | {"tx-resource": list(self._resources)}))

    async def expansion(self, url: str, **parameters: Any) -> Json:
        """The expansion of a value set."""
        question = self.question(**parameters)
        composed = await question.value_set(url)
        return (await expand(question.composer, composed, question.asked, self._version))["expansion"]

    async def codes(self, url: str, **parameters: Any) -> list[str]:
        """The codes of a value set, flat."""
        expansion = await self.expansion(url, excludeNested=True, **parameters)
        return [one["code"] for one in expansion.get("contains", ())]

    async def validation(self, url: str, subject: Subject, **parameters: Any) -> Answer:
        """Whether a code is in a value set."""
        question = self.question(**parameters)
        composed = await question.value_set(url)
        return await Validation(question.composer, composed, question.asked, subject).answer()

    async def lookup(self, system: str, code: str, **parameters: Any) -> list[Json]:
        """The parameters of a $lookup."""
        return (await lookup(self.question(**parameters), system, "", code))["parameter"]

    async def translation(self, wanted: Wanted, *maps: Json, named: bool = True) -> Json:
        """The result of a $translate and its matches, each as its parts by name."""
        question = self.question()
        translation = Translation(question, [concept_map(one) for one in maps], wanted, named=named)
        found = (await translation.answer())["parameter"]
        return {
            "result": found[0]["valueBoolean"],
            "matches": [values(one["part"]) for one in found if one["name"] == "match"],
            "used": [one["valueCanonical"] for one in found if one["name"] == "used-conceptmap"],
        }


def values(parameters: list[Json]) -> Json:
    """Parameters by name."""
    return {one["name"]: next(value for name, value in one.items() if name != "name") for one in parameters}
