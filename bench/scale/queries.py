"""The searches of the benchmark: what clinicians, apps and measures ask, each with values drawn from the population.

A query is a function from a random generator and the population to the path of a request. The one thing to know: the
patients that may be asked for are those of the smallest size, which every size has, so the answers of patient-scoped
queries are the same at all sizes.
"""

import random
from collections.abc import Callable
from datetime import date, timedelta

from bench.scale.templates import Person, Templates, name

LOINC = "http://loinc.org|"
SNOMED = "http://snomed.info/sct|"
COMMON = ["29463-7", "8302-2", "8867-4", "9279-1", "39156-5", "72514-3", "85354-9"]
LESS_COMMON = ["4548-4", "2093-3", "2571-8", "18262-6", "2085-9", "2339-0", "6299-2", "38483-4"]
RARE = ["33914-3", "2885-2", "1751-7", "10834-0", "8310-5"]
SYSTEM = "https://github.com/synthetichealth/synthea"

Make = Callable[["Ask"], str]


class Ask:
    """Draws values. `templates`: of the population; patients are numbers below `patients`."""

    def __init__(self, templates: Templates, patients: int, seed: str) -> None:
        self._templates = templates
        self._patients = patients
        self.rng = random.Random(seed)

    @property
    def person(self) -> Person:
        """Any patient."""
        return Person(self._templates, self.rng.randrange(self._patients))

    def code(self, *lists: list[str]) -> str:
        """A LOINC code of these lists."""
        return LOINC + self.rng.choice([code for codes in lists for code in codes])

    def day(self, first: int, last: int) -> date:
        """A day between the first and the last year."""
        return date(first, 1, 1) + timedelta(self.rng.randrange((last - first) * 365))

    def prefix(self, kind: str, length: int) -> str:
        """The beginning of a name."""
        return name(kind, self.rng.randrange(200))[:length].lower()


def _range(parameter: str, start: date, days: int) -> str:
    return f"{parameter}=ge{start}&{parameter}=lt{start + timedelta(days)}"


NARROW: dict[str, Make] = {
    "patient and code": lambda a: f"Observation?patient={a.person.id}&code={a.code(COMMON, LESS_COMMON)}",
    "patient and code, newest first": lambda a: (
        f"Observation?patient={a.person.id}&code={a.code(COMMON)}&_sort=-date&_count=20"
    ),
    "patient, category, date range": lambda a: (
        f"Observation?patient={a.person.id}&category=vital-signs&{_range('date', a.day(2008, 2018), 1500)}"
    ),
    "patient's conditions sorted by code": lambda a: f"Condition?patient={a.person.id}&_sort=code",
    "patient and quantity with unit": lambda a: (
        f"Observation?patient={a.person.id}&value-quantity=gt70|http://unitsofmeasure.org|kg"
    ),
    "patient's encounters in a range": lambda a: (
        f"Encounter?patient={a.person.id}&{_range('date', a.day(2005, 2018), 900)}"
    ),
    "identifier": lambda a: f"Patient?identifier={SYSTEM}|{a.person.id}",
    "compartment": lambda a: f"Patient/{a.person.id}/Procedure",
    "code, newest first": lambda a: f"Observation?code={a.code(COMMON, LESS_COMMON, RARE)}&_sort=-date",
    "code": lambda a: f"Observation?code={a.code(COMMON, LESS_COMMON, RARE)}",
    "status and code, newest first": lambda a: f"Observation?status=final&code={a.code(COMMON)}&_sort=-date",
    "code and date range": lambda a: (
        f"Observation?code={a.code(LESS_COMMON)}&{_range('date', a.day(2008, 2018), 30)}&_sort=-date"
    ),
}
"""Scoped by patient or by code: their first page should cost the same at every size."""

WIDE: dict[str, Make] = {
    "code and value range": lambda a: f"Observation?code={LOINC}29463-7&value-quantity=gt{a.rng.randrange(60, 110)}",
    "code and value, composite": lambda a: (
        f"Observation?code-value-quantity={LOINC}29463-7$gt{a.rng.randrange(60, 110)}"
    ),
    "component and value, composite": lambda a: (
        f"Observation?component-code-value-quantity={LOINC}8480-6$gt{a.rng.randrange(120, 150)}"
    ),
    "name prefix": lambda a: f"Patient?name={a.prefix('family', 4)}",
    "family name and birth year": lambda a: (
        f"Patient?family={a.prefix('family', 2)}&{_range('birthdate', a.day(1930, 2000), 365)}"
    ),
    "birthdate range": lambda a: f"Patient?{_range('birthdate', a.day(1930, 2000), 60)}",
    "_has": lambda a: f"Patient?_has:Observation:patient:code={a.code(RARE)}",
    "chained": lambda a: f"Observation?patient.identifier={SYSTEM}|{a.person.id}&code={a.code(COMMON)}",
    "_include": lambda a: f"Observation?patient={a.person.id}&code={a.code(COMMON)}&_include=Observation:encounter",
    "_revinclude": lambda a: f"Patient?identifier={SYSTEM}|{a.person.id}&_revinclude=Condition:patient",
    "$everything": lambda a: f"Patient/{a.person.id}/$everything?_count=50",
    "$lastn": lambda a: f"Observation/$lastn?patient={a.person.id}&category=vital-signs",
    "code text": lambda a: f"Observation?patient={a.person.id}&code:text={a.rng.choice(['body', 'heart', 'pain'])}",
    "_lastUpdated, newest first": lambda a: "Observation?_lastUpdated=gt2020-01-01&_sort=-_lastUpdated",
    "count of a patient's observations": lambda a: f"Observation?patient={a.person.id}&_summary=count",
    "count of a rare code": lambda a: f"Observation?code={a.code(RARE)}&_summary=count",
    "read": lambda a: f"Patient/{a.person.id}",
}

DEEP = "deep page of a code"
DEEP_PAGES = 25
"""A page so far from the first one, reached by the `next` links."""

QUERIES = {**NARROW, **WIDE}
