"""What coded values, texts, composite values, units, places and lists find, on both engines."""

from typing import Any

import pytest

from suture.access import ALLOW_ALL
from suture.fhir.outcomes import Invalid
from tests.search.conftest import Driven

Resource = dict[str, Any]
LOINC, SNOMED, UCUM = "http://loinc.org", "http://snomed.info/sct", "http://unitsofmeasure.org"
KINDS = "http://terminology.hl7.org/CodeSystem/v2-0203"


def coding(system: str | None, code: str | None, display: str | None = None) -> Resource:
    parts = {"system": system, "code": code, "display": display}
    return {name: value for name, value in parts.items() if value is not None}


def quantity(value: float, code: str, system: str | None = UCUM) -> Resource:
    return {"value": value, "unit": code, "code": code, **({"system": system} if system else {})}


def observation(id: str, *codings: Resource, patient: str = "a", **more: Any) -> Resource:
    code = {"coding": list(codings)} if codings else {"text": "nothing"}
    return {
        "resourceType": "Observation",
        "id": id,
        "status": "final",
        "code": code,
        "subject": {"reference": f"Patient/{patient}"},
        **more,
    }


def part(code: str, value: Resource) -> Resource:
    return {"code": {"coding": [coding(LOINC, code)]}, **value}


def location(id: str, latitude: float, longitude: float) -> Resource:
    return {
        "resourceType": "Location",
        "id": id,
        "name": id,
        "position": {"latitude": latitude, "longitude": longitude},
    }


RESOURCES: tuple[Resource, ...] = (
    {
        "resourceType": "Patient", "id": "a", "gender": "male", "birthDate": "1980-05-05", "name": [{"family": "Zorn"}],
        "identifier": [
            {"system": "urn:mrn", "value": "446053", "type": {"coding": [coding(KINDS, "MR")], "text": "Chart number"}}
        ],
        "managingOrganization": {"reference": "Organization/x"},
    },
    {
        "resourceType": "Patient", "id": "b", "gender": "female", "name": [{"family": "Abel"}],
        "identifier": [{"system": "urn:ssn", "value": "446053", "type": {"coding": [coding(KINDS, "SS")]}}],
    },
    {"resourceType": "Organization", "id": "x", "name": "Example"},
    observation("o1", coding(LOINC, "8480-6", "Systolic blood pressure"), effectiveDateTime="2020-01-01",
                valueQuantity=quantity(5.4, "g")),
    observation("o2", coding(LOINC, "8480-6", "Systolic BP"), patient="b", effectiveDateTime="2021-01-01",
                valueQuantity=quantity(5400, "mg")),
    observation("o3", coding(LOINC, "8480-6"), effectiveDateTime="2022-01-01", valueQuantity=quantity(5.4, "[foo]")),
    observation("o4", coding("urn:local", "8480-6"), coding(LOINC, "1-1", "Glucose"), valueString="High, very"),
    observation("o5", coding(None, "8480-6"), patient="b",
                valueCodeableConcept={"coding": [coding(SNOMED, "10", "Yes")]}),
    observation("o6", patient="b", component=[part("8480-6", {"valueQuantity": quantity(120, "mm[Hg]")}),
                                              part("8462-4", {"valueQuantity": quantity(80, "mm[Hg]")})]),
    observation("o7", coding(SNOMED, "10", "Yes"), patient="c", valueQuantity=quantity(37, "Cel")),
    observation("o8", coding(SNOMED, "x|y$z", "Odd, code")),
    location("amsterdam", 52.3676, 4.9041),
    location("utrecht", 52.0907, 5.1214),
    location("suva", -18.14, 178.44),
    location("taveuni", -16.85, -179.97),
    {"resourceType": "List", "id": "l", "status": "current", "mode": "working",
     "entry": [{"item": {"reference": "Observation/o1"}}, {"item": {"reference": "Patient/b"}}]},
)  # fmt: skip


@pytest.mark.parametrize(
    ("url", "found"),
    (
        # Coded values: whatever the display, by code, by system and code, by system, without a system.
        ("Observation?code=8480-6", "o1 o2 o3 o4 o5"),
        (f"Observation?code={LOINC}|8480-6", "o1 o2 o3"),
        (f"Observation?code={LOINC}|", "o1 o2 o3 o4"),
        ("Observation?code=|8480-6", "o5"),
        ("Observation?code=none", ""),
        (f"Observation?code=none,{SNOMED}|10", "o7"),
        (f"Observation?code:not={LOINC}|8480-6", "o4 o5 o6 o7 o8"),
        ("Observation?code:not=none", "o1 o2 o3 o4 o5 o6 o7 o8"),
        ("Observation?combo-code=8480-6", "o1 o2 o3 o4 o5 o6"),
        ("Observation?component-code=8480-6", "o6"),
        # A patient and a code are one token.
        (f"Observation?patient=a&code={LOINC}|8480-6", "o1 o3"),
        ("Observation?patient=a&code=8480-6", "o1 o3 o4"),
        ("Observation?subject=Patient/b&code=8480-6", "o2 o5"),
        ("Observation?subject=b&code=8480-6", "o2 o5"),
        ("Observation?patient=a,b&code=8480-6,10", "o1 o2 o3 o4 o5"),
        ("Observation?patient=a&code=none", ""),
        ("Observation?patient=a&code=8480-6&code=1-1", "o4"),
        (f"Observation?patient=a&code:not={LOINC}|8480-6", "o4 o8"),
        (f"Patient?_has:Observation:patient:code={SNOMED}|10", ""),
        (f"Patient?_has:Observation:patient:code={LOINC}|1-1", "a"),
        ("Observation?patient.gender=male&code=8480-6", "o1 o3 o4"),
        # Texts: the beginning, or the beginning of a word.
        ("Observation?code:text=systolic", "o1 o2"),
        ("Observation?code:text=blood", "o1"),
        ("Observation?code:text=lood", ""),
        ("Observation?code:text=NOTH", "o6"),
        ("Observation?code:text=b,glu", "o1 o2 o4"),
        ("Patient?identifier:text=chart", "a"),
        ("Patient?identifier=446053", "a b"),
        (f"Patient?identifier:of-type={KINDS}|MR|446053", "a"),
        (f"Patient?identifier:of-type={KINDS}|MR|446054", ""),
        # Composite values belong together.
        (f"Observation?code-value-quantity={LOINC}|8480-6$5.4|{UCUM}|g", "o1 o2"),
        ("Observation?code-value-quantity=8480-6$gt5", "o1 o2 o3"),
        ("Observation?code-value-quantity=10$37", "o7"),
        ("Observation?code-value-string=1-1$high\\, v", "o4"),
        ("Observation?code-value-concept=8480-6$10", "o5"),
        ("Observation?component-code-value-quantity=8480-6$120", "o6"),
        ("Observation?component-code-value-quantity=8480-6$80", ""),
        (f"Observation?component-code-value-quantity={LOINC}|8462-4$lt90|{UCUM}|mm[Hg]", "o6"),
        ("Observation?combo-code-value-quantity=8480-6$gt100", "o2 o6"),
        ("Observation?combo-code-value-quantity=8480-6$gt100,10$37", "o2 o6 o7"),
        (f"Observation?code={SNOMED}|x\\|y\\$z", "o8"),
        # Units of one dimension are compared, others literally.
        (f"Observation?value-quantity=5.4|{UCUM}|g", "o1 o2"),
        (f"Observation?value-quantity=5400|{UCUM}|mg", "o1 o2"),
        (f"Observation?value-quantity=0.0054|{UCUM}|kg", "o1 o2"),
        (f"Observation?value-quantity=gt5399|{UCUM}|mg", "o1 o2"),
        (f"Observation?value-quantity=lt5.4|{UCUM}|g", ""),
        (f"Observation?value-quantity=5.4|{UCUM}|[foo]", "o3"),
        ("Observation?value-quantity=5.4||g", "o1"),
        ("Observation?value-quantity=5.4", "o1 o3"),
        (f"Observation?value-quantity=98.6|{UCUM}|[degF]", "o7"),
        # Places.
        ("Location?near=52.37|4.9", "amsterdam"),
        ("Location?near=52.37|4.9|50", "amsterdam utrecht"),
        ("Location?near=52.37|4.9|30|mi", "amsterdam utrecht"),
        ("Location?near=52.37|4.9|300|m", ""),
        ("Location?near=-18|179.9|250|km", "suva taveuni"),
        ("Location?near=-18|179.9|250&name=suva", "suva"),
        ("Location?near=52.09|5.12|1,-18.14|178.44|1", "suva utrecht"),
        # Lists, and what they refer to.
        ("Observation?_list=l", "o1"),
        ("?_type=Patient,Observation&_list=List/l", "b o1"),
        ("Patient?_list=none", ""),
        ("Patient?_has:List:item:_id=l", "b"),
    ),
)  # fmt: skip
@pytest.mark.parametrize("streamed", (False, True), ids=("planned", "streamed"))
def test_what_is_found(filled: Driven, url: str, found: str, streamed: bool) -> None:
    filled.world.stream(always=streamed)
    assert sorted(filled.ids(url)) == found.split()
    assert filled.run(filled.world.count(url)) == len(found.split())


@pytest.mark.parametrize(
    ("url", "order"),
    (
        ("Patient?_sort=gender", "b a"),
        ("Patient?_sort=-gender", "a b"),
        ("Patient?_sort=identifier,-gender", "a b"),
        ("Observation?_sort=code,_id", "o4 o7 o1 o2 o3 o5 o8 o6"),
        ("Observation?code=8480-6&_sort=subject:Patient.name,-date", "o2 o5 o3 o1 o4"),
        ("Observation?code=8480-6&_sort=-patient.birthdate,_id", "o1 o3 o4 o2 o5"),
        ("Observation?code=8480-6&_sort=patient.organization,_id", "o1 o3 o4 o2 o5"),
        ("Observation?code=8480-6&_sort=patient.organization.name,-_id", "o4 o3 o1 o5 o2"),
        ("?_type=Patient,Organization&_sort=-_id", "x b a"),
        ("?_type=Patient,Organization&_sort=name", "b x a"),
        ("Observation?code=8480-6&_sort=-patient._lastUpdated,-_id", "o5 o4 o3 o2 o1"),
    ),
)
@pytest.mark.parametrize("count", (2, 20))
@pytest.mark.parametrize("streamed", (False, True), ids=("planned", "streamed"))
def test_order(filled: Driven, url: str, order: str, count: int, streamed: bool) -> None:
    filled.world.stream(always=streamed)
    assert filled.ids(f"{url}&_count={count}") == order.split()


@pytest.mark.parametrize(
    ("url", "words"),
    (
        ("Observation?code-value-quantity=8480-6", "2 values joined by"),
        ("Observation?_sort=code-value-quantity", "cannot sort by"),
        ("Location?_sort=near", "cannot sort by"),
        ("Location?near=91|0", "latitude"),
        ("Location?near=1|0|5|mg", "UCUM lengths"),
        ("Patient?identifier:of-type=MR|1", "of-type"),
        ("Observation?code:of-type=a|b|c", "of-type"),
        ("Observation?code:above=8480-6", "with its system"),
        (f"Observation?code:below={LOINC}|8480-6", "not here"),
        ("Observation?code:in=http://x.org/vs", "not known here"),
        ("Observation?_sort=subject.name", "Name one"),
        ("Patient?_list=$current-allergies", "id of a List"),
        ("Patient?_query=everything", "named query"),
        ("Observation?combo-code-value-quantity:missing=true", "not supported"),
    ),
)  # fmt: skip
def test_what_is_refused(filled: Driven, url: str, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        filled.ids(url)


def test_explain_shows_the_plan_and_its_statements(filled: Driven) -> None:
    async def explain(url: str) -> Any:
        world = filled.world
        async with world.store.reading() as connection:
            return await world.search.explain(connection, world.parse(url), ALLOW_ALL)

    filled.world.stream(always=False)
    found = filled.run(explain("Observation?patient=a&code=8480-6&date=ge2020&_total=accurate"))
    assert found.plan[0].startswith("Stream") or found.plan[0].startswith("Merge")
    assert found.steps[0].name == "resolve codes and texts"
    assert all(step.sql and step.seconds > 0 and step.engine for step in found.steps)
    assert found.real == 3
    assert filled.run(explain("Observation?code=none")).plan[0].startswith("Nothing")
    assert not any("8480" in step.sql for step in found.steps)


def test_a_composite_finds_the_datatypes_that_its_components_name(filled: Driven) -> None:
    """The parameter of the same name finds more."""
    data = {"origin": quantity(0, "mV"), "period": 10, "dimensions": 1, "data": "2 4 8"}
    said = {"coding": [coding(SNOMED, "11")], "text": "Said so"}
    filled.run(
        filled.world.put(
            observation("s1", coding(LOINC, "131328"), patient="d", valueSampledData=data),
            observation("s2", coding(LOINC, "131329"), patient="d", valueCodeableConcept=said),
            observation("s3", coding(LOINC, "131330"), patient="d", valueDateTime="2020-02-03T10:00:00Z"),
            observation("s4", coding(LOINC, "131328"), patient="d", valueQuantity=quantity(8, "mV")),
            observation("s5", coding(LOINC, "131329"), patient="d", valueString="Said so"),
        )
    )
    for url, found in (
        ("value-quantity=le9|http://unitsofmeasure.org|mV", ["s1", "s4"]),
        (f"code-value-quantity={LOINC}|131328$le9", ["s4"]),
        (f"combo-code-value-quantity={LOINC}|131328$le9", ["s4"]),
        ("value-string=said", ["s2", "s5"]),
        (f"code-value-string={LOINC}|131329$said", ["s5"]),
        (f"code-value-concept={LOINC}|131329${SNOMED}|11", ["s2"]),
        (f"code-value-date={LOINC}|131330$2020-02-03", ["s3"]),
    ):
        assert sorted(filled.ids(f"Observation?{url}")) == found, url
