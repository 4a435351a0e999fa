"""Releases of LOINC, RxNorm, ICD-10-CM, ICD-10-PCS, CVX and NUCC, written here in the exact form of their files."""

import csv
import random
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from suture.fhir.outcomes import FhirError
from suture.terminology.content.files import ReleaseError, files_of
from suture.terminology.content.formats import Wishes, release_of
from suture.terminology.systems import Provider
from tests.terminology.content.loaded import add, codes, concept, content, properties, system

pytestmark = pytest.mark.anyio


async def chosen(provider: Provider, property: str, op: str, value: str) -> list[str]:
    return await codes(provider, await provider.filter(property, op, value))


# ICD-10-CM

TABULAR = """<?xml version="1.0" encoding="utf-8"?>
<ICD10CM.tabular>
  <version>2026</version>
  <introduction><introSection type="title"><title>TABULAR LIST</title></introSection></introduction>
  <chapter>
    <name>4</name>
    <desc>Endocrine diseases (E00-E89)</desc>
    <sectionIndex><sectionRef first="E08" last="E13" id="E08-E13">Diabetes mellitus</sectionRef></sectionIndex>
    <section id="E08-E13">
      <desc>Diabetes mellitus (E08-E13)</desc>
      <diag>
        <name>E11</name>
        <desc>Type 2 diabetes mellitus</desc>
        <includes><note>diabetes NOS</note></includes>
        <excludes1><note>gestational diabetes (O24.4-)</note></excludes1>
        <useAdditionalCode><note>code to identify control using:</note><note>insulin (Z79.4)</note></useAdditionalCode>
        <diag>
          <name>E11.3</name><desc>Type 2 diabetes mellitus with eye complications</desc>
          <sevenChrNote><note>One of the following is to be assigned</note></sevenChrNote>
          <sevenChrDef>
            <extension char="1">right eye</extension>
            <extension char="2">left eye</extension>
          </sevenChrDef>
          <diag><name>E11.37</name><desc>Type 2 diabetes with macular edema, resolved</desc></diag>
        </diag>
        <diag>
          <name>E11.9</name><desc>Type 2 diabetes mellitus without complications</desc>
          <inclusionTerm><note>Adult-onset diabetes NOS</note></inclusionTerm>
        </diag>
      </diag>
    </section>
    <section id="E15"><desc>Other (E15)</desc><diag><name>E15</name><desc>Nondiabetic coma</desc></diag></section>
  </chapter>
</ICD10CM.tabular>
"""


async def test_icd_10_cm_from_the_tabular_list(database_url: str, tmp_path: Path) -> None:
    (tmp_path / "icd10cm_tabular_2026.xml").write_text(TABULAR)
    loaded = await add(database_url, tmp_path / "icd10cm_tabular_2026.xml")
    assert loaded is not None
    async with content(database_url) as everything:
        icd = await system(everything, "http://hl7.org/fhir/sid/icd-10-cm", "2026")
        assert icd.size == 9
        diabetes = await concept(icd, "e11")
        assert (diabetes.code, diabetes.display) == ("E11", "Type 2 diabetes mellitus")
        assert properties(diabetes)["useAdditionalCode"] == ["code to identify control using:", "insulin (Z79.4)"]
        assert [one.value for one in (await concept(icd, "E11.9")).designations] == ["Adult-onset diabetes NOS"]
        assert (await concept(icd, "E08-E13")).abstract
        # the seventh character comes after x's in the place of missing ones
        right = await concept(icd, "E11.37X1")
        assert right.display == "Type 2 diabetes with macular edema, resolved, right eye"
        assert await chosen(icd, "concept", "is-a", "E11.3") == ["E11.3", "E11.37", "E11.37X1", "E11.37X2"]
        assert await chosen(icd, "concept", "generalizes", "E11.9") == ["4", "E08-E13", "E11", "E11.9"]
        assert await chosen(icd, "concept", "descendent-leaf", "E08-E13") == ["E11.37X1", "E11.37X2", "E11.9"]
        assert await chosen(icd, "concept", "child-of", "4") == ["E08-E13", "E15"]
        assert await chosen(icd, "code", "regex", r"E11\.3.*") == ["E11.3", "E11.37", "E11.37X1", "E11.37X2"]
        assert await chosen(icd, "code", "in", "E15, E11.9, X1") == ["E11.9", "E15"]
        assert await chosen(icd, "level", "=", "section") == ["E08-E13"]
        assert await chosen(icd, "excludes1", "exists", "true") == ["E11"]
        assert await chosen(icd, "notSelectable", "=", "true") == ["4", "E08-E13"]
        assert await chosen(icd, "display", "regex", ".*coma") == ["E15"]
        assert await codes(icd, await icd.search("adult diab")) == ["E11.9"]
        assert await codes(icd, await icd.search("e11.37x")) == ["E11.37X1", "E11.37X2"]
        assert await icd.subsumes("E11", "E11.37X2") == "subsumes"
        assert len(await icd.search("")) == icd.size
        with pytest.raises(FhirError, match="has no code"):
            await icd.filter("concept", "is-a", "Z99")
        with pytest.raises(FhirError, match="cannot be worked out"):
            await icd.filter("colour", "=", "red")


async def test_a_list_of_codes_says_which_seventh_characters_exist(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "icd.zip", "w") as archive:
        archive.writestr("simple_icd_10_cm/data/icd10c-tabular-April-1-2026.xml", TABULAR)
        archive.writestr(
            "simple_icd_10_cm/data/code-list-April-2026.txt", "4\nE08-E13\nE11\nE113\nE1137\nE1137X1\nE119\nE15"
        )
    url = f"sqlite:///{tmp_path / 'icd.db'}"
    await add(url, tmp_path / "icd.zip")
    async with content(url) as everything:
        icd = await system(everything, "http://hl7.org/fhir/sid/icd-10-cm")
        assert await icd.concept("E11.37X1") is not None
        assert await icd.concept("E11.37X2") is None


def order_line(number: int, code: str, valid: int, short: str, long: str) -> str:
    """A line in the fixed columns of order files."""
    return f"{number:05} {code:<7} {valid} {short:<60} {long}\n"


ORDER = (
    order_line(1, "A00", 0, "Cholera", "Cholera")
    + order_line(2, "A000", 1, "Cholera due to V. cholerae 01", "Cholera due to Vibrio cholerae 01, biovar cholerae")
    + order_line(3, "A0100", 1, "Typhoid fever, unspecified", "Typhoid fever, unspecified")
)


async def test_icd_10_cm_and_pcs_from_the_order_file(tmp_path: Path) -> None:
    (tmp_path / "icd10cm_order_2025.txt").write_text(ORDER)
    (tmp_path / "icd10pcs_order_2025.txt").write_text(
        order_line(1, "001", 0, "Central Nervous System, Bypass", "Central Nervous System and Cranial Nerves, Bypass")
        + order_line(2, "0016070", 1, "Bypass Cereb Vent to Nasophar", "Bypass Cerebral Ventricle")
    )
    url = f"sqlite:///{tmp_path / 'order.db'}"
    await add(url, tmp_path / "icd10cm_order_2025.txt")
    await add(url, tmp_path / "icd10pcs_order_2025.txt")
    async with content(url) as everything:
        icd = await system(everything, "http://hl7.org/fhir/sid/icd-10-cm", "2025")
        assert await chosen(icd, "concept", "is-a", "A00") == ["A00", "A00.0"]
        assert properties(await concept(icd, "A01.00"))["valid"] == [True]
        pcs = await system(everything, "http://www.cms.gov/Medicare/Coding/ICD10")
        bypass = await concept(pcs, "0016070")
        assert bypass.display == "Bypass Cerebral Ventricle"
        assert await codes(pcs, await pcs.parents(bypass.number)) == ["001"]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("icd10cm_tabular_2026.xml", TABULAR[:400], r"icd10cm_tabular_2026.xml, line \d+: the XML is malformed"),
        ("icd10cm_tabular_2026.xml", TABULAR.replace("E11.9", "E11.3"), "E11.3 is there twice"),
        ("icd10cm_order_2025.txt", ORDER + "no order\n", r"icd10cm_order_2025.txt, line 4: an order number"),
        ("icd10cm_order.txt", ORDER, "--release"),
        ("nucc_taxonomy_240.csv", "Code,Grouping\n1,2\n", "line 1: the column Classification is missing"),
        ("cvx.txt", "1|a\n", "line 1: code"),
        ("RXNCONSO.RRF", "1|ENG\n", "line 1: 17 fields"),
        ("Loinc.csv", "LOINC_NUM,COMPONENT\n", "column STATUS is missing"),
    ],
)
async def test_errors_name_file_and_line(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ReleaseError, match=said):
        await add(f"sqlite:///{tmp_path / 'wrong.db'}", tmp_path / name)


CONSO = "161|ENG||||||1|||161|RXNORM|IN|161|acetaminophen||N|4096|\n"
REL = "161||CUI|RO|313782||CUI|has_ingredient|1||RXNORM|RXNORM||||4096|\n"
TERMS = "LOINC_NUM,COMPONENT,STATUS,LONG_COMMON_NAME\n1-8,x,ACTIVE,X\n"


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"RXNCONSO.RRF": CONSO, "RXNREL.RRF": REL}, "RxNorm needs the file RXNSAT.RRF beside .*RXNCONSO.RRF"),
        ({"RXNCONSO.RRF": CONSO, "RXNREL.RRF": "161|x\n"}, "RXNREL.RRF, line 1: 11 fields were expected, there are 2"),
        ({"RXNCONSO.RRF": CONSO, "RXNREL.RRF": ""}, "RXNREL.RRF is empty"),
        ({"Loinc.csv": TERMS, "Part.csv": "PartNumber,PartName\nLP1-1,x\n"},
         "Part.csv, line 1: the column PartTypeName is missing"),
        ({"Loinc.csv": TERMS, "ConsumerName.csv": "LoincNumber\n1-8\n"},
         "ConsumerName.csv, line 1: the column ConsumerName is missing"),
        ({"Loinc.csv": TERMS, "deDE15LinguisticVariant.csv": "ID\n"}, "the column LOINC_NUM is missing"),
    ],
)  # fmt: skip
def test_what_a_release_lacks_is_told_before_anything_is_loaded(
    tmp_path: Path, files: dict[str, str], said: str
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(ReleaseError, match=said):
        release_of(files_of([tmp_path]))


async def test_an_xml_file_cannot_bring_entities(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    path = tmp_path / "icd10cm_tabular_2026.xml"
    entity = f'<!DOCTYPE x [<!ENTITY e SYSTEM "file://{tmp_path / "secret.txt"}">]><ICD10CM.tabular>'
    path.write_text(TABULAR.replace("<ICD10CM.tabular>", entity, 1).replace("Nondiabetic coma", "Coma &e;"))
    url = f"sqlite:///{tmp_path / 'xxe.db'}"
    try:
        await add(url, path)
    except ReleaseError:
        return
    async with content(url) as everything:
        icd = await system(everything, "http://hl7.org/fhir/sid/icd-10-cm")
        assert "secret" not in (await concept(icd, "E15")).display


async def test_text_search_agrees_with_its_definition(tmp_path: Path) -> None:
    chance = random.Random(7)
    syllables = ("fe", "mur", "frac", "ture", "s", "le", "ft", "di", "a", "bete")
    terms = [
        " ".join("".join(chance.choices(syllables, k=chance.randint(1, 4))) for _ in range(4)) for _ in range(3_000)
    ]
    lines = (order_line(number, f"A{number:05}", 1, "", term) for number, term in enumerate(terms))
    (tmp_path / "icd10cm_order_2025.txt").write_text("".join(lines))
    url = f"sqlite:///{tmp_path / 'words.db'}"
    await add(url, tmp_path / "icd10cm_order_2025.txt")
    async with content(url) as everything:
        icd = await system(everything, "http://hl7.org/fhir/sid/icd-10-cm")
        for _ in range(80):
            wanted = [
                "".join(chance.choices(syllables, k=2))[: chance.randint(1, 6)] for _ in range(chance.randint(1, 3))
            ]
            matching = {
                number
                for number, term in enumerate(terms)
                if all(any(word.startswith(begin) for word in term.split()) for begin in wanted)
            }
            found = {int(code.replace(".", "")[1:]) for code in await codes(icd, await icd.search(" ".join(wanted)))}
            assert found - {number for number in found if f"A{number:05}".lower().startswith(wanted[0])} <= matching
            assert matching <= found, wanted


# ISO 3166-2

SUBDIVISIONS = """{"3166-2": [
  {"code": "CH-ZH", "name": "Zürich", "type": "Canton"},
  {"code": "AZ-NX", "name": "Naxçıvan", "type": "Autonomous republic"},
  {"code": "AZ-BAB", "name": "Babək", "parent": "NX", "type": "Rayon"},
  {"code": "GB-LND", "name": "London, City of", "parent": "GB-ENG", "type": "City corporation"},
  {"code": "GB-ENG", "name": "England", "type": "Country"}
]}"""


async def test_iso_3166_2(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "pycountry-26.2.16-py3-none-any.whl", "w") as archive:
        archive.writestr("pycountry/databases/iso3166-2.json", SUBDIVISIONS)
        archive.writestr("pycountry/databases/iso3166-1.json", "{}")
    url = f"sqlite:///{tmp_path / 'places.db'}"
    await add(url, tmp_path / "pycountry-26.2.16-py3-none-any.whl")
    async with content(url) as everything:
        places = await system(everything, "urn:iso:std:iso:3166:-2", "26.2.16")
        zurich = await concept(places, "CH-ZH")
        assert (zurich.display, properties(zurich)) == ("Zürich", {"type": ["Canton"], "country": ["CH"]})
        assert await chosen(places, "country", "=", "GB") == ["GB-ENG", "GB-LND"]
        assert await chosen(places, "concept", "descendent-of", "AZ-NX") == ["AZ-BAB"]
        assert await codes(places, await places.search("zuri")) == ["CH-ZH"]
        assert await places.concept("ch-zh") is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (SUBDIVISIONS, "iso_3166-2.json does not say which version it is"),
        ('{"3166-1": []}', "iso_3166-2.json is not the list of subdivisions"),
        ('{"3166-2": [{"code": "Zurich", "name": "x"}]}', "'Zurich' is no code such as CH-ZH"),
        ('{"3166-2": [{"code": "CH-ZH", "name": "x"}, {"code": "CH-ZH", "name": "x"}]}', "CH-ZH is there twice"),
    ],
)
async def test_what_is_no_list_of_subdivisions_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "iso_3166-2.json").write_text(text)
    with pytest.raises(ReleaseError, match=said):
        await add(f"sqlite:///{tmp_path / 'places.db'}", tmp_path / "iso_3166-2.json")


# CVX and NUCC


async def test_cvx(tmp_path: Path) -> None:
    (tmp_path / "cvx.txt").write_text(
        "143|Adenovirus types 4 and 7|Adenovirus, type 4 and type 7, live, oral|2 tablets.|Active|False|2011/03/20\r\n"
        "01 |DTP|diphtheria, tetanus toxoids and pertussis vaccine||Inactive|False|2010/09/30\r\n"
        "998|no vaccine administered|no vaccine administered|Not a vaccine.|Inactive|True|2024/05/23\r\n"
    )
    url = f"sqlite:///{tmp_path / 'cvx.db'}"
    await add(url, tmp_path / "cvx.txt")
    async with content(url) as everything:
        cvx = await system(everything, "http://hl7.org/fhir/sid/cvx", "20240523")
        dtp = await concept(cvx, "01")
        assert (dtp.display, dtp.inactive, dtp.status) == ("DTP", True, "inactive")
        assert dtp.designations[0].value == "diphtheria, tetanus toxoids and pertussis vaccine"
        assert await cvx.concept("1") is None
        assert await chosen(cvx, "nonVaccine", "=", "true") == ["998"]
        assert await chosen(cvx, "vaccineStatus", "=", "Active") == ["143"]


async def test_nucc(tmp_path: Path) -> None:
    write_csv(tmp_path / "nucc_taxonomy_240.csv", [
        ["Code", "Grouping", "Classification", "Specialization", "Definition", "Notes", "Display Name", "Section"],
        ["207RC0000X", "Allopathic & Osteopathic Physicians", "Internal Medicine", "Cardiovascular Disease",
         "An internist who\nspecializes in the heart.", "Source: ABMS", "Cardiovascular Disease Physician",
         "Individual"],
    ])  # fmt: skip
    url = f"sqlite:///{tmp_path / 'nucc.db'}"
    await add(url, tmp_path / "nucc_taxonomy_240.csv")
    async with content(url) as everything:
        nucc = await system(everything, "http://nucc.org/provider-taxonomy", "24.0")
        heart = await concept(nucc, "207RC0000X")
        assert heart.display == "Cardiovascular Disease Physician"
        assert "specializes" in heart.definition
        assert await chosen(nucc, "Classification", "=", "Internal Medicine") == ["207RC0000X"]


# RxNorm


async def test_rxnorm(database_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "RxNorm_full_07012024" / "rrf"
    folder.mkdir(parents=True)
    names = [
        ("161", "RXNORM", "IN", "acetaminophen", "N"),
        ("161", "MTHSPL", "SU", "ACETAMINOPHEN", "N"),
        ("161", "RXNORM", "SY", "APAP", "N"),
        ("313782", "RXNORM", "SCD", "acetaminophen 325 MG Oral Tablet", "N"),
        ("313782", "RXNORM", "PSN", "acetaminophen 325 MG Oral Tablet (prescribable)", "N"),
        ("202433", "RXNORM", "BN", "Tylenol", "O"),
        ("999", "MMSL", "CD", "somebody else's", "N"),
    ]
    (folder / "RXNCONSO.RRF").write_text(
        "".join(f"{c}|ENG||||||{n}|||{c}|{s}|{t}|{c}|{x}||{u}|4096|\n" for n, (c, s, t, x, u) in enumerate(names))
    )
    (folder / "RXNREL.RRF").write_text(
        "161||CUI|RO|313782||CUI|has_ingredient|1||RXNORM|RXNORM||||4096|\n"
        "313782||CUI|RO|161||CUI|ingredient_of|2||RXNORM|RXNORM||||4096|\n"
        "|5|AUI|RO||6|AUI|has_ingredient|3||RXNORM|RXNORM||||4096|\n"
    )
    (folder / "RXNSAT.RRF").write_text(
        "313782||||||||RXN_STRENGTH|RXNORM|325 MG|N|4096|\n161||||||||NDC|MTHSPL|1|N||\n"
    )
    (folder / "RXNSTY.RRF").write_text("161|T109|A1|Organic Chemical|AT1|256|\n313782|T200|A2|Clinical Drug|AT2|256|\n")
    part = tmp_path / "RxNorm_full_07012024" / "prescribe" / "rrf"
    part.mkdir(parents=True)
    for name in ("RXNCONSO.RRF", "RXNREL.RRF", "RXNSAT.RRF"):
        (part / name).write_text((folder / name).read_text().partition("\n")[0] + "\n")
    await add(database_url, tmp_path / "RxNorm_full_07012024")
    async with content(database_url) as everything:
        rxnorm = await system(everything, "http://www.nlm.nih.gov/research/umls/rxnorm")
        assert (rxnorm.head.version, rxnorm.size) == ("07012024", 3)
        tablet = await concept(rxnorm, "313782")
        assert tablet.display == "acetaminophen 325 MG Oral Tablet"
        found = properties(tablet)
        assert (found["has_ingredient"], found["TTY"], found["RXN_STRENGTH"]) == (["161"], ["SCD"], ["325 MG"])
        assert [one.value for one in (await concept(rxnorm, "161")).designations] == ["APAP"]
        assert (await concept(rxnorm, "202433")).inactive
        assert await rxnorm.concept("999") is None
        assert await chosen(rxnorm, "has_ingredient", "=", "CUI:161") == ["313782"]
        assert await chosen(rxnorm, "RO", "=", "CUI:161") == ["313782"]
        assert sorted(await chosen(rxnorm, "RO", "in", "CUI:161,CUI:313782")) == ["161", "313782"]
        assert await chosen(rxnorm, "STY", "in", "T200,T109") == ["161", "313782"]
        assert await chosen(rxnorm, "STY", "=", "TUI:T200") == ["313782"]
        assert await chosen(rxnorm, "SAB", "=", "MTHSPL") == ["161"]


# LOINC


def write_csv(path: Path, rows: Sequence[Sequence[str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows(rows)


def write_loinc(folder: Path) -> None:
    """A release with two terms, as `Loinc_2.80.zip` has it."""
    write_csv(folder / "LoincTable" / "Loinc.csv", [
        ["LOINC_NUM", "COMPONENT", "PROPERTY", "TIME_ASPCT", "SYSTEM", "SCALE_TYP", "METHOD_TYP", "CLASS",
         "VersionLastChanged", "CHNG_TYPE", "DefinitionDescription", "STATUS", "CLASSTYPE", "SHORTNAME", "ORDER_OBS",
         "EXTERNAL_COPYRIGHT_NOTICE", "LONG_COMMON_NAME", "DisplayName"],
        ["718-7", "Hemoglobin", "MCnc", "Pt", "Bld", "Qn", "", "HEM/BC", "2.80", "MIN", "", "ACTIVE", "1",
         "Hgb Bld-mCnc", "Both", "", "Hemoglobin [Mass/volume] in Blood", "Hemoglobin (Bld) [Mass/Vol]"],
        ["72166-2", "Tobacco smoking status", "Find", "Pt", "^Patient", "Nom", "", "H&P.HX", "2.77", "MIN",
         "How a person smokes.", "ACTIVE", "2", "Smoking status", "Both", "Copyright",
         "Tobacco smoking status", ""],
        ["1-8", "Old", "MCnc", "Pt", "Ser", "Qn", "", "CHEM", "2.9", "DEL", "", "DEPRECATED", "1", "", "Both", "",
         "Old thing", ""],
    ])  # fmt: skip
    write_csv(folder / "AccessoryFiles" / "PartFile" / "Part.csv", [
        ["PartNumber", "PartTypeName", "PartName", "PartDisplayName", "Status"],
        ["LP14449-0", "COMPONENT", "Hemoglobin", "Hemoglobin", "ACTIVE"],
        ["LP7057-5", "SYSTEM", "Bld", "Blood", "ACTIVE"],
    ])  # fmt: skip
    links = folder / "AccessoryFiles" / "PartFile" / "LoincPartLink_Primary.csv"
    columns = ["LoincNumber", "LongCommonName", "PartNumber", "PartName", "PartCodeSystem", "PartTypeName",
               "LinkTypeName", "Property"]  # fmt: skip
    write_csv(links, [
        columns,
        ["718-7", "", "LP14449-0", "Hemoglobin", "http://loinc.org", "COMPONENT", "Primary",
         "http://loinc.org/property/COMPONENT"],
        ["718-7", "", "LP7057-5", "Bld", "http://loinc.org", "SYSTEM", "Primary", "http://loinc.org/property/SYSTEM"],
    ])  # fmt: skip
    write_csv(folder / "AccessoryFiles" / "AnswerFile" / "AnswerList.csv", [
        ["AnswerListId", "AnswerListName", "AnswerStringId", "LocalAnswerCode", "SequenceNumber", "DisplayText"],
        ["LL2201-3", "Smoking status", "LA18976-3", "1", "1", "Current every day smoker"],
        ["LL2201-3", "Smoking status", "LA18978-9", "3", "2", "Never smoker"],
        ["LL9-9", "Defined elsewhere", "", "", "", ""],
    ])  # fmt: skip
    write_csv(folder / "AccessoryFiles" / "AnswerFile" / "LoincAnswerListLink.csv", [
        ["LoincNumber", "LongCommonName", "AnswerListId", "AnswerListName", "AnswerListLinkType"],
        ["72166-2", "", "LL2201-3", "Smoking status", "NORMATIVE"],
    ])  # fmt: skip
    write_csv(folder / "AccessoryFiles" / "ComponentHierarchyBySystem" / "ComponentHierarchyBySystem.csv", [
        ["PATH_TO_ROOT", "SEQUENCE", "IMMEDIATE_PARENT", "CODE", "CODE_TEXT"],
        ["", "1", "", "LP432695-7", "{component}"],
        ["LP432695-7", "1", "LP432695-7", "LP392452-1", "Hemoglobin | Bld"],
        ["LP432695-7.LP392452-1", "1", "LP392452-1", "718-7", "Hemoglobin"],
    ])  # fmt: skip
    write_csv(folder / "AccessoryFiles" / "GroupFile" / "Group.csv", [
        ["ParentGroupId", "GroupId", "Group", "Archetype", "Status", "VersionFirstReleased"],
        ["LG100-4", "LG200-2", "Hemoglobin|Bld", "", "Active", "2.64"],
        ["LG100-4", "LG201-0", "Old", "", "Active", "2.64"],
    ])  # fmt: skip
    write_csv(folder / "AccessoryFiles" / "GroupFile" / "GroupLoincTerms.csv", [
        ["Category", "GroupId", "Archetype", "LoincNumber", "LongCommonName"],
        ["Mass", "LG200-2", "", "718-7", "Hemoglobin [Mass/volume] in Blood"],
        ["Mass", "LG201-0", "", "1-8", "Old thing"],
    ])  # fmt: skip
    write_csv(folder / "LoincTable" / "MapTo.csv", [["LOINC", "MAP_TO", "COMMENT"], ["1-8", "718-7", ""]])
    # the folder of panels has copies of other files, with the rows that concern panels
    for name in ("Loinc.csv", "AnswerList.csv", "LoincAnswerListLink.csv"):
        (whole,) = folder.rglob(name)
        copy = folder / "AccessoryFiles" / "PanelsAndForms" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(b"".join(whole.read_bytes().splitlines(keepends=True)[:2]))
    write_csv(folder / "AccessoryFiles" / "LinguisticVariants" / "deDE15LinguisticVariant.csv", [
        ["LOINC_NUM", "COMPONENT", "PROPERTY", "TIME_ASPCT", "SYSTEM", "SCALE_TYP", "METHOD_TYP", "LONG_COMMON_NAME",
         "LinguisticVariantDisplayName"],
        ["718-7", "Hämoglobin", "MCnc", "Zeitpunkt", "Blut", "Qn", "", "", ""],
    ])  # fmt: skip


async def test_loinc(database_url: str, tmp_path: Path) -> None:
    write_loinc(tmp_path / "Loinc_2.80")
    await add(database_url, tmp_path / "Loinc_2.80")
    async with content(database_url) as everything:
        loinc = await system(everything, "http://loinc.org")
        assert loinc.head.version == "2.80"  # newer than 2.9
        hemoglobin = await concept(loinc, "718-7")
        assert hemoglobin.display == "Hemoglobin [Mass/volume] in Blood"
        names = {(one.value, one.language) for one in hemoglobin.designations}
        assert ("Hämoglobin:MCnc:Zeitpunkt:Blut:Qn", "de-DE") in names
        assert ("Hgb Bld-mCnc", "") in names
        found = properties(hemoglobin)
        assert found["COMPONENT"] == [{"system": "http://loinc.org", "code": "LP14449-0", "display": "Hemoglobin"}]
        assert found["SCALE_TYP"] == [{"display": "Qn"}]
        assert (found["STATUS"], found["copyright"]) == (["ACTIVE"], ["LOINC"])
        assert (await concept(loinc, "1-8")).inactive
        assert (await concept(loinc, "LP7057-5")).display == "Blood"
        assert await chosen(loinc, "COMPONENT", "=", "LP14449-0") == ["718-7"]
        assert await chosen(loinc, "COMPONENT", "=", "Hemoglobin") == ["718-7"]
        assert sorted(await chosen(loinc, "SCALE_TYP", "in", "Qn,Ord")) == ["1-8", "718-7"]
        assert await chosen(loinc, "CLASS", "regex", "HEM/.*") == ["718-7"]
        assert await chosen(loinc, "copyright", "=", "3rdParty") == ["72166-2"]
        assert await chosen(loinc, "ancestor", "=", "LP432695-7") == ["LP392452-1", "718-7"]
        assert await chosen(loinc, "parent", "=", "LP392452-1") == ["718-7"]
        assert await chosen(loinc, "answers-for", "=", "72166-2") == ["LA18976-3", "LA18978-9"]
        answers = await everything.implicit("http://loinc.org/vs/LL2201-3")
        assert answers is not None
        assert answers["compose"]["include"][0]["filter"] == [{"property": "LIST", "op": "=", "value": "LL2201-3"}]
        assert await chosen(loinc, "LIST", "=", "LL2201-3") == ["LA18976-3", "LA18978-9"]
        below = await everything.implicit("http://loinc.org/vs/LP392452-1")
        assert below is not None
        assert await everything.implicit("http://loinc.org/vs") is not None
        assert await everything.implicit("http://loinc.org/vs/LL404-4") is None
        assert await codes(loinc, await loinc.search("hämo blut")) == ["718-7"]


async def test_loinc_values_have_no_case_and_groups_are_value_sets(tmp_path: Path) -> None:
    write_loinc(tmp_path / "Loinc_2.80")
    url = f"sqlite:///{tmp_path / 'loinc.db'}"
    await add(url, tmp_path / "Loinc_2.80")
    async with content(url) as everything:
        loinc = await system(everything, "http://loinc.org")
        assert sorted(await chosen(loinc, "SCALE_TYP", "=", "qn")) == ["1-8", "718-7"]
        assert await chosen(loinc, "COMPONENT", "in", "hemoglobin,x") == ["718-7"]
        assert await chosen(loinc, "SCALE_TYP", "=", "q.") == []
        assert await chosen(loinc, "descendant", "=", "718-7") == ["LP432695-7", "LP392452-1"]
        assert properties(await concept(loinc, "1-8"))["MAP_TO"] == ["718-7"]

        async def group(code: str) -> list[str]:
            found = await everything.implicit(f"http://loinc.org/vs/{code}")
            assert found is not None
            (one,) = found["compose"]["include"][0]["filter"]
            return await chosen(loinc, one["property"], one["op"], one["value"])

        assert await group("LG200-2") == ["718-7"]
        assert sorted(await group("LG100-4")) == ["1-8", "718-7"]
        assert await everything.implicit("http://loinc.org/vs/LG999-9") is None


async def test_a_version_can_be_given_and_the_newest_is_the_default(tmp_path: Path) -> None:
    (tmp_path / "icd10cm_order_2025.txt").write_text(ORDER)
    url = f"sqlite:///{tmp_path / 'versions.db'}"
    for version in ("2024", "2025.10", "2025.9"):
        await add(url, tmp_path / "icd10cm_order_2025.txt", wishes=Wishes(version))
    async with content(url) as everything:
        icd = "http://hl7.org/fhir/sid/icd-10-cm"
        assert await everything.versions(icd) == ["2025.10", "2025.9", "2024"]
        assert (await system(everything, icd)).head.version == "2025.10"
        assert await everything.find(icd, "2023") is None
        assert {"2024", "2025.9"} <= {head.version for head in await everything.heads()}
