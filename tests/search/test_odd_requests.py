"""What clients that know other servers ask: odd but legal combinations, and mistakes that need a clear answer.

Specification: https://hl7.org/fhir/R4/search.html. Both engines, over the API of the whole application.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from suture.fhir.json import decode
from tests import databases
from tests.search.live import Live

Resource = dict[str, Any]
UCUM = "http://unitsofmeasure.org"
LOINC = "http://loinc.org"


def mass(value: float, code: str) -> Resource:
    return {"value": value, "system": UCUM, "code": code}


def observation(id: str, status: str, **more: Any) -> Resource:
    return {"resourceType": "Observation", "id": id, "status": status, "code": {"text": "free"}, **more}


RESOURCES: tuple[Resource, ...] = (
    {"resourceType": "Organization", "id": "o1", "name": "Acme, Inc", "partOf": {"reference": "Organization/o2"}},
    {"resourceType": "Organization", "id": "o2", "name": "Top"},
    {"resourceType": "Patient", "id": "p1", "name": [{"family": "Müller", "given": ["Anna"]}], "gender": "female",
     "birthDate": "1980-02", "managingOrganization": {"reference": "Organization/o1"},
     "identifier": [{"system": "urn:a", "value": r"x,y|z$w\v"}]},
    {"resourceType": "Patient", "id": "p2", "name": [{"family": "Smith"}], "birthDate": "1990-01-01",
     "deceasedDateTime": "2020-05-01T10:00:00+02:00"},
    {"resourceType": "Practitioner", "id": "d1", "name": [{"family": "House"}]},
    {"resourceType": "Encounter", "id": "e1", "status": "finished", "class": {"code": "AMB"},
     "subject": {"reference": "Patient/p1"}, "participant": [{"individual": {"reference": "Practitioner/d1"}}],
     "period": {"start": "2020-01-01T23:30:00-05:00", "end": "2020-01-03"}},
    observation("b1", "final", code={"coding": [{"system": LOINC, "code": "1-1"}]},
                subject={"reference": "Patient/p1"}, encounter={"reference": "Encounter/e1"},
                effectiveDateTime="2020-01-02T10:00:30.500+01:00", valueQuantity=mass(5.4, "g"),
                performer=[{"reference": "Practitioner/d1"}]),
    observation("b2", "amended", code={"coding": [{"system": LOINC, "code": "2-2"}]},
                subject={"reference": "Patient/p2"}, effectivePeriod={"start": "2019-06", "end": "2020-06"},
                valueCodeableConcept={"coding": [{"system": "urn:c$d", "code": "a$b"}]}),
    observation("b3", "preliminary"),
    {"resourceType": "RiskAssessment", "id": "r1", "status": "final", "subject": {"reference": "Patient/p1"},
     "prediction": [{"probabilityDecimal": 0.5},
                    {"probabilityRange": {"low": {"value": 0.2}, "high": {"value": 0.4}}}]},
    {"resourceType": "DiagnosticReport", "id": "g1", "status": "final", "code": {"text": "x"},
     "subject": {"reference": "Patient/p1"}, "result": [{"reference": "Observation/b1"}]},
)  # fmt: skip


@pytest.fixture(scope="module", params=databases.ENGINES)
def live(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with databases.for_test(request.param, tmp_path_factory.mktemp("odd")) as url:
        one = Live(url)
        one.keep(*RESOURCES)
        yield one
        one.close()


@pytest.mark.parametrize(
    ("url", "found"),
    (
        # _has with modifiers, chains and inside of chains
        ("Patient?_has:Observation:patient:code:not=1-1", "p2"),
        ("Patient?_has:Observation:patient:encounter:missing=false", "p1"),
        ("Patient?_has:Observation:patient:encounter.participant:Practitioner.name:contains=OUS", "p1"),
        ("Patient?_has:Encounter:patient:_has:Observation:encounter:code=1-1", "p1"),
        ("Patient?organization._has:Patient:organization:name=anna", "p1"),
        ("Patient?_has:Observation:patient:_lastUpdated=gt2020&_has:Encounter:patient:status=finished", "p1"),
        # :missing at the end of a chain: there is a target, and it lacks the value
        ("Observation?patient.organization:missing=true", "b2"),
        ("Observation?patient.organization:missing=false", "b1"),
        ("Observation?encounter.status:missing=true", ""),
        # :not with several values: none of them; repeated: the same
        ("Observation?status:not=final,amended", "b3"),
        ("Observation?status:not=final&status:not=amended", "b3"),
        (f"Observation?code:not={LOINC}|1-1", "b2 b3"),
        # escapes
        (r"Patient?identifier=urn:a|x\,y\|z\$w\\v", "p1"),
        (rf"Observation?code-value-concept={LOINC}|2-2$urn:c\$d|a\$b", "b2"),
        (r"Organization?name:exact=Acme\, Inc", "o1"),
        ("Organization?name:exact=Acme, Inc", ""),
        # dates: zones, fractions, parts, a plus sign that was not encoded
        ("Observation?date=2020-01-02T09:00:30.5Z", "b1"),
        ("Observation?date=2020-01-02T10:00:30.500%2B01:00", "b1"),
        ("Observation?date=2020-01-02T10:00:30.500+01:00", "b1"),
        ("Observation?date=2020-01-02T09:00Z", "b1"),
        ("Observation?date=2020-01-02T10:00Z", ""),
        ("Observation?date=2020-01", "b1"),
        ("Observation?date=ap2020-01-02", "b1 b2"),
        ("Observation?date=sa2020-01-01", "b1"),
        ("Observation?date=eb2020-06", "b1"),
        ("Observation?date=gt2020-01&date=lt2020-02", "b2"),
        ("Encounter?date=2020-01-02", ""),
        ("Encounter?date=ap2020-01-02", "e1"),
        ("Patient?birthdate=1980-02-15", ""),
        ("Patient?birthdate=le1980-02-15", "p1"),
        ("Patient?death-date=2020-05-01T08:00:00Z", "p2"),
        # quantities and ranges
        (f"Observation?value-quantity=0.0054|{UCUM}|kg", "b1"),
        (f"Observation?value-quantity=ap5|{UCUM}|g", "b1"),
        ("Observation?value-quantity=sa5", "b1"),
        ("Observation?value-quantity=eb5", ""),
        ("RiskAssessment?probability=sa0.45", "r1"),
        ("RiskAssessment?probability=eb0.2", ""),
        ("RiskAssessment?probability=ap0.3", "r1"),
        ("RiskAssessment?probability=5e-1", "r1"),
        # _include
        ("Observation?_id=b1&_include=*", "b1 d1 e1 p1"),
        ("Observation?_id=b1&_include=Observation:subject:Group", "b1"),
        ("DiagnosticReport?_include=DiagnosticReport:result&_include:iterate=*", "b1 d1 e1 g1 o1 o2 p1"),
        ("Organization?_id=o2&_revinclude:iterate=Organization:partof&_revinclude:iterate=Patient:organization",
         "o1 o2 p1"),
        ("Patient?_id=p1&_revinclude=Observation:*", "b1 p1"),
        # _filter
        ("Observation?_filter=code eq loinc|1-1 and status eq final", "b1"),
        ("Observation?_filter=patient.name ew er or patient.name sw smi", "b1 b2"),
        ("Observation?_filter=date po 2020-01", "b1 b2"),
        ("Observation?_filter=date co 2020-01-02", "b2"),
        ("Observation?_filter=not (encounter pr true)", "b2 b3"),
        ("Observation?_filter=_has:DiagnosticReport:result:status eq final", "b1"),
        # an empty alternative is none, spelling of codes does not count
        ("Patient?name=smith,", "p2"),
        ("Patient?gender=FEMALE", "p1"),
        ("Patient?deceased=false", "p1"),
    ),
)  # fmt: skip
def test_what_is_found(live: Live, url: str, found: str) -> None:
    answer = live.get(url)
    assert answer.status_code == 200, answer.text
    assert sorted(entry["resource"]["id"] for entry in decode(answer.content).get("entry", ())) == found.split()


@pytest.mark.parametrize(
    ("url", "code", "words"),
    (
        ("Observation?code-value-quantity:missing=true", "not-supported", "missing"),  # the specification excepts them
        ("Patient?_has:Observation:encounter:code=1", "invalid", "never refers to a Patient"),
        ("Patient?_has:Observation:patient", "invalid", "_has:Observation:patient:code"),
        ("Patient?name:foo=x", "not-supported", "missing, exact, contains"),
        ("Patient?name:missing=maybe", "invalid", "true or false"),
        ("Observation?date=2020-02-30", "invalid", "2020-02-30"),
        ("Observation?date=2020-1-2", "invalid", "2024-05-17"),
        (f"Observation?value-quantity=5.4|{UCUM}|", "invalid", "quantity"),
        ("Observation?_include=Observation:code", "invalid", "not a reference"),
        ("Observation?_include:recurse=Observation:patient", "invalid", ":iterate"),
        ("Observation?_sort=subject.name", "invalid", "subject:Patient"),
        ("Observation?_sort=code-value-quantity", "not-supported", "composite"),
        ("Observation?_filter=code xx 1", "invalid", "character 6"),
        ("Patient?_list=$current-problems", "invalid", "function"),
        ("Patient?_query=x", "not-supported", "named query"),
        ("Patient?_sort=name&_sort=birthdate", "invalid", "more than once"),
    ),
)
def test_what_is_refused_names_the_reason(live: Live, url: str, code: str, words: str) -> None:
    answer = live.get(url)
    assert answer.status_code == 400, answer.text
    (issue,) = decode(answer.content)["issue"]
    assert issue["code"] == code and words in issue["diagnostics"]


@pytest.mark.parametrize(
    ("path", "body", "found"),
    (
        ("Patient/_search?gender=female", [("name", "m")], "p1"),
        ("Patient/_search?gender=female", [("name", "smith")], ""),
        ("Patient/_search?name=m", [("name", "a")], "p1"),
        ("_search?_type=Patient", [("_id", "p1")], "p1"),
        ("Patient/p1/Observation/_search", [("code", "1-1")], "b1"),
    ),
)
def test_a_post_has_the_parameters_of_its_url_and_its_body(
    live: Live, path: str, body: list[tuple[str, str]], found: str
) -> None:
    answer = live.post(path, body)
    assert answer.status_code == 200, answer.text
    assert [entry["resource"]["id"] for entry in decode(answer.content).get("entry", ())] == found.split()


def test_a_result_parameter_may_be_in_the_url_or_in_the_body_of_a_post_but_not_in_both(live: Live) -> None:
    answer = live.post("Patient/_search?_count=1", [("_count", "2")])
    assert answer.status_code == 400 and "more than once" in answer.text
