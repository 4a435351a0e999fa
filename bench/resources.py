"""Resources for the benchmarks: a Patient of about 2 kB and an Observation of about 1 kB, from a seeded generator."""

import random
import uuid
from typing import Any

GIVEN = [
    "Ada",
    "Bram",
    "Chidi",
    "Dora",
    "Emre",
    "Fatou",
    "Greta",
    "Hugo",
    "Ines",
    "Jonas",
    "Kaya",
    "Liv",
    "Mio",
    "Nils",
    "Oda",
    "Piet",
]
FAMILY = [
    "Adeyemi",
    "Bakker",
    "Costa",
    "Dumont",
    "Eriksen",
    "Fischer",
    "Garcia",
    "Haas",
    "Ivanova",
    "Jensen",
    "Kim",
    "Lindt",
]
CODES = [("8302-2", "Body height", "cm"), ("29463-7", "Body weight", "kg"), ("8867-4", "Heart rate", "/min")]
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"
US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition"


def patient(rng: random.Random) -> dict[str, Any]:
    """A Patient with three identifiers, an address and the usual extensions."""
    key = str(uuid.UUID(int=rng.getrandbits(128)))
    race = {"url": "text", "valueString": "Unknown"}
    return {
        "resourceType": "Patient",
        "extension": [
            {"url": f"{US_CORE}/us-core-race", "extension": [race]},
            {"url": f"{US_CORE}/us-core-ethnicity", "extension": [race]},
            {"url": f"{US_CORE}/us-core-birthsex", "valueCode": rng.choice("FM")},
        ],
        "identifier": [
            {"system": "https://example.org/bench/key", "value": key},
            {
                "type": {
                    "coding": [{"system": f"{TERMINOLOGY}/v2-0203", "code": "MR", "display": "Medical record number"}]
                },
                "system": "https://example.org/bench/mrn",
                "value": key,
            },
            {
                "system": "http://hl7.org/fhir/sid/us-ssn",
                "value": f"999-{rng.randrange(10, 99)}-{rng.randrange(1000, 9999)}",
            },
        ],
        "name": [
            {"use": "official", "family": f"{rng.choice(FAMILY)}{rng.randrange(1000)}", "given": [rng.choice(GIVEN)]}
        ],
        "telecom": [
            {"system": "phone", "value": f"555-{rng.randrange(100, 999)}-{rng.randrange(1000, 9999)}", "use": "home"}
        ],
        "gender": rng.choice(["male", "female"]),
        "birthDate": f"{rng.randrange(1930, 2020)}-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}",
        "address": [
            {
                "line": [f"{rng.randrange(1, 999)} Harbour Street"],
                "city": "Salem",
                "state": "MA",
                "postalCode": "01970",
                "country": "US",
            }
        ],
        "maritalStatus": {
            "coding": [{"system": f"{TERMINOLOGY}/v3-MaritalStatus", "code": "S", "display": "Never Married"}]
        },
        "communication": [
            {"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": "en-US", "display": "English"}]}}
        ],
    }


def observation(rng: random.Random, patient_id: str) -> dict[str, Any]:
    """A vital sign of a patient."""
    code, display, unit = rng.choice(CODES)
    day = f"20{rng.randrange(10, 26)}-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}"
    when = f"{day}T{rng.randrange(24):02}:07:07+00:00"
    category = {"system": f"{TERMINOLOGY}/observation-category", "code": "vital-signs", "display": "Vital signs"}
    return {
        "resourceType": "Observation",
        "status": "final",
        "category": [{"coding": [category]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": code, "display": display}], "text": display},
        "subject": {"reference": f"Patient/{patient_id}"},
        "effectiveDateTime": when,
        "issued": when,
        "valueQuantity": {
            "value": rng.randrange(1, 200),
            "unit": unit,
            "system": "http://unitsofmeasure.org",
            "code": unit,
        },
    }


def transaction(rng: random.Random, observations: int = 300) -> dict[str, Any]:
    """A transaction bundle: one new patient and its observations, which refer to it by urn:uuid."""
    urn = f"urn:uuid:{uuid.UUID(int=rng.getrandbits(128))}"
    entries = [{"fullUrl": urn, "resource": patient(rng), "request": {"method": "POST", "url": "Patient"}}]
    for _ in range(observations):
        resource = observation(rng, "")
        resource["subject"] = {"reference": urn}
        entries.append({"resource": resource, "request": {"method": "POST", "url": "Observation"}})
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}
