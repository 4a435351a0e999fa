"""Compare our validator with the verdicts of HL7's reference validator in its official R4 cases.

    .venv/bin/python tools/validator_suite.py [FOLDER] [CASE …]

FOLDER: the shared test material, `../shared` by default. Writes docs/validation-suite.md; with names of cases, prints
the issues of both sides instead.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from suture.fhir.outcomes import Issue  # noqa: E402 (after the path)
from tests.fhir.validator_suite import EXTENSIONS, Run, Suite, places, reasons  # noqa: E402 (after the path)

PAGE = ROOT / "docs" / "validation-suite.md"

INTRODUCTION = """# Official validator cases

HL7 tests its reference validator with cases: a resource, the definitions that it needs, and what the validator says of
it. Suture runs the cases for R4 and compares verdicts: is the resource valid, and where are the errors. The code knows
no case by its name, and holds no expected answer. This page is written by `tools/validator_suite.py`;
`tests/fhir/test_validator_suite.py` fails when a case is judged differently that is not listed here.

Each case is judged as it is and, where it names a profile, once more against that profile. As in the reference
validator's own runs, unknown extensions and wrong displays are errors, and the package `{extensions}` is loaded.
Terminology is what ships with Suture and what a case brings along: there is no SNOMED CT and no LOINC.
"""


def percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "–"


def numbers(runs: Sequence[Run]) -> str:
    cases = {run.case for run in runs}
    agreed = cases - {run.case for run in runs if not run.agrees}
    valid = [run for run in runs if run.valid]
    invalid = [run for run in runs if not run.valid and not run.accepted]
    rows = (
        ("Judgements with the same verdict", sum(run.agrees for run in runs), len(runs)),
        ("Cases with the same verdict in all judgements", len(agreed), len(cases)),
        ("Valid resources that are accepted (no false alarm)", sum(run.accepted for run in valid), len(valid)),
        ("Invalid resources with an error in the same place", sum(run.overlaps for run in invalid), len(invalid)),
    )
    lines = [f"| {what} | {part} of {whole} | {percent(part, whole)} |" for what, part, whole in rows]
    return "\n".join(["| | count | share |", "|---|---|---|", *lines])


def disagreements(runs: Sequence[Run]) -> str:
    why = reasons()
    lines = ["| case | reference validator | Suture | why |", "|---|---|---|---|"]
    for run in runs:
        if not run.agrees:
            verdicts = [("invalid", "valid")[verdict] for verdict in (run.valid, run.accepted)]
            lines.append(f"| {run.name} | {verdicts[0]} | {verdicts[1]} | {why[run.name]} |")
    return "\n".join(lines)


def elsewhere(runs: Sequence[Run]) -> str:
    lines = ["| case | reference validator | Suture |", "|---|---|---|"]
    both = (run for run in runs if not run.valid and not run.accepted)
    lines += [f"| {run.name} | {_places(run.theirs)} | {_places(run.ours)} |" for run in both if not run.overlaps]
    return "\n".join(lines)


def _places(issues: Sequence[Issue]) -> str:
    found = sorted(places(issues))
    return ", ".join(f"`{place}`" if place else "the text as a whole" for place in found[:3])


def page(suite: Suite) -> str:
    runs: list[Run] = []
    left_out: list[tuple[str, str]] = []
    for case in suite.cases:
        why = suite.missing(case)
        found = [] if why else suite.run(case)
        runs += found
        if not found:
            left_out.append((case["name"], why or "the reference validator's outcome is not in the suite"))
    rows = "\n".join(f"| {name} | {why} |" for name, why in left_out)
    return f"""{INTRODUCTION.format(extensions=EXTENSIONS.removesuffix(".tgz"))}
## Result

{numbers(runs)}

## Other verdicts

{disagreements(runs)}

## The same verdict, errors in other places

{elsewhere(runs)}

## Cases that are not run

{len(left_out)} of {len(suite.cases)}.

| case | why |
|---|---|
{rows}
"""


def show(suite: Suite, names: Sequence[str]) -> None:
    """Print the issues of both sides."""
    for case in suite.cases:
        for run in suite.run(case) if case["name"] in names else ():
            print(f"{run.name}: {'agreed' if run.agrees else 'NOT agreed'}")
            for side, issues in (("theirs", run.theirs), ("ours", run.ours)):
                for issue in issues:
                    print(f"  {side:6} {issue.severity:11} {issue.expression}: {issue.diagnostics}")


def main(arguments: Sequence[str]) -> None:
    folder = Path(arguments[0]) if arguments else ROOT.parent / "shared"
    suite = Suite(folder)
    if arguments[1:]:
        show(suite, arguments[1:])
    else:
        PAGE.write_text(page(suite), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
