"""Run the official suites and write docs/conformance.md from their results.

    .venv/bin/python tools/conformance.py [--check] [--shared FOLDER] [SUITE …]

Without names all suites run, which takes some minutes; with names, those, and the other lines of the page stay. The
page never gets worse by itself: when fewer cases pass than it says, or fewer are there, nothing is written and the
exit status is 1. Take the line out of the page to accept that. `--check` writes nothing, and any difference is an
error. FOLDER: the shared test material, `../shared` by default.
"""

import argparse
import html
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tests.official_suites import SUITES, Official, Result  # noqa: E402 (after the path)

DOCS = ROOT / "docs"
PAGE = DOCS / "conformance.md"
COMMAND = ".venv/bin/python tools/conformance.py"

INTRODUCTION = """# Conformance

What official test suites and published examples say of Suture. `make conformance` runs them and writes this page;
the command in a line runs that line alone. The suites are not part of the project: they lie beside it, and the tests
that run them skip where they are absent. They judge only: no case is known to the code by its name, and no expected
answer is written down in it.

The lines with a version of fhir-test-cases need all of HL7's cases, the unpacked archive
`org.hl7.fhir.testcases:fhir-test-cases`, as the folder `fhir-test-cases` of the suites; without it they stay.

- **passed**: the outcome is the one that the suite wants; of examples: accepted, or unchanged.
- **not run**: what the case needs is not at hand.
- **other**: another outcome. Each such case is listed below the table, or on the page named there, with the reason; of
  fully judged examples by the kind of error, with the page of the specification that makes it one.

| suite | source | of | cases | passed | not run | other | run by |
|---|---|---|---|---|---|---|---|
"""


class Line(msgspec.Struct):
    """The line of a suite in the table, and its section below the table; "" when it has none."""

    cells: tuple[str, ...]
    section: str = ""

    @property
    def counts(self) -> tuple[int, int]:
        """Cases, and those of them that passed."""
        return int(self.cells[3]), int(self.cells[4])

    @property
    def key(self) -> str:
        return self.cells[7].strip("`").rpartition(" ")[2]


def read(page: str) -> dict[str, Line]:
    """The lines of a page by the key of their suite."""
    table, *sections = page.split("\n## ")
    bodies = {section.partition("\n")[0]: section.partition("\n")[2].strip() for section in sections}
    rows = [row.strip("|").split("|") for row in table.splitlines() if row.startswith("| ") and COMMAND in row]
    lines = [Line(tuple(cell.strip() for cell in row)) for row in rows]
    return {line.key: Line(line.cells, bodies.get(line.cells[0], "")) for line in lines}


def written(lines: dict[str, Line]) -> str:
    """The page, its lines in the order of the suites."""
    known = [lines[suite.key] for suite in SUITES if suite.key in lines]
    rows = "".join(f"| {' | '.join(line.cells)} |\n" for line in known)
    sections = "".join(f"\n## {line.cells[0]}\n\n{line.section}\n" for line in known if line.section)
    return INTRODUCTION + rows + sections


def line(suite: Official, result: Result) -> Line:
    numbers = (result.cases, result.passed, len(result.not_run), len(result.others))
    cells = (suite.title, suite.source, suite.unit, *map(str, numbers), f"`{COMMAND} {suite.key}`")
    page = (DOCS / suite.page).read_text("utf-8") if suite.page else ""
    told = _section(page, suite.title.partition(": ")[2])
    parts: list[str] = [suite.how] if suite.how else []
    if suite.page and (result.others or result.not_run):
        parts.append(f"The cases are listed in [{page.partition(chr(10))[0].removeprefix('# ')}]({suite.page}).")
    for title, cases in (("other outcome", result.others), ("not run", result.not_run)):
        rest = {name: why for name, why in cases.items() if f"| {name} |" not in told}
        if rest:
            parts.append("\n".join(_table(title, rest)))
    return Line(cells, "\n\n".join([*parts, f"The tests: `{suite.test}`."]) if parts else "")


def _section(page: str, title: str) -> str:
    """What a page says under a heading; all of it when it has no such heading."""
    _, found, rest = page.partition(f"\n## {title}\n")
    return rest.partition("\n## ")[0] if found else page


def _table(title: str, cases: dict[str, str]) -> Iterable[str]:
    yield f"| {title} | why |"
    yield "|---|---|"
    for name, why in sorted(cases.items()):
        yield f"| {_cell(name)} | {_cell(why)} |"


def _cell(text: str) -> str:
    plain = html.escape(" ".join(text.split()), quote=False).replace("|", "&#124;")
    return plain if len(plain) <= 240 else plain[:239] + "…"


def worse(before: dict[str, Line], now: dict[str, Line]) -> list[str]:
    """What fell, in a sentence each."""
    found: list[str] = []
    for key in before.keys() & now.keys():
        for what, old, new in zip(("cases", "passed"), before[key].counts, now[key].counts, strict=True):
            if new < old:
                found.append(f"{key}: {new} {what}; the page says {old}")
    return sorted(found)


def run(suites: Sequence[Official], shared: Path) -> dict[str, Line]:
    found: dict[str, Line] = {}
    for suite in suites:
        if suite.needs and not (shared / suite.needs).exists():
            print(f"{suite.key}: {suite.needs} is not at {shared}, the line stays", file=sys.stderr)
            continue
        started = time.monotonic()
        result = suite.run(shared)
        found[suite.key] = line(suite, result)
        took = time.monotonic() - started
        print(f"{suite.key}: {result.passed} of {result.cases} passed, {took:.0f} s", file=sys.stderr, flush=True)
    return found


def main(arguments: Sequence[str]) -> int:
    keys = [suite.key for suite in SUITES]
    parser = argparse.ArgumentParser(description="Run the official suites and write docs/conformance.md.")
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=f"one of {', '.join(keys)}; all when none is given")
    parser.add_argument("--check", action="store_true", help="compare with the page, and write nothing")
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared", help="the shared test material")
    options = parser.parse_args(arguments)
    if unknown := set(options.suites) - set(keys):
        parser.error(f"no suite is called {', '.join(sorted(unknown))}; there are {', '.join(keys)}")
    if not (options.shared / "README.md").exists():
        print(f"the shared test material is not at {options.shared}", file=sys.stderr)
        return 2
    page = PAGE.read_text("utf-8") if PAGE.exists() else ""
    before = read(page)
    now = run([suite for suite in SUITES if not options.suites or suite.key in options.suites], options.shared)
    fell = worse(before, now)
    for sentence in fell:
        print(sentence, file=sys.stderr)
    new = written(before | now)
    if options.check and new != page and not fell:
        print("docs/conformance.md is not up to date; `make conformance` writes it", file=sys.stderr)
    if options.check or fell:
        return int(bool(fell) or new != page)
    PAGE.write_text(new, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
