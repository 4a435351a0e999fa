"""Reading FHIR packages (https://hl7.org/fhir/packages.html): what is a definition, and what is refused."""

import gzip
import io
import json
import tarfile
from pathlib import Path

import pytest

from suture.fhir.packages import PackageRefused, read_package, reading
from suture.fhir.packages import archive as reader
from suture.fhir.packages.reading import in_cache
from suture.fhir.versions import Version
from tests.packages import archive, files, manifest, packed, profile

PROFILE = profile("own-patient", "1.0.0")


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def test_an_archive_tells_what_it_is_and_what_it_defines() -> None:
    package = read_package(
        archive(files(PROFILE, dependencies={"hl7.fhir.r4.core": "4.0.1"}, canonical="https://e.org"))
    )
    assert (package.label, package.title, package.canonical) == ("example.guide@1.0.0", "A guide", "https://e.org")
    assert package.fhir_versions == ("4.0.1",)
    assert package.dependencies == {"hl7.fhir.r4.core": "4.0.1"}
    (one,) = package.definitions
    assert (one.type, one.id, one.url, one.version) == ("StructureDefinition", "own-patient", PROFILE["url"], "1.0.0")
    assert package.fits(Version.R4)
    assert not package.fits(Version.R5)


def test_folders_archive_files_and_bytes_are_the_same_package(tmp_path: Path) -> None:
    content = files(PROFILE)
    (tmp_path / "guide.tgz").write_bytes(archive(content))
    for name, data in content.items():
        path = tmp_path / "folder" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    expected = read_package(archive(content))
    assert read_package(tmp_path / "guide.tgz") == expected
    assert read_package(tmp_path / "folder") == expected
    assert read_package(tmp_path / "folder" / "package") == expected


def test_examples_and_what_lies_in_other_folders_are_no_definitions() -> None:
    patient = {"resourceType": "Patient", "id": "example"}
    without_url = {"resourceType": "ValueSet", "id": "nameless", "status": "draft"}
    content = files(PROFILE, patient, without_url)
    for folder in ("example", "other", "openapi", "xml", "tests"):
        content[f"package/{folder}/StructureDefinition-x.json"] = json.dumps(profile("x", "1")).encode()
    content["package/.index.json"] = b'{"index-version": 2, "files": []}'
    content["other/StructureDefinition-y.json"] = json.dumps(profile("y", "1")).encode()
    assert [one.id for one in read_package(archive(content)).definitions] == ["own-patient"]


def test_a_naming_system_without_a_url_gets_one() -> None:
    system = {"resourceType": "NamingSystem", "id": "mrn", "name": "Mrn", "status": "active", "kind": "identifier"}
    (one,) = read_package(archive(files(system))).definitions
    assert one.url == "http://hl7.org/fhir/NamingSystem/mrn"


def test_a_broken_file_costs_a_remark_and_not_the_package() -> None:
    content = files(PROFILE) | {"package/ValueSet-broken.json": b'{"resourceType": "ValueSet", "url": 1, "url": 2}'}
    package = read_package(archive(content))
    assert [one.id for one in package.definitions] == ["own-patient"]
    assert "ValueSet-broken.json" in package.remarks[0]


def test_of_two_files_with_one_id_the_first_counts() -> None:
    content = files(PROFILE) | {"package/copy.json": json.dumps(PROFILE | {"version": "2"}).encode()}
    package = read_package(archive(content))
    assert [one.version for one in package.definitions] == ["1.0.0"]
    assert "copy.json" in package.remarks[0]


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (member("../package/evil.json"), "climbs out"),
        (member("package/../../evil.json"), "climbs out"),
        (member("/package/evil.json"), "absolute"),
        (member("C:/package/evil.json"), "absolute"),
        (member("package\\evil.json"), "foreign"),
        (member("package/link.json", tarfile.SYMTYPE, "/etc/passwd"), "link"),
        (member("package/link.json", tarfile.LNKTYPE, "package/package.json"), "link"),
        (member("package/device", tarfile.CHRTYPE), "neither file nor folder"),
        (member("package/pipe", tarfile.FIFOTYPE), "neither file nor folder"),
        (member("package/package.json"), "twice"),
    ],
)
def test_archives_that_reach_out_of_themselves_are_refused(bad: tarfile.TarInfo, why: str) -> None:
    good = (tarfile.TarInfo("package/package.json"), json.dumps(manifest()).encode())
    with pytest.raises(PackageRefused, match=why):
        read_package(packed([good, (bad, b"")]))


def test_an_archive_that_unpacks_to_far_more_than_its_size_is_refused() -> None:
    bomb = gzip.compress(tar_of("package/zeros.json", reader.FREE * 2), 9)
    assert len(bomb) < 100_000
    with pytest.raises(PackageRefused, match="times its size"):
        read_package(bomb)


def test_sizes_and_numbers_of_files_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_JSON", 1500)
    with pytest.raises(PackageRefused, match="of JSON"):
        read_package(archive(files() | {f"package/{n}.json": b"{}" + b" " * 600 for n in range(3)}))
    monkeypatch.setattr(reader, "MAX_FILE", 1000)
    with pytest.raises(PackageRefused, match=r"large\.json has"):
        read_package(archive(files() | {"package/large.json": b" " * 1001}))
    monkeypatch.setattr(reader, "MAX_FILES", 3)
    with pytest.raises(PackageRefused, match="more than 3 files"):
        read_package(archive(files() | {f"package/{n}.txt": b"" for n in range(3)}))
    monkeypatch.setattr(reader, "MAX_UNPACKED", 2000)
    with pytest.raises(PackageRefused, match="unpacks to more"):
        read_package(archive(files() | {"package/x": b"x" * 900}))


def test_a_header_that_never_ends_is_refused() -> None:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as tar:
        info = tarfile.TarInfo("package/package.json")
        info.pax_headers = {"comment": "x" * (2 * reader.HEADER)}
        tar.addfile(info)
    with pytest.raises(PackageRefused, match="header"):
        read_package(gzip.compress(plain.getvalue(), 1))


def tar_of(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size = size
    return info.tobuf() + bytes(size) + bytes(1024)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "gzip"),
        (b"PK\x03\x04 a zip file", "gzip"),
        (gzip.compress(b"no tar file at all, only some text" * 100), "damaged"),
        (archive({"package/x.json": b"{}"}), "no package/package.json"),
        (archive({"package/package.json": b"{"}), "package.json cannot be read"),
        (archive({"package/package.json": b"[]"}), "no JSON object"),
        (archive({"package/package.json": b'{"version": "1.0.0"}'}), "name"),
        (archive({"package/package.json": b'{"name": "../x", "version": "1.0.0"}'}), "name"),
        (archive({"package/package.json": b'{"name": "x", "version": "1 or 2"}'}), "version"),
    ],
    # Compressed bytes carry the time: without names, two workers of one run would collect different tests.
    ids=("empty", "zip", "no-tar", "no-header", "no-json", "no-object", "no-name", "path-in-name", "two-versions"),
)
def test_what_is_no_package_is_refused_with_the_reason(data: bytes, why: str) -> None:
    with pytest.raises(PackageRefused, match=why):
        read_package(data)


def test_a_cut_archive_is_refused() -> None:
    data = archive(files(*(profile(f"p{n}", "1.0.0") for n in range(50))))
    for length in range(40, len(data) - 1, 97):
        with pytest.raises(PackageRefused):
            read_package(data[:length])


def test_links_in_a_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "package.json").write_text(json.dumps(manifest()))
    (tmp_path / "secret.json").write_text("{}")
    (tmp_path / "package" / "link.json").symlink_to(tmp_path / "secret.json")
    with pytest.raises(PackageRefused, match=r"link\.json is a link"):
        read_package(tmp_path)
    with pytest.raises(PackageRefused, match="no FHIR package"):
        read_package(tmp_path.parent)


def test_the_cache_of_the_user_has_a_folder_for_each_version(tmp_path: Path) -> None:
    for version in ("6.1.0", "6.1.1", "6.10.0", "7.0.0-ballot"):
        folder = tmp_path / f"example.guide#{version}" / "package"
        folder.mkdir(parents=True)
        (folder / "package.json").write_text(json.dumps(manifest(version=version)))

    def found(version: str) -> str | None:
        path = in_cache("example.guide", version, tmp_path)
        return path and path.name.partition("#")[2]

    assert found("6.1.0") == "6.1.0"
    assert found("6.1.x") == "6.1.1"
    assert found("6") == "6.10.0"
    assert found("") == "6.10.0"
    assert found("7.0.0-ballot") == "7.0.0-ballot"
    assert found("8.0.0") is None
    assert in_cache("example.other", "", tmp_path) is None
    assert in_cache("example.guide", "", tmp_path / "nowhere") is None
