"""Train the zstd dictionaries that new databases start with, from the demo patients.

    .venv/bin/python tools/train_dictionaries.py

One dictionary for each resource type that has enough examples, and one (type "") for all others. The result,
src/suture/store/dictionaries.bin.zst, is committed: a database copies it when it is created and keeps its own
copy, so training again changes new databases only.
"""

import collections
from importlib import resources
from pathlib import Path

import msgspec
import zstandard

from suture.fhir.json import decode, join_body, split_body

TARGET = Path(__file__).parent.parent / "src" / "suture" / "store" / "dictionaries.bin.zst"
SIZE = 8 * 1024
GENERAL_SIZE = 24 * 1024
FEWEST = 100
MOST = 3000
"""Examples per type: fewer are not worth a dictionary, more do not make it better."""


def examples() -> dict[str, list[bytes]]:
    """Bodies as the store keeps them, by type."""
    found: dict[str, list[bytes]] = collections.defaultdict(list)
    for file in sorted(resources.files("suture.cli").joinpath("demo_data").iterdir(), key=lambda file: file.name):
        for line in zstandard.decompress(file.read_bytes()).splitlines():
            resource = decode(line)
            entries = [entry["resource"] for entry in resource.get("entry", ())] or [resource]
            for entry in entries:
                type, number = entry["resourceType"], len(found[entry["resourceType"]])
                body = join_body(type, f"{number:08x}", 1, 1_700_000_000_000_000 + number, *split_body(entry))
                found[type].append(body)
    return found


def main() -> None:
    bodies = examples()
    trained = {
        type: zstandard.train_dictionary(SIZE, some[:: max(1, len(some) // MOST)], level=3).as_bytes()
        for type, some in sorted(bodies.items())
        if len(some) >= FEWEST
    }
    mixed = [body for some in bodies.values() for body in some[:: max(1, len(some) // 200)]]
    trained[""] = zstandard.train_dictionary(GENERAL_SIZE, mixed, level=3).as_bytes()
    TARGET.write_bytes(zstandard.compress(msgspec.msgpack.encode(trained, order="sorted"), 19))
    print(
        f"{len(trained)} dictionaries, {TARGET.stat().st_size} bytes: {', '.join(type or 'other' for type in trained)}"
    )


if __name__ == "__main__":
    main()
