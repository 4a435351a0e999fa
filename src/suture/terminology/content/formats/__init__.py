"""The formats of releases, and which one a set of files is."""

import re
from collections.abc import Sequence

import msgspec

from suture.terminology.content.dialects import US_ENGLISH
from suture.terminology.content.files import File, ReleaseError
from suture.terminology.content.formats.cvx import VaccineRelease
from suture.terminology.content.formats.icd10cm import OrderFile, TabularList
from suture.terminology.content.formats.icd10pcs import ProcedureOrderFile
from suture.terminology.content.formats.iso3166_2 import SubdivisionRelease
from suture.terminology.content.formats.loinc import LoincRelease
from suture.terminology.content.formats.nucc import TaxonomyRelease
from suture.terminology.content.formats.rf2 import SnomedRelease
from suture.terminology.content.formats.rf2_files import is_release
from suture.terminology.content.formats.rxnorm import RxNormRelease
from suture.terminology.content.release import Release

KINDS = {
    "snomed": "SNOMED CT, RF2 (sct2_Concept_….txt and the files beside it)",
    "loinc": "LOINC (Loinc.csv and the folders beside it)",
    "rxnorm": "RxNorm, RRF (RXNCONSO.RRF, RXNREL.RRF, RXNSAT.RRF, RXNSTY.RRF)",
    "icd-10-cm": "ICD-10-CM (icd10cm_tabular_….xml, or icd10cm_order_….txt)",
    "icd-10-pcs": "ICD-10-PCS (icd10pcs_order_….txt)",
    "cvx": "CVX vaccine codes (cvx.txt)",
    "nucc": "NUCC provider taxonomy (nucc_taxonomy_….csv)",
    "iso-3166-2": "ISO 3166-2 subdivisions of countries (iso_3166-2.json of iso-codes)",
}
"""What can be loaded: kind -> the files by which it is known."""


SUBDIVISIONS = r"iso[-_]?3166-2\.json"
"""The name of the file of ISO 3166-2."""


class Wishes(msgspec.Struct, frozen=True):
    """What the user says of a release. `version`: which it is, "" to read it from the files. `dialects`: language
    reference sets for the displays of SNOMED CT, in order.
    """

    version: str = ""
    dialects: Sequence[int] = (US_ENGLISH,)


def release_of(files: Sequence[File], kind: str = "", wishes: Wishes = Wishes()) -> Release:  # noqa: B008 (frozen)
    """The release that these files are. `kind`: one of KINDS, "" to find out.

    Raises ReleaseError, also for a file or column that is missing.
    """
    release = _release(files, kind or _kind(files), wishes)
    release.check()
    return release


def _release(files: Sequence[File], kind: str, wishes: Wishes) -> Release:
    match kind:
        case "snomed":
            return SnomedRelease(files, wishes.version, wishes.dialects)
        case "loinc":
            return LoincRelease(files, wishes.version)
        case "rxnorm":
            return RxNormRelease(files, wishes.version)
        case "icd-10-cm":
            return _diagnoses(files, wishes.version)
        case "icd-10-pcs":
            return ProcedureOrderFile(_one(files, r".*icd-?10-?pcs.*order.*\.txt"), wishes.version)
        case "cvx":
            return VaccineRelease(_one(files, r".*cvx.*\.txt"), wishes.version)
        case "nucc":
            return TaxonomyRelease(_one(files, r".*nucc.*\.csv"), wishes.version)
        case "iso-3166-2":
            return SubdivisionRelease(_one(files, SUBDIVISIONS), wishes.version)
        case _:
            raise ReleaseError(f"{kind} is no kind of release; the kinds are {', '.join(KINDS)}.")


def _kind(files: Sequence[File]) -> str:
    if is_release(files):
        return "snomed"
    for kind, pattern in (
        ("loinc", r"loinc\.csv"),
        ("rxnorm", r"rxnconso\.rrf"),
        ("icd-10-pcs", r".*icd-?10-?pcs.*order.*\.txt"),
        ("icd-10-cm", r"icd-?10-?cm?[-_].*tabular.*\.xml|.*icd-?10-?cm.*order.*\.txt"),
        ("nucc", r".*nucc.*\.csv"),
        ("cvx", r".*cvx.*\.txt"),
        ("iso-3166-2", SUBDIVISIONS),
    ):
        if _matching(files, pattern):
            return kind
    known = "; ".join(KINDS.values())
    raise ReleaseError(f"None of these {len(files)} files is known, such as {files[0].path}. Known are: {known}.")


def _diagnoses(files: Sequence[File], version: str) -> Release:
    codes = [
        file
        for pattern in (r".*icd-?10-?cm.*order.*\.txt", r".*icd-?10-?cm.*codes.*\.txt", r"code-list.*\.txt")
        for file in _matching(files, pattern)
        if "addenda" not in file.name.lower()
    ]
    tabular = _matching(files, r"icd-?10-?cm?[-_].*tabular.*\.xml")
    if tabular:
        return TabularList(tabular[0], codes[0] if codes else None, version)
    if codes:
        return OrderFile(codes[0], version)
    raise ReleaseError(f"ICD-10-CM needs {KINDS['icd-10-cm']}; none of these {len(files)} files is that.")


def _one(files: Sequence[File], pattern: str) -> File:
    found = [file for file in _matching(files, pattern) if "addenda" not in file.name.lower()]
    if not found and len(files) == 1:
        return files[0]
    if len(found) != 1:
        names = ", ".join(file.path for file in found) or "none"
        raise ReleaseError(f"One file was expected, of the {len(files)} there fit: {names}. Name the file itself.")
    return found[0]


def _matching(files: Sequence[File], pattern: str) -> list[File]:
    return [file for file in files if re.fullmatch(pattern, file.name, re.IGNORECASE)]
