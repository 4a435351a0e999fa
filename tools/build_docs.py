"""Writes the generated pages of the documentation: docs/settings.md, docs/commands.md, docs/decisions/index.md.

They are committed, so that they can be read in the repository; tests/test_docs.py fails when they are stale. The one
thing to know: the texts come from the code (settings, commands) and from the decisions' own headings.
"""

import re
from pathlib import Path
from typing import Any

from suture import settings
from suture.cli.application import app

DOCS = Path(__file__).parent.parent / "docs"

SETTINGS = """# Settings

A setting is given, strongest first,

1. as a flag of the command, or as `--set NAME=VALUE`,
2. as an environment variable: `SUTURE_MAX_COUNT=500`,
3. as a line of a TOML file: `max_count = 500`. The file is the one of `--config`, else of `SUTURE_CONFIG`,
   else `suture.toml` in the working directory,

or it has its default. `suture settings` shows every value and where it is from. A wrong name or value stops the
start with a sentence that says which and why. Sizes may have a unit (`512KiB`, `16MiB`), lists are separated by
commas (in TOML they are arrays), times are in seconds.
"""

COMMANDS = """# Commands

`suture COMMAND --help` tells the same. Exit status: 0 all is well; 1 something was refused, or is wrong with the
data; 2 the command or a setting is wrong; 130 interrupted.
"""

DECISIONS = """# Decisions

One page for each decision that could have gone the other way: what was decided, what else was considered, what was
measured. They are numbered and not rewritten: a new decision replaces an old one by saying so.
"""


def main() -> None:
    for name, text in pages().items():
        (DOCS / name).write_text(text, "utf-8")


def pages() -> dict[str, str]:
    """The generated pages: path below docs to text."""
    return {
        "settings.md": settings_page(),
        "commands.md": commands_page(),
        "decisions/index.md": decisions_page(),
    }


def settings_page() -> str:
    lines = [SETTINGS]
    for field in settings.fields():
        default = f"`{field.default}`" if field.default else "empty"
        lines += [f"## {field.name}", "", field.help, ""]
        lines += [f"{field.type[0].upper()}{field.type[1:]}. Default: {default}. Variable: `{field.variable}`.", ""]
    return "\n".join(lines)


def commands_page() -> str:
    lines = [COMMANDS]
    for command in commands():
        name = command.name
        usage = " ".join(["suture", name, *_usage(command)])
        lines += [f"## suture {name}", "", f"`{usage}`", "", _paragraphs(command.help or ""), ""]
        rows = [row for parameter in command.params if (row := _row(parameter))]
        if rows:
            lines += ["| option | meaning |", "|---|---|", *rows, ""]
    return "\n".join(lines)


def commands() -> list[Any]:
    """The sub-commands of `suture`, as the command-line parser knows them (name, help, params)."""
    found: list[Any] = []
    stubs: Any = app.commands.values()
    for command in [stub.whole() for stub in stubs]:
        for part in getattr(command, "commands", {}).values():
            part.name = f"{command.name} {part.name}"
            found.append(part)
        if not hasattr(command, "commands"):
            found.append(command)
    return found


def _usage(command: Any) -> list[str]:
    arguments = [parameter.metavar for parameter in command.params if parameter.param_type_name == "argument"]
    return [*(["[OPTIONS]"] if command.params else []), *arguments]


def _row(parameter: Any) -> str:
    if parameter.name == "help":
        return ""
    if parameter.param_type_name == "argument":
        names = f"`{parameter.metavar}`"
    else:
        value = "" if parameter.is_flag else f" {parameter.metavar}"
        names = ", ".join(f"`{option}{value}`" for option in sorted(parameter.opts, key=len, reverse=True))
    return f"| {names} | {(parameter.help or '').replace('|', '&#124;')} |"


def _paragraphs(text: str) -> str:
    """A docstring as Markdown; list items become one list."""
    return re.sub(r"\n\n(?=- )", "\n", text).replace("Examples:\n- ", "Examples:\n\n- ")


def decisions_page() -> str:
    lines = [DECISIONS]
    for path in sorted((DOCS / "decisions").glob("[0-9]*.md")):
        title = path.read_text("utf-8").splitlines()[0].lstrip("# ")
        lines.append(f"- [{title}]({path.name})")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
