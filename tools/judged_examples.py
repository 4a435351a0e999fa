"""Write docs/validation-examples.md: published examples that the full judge refuses, with the first error of each.

    .venv/bin/python tools/judged_examples.py [FOLDER]

FOLDER: the shared test material, `../shared` by default. Takes some minutes.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tests.fhir.judged_examples import SOURCES, Source, refused  # noqa: E402

PAGE = ROOT / "docs" / "validation-examples.md"

INTRODUCTION = """# Published examples and the full judge

Validation beyond structure: invariants, bindings, profiles and the rules of the specification, applied to all
examples that HL7 publishes with R4, R4B, R5 and US Core, and to a set of synthetic patients. What is refused stands
here with the first error that is found. The kinds of errors were compared with the specification and the profiles
that the files claim, not every file. `tools/judged_examples.py` writes this page, and a test holds the judge to it.
[Official examples](conformance-examples.md) tells of structure alone, with the reasons.
"""


def section(source: Source, count: int, errors: Sequence[tuple[str, str, str]]) -> str:
    lines = [f"## {source.title}", "", f"{len(errors)} of {count} are refused.", ""]
    if errors:
        lines += ["| file | where | first error |", "|---|---|---|"]
        lines += [f"| {name} | `{place}` | {_cell(sentence)} |" for name, place, sentence in errors]
        lines.append("")
    return "\n".join(lines)


def _cell(sentence: str) -> str:
    plain = sentence.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
    return plain if len(plain) <= 240 else plain[:239] + "…"


def main(arguments: Sequence[str]) -> None:
    shared = Path(arguments[0]) if arguments else ROOT.parent / "shared"
    sections: list[str] = []
    for source in SOURCES:
        count, errors = refused(shared, source)
        rows = [(name, issue.expression, issue.diagnostics) for name, issue in sorted(errors.items())]
        sections.append(section(source, count, rows))
        print(f"{source.title}: {len(rows)} of {count}", flush=True)
    PAGE.write_text("\n".join([INTRODUCTION, *sections]), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
