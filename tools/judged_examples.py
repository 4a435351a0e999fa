"""Write docs/validation-examples.md: published examples that the full judge refuses, and why they are wrong.

    .venv/bin/python tools/judged_examples.py [FOLDER]

FOLDER: the shared test material, `../shared` by default. Takes some minutes. Fails when there is an error for which
tests/fhir/judged_reasons.toml has no reason.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from suture.fhir.outcomes import Issue  # noqa: E402 (after the path)
from tests.fhir.judged_examples import SOURCES, Reason, Source, errors, reasons_for  # noqa: E402 (after the path)

PAGE = ROOT / "docs" / "validation-examples.md"

INTRODUCTION = """# Published examples and the full judge

Validation beyond structure: invariants, bindings, profiles and the rules of the specification, applied to all
examples that HL7 publishes with R4, R4B, R5 and US Core, and to a set of synthetic patients. What is refused stands
here, by the kind of error, with the page of the specification (of the example's own version) that makes it one. An
example with several kinds of errors stands under each of them. No rule was loosened to let one in; where an invariant
is published wrongly, its later correction holds (`suture/fhir/profiles/errata.py`).

`tools/judged_examples.py` writes this page from the judge's errors and `tests/fhir/judged_reasons.toml`. A test holds
the judge to it: no other example is refused, and no error is without a reason.
[Official examples](conformance-examples.md) tells of structure alone.
"""

Found = Mapping[str, Sequence[Issue]]


def section(source: Source, count: int, found: Found) -> str:
    groups: dict[str, tuple[Reason, dict[str, list[Issue]]]] = {}
    for name, issues in sorted(found.items()):
        for issue in issues:
            (reason,) = reasons_for(issue)
            _, files = groups.setdefault(reason.title, (reason, {}))
            files.setdefault(name, []).append(issue)
    lines = [f"## {source.title}", "", f"{len(found)} of {count} are refused.", ""]
    for reason, files in sorted(groups.values(), key=lambda group: -len(group[1])):
        lines += _group(source, reason, files)
    return "\n".join(lines)


def _group(source: Source, reason: Reason, files: Found) -> list[str]:
    urls = sorted({reason.url(issue, source.version) for issues in files.values() for issue in issues})
    links = ", ".join(f"[{url.rpartition('/')[2].partition('#')[0]}]({url})" for url in urls)
    number = f"{len(files)} file" + ("s" if len(files) > 1 else "")
    lines = [f"### {reason.title}: {number}", "", f"{reason.why} ({links})", ""]
    lines += ["| file | where | what the judge says |", "|---|---|---|"]
    for name, issues in files.items():
        more = f" (and {len(issues) - 1} more)" if len(issues) > 1 else ""
        lines.append(f"| {name} | `{issues[0].expression}`{more} | {_cell(issues[0].diagnostics)} |")
    return [*lines, ""]


def _cell(sentence: str) -> str:
    plain = sentence.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
    return plain if len(plain) <= 240 else plain[:239] + "…"


def main(arguments: Sequence[str]) -> None:
    shared = Path(arguments[0]) if arguments else ROOT.parent / "shared"
    sections: list[str] = []
    for source in SOURCES:
        count, found = errors(shared, source)
        sections.append(section(source, count, found))
        print(f"{source.title}: {len(found)} of {count}", flush=True)
    PAGE.write_text("\n".join([INTRODUCTION, *sections]), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
