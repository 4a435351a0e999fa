"""SNOMED CT releases in RF2: what is loaded from snapshot and full files, archives, extensions, several versions."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from suture.store.opening import DatabaseError
from suture.store.terminology import open_loading
from suture.terminology.content import assembly
from suture.terminology.content.assembly import load
from suture.terminology.content.files import ReleaseError, files_of
from suture.terminology.content.formats import Wishes, release_of
from suture.terminology.content.rows import Loading
from tests.terminology import edition as e
from tests.terminology.content.loaded import add, codes, concept, content, properties, system
from tests.terminology.snomed import CORE, GB, METADATA, SYNONYM, US, Writer, zipped

pytestmark = pytest.mark.anyio

SNOMED = "http://snomed.info/sct"


async def test_a_concept_has_its_preferred_term_its_designations_and_its_relationships(snomed_url: str) -> None:
    async with content(snomed_url) as everything:
        snomed = await system(everything, SNOMED)
        assert snomed.head.version == e.VERSION
        asthma = await concept(snomed, str(e.ASTHMA))
        assert (asthma.display, asthma.inactive, asthma.status) == ("Asthma", False, "active")
        named = {(one.value, one.language, one.use["code"] if one.use else "") for one in asthma.designations}
        assert named == {
            ("Asthma (disorder)", "en", "900000000000003001"),
            ("Asthma", "en", "900000000000013009"),
            ("Bronchial asthma", "en", "900000000000013009"),
            ("Ménière's asma", "es", "900000000000013009"),
            ("Asthma", "en-US", "preferredForLanguage"),
            ("Bronchial asthma", "en-GB", "preferredForLanguage"),
        }
        found = properties(asthma)
        assert found[str(e.FINDING_SITE)] == [str(e.BRONCHUS), str(e.LUNG)]
        assert found[str(e.AGENT)] == [str(e.VIRUS)]
        assert (found["moduleId"], found["sufficientlyDefined"]) == ([str(CORE)], [False])
        assert (found["effectiveTime"], found["semanticTag"]) == (["2024-01-01"], ["disorder"])
        pneumonia = await concept(snomed, str(e.PNEUMONIA))
        assert pneumonia.definition == "An inflammation of the parenchyma of the lung."
        tablet = properties(await concept(snomed, str(e.TABLET)))
        assert (tablet[str(e.STRENGTH)], tablet[str(e.LABEL)], tablet[str(e.FREE)]) == ([500], ["Pain stop"], [True])
        assert (await concept(snomed, str(e.OLD_ASTHMA))).inactive


async def test_hierarchy_and_subsumption(snomed_url: str) -> None:
    async with content(snomed_url) as everything:
        snomed = await system(everything, SNOMED)
        asthma, pneumonia, viral = str(e.ASTHMA), str(e.PNEUMONIA), str(e.VIRAL)
        assert await snomed.subsumes(pneumonia, viral) == "subsumes"
        assert await snomed.subsumes(viral, pneumonia) == "subsumed-by"
        assert await snomed.subsumes(viral, viral) == "equivalent"
        assert await snomed.subsumes(viral, asthma) == "not-subsumed"
        number = (await concept(snomed, pneumonia)).number
        assert await codes(snomed, await snomed.parents(number)) == [str(e.LUNG_DISORDER)]
        assert set(await codes(snomed, await snomed.children(number))) == {str(e.BACTERIAL), viral}
        assert await codes(snomed, await snomed.roots()) == [str(METADATA["root"])]


async def test_value_sets_that_urls_define(snomed_url: str) -> None:
    async with content(snomed_url) as everything:
        snomed = await system(everything, SNOMED)

        async def expanded(query: str, base: str = SNOMED) -> set[str]:
            found = await everything.implicit(f"{base}?{query}")
            assert found is not None
            (included,) = found["compose"]["include"]
            numbers = (await snomed.all()).copy()
            for one in included.get("filter", []):
                numbers &= await snomed.filter(one["property"], one["op"], one["value"])
            return set(await codes(snomed, numbers))

        assert len(await expanded("fhir_vs")) == snomed.size
        assert await expanded(f"fhir_vs=isa/{e.PNEUMONIA}") == {str(e.PNEUMONIA), str(e.BACTERIAL), str(e.VIRAL)}
        assert await expanded(f"fhir_vs=refset/{e.OTHER_REFSET}", e.VERSION) == {str(e.PNEUMONIA)}
        assert {str(e.REFSET), str(e.MAP)} <= await expanded("fhir_vs=refset")
        assert await expanded(f"fhir_vs=ecl/%3C{e.PNEUMONIA}") == {str(e.BACTERIAL), str(e.VIRAL)}
        assert await everything.implicit("http://snomed.info/sct/11000172109?fhir_vs") is None


async def test_filters_by_attribute_flag_and_reference_set(snomed_url: str) -> None:
    async with content(snomed_url) as everything:
        snomed = await system(everything, SNOMED)

        async def chosen(property: str, op: str, value: object) -> set[str]:
            return set(await codes(snomed, await snomed.filter(property, op, str(value))))

        assert await chosen(str(e.AGENT), "=", e.BACTERIUM) == {str(e.BACTERIAL)}
        assert await chosen("concept", "in", e.REFSET) == {str(e.ASTHMA), str(e.BACTERIAL), str(e.OLD_ASTHMA)}
        assert str(e.OLD_ASTHMA) in await chosen("inactive", "=", "true")
        assert await chosen(str(e.AGENT), "exists", "true") == {str(e.BACTERIAL), str(e.VIRAL), str(e.ASTHMA)}
        assert await chosen(str(e.STRENGTH), "=", "2.50") == {str(e.SYRUP)}
        assert await chosen(str(e.STRENGTH), "in", "500,7") == {str(e.TABLET)}
        assert await chosen(str(e.LABEL), "=", "Pain stop") == {str(e.TABLET)}
        assert await chosen(str(e.FREE), "=", "false") == {str(e.SYRUP)}
        assert await chosen(str(e.COUNT), "exists", "true") == {str(e.TABLET), str(e.SYRUP)}
        assert not {str(e.TABLET), str(e.SYRUP)} & await chosen(str(e.COUNT), "exists", "false")
        assert await chosen("semanticTag", "=", "product") == {str(e.PRODUCT), str(e.TABLET), str(e.SYRUP)}
        assert await chosen("effectiveTime", "=", "2020-01-31") == {str(e.VIRAL)}
        assert await chosen("parent", "=", e.PNEUMONIA) == {str(e.BACTERIAL), str(e.VIRAL)}
        assert str(e.VIRAL) not in await chosen("sufficientlyDefined", "=", "true")


async def test_text_search_takes_beginnings_of_words_of_one_term(snomed_url: str) -> None:
    async with content(snomed_url) as everything:
        snomed = await system(everything, SNOMED)

        async def found(text: str) -> set[str]:
            return set(await codes(snomed, await snomed.search(text)))

        assert await found("PNEU bact") == {str(e.BACTERIAL)}
        assert await found("meniere") == {str(e.ASTHMA)}
        assert await found("asma bronchial") == set()
        assert str(e.ASTHMA) in await found(str(e.ASTHMA)[:5])
        assert await found("wheeze") == set()


async def test_a_release_may_be_a_zip_and_the_first_dialect_counts_most(
    small_edition: e.Edition, tmp_path: Path
) -> None:
    archive = zipped(small_edition.folder)
    url = f"sqlite:///{tmp_path / 'zip.db'}"
    loaded = await add(url, archive, wishes=Wishes(dialects=(GB, US)))
    archive.unlink()
    assert loaded is not None
    assert loaded.description.head.version == e.VERSION
    async with content(url) as everything:
        asthma = await concept(await system(everything, SNOMED), str(e.ASTHMA))
        assert asthma.display == "Bronchial asthma"


async def test_files_of_a_beta_release_are_known_by_their_prefix(small_edition: e.Edition, tmp_path: Path) -> None:
    for file in small_edition.folder.rglob("*.txt"):
        copy = tmp_path / "beta" / file.relative_to(small_edition.folder).with_name(f"x{file.name}")
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(file.read_bytes())
    loaded = await add(f"sqlite:///{tmp_path / 'beta.db'}", tmp_path / "beta")
    assert loaded is not None
    assert loaded.description.head.version == e.VERSION


async def test_of_full_files_the_newest_state_counts(tmp_path: Path) -> None:
    with Writer(tmp_path / "full", 20230101, state="Full") as old:
        old.metadata()
        root, attribute = METADATA["root"], old.concept("Site (attribute)", [METADATA["attribute"]])
        above = old.concept("Above (finding)", [root], synonyms=["Above"])
        other = old.concept("Other (finding)", [root], synonyms=["Other"])
        below = old.concept("Below (finding)", synonyms=["Below"])
        edge = old.relationship(below, 116680003, above)
        site = old.relationship(below, attribute, above, 1)
        term = old.description(below, "First name", SYNONYM, acceptable=(US,))
        # a year later
        old.relationship(below, 116680003, above, id=edge, active=False, date=20240101)
        old.relationship(below, 116680003, other, date=20240101)
        old.relationship(below, attribute, above, 1, id=site, active=False, date=20240101)
        old.description(below, "Better name", SYNONYM, id=term, date=20240101)
        old.concept("Other (finding)", code=other, active=False, date=20240101)
    url = f"sqlite:///{tmp_path / 'full.db'}"
    await add(url, tmp_path / "full")
    async with content(url) as everything:
        snomed = await system(everything, SNOMED)
        found = await concept(snomed, str(below))
        assert await codes(snomed, await snomed.parents(found.number)) == [str(other)]
        assert str(attribute) not in properties(found)
        names = {one.value for one in found.designations}
        assert "Better name" in names
        assert "First name" not in names
        assert (await concept(snomed, str(other))).inactive


async def test_an_extension_is_loaded_with_its_edition_and_versions_stand_side_by_side(
    small_edition: e.Edition, tmp_path: Path
) -> None:
    beer = e.write_extension(tmp_path / "extension")
    url = f"sqlite:///{tmp_path / 'editions.db'}"
    with pytest.raises(ReleaseError, match="name both"):
        await add(url, tmp_path / "extension")
    await add(url, small_edition.folder)
    await add(url, small_edition.folder, tmp_path / "extension")
    async with content(url) as everything:
        edition = f"{SNOMED}/{e.EXTENSION_MODULE}"
        assert list(await everything.versions(SNOMED)) == [e.VERSION, f"{edition}/version/20240315"]
        assert await (await system(everything, SNOMED)).concept(str(beer)) is None
        belgian = await system(everything, SNOMED, edition)
        assert (await concept(belgian, str(beer))).display == "Beer lung"
        astma = await concept(belgian, str(e.ASTHMA))
        assert ("Astma", "nl-BE") in {(one.value, one.language) for one in astma.designations}
        implicit = await everything.implicit(f"{edition}?fhir_vs=isa/{e.LUNG_DISORDER}")
        assert implicit is not None
        assert implicit["compose"]["include"][0]["version"] == belgian.head.version
        # what names no edition is open, until a version is asked for
        anywhere = await everything.implicit(f"{SNOMED}?fhir_vs=isa/{e.LUNG_DISORDER}")
        assert anywhere is not None
        assert "version" not in anywhere["compose"]["include"][0]
        for version in (edition, belgian.head.version):
            bound = await everything.implicit(f"{SNOMED}?fhir_vs=isa/{e.LUNG_DISORDER}", version)
            assert bound is not None
            assert bound["compose"]["include"][0]["version"] == belgian.head.version
        assert await everything.implicit(f"{SNOMED}?fhir_vs", f"{SNOMED}/32506021000036107") is None


class Interrupted(Exception):
    pass


class Stops:
    """A `Loading` that stops after some batches of concepts."""

    def __init__(self, loading: Loading, batches: int) -> None:
        self._loading = loading
        self._batches = batches

    def __getattr__(self, name: str) -> object:
        return getattr(self._loading, name)

    async def concepts(self, cs: int, rows: Sequence[tuple[int, str, bytes]]) -> None:
        self._batches -= 1
        if self._batches < 0:
            raise Interrupted
        await self._loading.concepts(cs, rows)


async def test_an_interrupted_load_is_invisible_and_goes_on_where_it_stopped(
    database_url: str, small_edition: e.Edition, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assembly, "BATCH", 10)
    async with open_loading(database_url) as loading:
        with pytest.raises(Interrupted):
            await load(release_of(files_of([small_edition.folder])), Stops(loading, 3))  # type: ignore[arg-type]
    async with content(database_url) as everything:
        assert await everything.find(SNOMED, None) is None
        loaded = await add(database_url, small_edition.folder)
        assert loaded is not None
        assert loaded.continued == 30
        # a server that runs takes it up
        for _ in range(100):
            if (found := await everything.find(SNOMED, None)) is not None:
                break
            await asyncio.sleep(0.05)
        assert found is not None
        assert found.size == loaded.description.size
        assert await codes(found, range(found.size))
        assert len(await found.filter("constraint", "=", f"<< {e.LUNG_DISORDER}")) == 5


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from suture.store.terminology import Loading
from suture.terminology.content import assembly
from tests.terminology.content.loaded import add

assembly.BATCH = 10
written = Loading.concepts
left = 3

async def concepts(self, cs, rows):
    global left
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1
    await written(self, cs, rows)

Loading.concepts = concepts
asyncio.run(add(sys.argv[1], Path(sys.argv[2])))
"""


async def test_a_load_that_was_killed_goes_on_where_it_stopped(
    database_url: str, small_edition: e.Edition, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assembly, "BATCH", 10)
    command = [sys.executable, "-c", KILLED, database_url, str(small_edition.folder)]
    killed = subprocess.run(command, cwd=Path(__file__).parents[3], capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    async with content(database_url) as everything:
        assert await everything.find(SNOMED, None) is None
    loaded = await add(database_url, small_edition.folder)
    assert loaded is not None
    assert loaded.continued == 30
    async with content(database_url) as everything:
        snomed = await system(everything, SNOMED)
        assert snomed.size == loaded.description.size
        assert len(await codes(snomed, range(snomed.size))) == snomed.size


async def test_a_version_is_loaded_once_unless_it_is_wanted_again(tmp_path: Path, small_edition: e.Edition) -> None:
    url = f"sqlite:///{tmp_path / 'again.db'}"
    first = await add(url, small_edition.folder)
    assert first is not None
    assert await add(url, small_edition.folder) is None
    second = await add(url, small_edition.folder, again=True)
    assert second is not None
    assert list(second.replaced) == [first.cs]
    async with open_loading(url) as loading:
        await loading.purge()
        assert [one.cs for one in await loading.versions()] == [second.cs]
    async with content(url) as everything:
        assert await (await system(everything, SNOMED)).concept(str(e.ASTHMA)) is not None


async def test_of_two_who_load_the_same_version_one_gives_way(tmp_path: Path, small_edition: e.Edition) -> None:
    url = f"sqlite:///{tmp_path / 'both.db'}"
    async with open_loading(url) as one, open_loading(url) as other:
        release = release_of(files_of([small_edition.folder]))
        with pytest.raises(Interrupted):
            await load(release, Stops(one, 0))  # type: ignore[arg-type]
        (begun,) = await one.versions()
        assert await load(release_of(files_of([small_edition.folder])), other) is not None
        with pytest.raises(DatabaseError, match="somebody else"):
            await one.show(begun.cs, begun.body)
    async with content(url) as everything:
        assert await (await system(everything, SNOMED)).concept(str(e.ASTHMA)) is not None


@pytest.mark.parametrize(
    ("file", "line", "said"),
    [
        ("Terminology/sct2_Concept_", "not-a-number\t20240101\t1\t1\t1", r"sct2_Concept_.*line \d+: 'not-a-number'"),
        ("Terminology/sct2_Description_Snapshot-en_", "12345\t20240101", r"sct2_Description_.*line \d+: 9 columns"),
        ("Terminology/sct2_RelationshipConcreteValues_", None, r"'5' is no concrete value"),
    ],
)
async def test_an_error_names_the_file_and_the_line(tmp_path: Path, file: str, line: str | None, said: str) -> None:
    e.write(tmp_path / "broken")
    (path,) = (tmp_path / "broken").rglob(f"{file.rpartition('/')[2]}*")
    if line is None:
        path.write_text(path.read_text().replace("\t#1\t", "\t5\t"))
    else:
        with path.open("a") as stream:
            stream.write(line + "\r\n")
    with pytest.raises(ReleaseError, match=said):
        await add(f"sqlite:///{tmp_path / 'broken.db'}", tmp_path / "broken")


@pytest.mark.parametrize(
    ("file", "change", "said"),
    [
        ("sct2_Description_", None, "The release has no description file"),
        ("sct2_Relationship_", None, "The release has no relationship file"),
        ("der2_cRefset_Language", None, "The release has no language reference set"),
        ("sct2_Relationship_", ("destinationId", "targetId"), "line 1: column 6 must be destinationId"),
        ("der2_cRefset_Language", ("acceptabilityId", "x"), "line 1: column 7 must be acceptabilityId"),
        ("sct2_Concept_", ("id\teffectiveTime", "effectiveTime\tid"), "line 1: column 1 must be id"),
    ],
)
def test_what_a_release_lacks_is_told_before_anything_is_loaded(
    tmp_path: Path, file: str, change: tuple[str, str] | None, said: str
) -> None:
    e.write(tmp_path / "lacking")
    for path in list((tmp_path / "lacking").rglob(f"{file}*")):
        if change is None:
            path.unlink()
        else:
            path.write_bytes(path.read_bytes().replace(change[0].encode(), change[1].encode(), 1))
    with pytest.raises(ReleaseError, match=said):
        release_of(files_of([tmp_path / "lacking"]))


async def test_a_circle_in_the_hierarchy_is_an_error(tmp_path: Path) -> None:
    with Writer(tmp_path / "circle", 20240101) as release:
        release.metadata()
        one = release.new("0")
        two = release.concept("Two (finding)", [one])
        release.concept("One (finding)", [two], code=one)
    with pytest.raises(ReleaseError, match="circle"):
        await add(f"sqlite:///{tmp_path / 'circle.db'}", tmp_path / "circle")


async def test_what_is_no_release_says_what_would_be(tmp_path: Path) -> None:
    (tmp_path / "readme.txt").write_text("hello")
    with pytest.raises(ReleaseError, match="RF2"):
        await add(f"sqlite:///{tmp_path / 'none.db'}", tmp_path / "readme.txt")
