"""`_include` and `_revinclude`: what is added, once, within bounds."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.search.conftest import Driven

Resource = dict[str, Any]


def reference(to: str) -> dict[str, str]:
    return {"reference": to}


def visit(id: str, patient: str, **more: Any) -> Resource:
    status = {"status": "finished", "class": {"code": "AMB"}}
    return {"resourceType": "Encounter", "id": id, "subject": reference(f"Patient/{patient}"), **status, **more}


RECORD: tuple[Resource, ...] = (
    {"resourceType": "Organization", "id": "top", "name": "Top"},
    {"resourceType": "Organization", "id": "ward", "partOf": reference("Organization/top")},
    {"resourceType": "Practitioner", "id": "doc"},
    {"resourceType": "Patient", "id": "a", "managingOrganization": reference("Organization/ward")},
    {"resourceType": "Patient", "id": "b", "generalPractitioner": [reference("Practitioner/doc")]},
    {"resourceType": "Group", "id": "g", "type": "person", "actual": True},
    visit("e1", "a", serviceProvider=reference("Organization/ward")),
    visit("e2", "a", partOf=reference("Encounter/e1")),
    visit("e3", "b", partOf=reference("Encounter/gone")),
    visit("e4", "a", subject=reference("Group/g")),
    visit("gone", "b"),
)


@pytest.fixture(scope="module")
def record(driven: Driven) -> Iterator[Driven]:
    driven.run(driven.world.put(*RECORD))
    driven.run(driven.world.delete("Encounter", "gone"))
    yield driven


def added(record: Driven, url: str) -> tuple[set[str], list[str]]:
    """(ids of the matches, sorted type/id of what is included)."""
    page = record.run(record.world.page(url))
    return {m.id for m in page.matches}, sorted(f"{i.type}/{i.id}" for i in page.includes)


@pytest.mark.parametrize(
    ("url", "includes"),
    (
        ("Encounter?_include=Encounter:subject", ["Group/g", "Patient/a", "Patient/b"]),
        ("Encounter?_include=Encounter:patient", ["Patient/a", "Patient/b"]),
        ("Encounter?_include=Encounter:subject:Group", ["Group/g"]),
        ("Encounter?_id=e1&_include=Encounter:subject&_include=Encounter:service-provider",
         ["Organization/ward", "Patient/a"]),
        ("Encounter?_id=e1&_include=*", ["Organization/ward", "Patient/a"]),
        ("Encounter?_id=e1&_include=Encounter:*", ["Organization/ward", "Patient/a"]),
        ("Encounter?_id=e1&_include=Encounter:*:Patient", ["Patient/a"]),
        ("Encounter?_id=e2&_include=Encounter:part-of", ["Encounter/e1"]),
        ("Encounter?_id=e1,e2&_include=Encounter:part-of", []),  # it is a match already
        ("Encounter?_id=e3&_include=Encounter:part-of", []),  # deleted
        ("Patient?_id=a&_revinclude=Encounter:patient", ["Encounter/e1", "Encounter/e2"]),
        ("Patient?_id=b&_revinclude=Encounter:patient", ["Encounter/e3"]),
        ("Patient?_id=a&_revinclude=Encounter:*", ["Encounter/e1", "Encounter/e2"]),
        ("Patient?_id=a&_revinclude=*", ["Encounter/e1", "Encounter/e2"]),
        ("Group?_id=g&_revinclude=Encounter:patient", []),  # `patient` is only about patients
        ("Group?_id=g&_revinclude=Encounter:subject", ["Encounter/e4"]),
        ("Patient?_id=a&_include=Patient:organization&_revinclude=Encounter:patient",
         ["Encounter/e1", "Encounter/e2", "Organization/ward"]),
        ("Patient?_id=a&_include=Patient:organization&_include=Organization:partof", ["Organization/ward"]),
        ("Patient?_id=a&_include=Patient:organization&_include:iterate=Organization:partof",
         ["Organization/top", "Organization/ward"]),
        ("Organization?_id=top&_revinclude:iterate=Organization:partof&_revinclude:iterate=Patient:organization"
         "&_revinclude:iterate=Encounter:patient", ["Encounter/e1", "Encounter/e2", "Organization/ward", "Patient/a"]),
    ),
)  # fmt: skip
def test_what_is_included(record: Driven, url: str, includes: list[str]) -> None:
    assert added(record, url)[1] == includes


def test_includes_follow_the_page_and_not_the_whole_result(record: Driven) -> None:
    page = record.run(record.world.page("Patient?_sort=_id&_count=1&_include=Patient:general-practitioner"))
    assert ([m.id for m in page.matches], page.includes) == (["a"], [])
    url = f"Patient?_sort=_id&_count=1&_include=Patient:general-practitioner&_cursor={page.next}"
    assert added(record, url) == ({"b"}, ["Practitioner/doc"])


def test_the_number_of_included_resources_is_bounded(record: Driven) -> None:
    """The limit of this world is 40; there are 50 visits."""
    visits = [visit(f"many{n:02d}", "c") for n in range(50)]
    record.run(record.world.put({"resourceType": "Patient", "id": "c"}, *visits))
    page = record.run(record.world.page("Patient?_id=c&_revinclude=Encounter:patient"))
    assert len(page.includes) == 40
    assert [issue.code for issue in page.warnings] == ["too-costly"]
    page = record.run(record.world.page("Patient?_id=a&_revinclude=Encounter:patient"))
    assert page.warnings == []
