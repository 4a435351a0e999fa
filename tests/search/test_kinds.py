"""Kinds of parameters that the random searches do not reach: uri, canonical, identifiers of references, meta."""

import contextlib
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from suture.fhir.outcomes import Invalid
from tests.search.conftest import Driven

Resource = dict[str, Any]


def value_set(id: str, url: str, **more: Any) -> Resource:
    return {"resourceType": "ValueSet", "id": id, "url": url, "status": "active", **more}


def observation(id: str, **more: Any) -> Resource:
    return {"resourceType": "Observation", "id": id, "status": "final", "code": {"text": "Blood pressure"}, **more}


RESOURCES: tuple[Resource, ...] = (
    value_set("v1", "http://x.org/fhir/ValueSet/one"),
    value_set("v2", "http://x.org/fhir/ValueSet/one/more"),
    value_set("v3", "http://x.org/fhir/ValueSet/oneself"),
    value_set("v4", "urn:oid:1.2.3", version="2.0"),
    value_set("v5", "http://x.org/" + "long/" * 200),
    observation("o1", subject={"identifier": {"system": "urn:ids", "value": "A-1"}}),
    observation("o2", subject={"reference": "http://other.org/fhir/Patient/1"}),
    observation("o3", subject={"reference": "Patient/1/_history/3"}),
    observation("o4", subject={"reference": "Patient/1"}, meta={"profile": ["http://x.org/P|1.0"], "source": "http://s/1"}),
    observation("o5", meta={"security": [{"system": "urn:s", "code": "R"}], "tag": [{"code": "a,b"}]}),
    observation("o6", subject={"reference": "Group/1"}, valueQuantity={"value": 5, "comparator": ">", "unit": "mg"}),
    {"resourceType": "Patient", "id": "n1", "active": True, "name": [{"text": "x" * 300 + "end"}], "birthDate": "1980"},
    {"resourceType": "Patient", "id": "n2", "active": False, "name": [{"text": "x" * 300 + "END"}]},
    {"resourceType": "Patient", "id": "n3", "name": [{"family": "100%_\\"}],
     "telecom": [{"system": "phone", "value": "555"}]},
    {"resourceType": "QuestionnaireResponse", "id": "q", "status": "completed", "questionnaire": "http://q.org/Q|3"},
    *(
        {"resourceType": "MolecularSequence", "id": id, "coordinateSystem": 0,
         "referenceSeq": {"chromosome": {"coding": [{"code": "X"}]}, "windowStart": start, "windowEnd": end}}
        for id, start, end in (("s1", 1, 20), ("s2", 5, 10), ("s3", 5, 20), ("s4", 1, 10))
    ),
)  # fmt: skip


@pytest.mark.parametrize(
    ("url", "found"),
    (
        ("ValueSet?url=http://x.org/fhir/ValueSet/one", "v1"),
        ("ValueSet?url=http://x.org/fhir/valueset/one", ""),  # URIs keep their case
        ("ValueSet?url=http://x.org/fhir/ValueSet/", ""),
        ("ValueSet?url:below=http://x.org/fhir/ValueSet/one", "v1 v2"),
        ("ValueSet?url:below=http://x.org/fhir/", "v1 v2 v3"),
        ("ValueSet?url:above=http://x.org/fhir/ValueSet/one/more/and/more", "v1 v2"),
        ("ValueSet?url=urn:oid:1.2.3,http://x.org/fhir/ValueSet/oneself", "v3 v4"),
        ("ValueSet?url=http://x.org/" + "long/" * 200, "v5"),
        ("ValueSet?url=http://x.org/" + "long/" * 199, ""),
        ("ValueSet?version=2.0", "v4"),
        ("Observation?subject:identifier=urn:ids|a-1", "o1"),
        ("Observation?subject:identifier=A-1", "o1"),
        ("Observation?subject:identifier=urn:other|A-1", ""),
        ("Observation?subject=http://other.org/fhir/Patient/1", "o2"),
        ("Observation?subject=Patient/1", "o3 o4"),
        ("Observation?subject=Patient/1/_history/3", "o3"),
        ("Observation?subject=1", "o3 o4 o6"),
        ("Observation?patient=1", "o3 o4"),
        ("Observation?subject:Group=1", "o6"),
        ("Observation?subject:missing=true", "o5"),
        ("Observation?patient:missing=false", "o2 o3 o4"),
        ("Observation?_profile=http://x.org/P|1.0", "o4"),
        ("Observation?_profile=http://x.org/P", "o4"),
        ("Observation?_source=http://s/1", "o4"),
        ("Observation?_security=urn:s|R", "o5"),
        ("Observation?_security=urn:s|", "o5"),
        (r"Observation?_tag=a\,b", "o5"),
        ("Observation?_tag=a,b", ""),
        ("Observation?_tag=|a\\,b", "o5"),
        ("Observation?value-quantity=gt5", "o6"),
        ("Observation?value-quantity=gt1000", "o6"),
        ("Observation?value-quantity=lt5", ""),
        ("Observation?value-quantity=6||mg", ""),
        ("Observation?code:missing=true", ""),
        ("Patient?active=true", "n1"),
        ("Patient?active:not=true", "n2 n3"),
        ("Patient?telecom=phone|555", ""),
        ("Patient?telecom=555", "n3"),
        ("Patient?phone=555", "n3"),
        ("Patient?name=" + "x" * 300 + "end", "n1 n2"),
        ("Patient?name:exact=" + "x" * 300 + "end", "n1"),
        ("Patient?name:contains=0%25_", "n3"),
        ("Patient?name:contains=0_%25", ""),
        ("Patient?name=100%25_\\", "n3"),
        ("QuestionnaireResponse?questionnaire=http://q.org/Q", "q"),
        ("QuestionnaireResponse?questionnaire=http://q.org/Q|3", "q"),
        ("QuestionnaireResponse?questionnaire=http://q.org/Q|4", ""),
        ("MolecularSequence?chromosome-window-coordinate=X$ne1$ne20", "s2"),
        ("MolecularSequence?chromosome-window-coordinate=X$ne1$20", "s3"),
        ("MolecularSequence?chromosome-window-coordinate=X$1$ne20", "s4"),
        ('ValueSet?_filter=url sw "http://x.org/fhir/V"', "v1 v2 v3"),
        ('ValueSet?_filter=url sw "http://x.org/fhir/v"', ""),
        ('ValueSet?_filter=url co "/ValueSet/one/"', "v2"),
        ('ValueSet?_filter=url co "/valueset/one/"', ""),
        ('ValueSet?_filter=url ew "oneself"', "v3"),
        ('ValueSet?_filter=url ew "oneSelf"', ""),
        ('ValueSet?_filter=url ew "xxhttp://x.org/fhir/ValueSet/one"', ""),
        ('ValueSet?_filter=url co "%"', ""),
        ("Patient?_id:not=n1", "n2 n3"),
        ("Patient?_id:missing=true", ""),
        ("Patient?_lastUpdated:missing=false", "n1 n2 n3"),
        ("Patient?_lastUpdated=lt2000", ""),
        ("Patient?_lastUpdated=ne2000", "n1 n2 n3"),
        ("Patient?_lastUpdated=ge2000&_lastUpdated=le2200", "n1 n2 n3"),
        ("Patient?_lastUpdated=sa2000,eb1990", "n1 n2 n3"),
        ("Patient?birthdate=ap1980", "n1"),
        ("Patient?birthdate=ap1979", "n1"),
        ("Patient?birthdate=ap1960", ""),
    ),
)  # fmt: skip
@pytest.mark.parametrize("streamed", (False, True), ids=("planned", "streamed"))
def test_what_is_found(filled: Driven, url: str, found: str, streamed: bool) -> None:
    filled.world.stream(always=streamed)
    assert sorted(filled.ids(url)) == found.split()


def test_very_many_ids(filled: Driven) -> None:
    ids = ",".join(["n2", *(f"none{n}" for n in range(99_998)), "n3"])
    assert sorted(filled.ids(f"Patient?_id={ids}&_count=50")) == ["n2", "n3"]


def test_many_values_of_one_parameter(filled: Driven) -> None:
    values = ",".join(["phone|555", "555", *(str(n) for n in range(5000))])
    for more in ("", "&active:missing=true", "&_sort=name"):
        assert filled.ids(f"Patient?telecom={values}{more}") == ["n3"]


def test_canonicals_are_sorted_by_their_text(filled: Driven) -> None:
    def answers(id: str, **more: Any) -> Resource:
        return {"resourceType": "QuestionnaireResponse", "id": id, "status": "completed", "subject": one, **more}

    one = {"reference": "Patient/sorted"}
    texts = {"c1": "http://q.org/b", "c2": "http://q.org/a|2", "c3": "http://q.org/B", "c4": "http://q.org/a|1"}
    filled.run(filled.world.put(answers("c0"), *(answers(id, questionnaire=text) for id, text in texts.items())))
    url = "QuestionnaireResponse?patient=sorted&_sort="
    assert filled.ids(url + "questionnaire") == ["c3", "c4", "c2", "c1", "c0"]
    assert filled.ids(url + "-questionnaire") == ["c1", "c2", "c4", "c3", "c0"]


def test_a_deleted_or_changed_resource_is_found_as_it_is(filled: Driven) -> None:
    world = filled.world
    filled.run(world.put(observation("x", subject={"reference": "Patient/9"}, effectiveDateTime="2020")))
    assert filled.ids("Observation?patient=9&date=2020") == ["x"]
    filled.run(world.put(observation("x", subject={"reference": "Patient/8"}, effectiveDateTime="2021")))
    assert (filled.ids("Observation?patient=9"), filled.ids("Observation?patient=8&date=2021")) == ([], ["x"])
    filled.run(world.delete("Observation", "x"))
    for url in (
        "Observation?patient=8",
        "Observation?_id=x",
        "?_id=x",
        "Observation?date=2021",
        "Observation?_sort=date",
    ):
        assert "x" not in filled.ids(url)


NAMES = (
    *("name", "name:exact", "name:contains", "birthdate", "gender", "gender:not", "identifier", "_id", "_lastUpdated"),
    *("_tag", "_profile", "_source", "general-practitioner", "general-practitioner.name", "organization:identifier"),
    *("_has:Observation:patient:code", "_has:Observation:subject:value-quantity", "link.name", "death-date"),
)
TEXTS = st.text(max_size=20) | st.text(st.sampled_from("a1|,\\:.-$geTZ/%_' \U0010ffff"), max_size=12)


@settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    pairs=st.lists(st.tuples(st.sampled_from(NAMES), TEXTS), min_size=1, max_size=4),
    sort=st.lists(st.sampled_from(("", "-_id", "family", "-birthdate", "organization", "_lastUpdated"))),
    streamed=st.booleans(),
)
def test_any_search_is_answered_or_refused(
    filled: Driven, pairs: list[tuple[str, str]], sort: list[str], streamed: bool
) -> None:
    """Nothing that a client writes breaks the SQL of either engine."""
    filled.world.stream(always=streamed)
    url = "Patient?" + urlencode([*pairs, ("_sort", ",".join(sort) or "_id")], errors="surrogatepass")
    with contextlib.suppress(Invalid):
        filled.ids(url)


@pytest.mark.parametrize(
    "url",
    (
        "Patient?name=" + ",".join("ab" for _ in range(499)),
        "Patient?" + "&".join(f"name={n}" for n in range(199)),
        "Patient?name:contains=" + ",".join(f"x{n}" for n in range(499)),
        "Patient?telecom=" + ",".join(f"x{n}" for n in range(8))
        + "&birthdate=" + ",".join(f"{n}" for n in range(1500, 1990)),
        "?_profile=a,b,c,d,e",
        "?_source:below=urn:oid:1.2.3.4,http://a.org/x/y",
        "?_tag:not=a",
        "?_tag=" + ",".join(f"x{n}" for n in range(600)),
        "?_id=" + ",".join(f"x{n}" for n in range(600)),
        "?_source:missing=true&_profile:missing=false",
        "Patient?link.link.link.link.name=x",
    ),
)  # fmt: skip
@pytest.mark.parametrize("streamed", (False, True), ids=("planned", "streamed"))
def test_large_searches_are_answered(filled: Driven, url: str, streamed: bool) -> None:
    filled.world.stream(always=streamed)
    filled.ids(f"{url}&_count=50")


@pytest.mark.parametrize(
    "url",
    (
        "Patient?name=" + ",".join(f"{n}" for n in range(501)),
        "?_id=" + ",".join(f"x{n}" for n in range(5000)),
    ),
)
def test_larger_ones_are_refused(filled: Driven, url: str) -> None:
    with pytest.raises(Invalid):
        filled.ids(url)
