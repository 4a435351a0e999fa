"""The ICD-10-CM pack: the official tabular list and code list, fetched from the Python package index when a user asks.

The files are in the public domain; the package `simple-icd-10-cm` (MIT) carries them unchanged. Nothing of it is run:
the archive is read like any other release. The one thing to know: version and digest are fixed here, so what is loaded
is what was tested.
"""

import hashlib
import subprocess
import sys
from pathlib import Path

from suture.terminology.content.files import ReleaseError

NAME = "icd-10-cm"

PACKAGE, VERSION = "simple-icd-10-cm", "1.5.0"
FILE = "simple_icd_10_cm-1.5.0-py3-none-any.whl"
DIGEST = "6d461d71dc26aedc530ae65f02cfb578a154e49507c32e8241e75f701d4b7e42"

SECONDS = 300


def fetched(folder: Path) -> Path:
    """The archive, downloaded into `folder` by pip. Raises ReleaseError with what to do instead."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-input", "--only-binary=:all:"]
    by_hand = (
        f"Fetch it by hand (pip download --no-deps {PACKAGE}=={VERSION}), or get icd10cm_tabular_….xml from "
        "https://www.cms.gov/medicare/coding-billing/icd-10-codes, and give the file to suture terminology add"
    )
    try:
        done = subprocess.run(  # noqa: S603 (a constant command)
            [*command, "--quiet", "--disable-pip-version-check", "--dest", str(folder), f"{PACKAGE}=={VERSION}"],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ReleaseError(f"ICD-10-CM could not be fetched: {error}. {by_hand}.") from None
    path = folder / FILE
    if done.returncode != 0 or not path.is_file():
        said = (done.stderr.strip().splitlines() or ["pip did not say why"])[-1]
        raise ReleaseError(f"ICD-10-CM could not be fetched: {said}. {by_hand}.")
    if hashlib.sha256(path.read_bytes()).hexdigest() != DIGEST:
        raise ReleaseError(
            f"What was fetched as ICD-10-CM is not what was expected: its digest is different. {by_hand}."
        )
    return path
