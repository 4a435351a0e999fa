"""`python -m bench.scale generate|load|query|mixed|report|all --size N --engine E`: see bench/scale/__init__.py."""

import argparse
import asyncio
import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

from bench.scale import load
from bench.scale.generate import generate, population
from bench.scale.measure import Measure
from bench.scale.report import markdown
from bench.scale.servers import ENGINES, Databases
from bench.scale.templates import Templates

ROOT = Path(__file__).parent.parent.parent
SIZES = (300_000, 1_000_000, 5_000_000)
STEPS = ("generate", "load", "query", "mixed", "report")


class Run:
    """Carries out steps and keeps what they found in results.json."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments = arguments
        self.folder: Path = arguments.folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self.file = self.folder / "results.json"
        self.results: dict[str, Any] = json.loads(self.file.read_text()) if self.file.exists() else {}
        self.databases = Databases(self.folder)
        settings = self.folder / "suture.toml"  # where the commands and servers that are started here look
        settings.write_text("full_text = []\n" if arguments.without_full_text else "")
        self.templates = Templates(arguments.templates)

    def done(self, engine: str, size: int, step: str) -> bool:
        """Whether a step need not be done again."""
        return not self.arguments.again and step in self.results.get(f"{engine}/{size}", {})

    def keep(self, engine: str, size: int, step: str, found: Any) -> None:
        """Write down what a step found."""
        entry = self.results.setdefault(
            f"{engine}/{size}", {"python": platform.python_version(), "cores": os.cpu_count()}
        )
        entry[step] = found
        self.file.write_text(json.dumps(self.results, indent=1) + "\n")
        sys.stdout.write(f"{engine} {size:,} {step}: {json.dumps(found)[:400]}\n")
        sys.stdout.flush()

    def steps(self, engine: str, size: int) -> None:
        """Do what is asked for with one engine and size."""
        asked = STEPS if self.arguments.step == "all" else (self.arguments.step,)
        shards = self.folder / "shards"
        if "generate" in asked or "load" in asked:
            _, files = generate(self.arguments.templates, shards, size)
        wanted = [step for step in ("load", "query", "mixed") if step in asked and not self.done(engine, size, step)]
        if not wanted:
            return
        smallest = population(self.templates, min(self.arguments.smallest, size)).patients
        with self.databases.running(engine):
            if "load" in wanted:
                url = self.databases.fresh(engine, size)
                found = load.load(url, files, self.folder)
                self.keep(engine, size, "disk", load.disk(url, found["resources"]))
                self.keep(engine, size, "load", found)
            url = self.databases.url(engine, size)
            measure = Measure(url, self.folder, self.templates, smallest)
            if "query" in wanted:
                self.keep(engine, size, "query", asyncio.run(measure.queries()))
            if "mixed" in wanted:
                self.keep(engine, size, "mixed", asyncio.run(measure.mixed()))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.add_argument("step", choices=[*STEPS, "all"])
    parser.add_argument("--size", type=int, action="append", help="resources; default: 300 k, 1 M and 5 M")
    parser.add_argument("--engine", choices=ENGINES, action="append")
    parser.add_argument("--again", action="store_true", help="also what results.json has already")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "scale")
    parser.add_argument("--templates", type=Path, default=ROOT.parent / "shared" / "data" / "synthea-r4")
    parser.add_argument("--smallest", type=int, default=SIZES[0], help="patients of this size are asked for")
    parser.add_argument("--without-full-text", action="store_true", help="with the setting full_text empty")
    run = Run(parser.parse_args())
    run.folder = run.folder.resolve()
    if run.arguments.step != "report":
        for engine in run.arguments.engine or ENGINES:
            for size in run.arguments.size or SIZES:
                run.steps(engine, size)
    table = markdown(run.results)
    (run.folder / "results.md").write_text(table)
    sys.stdout.write(table + "\n")


if __name__ == "__main__":
    main()
