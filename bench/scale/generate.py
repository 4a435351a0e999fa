"""Writing N resources as compressed NDJSON: patients 0, 1, 2 … with everything that belongs to them, in shards.

The one thing to know: a smaller size is the beginning of a larger one, so all sizes are loaded from the same shards.
"""

import itertools
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import zstandard

from bench.scale.templates import COPIES_PER_GENERATION, Person, Templates, shared_lines

PATIENTS_PER_SHARD = 100
"""Patients in one shard: about 38,000 resources."""


class Population(msgspec.Struct, frozen=True):
    """What a size means. `patients`: numbers 0 up to this; `resources`: exactly so many."""

    patients: int
    resources: int
    generations: int

    @property
    def shards(self) -> list[str]:
        """The names of the files."""
        people = range(0, self.patients, PATIENTS_PER_SHARD)
        return [f"shared-{g:04d}" for g in range(self.generations)] + [
            f"patients-{start:07d}-{min(start + PATIENTS_PER_SHARD, self.patients):07d}" for start in people
        ]


def population(templates: Templates, size: int) -> Population:
    """The patients that make at least `size` resources."""
    lives, per = templates.lives, len(templates.lives) * COPIES_PER_GENERATION
    total = patients = generations = 0
    for number in itertools.count():
        if total >= size:
            break
        if number % per == 0:
            generations += 1
            total += len(templates.shared)
        total += lives[number % len(lives)].size
        patients = number + 1
    return Population(patients, total, generations)


_templates: Templates


def _begin(folder: str) -> None:
    global _templates
    _templates = Templates(Path(folder))


def _write(target: str) -> int:
    """Write one shard; the number of its resources."""
    path = Path(target)
    if path.exists():
        return 0
    kind, *numbers = path.name.partition(".")[0].split("-")
    if kind == "shared":
        lines: Iterator[str] = iter(shared_lines(_templates, int(numbers[0])))
    else:
        people = range(int(numbers[0]), int(numbers[1]))
        lines = itertools.chain.from_iterable(Person(_templates, number).lines() for number in people)
    count = 0
    unfinished = path.with_suffix(".unfinished")
    with unfinished.open("wb") as raw, zstandard.ZstdCompressor(level=3).stream_writer(raw) as file:
        for line in lines:
            file.write(line.encode() + b"\n")
            count += 1
    unfinished.rename(path)
    return count


def generate(source: Path, folder: Path, size: int) -> tuple[Population, list[Path]]:
    """Write the shards of `size` that are not there yet, with one process per core."""
    templates = Templates(source)
    wanted = population(templates, size)
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{name}.ndjson.zst" for name in wanted.shards]
    missing = [str(file) for file in files if not file.exists()]
    started, done = time.monotonic(), 0
    if missing:
        with multiprocessing.Pool(len(os.sched_getaffinity(0)), _begin, (str(source),)) as pool:
            for number, count in enumerate(pool.imap_unordered(_write, missing), 1):
                done += count
                rate = done / (time.monotonic() - started)
                sys.stderr.write(f"\r{number}/{len(missing)} shards, {done:,} resources, {rate:,.0f}/s ")
        sys.stderr.write("\n")
    note = {"patients": wanted.patients, "resources": wanted.resources, "seconds": round(time.monotonic() - started, 1)}
    (folder / f"size-{size}.json").write_text(json.dumps(note))
    return wanted, files
