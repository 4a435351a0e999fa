"""Expression constraints over a small edition: what each construct of the language means (ECL 2.2, chapter 6)."""

import re

import pytest

from suture.fhir.outcomes import FhirError
from suture.terminology.systems import Provider
from tests.terminology import edition as e
from tests.terminology.content.loaded import codes, content, system
from tests.terminology.snomed import GB, METADATA, US

pytestmark = pytest.mark.anyio

NAMES = {name: value for name, value in vars(e).items() if name.isupper() and isinstance(value, int)}
NAMES |= {"ROOT": METADATA["root"], "SAME_AS": METADATA["same as"], "GB": GB, "US": US}
BY_CODE = {str(code): name for name, code in NAMES.items()}

SITES = {"ASTHMA", "PNEUMONIA", "BACTERIAL", "VIRAL"}


@pytest.fixture
async def snomed(snomed_url: str) -> Provider:  # type: ignore[misc]
    async with content(snomed_url) as everything:
        yield await system(everything, "http://snomed.info/sct")  # type: ignore[misc]


def written(text: str) -> str:
    """A constraint with the names of concepts instead of their codes."""
    return re.sub(r"\b[A-Z][A-Z_]+\b", lambda name: str(NAMES.get(name[0], name[0])), text)


async def answer(snomed: Provider, text: str) -> set[str]:
    found = await snomed.filter("constraint", "=", written(text))
    return {BY_CODE.get(code, code) for code in await codes(snomed, found)}


HIERARCHY = {
    "LUNG": {"LUNG"},
    "< LUNG_DISORDER": {"PNEUMONIA", "BACTERIAL", "VIRAL", "ASTHMA"},
    "<< PNEUMONIA": {"PNEUMONIA", "BACTERIAL", "VIRAL"},
    "descendantOrSelfOf PNEUMONIA |Pneumonia|": {"PNEUMONIA", "BACTERIAL", "VIRAL"},
    "<! LUNG_DISORDER": {"PNEUMONIA", "ASTHMA"},
    "childOrSelfOf PNEUMONIA": {"PNEUMONIA", "BACTERIAL", "VIRAL"},
    "> BACTERIAL": {"PNEUMONIA", "LUNG_DISORDER", "FINDING", "ROOT"},
    ">> PNEUMONIA": {"PNEUMONIA", "LUNG_DISORDER", "FINDING", "ROOT"},
    ">! BACTERIAL": {"PNEUMONIA"},
    ">>! BACTERIAL": {"PNEUMONIA", "BACTERIAL"},
    "<< (PNEUMONIA OR ASTHMA)": {"PNEUMONIA", "BACTERIAL", "VIRAL", "ASTHMA"},
    "!!> (<< PNEUMONIA)": {"PNEUMONIA"},
    "!!< (<< PNEUMONIA)": {"BACTERIAL", "VIRAL"},
    "< 999999990": set(),
    "/* all */ << LUNG /* and below */": {"LUNG", "LEFT_LUNG"},
}

SETS = {
    "<< PNEUMONIA AND ^ REFSET": {"BACTERIAL"},
    "<< PNEUMONIA, ^ REFSET": {"BACTERIAL"},
    "VIRAL OR ASTHMA": {"VIRAL", "ASTHMA"},
    "<< LUNG_DISORDER MINUS << PNEUMONIA": {"LUNG_DISORDER", "ASTHMA"},
    "^ REFSET": {"ASTHMA", "BACTERIAL", "OLD_ASTHMA"},
    "memberOf (REFSET OR OTHER_REFSET)": {"ASTHMA", "BACTERIAL", "OLD_ASTHMA", "PNEUMONIA"},
    "< ^ OTHER_REFSET": {"BACTERIAL", "VIRAL"},
    "^ REFSET {{ M active = false }}": {"VIRAL"},
    '^ MAP {{ M mapTarget = "J45.9" }}': {"ASTHMA"},
    '^ MAP {{ M mapTarget = wild:"J1*" }}': {"PNEUMONIA"},
    "^ MAP {{ M mapPriority = #1 }}": {"ASTHMA"},
    "^ MAP {{ M mapPriority >= #1, mapGroup = #1 }}": {"ASTHMA", "PNEUMONIA"},
    "^ [targetComponentId] SAME_AS": {"ASTHMA"},
    "^ [referencedComponentId] SAME_AS {{ M targetComponentId = << ASTHMA }}": {"OLD_ASTHMA"},
    "^ REFSET {{ M active = * }}": {"ASTHMA", "BACTERIAL", "OLD_ASTHMA", "VIRAL"},
    "^R (<< ASTHMA)": {"REFSET", "MAP"},
    '^R (<< ASTHMA) {{ M mapTarget = "J45" }}': {"MAP"},
    "^R VIRAL": set(),
    "^R VIRAL {{ M active = 0 }}": {"REFSET"},
    # a row of another kind of reference set has no such field
    '^ (MAP OR REFSET) {{ M mapTarget = "J45.9" }}': {"ASTHMA"},
    '^ * {{ M mapTarget = "J18.9" }}': {"PNEUMONIA"},
    '^ MAP {{ M mapTarget = "J45.1" }}': set(),
    "LOINC#LP7796-8": {"ASTHMA"},
}

REFINEMENTS = {
    "* : FINDING_SITE = LUNG": {"PNEUMONIA", "BACTERIAL", "ASTHMA"},
    "* : FINDING_SITE = << LUNG": SITES,
    "<< PNEUMONIA : AGENT = *": {"BACTERIAL", "VIRAL"},
    "< LUNG_DISORDER : AGENT != BACTERIUM": {"VIRAL", "ASTHMA"},
    "< LUNG_DISORDER : AGENT <> BACTERIUM": {"VIRAL", "ASTHMA"},
    "< LUNG_DISORDER : FINDING_SITE = << LUNG, AGENT = VIRUS": {"VIRAL", "ASTHMA"},
    "< LUNG_DISORDER : FINDING_SITE = LEFT_LUNG OR AGENT = BACTERIUM": {"VIRAL", "BACTERIAL"},
    "< LUNG_DISORDER : (FINDING_SITE OR AGENT) = (VIRUS OR BRONCHUS)": {"VIRAL", "ASTHMA"},
    "< LUNG_DISORDER : * = VIRUS": {"VIRAL", "ASTHMA"},
    # together in one group, or anywhere
    "* : FINDING_SITE = BRONCHUS, MORPHOLOGY = INFLAMMATION": {"ASTHMA"},
    "* : { FINDING_SITE = BRONCHUS, MORPHOLOGY = INFLAMMATION }": set(),
    "* : { FINDING_SITE = BRONCHUS, MORPHOLOGY = EDEMA }": {"ASTHMA"},
    "* : { FINDING_SITE = << LUNG, MORPHOLOGY = INFLAMMATION }, { FINDING_SITE = BRONCHUS }": {"ASTHMA"},
    "* : { FINDING_SITE = LEFT_LUNG } OR { MORPHOLOGY = EDEMA }": {"VIRAL", "ASTHMA"},
    "* : { FINDING_SITE = << LUNG OR MORPHOLOGY = EDEMA }": SITES,
    # what is in no group is a group by itself
    "* : { AGENT = VIRUS }": {"VIRAL", "ASTHMA"},
    "* : { AGENT = VIRUS, FINDING_SITE = * }": set(),
    # cardinality
    "< LUNG_DISORDER : [2..*] FINDING_SITE = *": {"ASTHMA"},
    "< LUNG_DISORDER : [1..1] FINDING_SITE = *": {"PNEUMONIA", "BACTERIAL", "VIRAL"},
    "< LUNG_DISORDER : [0..0] AGENT = *": {"PNEUMONIA"},
    "< LUNG_DISORDER : [0..1] FINDING_SITE = *": {"PNEUMONIA", "BACTERIAL", "VIRAL"},
    "< LUNG_DISORDER : [2..2] { FINDING_SITE = * }": {"ASTHMA"},
    "< LUNG_DISORDER : [0..0] { FINDING_SITE = BRONCHUS }": {"PNEUMONIA", "BACTERIAL", "VIRAL"},
    "* : { FINDING_SITE = *, [0..0] MORPHOLOGY = EDEMA }": SITES,
    # the relationship to what is above is no attribute, and makes no group
    "<< LUNG_DISORDER : [0..0] * = *": {"LUNG_DISORDER"},
    "<< LUNG_DISORDER : { [0..0] FINDING_SITE = * }": {"BACTERIAL", "VIRAL", "ASTHMA"},
    "< PNEUMONIA . *": {"BACTERIUM", "VIRUS", "LUNG", "LEFT_LUNG", "INFLAMMATION"},
    "ASTHMA : { [0..0] FINDING_SITE = *, MORPHOLOGY = * }": set(),
    # the other way round
    "* : R AGENT = << PNEUMONIA": {"BACTERIUM", "VIRUS"},
    "* : reverseOf FINDING_SITE = ASTHMA": {"BRONCHUS", "LUNG"},
    "* : [2..*] R AGENT = < LUNG_DISORDER": {"VIRUS"},
    "SUBSTANCE : [2..2] R * = *": {"SUBSTANCE"},
    "INFLAMMATION : [4..4] R (MORPHOLOGY OR FINDING_SITE) = *": {"INFLAMMATION"},
    "ASTHMA . FINDING_SITE": {"BRONCHUS", "LUNG"},
    "<< LUNG_DISORDER . AGENT": {"BACTERIUM", "VIRUS"},
    "(< LUNG_DISORDER : AGENT = VIRUS) . MORPHOLOGY": {"INFLAMMATION", "EDEMA"},
    # nested
    "* : FINDING_SITE = (<< LUNG MINUS LUNG)": {"VIRAL"},
    "< FINDING : AGENT = (< SUBSTANCE : R AGENT = VIRAL)": {"VIRAL", "ASTHMA"},
    "* : 116680003 |Is a| = PNEUMONIA": {"BACTERIAL", "VIRAL"},
    # concrete values
    "< PRODUCT : STRENGTH = #500": {"TABLET"},
    "< PRODUCT : STRENGTH = #500.0": {"TABLET"},
    "< PRODUCT : STRENGTH < #500": {"SYRUP"},
    "< PRODUCT : STRENGTH >= #2.5": {"TABLET", "SYRUP"},
    "< PRODUCT : STRENGTH != #2.5": {"TABLET"},
    '< PRODUCT : LABEL = "Pain stop"': {"TABLET"},
    '< PRODUCT : LABEL = "pain"': set(),
    '< PRODUCT : LABEL = match:"pain"': {"TABLET"},
    '< PRODUCT : LABEL = wild:"*ver"': {"SYRUP"},
    '< PRODUCT : LABEL = ("Pain stop" "Fever")': {"TABLET", "SYRUP"},
    "< PRODUCT : STRENGTH = *": {"TABLET", "SYRUP"},
    "< PRODUCT : [0..0] STRENGTH = *": set(),
    "< PRODUCT : [4..4] * = *": set(),
    "< PRODUCT : [5..5] * = *": {"TABLET", "SYRUP"},
    "< PRODUCT : FREE = true": {"TABLET"},
    "< PRODUCT : FREE != true": {"SYRUP"},
    "< PRODUCT : { STRENGTH > #3, INGREDIENT = * }": {"TABLET"},
}

FILTERS = {
    '<< FINDING {{ term = "pneu" }}': {"PNEUMONIA", "BACTERIAL", "VIRAL"},
    '<< FINDING {{ D term = "pneu bact" }}': {"BACTERIAL"},
    '<< FINDING {{ term = ("viral" "asth") }}': {"VIRAL", "ASTHMA"},
    '<< FINDING {{ term = match:"lunG dis" }}': {"LUNG_DISORDER"},
    '<< FINDING {{ term = wild:"*ial pneumonia" }}': {"BACTERIAL"},
    '<< FINDING {{ term = "meniere" }}': {"ASTHMA"},
    # a letter with an accent stands for itself only
    '<< FINDING {{ term = "Ménière" }}': {"ASTHMA"},
    '<< FINDING {{ term = "mènière" }}': set(),
    '<< FINDING {{ term = wild:"MÉNIÈRE*" }}': {"ASTHMA"},
    '<< FINDING {{ term = wild:"méniere*" }}': {"ASTHMA"},
    '<< FINDING {{ term = wild:"ménieré*" }}': set(),
    # what stands together in a search term stands together in the term
    '<< FINDING {{ term = "ménière\'s asma" }}': {"ASTHMA"},
    '<< FINDING {{ term = "asma-s" }}': set(),
    '<< FINDING MINUS * {{ term = wild:"*u*" }}': {"FINDING", "ASTHMA"},
    '<< FINDING {{ term = "parenchyma" }}': set(),
    '<< FINDING {{ term = "parenchyma", type = def }}': {"PNEUMONIA"},
    '<< FINDING {{ term = "wheeze" }}': set(),
    '<< FINDING {{ term = "wheeze", active = 0 }}': {"ASTHMA"},
    '<< FINDING {{ term = "lung", type = syn }}': {"LUNG_DISORDER", "PNEUMONIA"},
    '<< FINDING {{ term = "lung", type = (fsn def) }}': {"LUNG_DISORDER", "PNEUMONIA"},
    '<< FINDING {{ term = "lung", typeId = 900000000000013009 |Synonym| }}': {"LUNG_DISORDER", "PNEUMONIA"},
    "<< FINDING {{ language = es }}": {"ASTHMA"},
    '<< FINDING {{ term = "bronchial", dialect = en-gb (prefer) }}': {"ASTHMA"},
    '<< FINDING {{ term = "bronchial", dialect = en-us (prefer) }}': set(),
    '<< FINDING {{ term = "bronchial", dialect = (en-us (accept) en-gb (prefer)) }}': {"ASTHMA"},
    '<< FINDING {{ term = "inflammation", dialectId = US (accept prefer) }}': {"PNEUMONIA"},
    # each filter may be passed by another description when they stand apart
    '<< FINDING {{ term = "bronchial" }} {{ term = "meniere" }}': {"ASTHMA"},
    '<< FINDING {{ term = "bronchial", language = es }}': set(),
    "<< PNEUMONIA {{ C definitionStatus = defined }}": {"PNEUMONIA", "BACTERIAL"},
    "<< PNEUMONIA {{ C definitionStatus != defined }}": {"VIRAL"},
    "<< PNEUMONIA {{ C definitionStatusId = 900000000000074008 }}": {"VIRAL"},
    '<< PNEUMONIA {{ C effectiveTime < "20240101" }}': {"VIRAL"},
    '<< PNEUMONIA {{ C effectiveTime = ("20200131" "20240101") }}': {"PNEUMONIA", "BACTERIAL", "VIRAL"},
    '<< PNEUMONIA {{ C effectiveTime < "" }}': set(),
    '<< PNEUMONIA {{ C effectiveTime = "" }}': set(),
    "<< PNEUMONIA {{ C moduleId = 900000000000207008 }}": {"PNEUMONIA", "BACTERIAL", "VIRAL"},
    "^ REFSET {{ C active = false }}": {"OLD_ASTHMA"},
    "^ REFSET {{ C active = * }}": {"ASTHMA", "BACTERIAL", "OLD_ASTHMA"},
    "^ REFSET {{ C active = true }}": {"ASTHMA", "BACTERIAL"},
    "<< ASTHMA {{ + HISTORY-MIN }}": {"ASTHMA", "OLD_ASTHMA"},
    "<< PNEUMONIA {{ + history_min }}": {"PNEUMONIA", "BACTERIAL", "VIRAL"},
    "<< PNEUMONIA {{ + HISTORY-MOD }}": {"PNEUMONIA", "BACTERIAL", "VIRAL", "OLD_PNEUMONIA"},
    "<< ASTHMA {{ + HISTORY }}": {"ASTHMA", "OLD_ASTHMA", "MAYBE_ASTHMA"},
    "<< ASTHMA {{ + HISTORY (900000000000523009) }}": {"ASTHMA", "MAYBE_ASTHMA"},
    "<< ASTHMA {{ + HISTORY (*) }}": {"ASTHMA", "OLD_ASTHMA", "MAYBE_ASTHMA"},
}


@pytest.mark.parametrize(
    "group", [HIERARCHY, SETS, REFINEMENTS, FILTERS], ids=["tree", "sets", "refinements", "filters"]
)
async def test_a_constraint_selects_what_the_specification_says(snomed: Provider, group: dict[str, set[str]]) -> None:
    found = {text: await answer(snomed, text) for text in group}
    assert found == group


async def test_the_wildcard_is_every_concept_inactive_ones_too(snomed: Provider) -> None:
    everything = await answer(snomed, "*")
    assert {"ROOT", "ASTHMA", "OLD_ASTHMA"} <= everything
    assert len(everything) == snomed.size
    assert "OLD_ASTHMA" not in await answer(snomed, "<< ROOT")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("^ [noSuchField] REFSET", "has no field noSuchField"),
        ("^ [*] REFSET", "one field has to be named"),
        ("< ", "character 3: a concept identifier"),
    ],
)
async def test_a_constraint_that_cannot_be_answered_says_why_and_where(snomed: Provider, text: str, said: str) -> None:
    with pytest.raises(FhirError, match=re.escape(said)):
        await answer(snomed, text)
