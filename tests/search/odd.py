"""What real patients lack: odd resources beside them, so that every part of search has something to find.

Copies of Synthea's resources with other units, precisions, systems and gaps, and a few types of their own.
"""

import copy
import random
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

Resource = dict[str, Any]
UCUM = "http://unitsofmeasure.org"
LOCAL = "urn:oid:1.2.3.4"
V2 = "http://terminology.hl7.org/CodeSystem/v2-0203"
NAMES = ("Ångström", "Müller", "MULLER", "O'Neil", "van der Berg", "López", "lopez,junior", "a|b", "x$y", "Ærø")
UNITS = ("mg", "g", "kg", "ug", "cm", "mm", "m", "mL", "L", "mg/dL", "g/L", "[widget]")
NUMBERS = ("0", "0.5", "0.50", "1", "5.4", "5.40", "5400", "5350", "5450", "5.35", "100", "99.5", "1e2", "-3", "0.0054")
DATES = (
    "2019", "2020", "2020-02", "2020-02-29", "2020-12-31", "2020-02-29T23:59:59Z", "2020-02-29T10:00:00.500Z",
    "2020-03-01T00:30:00+01:00", "2021-01-01T00:00:00Z", "1969-12-31", "1900",
)  # fmt: skip
URLS = (
    "http://a.org/x",
    "http://a.org/x/y",
    "http://a.org/x/y/z",
    "http://a.org/xy",
    "urn:oid:1.2.3",
    "urn:oid:1.2.3.4",
)


def odd(real: Sequence[Resource], choose: random.Random, size: int) -> list[Resource]:
    """`size` odd resources of each kind beside `real`, which has patients and observations."""
    patients = [one for one in real if one["resourceType"] == "Patient"]
    observations = [one for one in real if one["resourceType"] == "Observation"]
    found: list[Resource] = []
    for n in range(size):
        found.append(_patient(choose, copy.deepcopy(choose.choice(patients)), f"odd{n}", patients))
        found.append(_observation(choose, copy.deepcopy(choose.choice(observations)), f"odd{n}", patients))
        found.append(_risk(choose, f"odd{n}", patients))
        found.append(_value_set(choose, f"odd{n}"))
        found.append(_answers(choose, f"odd{n}", patients))
    for one in found[::3]:
        _contain(choose, one)
    for n in range(1 + size // 5):
        found += [_list(choose, f"odd{n}", real), _sequence(choose, f"odd{n}", patients)]
    return found


def _contain(choose: random.Random, one: Resource) -> None:
    """Let a resource contain some: perhaps its patient, and an organization that it names or does not name."""
    inside: list[Resource] = []
    if "subject" in one and _maybe(choose):
        name = {"family": choose.choice(NAMES)}
        inside.append(
            {"resourceType": "Patient", "id": "s", "name": [name], "gender": choose.choice(("male", "female"))}
        )
        one["subject"] = {"reference": "#s"}
    for n in range(choose.randint(1, 2)):
        organization = {"resourceType": "Organization", "id": f"g{n}", "name": choose.choice(NAMES)}
        if _maybe(choose):
            organization["active"] = _maybe(choose)
        if n:
            organization["partOf"] = {"reference": "#g0"}
        inside.append(organization)
    if one["resourceType"] == "Patient":
        one["managingOrganization"] = {"reference": "#g0"}
    one["extension"] = [
        {"url": LOCAL, "valueReference": {"reference": f"#{each['id']}"}} for each in inside
    ]  # nothing may be contained that nobody refers to
    one["contained"] = inside


def _maybe(choose: random.Random, share: float = 0.5) -> bool:
    return choose.random() < share


def _meta(choose: random.Random) -> dict[str, Any]:
    meta: dict[str, Any] = {}
    if _maybe(choose):
        meta["tag"] = [{"system": LOCAL, "code": choose.choice(("red", "Red", "blue"))}]
    if _maybe(choose):
        meta["profile"] = choose.sample(URLS[:4], 2)
    if _maybe(choose):
        meta["security"] = [{"system": LOCAL, "code": choose.choice("RN"), "display": "Restricted use"}]
    if _maybe(choose):
        meta["source"] = choose.choice(URLS)
    return {"meta": meta} if meta else {}


def _subject(choose: random.Random, patients: Sequence[Resource]) -> dict[str, Any]:
    id = choose.choice(patients)["id"]
    return choose.choice(
        (
            {"reference": f"Patient/{id}"},
            {"reference": f"Patient/{id}"},
            {"reference": f"Patient/{id}/_history/1"},
            {"reference": f"http://elsewhere.example/fhir/Patient/{id}"},
            {"reference": f"Patient/{id}", "identifier": {"system": LOCAL, "value": choose.choice("abc")}},
            {"identifier": {"system": LOCAL, "value": choose.choice("abc")}},
        )
    )


def _identifier(choose: random.Random) -> dict[str, Any]:
    found: dict[str, Any] = {"value": choose.choice(("A1", "a1", "B,2", "C|3", "D$4", "E\\5"))}
    if _maybe(choose, 0.7):
        found["system"] = choose.choice((LOCAL, "urn:x"))
    if _maybe(choose):
        found["type"] = {"coding": [{"system": V2, "code": choose.choice(("MR", "SS"))}], "text": "Number of record"}
    return found


def _period(choose: random.Random) -> dict[str, str]:
    start, end = sorted(choose.sample([date for date in DATES if "+" not in date], 2))
    return choose.choice(({"start": start, "end": end}, {"start": start}, {"end": end}))


def _quantity(choose: random.Random) -> dict[str, Any]:
    unit = choose.choice(UNITS)
    found: dict[str, Any] = {"value": Decimal(choose.choice(NUMBERS)), "unit": unit}
    if _maybe(choose, 0.8):
        found |= {"system": UCUM, "code": unit} if unit != "[widget]" else {"system": LOCAL, "code": "widget"}
    if _maybe(choose, 0.15):
        found["comparator"] = choose.choice(("<", "<=", ">", ">="))
    return found


def _patient(choose: random.Random, patient: Resource, id: str, patients: Sequence[Resource]) -> Resource:
    patient |= {"id": id, **_meta(choose)}
    for name in ("name", "gender", "birthDate", "address", "telecom", "maritalStatus", "deceasedDateTime"):
        if _maybe(choose, 0.3):
            patient.pop(name, None)
    if _maybe(choose):
        patient["name"] = [{"family": choose.choice(NAMES), "given": ["Zoë", "Anna  Maria"], "suffix": ["Jr."]}]
    if _maybe(choose):
        patient["birthDate"] = choose.choice(DATES[:4])
    patient["identifier"] = [_identifier(choose) for _ in range(choose.randint(0, 2))] or [{"value": "x"}]
    if _maybe(choose):
        patient["link"] = [{"other": {"reference": f"Patient/{choose.choice(patients)['id']}"}, "type": "seealso"}]
    if _maybe(choose):
        patient["active"] = _maybe(choose)
    if _maybe(choose, 0.3):
        patient["deceasedBoolean"] = _maybe(choose)
        patient.pop("deceasedDateTime", None)
    return patient


def _observation(choose: random.Random, one: Resource, id: str, patients: Sequence[Resource]) -> Resource:
    one |= {"id": id, **_meta(choose), "status": choose.choice(("final", "amended"))}
    for name in ("valueQuantity", "valueCodeableConcept", "valueString", "effectiveDateTime", "component", "issued"):
        one.pop(name, None)
    one["subject"] = _subject(choose, patients)
    coding = one["code"]["coding"][0]
    if _maybe(choose, 0.3):
        coding["code"] = coding["code"].upper()
    if _maybe(choose, 0.2):
        coding.pop("system", None)
    if _maybe(choose, 0.2):
        one["code"] = {"text": choose.choice(("Body Weight", "body height", "Gewicht"))}
    when = choose.randrange(4)
    if when == 0:
        one["effectiveDateTime"] = choose.choice(DATES)
    elif when == 1:
        one["effectivePeriod"] = _period(choose)
    elif when == 2:
        one["effectiveTiming"] = {"event": [choose.choice(DATES[3:8]) for _ in range(2)]}
    one |= choose.choice(
        (
            {"valueQuantity": _quantity(choose)},
            {"valueQuantity": _quantity(choose)},
            {"valueString": choose.choice(NAMES)},
            {"valueCodeableConcept": {"coding": [{"system": LOCAL, "code": "pos", "display": "Positive"}]}},
            {"valueCodeableConcept": {"text": "Very positive"}},
            {"valueDateTime": choose.choice(DATES)},
            {"valuePeriod": _period(choose)},
            {
                "valueSampledData": {
                    "origin": {"value": 2, "unit": "mg"},
                    "period": 1,
                    "dimensions": 1,
                    "data": "1 5 E 3",
                }
            },
            {},
        )
    )
    if _maybe(choose):
        one["component"] = [
            {"code": copy.deepcopy(one["code"]), "valueQuantity": _quantity(choose)}
            for _ in range(choose.randint(1, 2))
        ]
    return one


def _risk(choose: random.Random, id: str, patients: Sequence[Resource]) -> Resource:
    predictions: list[dict[str, Any]] = []
    for _ in range(choose.randint(0, 2)):
        low, high = sorted(Decimal(number) for number in choose.sample(("0.1", "0.5", "0.75", "1", "20"), 2))
        predictions.append(
            {"probabilityDecimal": low}
            if _maybe(choose)
            else {"probabilityRange": {"low": {"value": low}, "high": {"value": high}}}
        )
    subject = {"reference": f"Patient/{choose.choice(patients)['id']}"}
    risk: Resource = {"resourceType": "RiskAssessment", "id": id, "status": "final", "subject": subject}
    return risk | {"prediction": predictions} if predictions else risk


def _value_set(choose: random.Random, id: str) -> Resource:
    found: Resource = {"resourceType": "ValueSet", "id": id, "status": choose.choice(("draft", "active"))}
    if _maybe(choose, 0.9):
        found["url"] = choose.choice(URLS)
    if _maybe(choose):
        found["version"] = choose.choice(("1.0", "2"))
    if _maybe(choose):
        found["date"] = choose.choice(DATES[:4])
    if _maybe(choose):
        found["title"] = choose.choice(NAMES)
    if _maybe(choose):
        code = {"system": LOCAL, "code": choose.choice(("focus", "task"))}
        value = {"valueQuantity": _quantity(choose)} if _maybe(choose) else {"valueCodeableConcept": {"coding": [code]}}
        value.get("valueQuantity", {}).pop("comparator", None)
        found["useContext"] = [{"code": code, **value}]
    return found


def _answers(choose: random.Random, id: str, patients: Sequence[Resource]) -> Resource:
    found: Resource = {"resourceType": "QuestionnaireResponse", "id": id, "status": "completed"}
    if _maybe(choose, 0.8):
        found["questionnaire"] = choose.choice(URLS[:3]) + choose.choice(("", "|1.0", "|2"))
    if _maybe(choose):
        found["subject"] = {"reference": f"Patient/{choose.choice(patients)['id']}"}
    if _maybe(choose):
        found["authored"] = choose.choice(DATES)
    return found


def _list(choose: random.Random, id: str, real: Sequence[Resource]) -> Resource:
    items = choose.sample(list(real), min(len(real), choose.randint(1, 30)))
    entries = [{"item": {"reference": f"{one['resourceType']}/{one['id']}"}} for one in items]
    found: Resource = {"resourceType": "List", "id": id, "status": "current", "mode": "working", "entry": entries}
    if _maybe(choose):
        found["contained"] = [{"resourceType": "Organization", "id": "g", "name": choose.choice(NAMES)}]
        entries.append({"item": {"reference": "#g"}})
    return found


def _sequence(choose: random.Random, id: str, patients: Sequence[Resource]) -> Resource:
    return {
        "resourceType": "MolecularSequence",
        "id": id,
        "coordinateSystem": 0,
        "patient": {"reference": f"Patient/{choose.choice(patients)['id']}"},
        "referenceSeq": {
            "chromosome": {"coding": [{"system": LOCAL, "code": choose.choice(("1", "X"))}]},
            "windowStart": choose.choice((1, 5, 10)),
            "windowEnd": choose.choice((10, 20)),
        },
        "variant": [{"start": n, "end": n + 3} for n in choose.sample((1, 5, 10), 2)],
    }
