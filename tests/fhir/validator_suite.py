"""HL7's official validator cases: run, and compared with what its validator says.

A case is a resource with the definitions it needs; it is judged once as it is, and once more against a profile where
the case names one. `tools/validator_suite.py` prints the comparison and writes docs/validation-suite.md.
"""

import asyncio
import json
import re
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from suture.fhir.definitions import load
from suture.fhir.fhirpath import Engine
from suture.fhir.json import decode
from suture.fhir.outcomes import FhirError, Issue
from suture.fhir.packages import Canonicals, Collection, CoreCanonicals, Layers, read_package
from suture.fhir.packages.collection import entry
from suture.fhir.profiles import Context, Judge
from suture.fhir.rules import Expectations
from suture.fhir.rules.entries import references
from suture.fhir.versions import Version
from suture.fhir.xml import read
from tests.fhir.suite_terminology import SuiteTerminology

Json = dict[str, Any]

EXTENSIONS = "hl7.fhir.uv.extensions.r4#5.3.0.tgz"
"""The reference validator always loads HL7's package of extensions. That for R4 serves all versions."""

R4_CASES = "suites/validator-r4"
ALL_CASES = "suites/fhir-test-cases/validator"
"""The same folder in the unpacked archive of all official test cases."""

ERRORS = ("error", "fatal")

DISAGREEMENTS = Path(__file__).parent / "validator_disagreements.toml"


class Run(msgspec.Struct):
    """One judgement. `profile`: whether it was against the profile of the case. `theirs`, `ours`: the issues."""

    case: str
    profile: bool
    theirs: list[Issue]
    ours: list[Issue]

    @property
    def name(self) -> str:
        return f"{self.case} (profile)" if self.profile else self.case

    @property
    def valid(self) -> bool:
        """What the reference validator says."""
        return not any(issue.severity in ERRORS for issue in self.theirs)

    @property
    def accepted(self) -> bool:
        """What we say."""
        return not any(issue.severity in ERRORS for issue in self.ours)

    @property
    def agrees(self) -> bool:
        return self.valid == self.accepted

    @property
    def overlaps(self) -> bool:
        """Whether one place of an error is the same in both."""
        return bool(places(self.theirs) & places(self.ours))


def places(issues: Iterable[Issue]) -> set[str]:
    """Where the errors are, in the form of our locations."""
    return {_place(issue.expression) for issue in issues if issue.severity in ERRORS}


_COMMENT = re.compile(r"/\*.*?\*/")
_TYPE = re.compile(r"\.ofType\([^()]*\)")
_URL = re.compile(r"\[url='[^']*'\]")


def _place(expression: str) -> str:
    expression = _URL.sub("", _TYPE.sub("", _COMMENT.sub("", expression)))
    if expression.startswith("/f:"):
        expression = expression.replace("/f:", ".").lstrip(".")
    return expression.replace("/", "").strip(".").replace("(xml)", "").replace("$", "")


class Suite:
    """The cases of one folder for one FHIR version; those that say none are for R5.

    `folder`: below the shared material; that with the cases for R4, or with all of them.
    """

    def __init__(self, shared: Path, version: Version = Version.R4, folder: str = R4_CASES) -> None:
        self.folder = shared / folder
        self.packages = shared / "packages"
        self.version = version
        manifest: Json = json.loads((self.folder / "manifest.json").read_text("utf-8"))
        release = version.number.rpartition(".")[0]
        self.cases: list[Json] = [
            case for case in manifest["test-cases"] if f"{case.get('version', '5.0')}.".startswith(f"{release}.")
        ]
        self.definitions = load(version)
        self.engine = Engine(self.definitions)
        self.core = Layers([Collection.of([read_package(self.packages / EXTENSIONS)]), CoreCanonicals(version)])

    def missing(self, case: Json) -> str:
        """Why a case cannot be run here; "" when it can."""
        for package in case.get("packages", ()):
            if self._package(package) is None:
                return f"package {package} is not at hand"
        if not (self.folder / case["file"]).exists():
            return "its file is not at hand"
        if Path(case["file"]).suffix not in (".json", ".xml", ".ndjson"):
            return "its format is not one of FHIR's"
        if case.get("validateReference") == "CHECK_VALID":
            resource, _ = self._read(self.folder / case["file"])
            for _, reference in references(resource or {}):
                if not reference.startswith("#") and self.referenced(reference) is None:
                    return f"the resource {reference}, which it refers to, is not at hand"
        return ""

    def referenced(self, reference: str) -> Json | None:
        """The resource that a relative reference of a case leads to, where the suite has it as a file."""
        name = reference.replace("/", "-").lower()
        for suffix in (".json", ".xml"):
            path = self.folder / f"{name}{suffix}"
            if path.exists():
                return self._read(path)[0]
        return None

    def _package(self, name: str) -> Path | None:
        beside = self.folder / name
        return beside if beside.exists() else next(iter(self.packages.glob(f"{name}.tgz")), None)

    def run(self, case: Json) -> list[Run]:
        """The judgements of a case for which the reference validator's outcome is there."""
        return asyncio.run(self._run(case))

    async def _run(self, case: Json) -> list[Run]:
        runs: list[Run] = []
        profile: Json = case.get("profile") or {}
        theirs = self._outcome(case.get("java"))
        if theirs is not None:
            files = [*case.get("supporting", ()), *case.get("supporting5", ()), *case.get("profiles", ())]
            runs.append(Run(case["name"], False, theirs, await self._judge(case, files, ())))
        theirs = self._outcome(profile.get("java"))
        if theirs is not None and profile.get("source"):
            files = [*case.get("supporting", ()), *case.get("profiles", ()), *profile.get("supporting", ())]
            source: str = profile["source"]
            if not source.startswith("http"):
                files.append(source)
                found, _ = self._read(self.folder / source)
                source = found["url"] if found else ""
            elif self._canonicals(case, files).find("StructureDefinition", source) is None:
                return runs  # Its package is not at hand.
            runs.append(Run(case["name"], True, theirs, await self._judge(case, files, (source,) if source else ())))
        return runs

    async def _judge(self, case: Json, files: Sequence[str], profiles: Sequence[str]) -> list[Issue]:
        resource, issues = self._read(self.folder / case["file"])
        canonicals = self._canonicals(case, files)
        judge = Judge(self.definitions, canonicals, self.engine)
        rule = case.get("bundle-param")
        context = Context(
            oracle=SuiteTerminology(canonicals, self.version),
            expectations=expectations(case),
            guided=True,
            entries=((rule["rule"], rule["profile"]),) if rule else (),
        )
        if Path(case["file"]).suffix == ".ndjson":
            return [
                issue for line in resource for issue in await judge.issues(line, profiles=profiles, context=context)
            ]
        if resource is not None:
            issues = [*issues, *await judge.issues(resource, profiles=profiles, context=context)]
        return issues

    def _canonicals(self, case: Json, files: Sequence[str]) -> Canonicals:
        found: list[Json] = []
        for file in files:
            resource, _ = self._read(self.folder / file)
            if isinstance(resource, dict) and resource.get("resourceType") == "Bundle":
                found += [item["resource"] for item in resource.get("entry", ()) if "resource" in item]
            elif isinstance(resource, dict):
                found.append(resource)
        own = Collection(
            entry(item["resourceType"], item["url"], item.get("version", ""), item) for item in found if "url" in item
        )
        # The map says where the packages are that those depend on.
        names = [*case.get("packages", ()), *case.get("package-map", {}).values()]
        packages = [read_package(path) for name in names if (path := self._package(name))]
        return Layers([own, Collection.of(packages), self.core])

    def _outcome(self, stated: Any) -> list[Issue] | None:
        """The reference validator's issues; None where they are not there."""
        if isinstance(stated, str):
            path = self.folder / "outcomes" / stated
            if not path.exists():
                return None
            stated = json.loads(path.read_text("utf-8"))
        if not isinstance(stated, dict):
            return None
        outcome: Json = stated.get("outcome", stated)
        if "issue" in outcome or outcome.get("resourceType") == "OperationOutcome":
            return [_issue(item) for item in outcome.get("issue", ())]
        if "errorCount" not in stated:
            return None
        return [Issue("error", "invalid", "not told", "?")] * stated["errorCount"]

    def _read(self, path: Path) -> tuple[Any, list[Issue]]:
        """(the resource, or the lines of NDJSON; problems of the form)"""
        data = path.read_bytes()
        try:
            if path.suffix == ".xml":
                return read(data, self.definitions)
            if path.suffix == ".ndjson":
                return [decode(line) for line in data.splitlines() if line.strip()], []
            return decode(data), []
        except FhirError as error:
            return None, error.issues


def _issue(item: Json) -> Issue:
    places = item.get("expression") or [""]
    return Issue(item["severity"], item["code"], item.get("details", {}).get("text", ""), places[0])


def expectations(case: Json) -> Expectations:
    """What a case asks of the validator beyond the specification."""
    domains = case.get("allowed-extension-domain")
    return Expectations(
        extension_domains=(domains,) if isinstance(domains, str) else tuple(domains or ()),
        examples=case.get("examples", True),
        security=bool(case.get("security-checks")),
        display="warning" if case.get("wrong-displays") == "warning" else "error",
    )


def reasons() -> dict[str, str]:
    """Why we judge another way than the reference validator, by the name of the judgement."""
    groups = tomllib.loads(DISAGREEMENTS.read_text("utf-8"))["disagreement"]
    return {name: group["reason"] for group in groups for name in group["cases"]}
