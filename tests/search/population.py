"""A small, odd population: few values, many ties, gaps everywhere, all kinds of precision."""

import random
from decimal import Decimal
from typing import Any

LOINC, UCUM, LOCAL = "http://loinc.org", "http://unitsofmeasure.org", "urn:local"
FAMILIES = (
    "Smith",
    "SMITH",
    "Smithson",
    "Ångström",
    "angstrom",
    "Müller",
    "Muller",
    "O'Neil",
    "van der Berg",
    "李",
    "a,b|c",
)
GIVEN = ("Ann", "anna", "Jo", "Zoë", "Zoe", "Max")
CODES = ("1234-5", "1234-6", "abc", "ABC", "x,y", "p|q")
DATES = (
    "2019", "2020", "2020-02", "2020-02-29", "2020-12-31", "2021-01-01", "2020-02-29T23:59:59Z", "2020-02-29T10:00:00Z",
    "2020-02-29T10:00:00.500Z", "2020-03-01T00:30:00+01:00", "2021-01-01T00:00:00Z",
)  # fmt: skip
NUMBERS = ("0", "0.5", "0.50", "0.8", "1", "1.0", "5.4", "5.40", "5.45", "5.35", "100", "99.5", "100.5", "-3")
IDS = tuple(f"{n:02d}" for n in range(12))


def population(seed: int, size: int) -> list[dict[str, Any]]:
    """`size` resources of each kind, with references among them."""
    choose = random.Random(seed)
    found: list[dict[str, Any]] = []
    for n in range(size):
        found += [_patient(choose, f"p{n:02d}"), _encounter(choose, f"e{n:02d}", size)]
        found += [_observation(choose, f"o{n:02d}{i}", size) for i in range(2)]
        found.append(_risk(choose, f"r{n:02d}"))
    choose.shuffle(found)
    return found


def _sometimes(choose: random.Random, share: float = 0.75) -> bool:
    return choose.random() < share


def _patient(choose: random.Random, id: str) -> dict[str, Any]:
    patient: dict[str, Any] = {"resourceType": "Patient", "id": id}
    if _sometimes(choose):
        patient["name"] = [
            {"family": choose.choice(FAMILIES), "given": choose.sample(GIVEN, choose.randint(1, 2))}
            for _ in range(choose.randint(1, 2))
        ]
    if _sometimes(choose):
        patient["gender"] = choose.choice(("male", "female", "other"))
    if _sometimes(choose):
        patient["birthDate"] = choose.choice(DATES[:6])
    if _sometimes(choose):
        patient["identifier"] = [{"system": choose.choice((LOCAL, LOINC)), "value": choose.choice(CODES)}]
    if _sometimes(choose, 0.3):
        patient["meta"] = {"tag": [{"system": LOCAL, "code": choose.choice(("red", "blue"))}]}
    return patient


def _period(choose: random.Random) -> dict[str, str]:
    start, end = sorted(choose.sample([date for date in DATES if "+" not in date], 2))
    period = {"start": start, "end": end}
    if _sometimes(choose, 0.4):
        del period[choose.choice(("start", "end"))]
    return period


def _encounter(choose: random.Random, id: str, size: int) -> dict[str, Any]:
    encounter: dict[str, Any] = {
        "resourceType": "Encounter",
        "id": id,
        "status": choose.choice(("finished", "planned")),
        "class": {"code": "AMB"},
        "subject": {"reference": f"Patient/p{choose.randrange(size):02d}"},
    }
    if _sometimes(choose):
        encounter["period"] = _period(choose)
    return encounter


def _observation(choose: random.Random, id: str, size: int) -> dict[str, Any]:
    coding = {"code": choose.choice(CODES)}
    if _sometimes(choose):
        coding["system"] = choose.choice((LOINC, LOCAL))
    observation: dict[str, Any] = {
        "resourceType": "Observation",
        "id": id,
        "status": choose.choice(("final", "final", "final", "amended")),
        "code": {"coding": [coding, {"system": LOCAL, "code": choose.choice(CODES)}][: choose.randint(1, 2)]},
    }
    if _sometimes(choose):
        observation["subject"] = {"reference": f"Patient/p{choose.randrange(size):02d}"}
    if _sometimes(choose):
        observation["encounter"] = {"reference": f"Encounter/e{choose.randrange(size):02d}"}
    if _sometimes(choose):
        observation["effectiveDateTime"] = choose.choice(DATES)
    elif _sometimes(choose):
        observation["effectivePeriod"] = _period(choose)
    if _sometimes(choose):
        unit = choose.choice(
            ({"unit": "mg"}, {"unit": "mg", "system": UCUM, "code": "mg"}, {"system": UCUM, "code": "kg"})
        )
        observation["valueQuantity"] = {"value": _number(choose.choice(NUMBERS)), **unit}
    return observation


def _risk(choose: random.Random, id: str) -> dict[str, Any]:
    risk: dict[str, Any] = {
        "resourceType": "RiskAssessment",
        "id": id,
        "status": "final",
        "subject": {"reference": "Patient/p00"},
        "prediction": [],
    }
    for _ in range(choose.randint(0, 2)):
        if _sometimes(choose):
            risk["prediction"].append({"probabilityDecimal": _number(choose.choice(NUMBERS))})
        else:
            low, high = sorted(_number(number) for number in choose.sample(NUMBERS, 2))
            risk["prediction"].append({"probabilityRange": {"low": {"value": low}, "high": {"value": high}}})
    return risk


def _number(text: str) -> Any:
    return Decimal(text)
