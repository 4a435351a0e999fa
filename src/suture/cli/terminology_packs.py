"""Code systems that `suture terminology add` fetches when a user asks for them by name, from the Python package index.

Nothing of a package is run: it is read like any other archive. The one thing to know: version and digest are fixed
here, so what is loaded is what was tested.
"""

import hashlib
import subprocess
import sys
from pathlib import Path

import msgspec

from suture.terminology.content.files import ReleaseError

SECONDS = 300


class Pack(msgspec.Struct, frozen=True):
    """A package that carries the files of a code system. `title`: what it is for people. `file`: the package's wheel.
    `else_from`: where its files come from otherwise.
    """

    title: str
    package: str
    version: str
    file: str
    digest: str
    else_from: str


PACKS = {
    # the files are in the public domain; the package is under MIT
    "icd-10-cm": Pack(
        "ICD-10-CM",
        "simple-icd-10-cm",
        "1.5.0",
        "simple_icd_10_cm-1.5.0-py3-none-any.whl",
        "6d461d71dc26aedc530ae65f02cfb578a154e49507c32e8241e75f701d4b7e42",
        "icd10cm_tabular_….xml from https://www.cms.gov/medicare/coding-billing/icd-10-codes",
    ),
    # the file is that of the iso-codes project; it and the package are under LGPL 2.1
    "iso-3166-2": Pack(
        "ISO 3166-2",
        "pycountry",
        "26.2.16",
        "pycountry-26.2.16-py3-none-any.whl",
        "115c4baf7cceaa30f59a4694d79483c9167dbce7a9de4d3d571c5f3ea77c305a",
        "iso_3166-2.json from https://salsa.debian.org/iso-codes-team/iso-codes",
    ),
}
"""What can be fetched: kind of release -> package."""


def fetched(name: str, folder: Path) -> Path:
    """The archive of one of PACKS, downloaded into `folder` by pip. Raises ReleaseError with what to do instead."""
    pack = PACKS[name]
    wanted = f"{pack.package}=={pack.version}"
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-input", "--only-binary=:all:"]
    by_hand = (
        f"Fetch it by hand (pip download --no-deps {wanted}), or get {pack.else_from}, "
        "and give the file to suture terminology add"
    )
    try:
        done = subprocess.run(  # noqa: S603 (a constant command)
            [*command, "--quiet", "--disable-pip-version-check", "--dest", str(folder), wanted],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ReleaseError(f"{pack.title} could not be fetched: {error}. {by_hand}.") from None
    path = folder / pack.file
    if done.returncode != 0 or not path.is_file():
        said = (done.stderr.strip().splitlines() or ["pip did not say why"])[-1]
        raise ReleaseError(f"{pack.title} could not be fetched: {said}. {by_hand}.")
    if hashlib.sha256(path.read_bytes()).hexdigest() != pack.digest:
        raise ReleaseError(
            f"What was fetched as {pack.title} is not what was expected: its digest is different. {by_hand}."
        )
    return path
