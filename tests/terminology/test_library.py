"""Where definitions come from, and that the packaged ones agree with the packages."""

import pytest

from suture.fhir.definitions import load, packed_resource, packed_urls
from suture.fhir.outcomes import FhirError
from suture.fhir.versions import Version
from suture.terminology import Codes, Terminology
from suture.terminology.codes import EVERY
from tests.terminology.stored import ANIMALS, Server, Stored, filtered, value_set

pytestmark = pytest.mark.anyio

GENDER = "http://hl7.org/fhir/ValueSet/administrative-gender"
GENDERS = {"http://hl7.org/fhir/administrative-gender": Codes(frozenset({"male", "female", "other", "unknown"}))}
SNOMED = "http://snomed.info/sct"


@pytest.mark.parametrize("version", Version)
async def test_packaged_value_sets_hold_the_codes_that_the_validator_knows(version: Version) -> None:
    definitions, terminology = load(version), Terminology(version)
    compared = 0
    for url in packed_urls(version, "ValueSet"):
        expected = definitions.value_set_codes(url)
        if expected is not None and "https://www.iana.org/time-zones" not in expected:
            found = await terminology.members(url)
            assert found == {system: Codes(codes) for system, codes in expected.items() if codes}, url
            compared += 1
    assert compared > 200


@pytest.mark.parametrize("version", Version)
async def test_almost_every_packaged_value_set_can_be_worked_out(version: Version) -> None:
    urls = packed_urls(version, "ValueSet")
    refused: list[str] = []
    for url in sorted(urls):
        try:
            await Terminology(version).members(url)
        except FhirError as error:
            refused.append(str(error))
    assert len(urls) > 3000
    assert len(refused) < 0.04 * len(urls)


async def test_a_stored_value_set_goes_before_the_packaged_one() -> None:
    own = value_set({"system": "urn:x", "concept": [{"code": "a"}]}, url=GENDER)
    assert await Terminology(Version.R4).members(GENDER) == GENDERS
    assert await Server(own).members(GENDER) == {"urn:x": Codes(frozenset({"a"}))}


async def test_a_change_of_a_stored_definition_is_seen_at_once() -> None:
    server = Server(ANIMALS, value_set(filtered("=", "dog")))
    assert await server.members("urn:vs") == {"urn:animals": Codes(frozenset({"dog"}))}
    server.stored.replace(1, value_set(filtered("=", "cat")))
    assert await server.members("urn:vs") == {"urn:animals": Codes(frozenset({"cat"}))}
    assert await server.below("urn:animals", "cat") == {"cat", "kitten"}
    server.stored.replace(0, ANIMALS | {"concept": [{"code": "cat"}]})
    assert await server.below("urn:animals", "cat") == {"cat"}


async def test_what_has_not_changed_is_not_read_again() -> None:
    server = Server(ANIMALS, value_set(filtered("=", "dog")))
    for _ in range(3):
        await server.members("urn:vs")
        await server.below("urn:animals", "dog")
    assert server.stored.asked == ["ValueSet urn:vs", "CodeSystem urn:animals"]


async def test_questions_that_see_different_generations_do_not_mix() -> None:
    server = Server(value_set({"system": "urn:x", "concept": [{"code": "new"}]}))
    server.stored.changes = 7
    replica = Stored(value_set({"system": "urn:x", "concept": [{"code": "old"}]}))
    replica.changes = 6
    for _ in range(2):
        assert await server.members("urn:vs") == {"urn:x": Codes(frozenset({"new"}))}
        assert await server.terminology.members("urn:vs", replica) == {"urn:x": Codes(frozenset({"old"}))}
    assert await server.terminology.members(GENDER) == GENDERS


async def test_nothing_is_kept_of_what_is_not_committed() -> None:
    server = Server(value_set({"system": "urn:x", "concept": [{"code": "a"}]}))
    draft = Stored(value_set({"system": "urn:x", "concept": [{"code": "draft"}]}))
    draft.changes = None
    assert await server.terminology.members("urn:vs", draft) == {"urn:x": Codes(frozenset({"draft"}))}
    assert await server.members("urn:vs") == {"urn:x": Codes(frozenset({"a"}))}


async def test_a_version_after_the_bar_is_the_one_that_is_used() -> None:
    one = value_set({"system": "urn:x", "concept": [{"code": "a"}]}, version="1")
    two = value_set({"system": "urn:x", "concept": [{"code": "b"}]}, version="2")
    terminology = Server(one, two)
    assert await terminology.members("urn:vs|1") == {"urn:x": Codes(frozenset({"a"}))}
    assert await terminology.members("urn:vs") == {"urn:x": Codes(frozenset({"b"}))}
    assert await terminology.members(f"{GENDER}|4.0.1") == GENDERS
    with pytest.raises(FhirError, match=r"is here in version 4\.0\.1, not in 9"):
        await terminology.members(f"{GENDER}|9")


async def test_a_value_set_of_this_server_may_be_named_by_its_id() -> None:
    server = Server(value_set({"system": "urn:x", "concept": [{"code": "a"}]}, url="urn:mine"))
    assert await server.members("ValueSet/mine") == {"urn:x": Codes(frozenset({"a"}))}
    for reference in ("ValueSet/other", "ValueSet/mine/_history/1", "ValueSet/", "CodeSystem/mine", "", "|"):
        with pytest.raises(FhirError) as caught:
            await server.members(reference)
        assert caught.value.issues[0].code == "not-found"


async def test_implicit_value_sets() -> None:
    terminology = Terminology(Version.R4)
    assert await terminology.members(f"{SNOMED}?fhir_vs") == {SNOMED: EVERY}
    assert await terminology.members("http://loinc.org/vs") == {"http://loinc.org": EVERY}
    assert await terminology.members("http://unitsofmeasure.org/vs") == {"http://unitsofmeasure.org": EVERY}
    for unanswerable in ("isa/73211009", "refset/1", "isa/"):
        with pytest.raises(FhirError) as caught:
            await terminology.members(f"{SNOMED}?fhir_vs={unanswerable}")
        assert caught.value.issues[0].code == "not-supported"


async def test_a_stored_part_of_snomed_answers_implicit_value_sets() -> None:
    concepts = [{"code": "73211009", "concept": [{"code": "44054006"}]}, {"code": "1"}]
    part = {"resourceType": "CodeSystem", "url": SNOMED, "content": "fragment", "concept": concepts}
    found = await Server(part).members(f"{SNOMED}?fhir_vs=isa/73211009")
    assert found == {SNOMED: Codes(frozenset({"73211009", "44054006"}))}


def test_only_what_is_asked_for_is_decoded() -> None:
    assert packed_resource(Version.R4, "ValueSet", GENDER) is packed_resource(Version.R4, "ValueSet", GENDER)
    assert packed_resource(Version.R4, "ValueSet", "urn:nowhere") is None
