"""Every official suite that the tests run, as one list of things that can be counted: `tools/conformance.py` does.

The one thing to know: nothing is judged here. Each runner calls what the tests of its suite call, or the test function
itself, case by case, and counts how it goes.
"""

import contextlib
import tempfile
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from suture.fhir.versions import Version
from tests import servers
from tests.api.graphql import test_official as graphql
from tests.api.terminology_suite import Suite as TerminologySuite
from tests.fhir import judged_examples, test_official_examples, test_xml_round_trip, validator_suite
from tests.fhir.fhirpath import test_official_suite as fhirpath
from tests.fhir.patch import test_official_patch_cases, test_xml_patch
from tests.fhir.validator_suite import Suite as ValidatorSuite


class Result(msgspec.Struct):
    """How a suite went. `others`: name and reason of each case with another outcome than the suite wants."""

    cases: int
    others: dict[str, str] = {}
    not_run: dict[str, str] = {}

    @property
    def passed(self) -> int:
        return self.cases - len(self.others) - len(self.not_run)


class Official(msgspec.Struct, frozen=True):
    """A suite. `source`: where it is from, with its version; `page`: the page under docs that tells of its cases.

    `test`: the file of the tests that hold Suture to it. `quick`: it runs in a few seconds, without a server. `how`:
    where the runner does not take a case literally. `needs`: a folder of the shared material that may not be there.
    """

    key: str
    title: str
    source: str
    unit: str
    test: str
    run: Callable[[Path], Result]
    page: str = ""
    quick: bool = False
    how: str = ""
    needs: str = ""


def counted(faults: Iterable[tuple[str, str]]) -> Result:
    """The result of cases given as (name, what is wrong); "" is right. A name that comes again gets a number."""
    result = Result(0)
    names: dict[str, int] = {}
    for name, fault in faults:
        result.cases += 1
        names[name] = names.get(name, 0) + 1
        if fault:
            result.others[name if names[name] == 1 else f"{name} ({names[name]})"] = fault
    return result


def fault(test: Callable[..., None], *given: Any) -> str:
    """What a test function says of one case; "" when it passes."""
    try:
        test(*given)
    except (Exception, pytest.fail.Exception) as error:
        return next(iter(str(error).splitlines()), "") or f"{type(error).__name__} in {test.__name__}"
    return ""


def run_fhirpath(_: Path) -> Result:
    return counted((test.get("name"), fhirpath.R4.fault(test)) for test in fhirpath.R4.tests())


def run_other_fhirpath(version: Version, shared: Path) -> Result:
    suite = fhirpath.of_cases(version, shared / ALL_CASES)
    result = Result(0)
    for test in suite.tests():
        name = test.get("name")
        result.cases += 1
        if missing := suite.missing(test):
            result.not_run[name] = missing
        elif wrong := suite.fault(test):
            result.others[name] = fhirpath.REASONS.get(name, wrong)
    return result


def run_validator(version: Version, folder: str, shared: Path) -> Result:
    """A case passes when all its judgements agree."""
    suite = ValidatorSuite(shared, version, folder)
    known = validator_suite.reasons()
    result = Result(len(suite.cases))
    for case in suite.cases:
        why = suite.missing(case)
        runs = [] if why else suite.run(case)
        if not runs:
            result.not_run[case["name"]] = why or "the reference validator's outcome is not in the suite"
        elif wrong := next((run for run in runs if not run.agrees), None):
            result.others[wrong.name] = known.get(wrong.name, "no reason is known")
    return result


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def run_terminology(shared: Path) -> Result:
    folder = shared / "suites" / "terminology"
    suite = TerminologySuite.of_ecosystem(folder)
    with _folder() as place:
        server = servers.start(f"sqlite:///{place / 'suture.db'}", place)
        try:
            with httpx.Client(base_url=server.fhir, timeout=60) as client:
                return counted(suite.results(client))
        finally:
            server.stop()


def run_graphql(_: Path) -> Result:
    with _folder() as one, _folder() as two:
        urls = [f"sqlite:///{folder / 'suture.db'}" for folder in (one, two)]
        with graphql.serving(urls, [one, two]) as begin:
            resources, searched = begin(graphql.LOADED), begin(graphql.SEARCHED)
            found = [(case["name"], fault(graphql.test_manifest, case, resources, searched)) for case in graphql.CASES]
            for kind in graphql.KINDS:
                found += [
                    (f"{kind}/{name}", fault(graphql.check_server, test, resources))
                    for name, test in graphql.server_tests(kind).items()
                ]
            return counted(found)


def run_fhirpath_patch(_: Path) -> Result:
    suite = test_official_patch_cases
    return counted((case.get("name"), fault(suite.test_fhirpath_patch, case)) for case in suite.FHIRPATH_CASES)


def run_json_patch(_: Path) -> Result:
    suite = test_official_patch_cases
    return counted((case["comment"], fault(suite.test_json_patch, case)) for case in suite.JSON_CASES)


def run_xml_patch(_: Path) -> Result:
    suite = test_xml_patch
    return counted((case.get("name"), fault(suite.test_official_case, case)) for case in suite.CASES)


def run_structure(version: Version, shared: Path) -> Result:
    package, _ = test_official_examples.PACKAGES[version]
    count, refused = test_official_examples.judge(version, shared / "packages" / package, lambda _, __: True)
    reasons = {one["file"]: one["reason"] for one in test_official_examples.REFUSED[version.value]}
    return Result(count, {name: reasons.get(name, f"refused at {places[0]}") for name, places in refused.items()})


def run_synthea(shared: Path) -> Result:
    paths = test_official_examples.bundles(shared, 1)
    faults = {path.name: fault(test_official_examples.check_synthea, [path]) for path in paths}
    return counted(faults.items())


def run_judged(source: judged_examples.Source, shared: Path) -> Result:
    count, errors = judged_examples.refused(shared, source)
    return Result(count, {name: f"{issue.expression}: {issue.diagnostics}" for name, issue in errors.items()})


def run_xml(version: Version, shared: Path) -> Result:
    return counted(test_xml_round_trip.round_trips(version, shared, 1))


CASES = "github.com/FHIR/fhir-test-cases"
ALL_CASES = "suites/fhir-test-cases"
"""The unpacked archive of all of them, `org.hl7.fhir.testcases:fhir-test-cases`."""

COLLECTED = "1.7.69"
"""The version of that archive which the page tells of."""

EXAMPLES = {Version.R4: "R4 4.0.1", Version.R4B: "R4B 4.3.0", Version.R5: "R5 5.0.0"}


def _package(version: Version) -> str:
    name, number = test_official_examples.PACKAGES[version][0].removesuffix(".tgz").split("#")
    return f"`{name}` {number}"


def _judged(source: judged_examples.Source) -> Official:
    origin = "102 Synthea transaction bundles for R4"
    if source.package:
        name, number = source.package.removesuffix(".tgz").split("#")
        origin = f"`{name}` {number}"
    return Official(
        "judged-" + source.title.lower().replace(" ", "-"),
        f"Examples, fully judged: {source.title}",
        origin,
        "resources" if source.package else "bundles",
        "tests/fhir/test_judged_examples.py",
        partial(run_judged, source),
        "validation-examples.md",
    )


STRUCTURE = "tests/fhir/test_official_examples.py"
PATCH = "tests/fhir/patch/test_official_patch_cases.py"
SUITES: tuple[Official, ...] = (
    Official(
        "fhirpath",
        "FHIRPath test suite, R4",
        f"{CASES}, r4/fhirpath",
        "tests",
        "tests/fhir/fhirpath/test_official_suite.py",
        run_fhirpath,
        quick=True,
        how="One input has its extensions behind its status, where FHIR XML does not allow them: they are moved. Where "
        "an error is wanted, any error of FHIRPath counts, at parsing or at run time.",
    ),
    *(
        Official(
            f"fhirpath-{version.value}",
            f"FHIRPath test suite, {version.name}",
            f"{CASES} {COLLECTED}, {version.value}/fhirpath",
            "tests",
            "tests/fhir/fhirpath/test_official_suite.py",
            partial(run_other_fhirpath, version),
            needs=ALL_CASES,
        )
        for version in (Version.R4B, Version.R5)
    ),
    Official(
        "validator",
        "Validator cases, R4",
        f"{CASES}, validator, those for R4",
        "cases",
        "tests/fhir/test_validator_suite.py",
        partial(run_validator, Version.R4, validator_suite.R4_CASES),
        "validation-suite.md",
    ),
    *(
        Official(
            f"validator-all-{version.value}",
            f"All validator cases, {version.name}",
            f"{CASES} {COLLECTED}, validator, those for {version.name}",
            "cases",
            "tests/fhir/test_validator_suite.py",
            partial(run_validator, version, validator_suite.ALL_CASES),
            how="" if version is Version.R4 else "The package of extensions is that for R4, which is at hand.",
            needs=ALL_CASES,
        )
        for version in Version
    ),
    Official(
        "terminology",
        "Terminology ecosystem",
        "HL7's terminology ecosystem, 9 suites, over HTTP with R4",
        "tests",
        "tests/api/operations/test_terminology_suite.py",
        run_terminology,
        how="The cases are in the format of R5: requests are converted to R4 and answers to R5, as the official runner "
        "does. The modes general and tx.fhir.org are on, and texts are compared with those of HL7's own server. "
        "[Terminology](terminology.md) has the rules of the comparison.",
    ),
    Official(
        "graphql",
        "GraphQL tests, R4",
        f"{CASES}, graphql, for R4, over HTTP",
        "tests",
        "tests/api/graphql/test_official.py",
        run_graphql,
        how="The suite was made for a stub: exactly the resources that it needs are loaded. In search-full what "
        "the stub makes up (counts, pages, cursors, modes, scores) is not compared but looked at apart; searches "
        "may answer in any order; the id of one example is another in the manifest.",
    ),
    Official(
        "patch-fhirpath",
        "FHIRPath Patch tests, R4",
        f"{CASES}, patch, fhir-patch-tests.xml",
        "cases",
        PATCH,
        run_fhirpath_patch,
        quick=True,
        how="White space and escapes of narratives are compared in one form. Where an error is wanted, any refusal "
        "counts.",
    ),
    Official(
        "patch-json",
        "JSON Patch tests, R4",
        f"{CASES}, patch, json-patch-tests.json",
        "cases",
        PATCH,
        run_json_patch,
        quick=True,
        how="Where an error is wanted, any refusal counts.",
    ),
    Official(
        "patch-xml",
        "XML Patch tests, R4",
        f"{CASES}, patch, xml-patch-tests.xml",
        "cases",
        "tests/fhir/patch/test_xml_patch.py",
        run_xml_patch,
        quick=True,
        how="White space between elements does not count. Where an error is wanted, any refusal counts.",
    ),
    *(
        Official(
            f"structure-{version.value}",
            f"Official examples, structure: {EXAMPLES[version]}",
            _package(version),
            "files",
            STRUCTURE,
            partial(run_structure, version),
            "conformance-examples.md",
        )
        for version in Version
    ),
    Official(
        "structure-synthea",
        "Synthetic patients, structure: Synthea",
        "102 Synthea transaction bundles for R4, 38,970 resources",
        "bundles",
        STRUCTURE,
        run_synthea,
    ),
    *map(_judged, judged_examples.SOURCES),
    *(
        Official(
            f"xml-{version.value}",
            f"Official examples, JSON to XML and back: {EXAMPLES[version]}",
            _package(version),
            "files",
            "tests/fhir/test_xml_round_trip.py",
            partial(run_xml, version),
        )
        for version in Version
    ),
)
