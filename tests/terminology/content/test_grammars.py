"""The built-in code systems: units, language tags, media types, countries, currencies, time zones."""

import pytest

from suture.fhir.outcomes import FhirError
from suture.terminology.content.grammars import Grammars
from suture.terminology.content.grammars.language_tags import parts_of
from suture.terminology.systems import NO_NUMBER, Provider

pytestmark = pytest.mark.anyio

UCUM, TAGS, MEDIA = "http://unitsofmeasure.org", "urn:ietf:bcp:47", "urn:ietf:bcp:13"


async def find(url: str) -> Provider:
    found = await Grammars().find(url, None)
    assert found is not None
    return found


async def passes(url: str, code: str, property: str, op: str, value: str) -> bool:
    provider = await find(url)
    concept = await provider.concept(code)
    assert concept is not None
    return await provider.satisfies(concept, property, op, value)


@pytest.mark.parametrize(
    ("url", "code", "display"),
    [
        (UCUM, "mg/dL", "mg/dL"),
        (UCUM, "mg/dl/wrong", None),
        (TAGS, "en", "English"),
        (TAGS, "de-CH", "German (Switzerland)"),
        (TAGS, "zh-Hans-CN", "Chinese (Simplified Han, China)"),
        (TAGS, "en-x-private", "en-x-private"),
        (TAGS, "qq", None),
        (MEDIA, "text/plain; charset=utf-8", "text/plain; charset=utf-8"),
        (MEDIA, "text", None),
        ("urn:iso:std:iso:3166", "CH", "Switzerland"),
        ("urn:iso:std:iso:3166", "CHE", "Switzerland"),
        ("urn:iso:std:iso:3166", "756", "Switzerland"),
        ("urn:iso:std:iso:3166", "XX", None),
        ("urn:iso:std:iso:4217", "EUR", "Euro"),
        ("https://www.iana.org/time-zones", "Europe/Zurich", "Europe/Zurich"),
        ("https://www.iana.org/time-zones", "Europe/Atlantis", None),
    ],
)
async def test_codes_and_their_displays(url: str, code: str, display: str | None) -> None:
    concept = await (await find(url)).concept(code)
    assert (concept.display if concept else None) == display


async def test_a_grammar_is_not_listed() -> None:
    units = await find(UCUM)
    assert not units.enumerable
    concept = await units.concept("kg")
    assert concept is not None
    assert concept.number == NO_NUMBER
    with pytest.raises(FhirError, match="cannot be listed"):
        await units.all()
    countries = await find("urn:iso:std:iso:3166")
    assert (countries.enumerable, countries.size) == (True, 3 * 249)


async def test_units_by_what_they_measure() -> None:
    assert await passes(UCUM, "mg/dL", "canonical", "=", "g/L")
    assert not await passes(UCUM, "mg/dL", "canonical", "=", "mol/L")
    assert await passes(UCUM, "mg/dL", "comparable", "in", "mol/L, g/L")
    assert await passes(UCUM, "[in_i]", "property", "=", "length")
    assert not await passes(UCUM, "cm2", "property", "=", "length")
    assert not await passes(UCUM, "kg", "property", "=", "colour")
    with pytest.raises(FhirError, match="no filter"):
        await passes(UCUM, "mg/dL", "colour", "=", "red")


async def test_language_tags_by_their_parts() -> None:
    assert parts_of("zh-yue-Hant-HK-x-local") == {
        "language": "zh", "ext-lang": "yue", "script": "Hant", "region": "HK", "private-use": "x-local",
    }  # fmt: skip
    assert parts_of("de-1996-u-co-phonebk") == {"language": "de", "variant": "1996", "extension": "u-co-phonebk"}
    assert await passes(TAGS, "fr", "region", "exists", "false")
    assert await passes(TAGS, "fr-CA", "region", "in", "BE,CA")
    assert await passes(TAGS, "fr-CA", "language", "=", "FR")
    assert not await passes(TAGS, "fr-CA", "script", "exists", "true")


async def test_subsumption_is_equality() -> None:
    units = await find(UCUM)
    assert await units.subsumes("kg", "kg") == "equivalent"
    assert await units.subsumes("kg", "g") == "not-subsumed"
    with pytest.raises(FhirError, match="has no code"):
        await units.subsumes("kg", "nonsense!")


async def test_the_value_set_of_all_units() -> None:
    found = await Grammars().implicit("http://unitsofmeasure.org/vs")
    assert found is not None
    assert found["compose"]["include"] == [{"system": UCUM}]
    comparable = await Grammars().implicit("http://unitsofmeasure.org/vs/mg%2FdL")
    assert comparable is not None
    (one,) = comparable["compose"]["include"][0]["filter"]
    assert one == {"property": "canonical", "op": "=", "value": "mg/dL"}
    assert await Grammars().implicit("http://unitsofmeasure.org/vs/nonsense") is None
    assert {head.url for head in await Grammars().heads()} >= {UCUM, TAGS, MEDIA}
