"""Writes a synthetic SNOMED CT release in RF2, of any size: the files of a snapshot, with invented concepts.

`python -m bench.rf2_release FOLDER [--concepts 360000]`. Shape (parents, descriptions, relationships and reference set
members per concept) is that of an international edition; the words are a few hundred invented ones.
"""

import argparse
import random
from pathlib import Path

from tests.terminology.snomed import CORE, METADATA, Writer

SYLLABLES = ("ar", "be", "co", "dis", "el", "fra", "go", "hy", "in", "ka", "lo", "me", "neu", "os", "per", "ri", "sta")
ATTRIBUTES = 40
DATE = 20240101


def words(chance: random.Random) -> list[str]:
    """Invented words."""
    return sorted({"".join(chance.choices(SYLLABLES, k=chance.randint(2, 4))) for _ in range(20_000)})


def write(folder: Path, concepts: int, seed: int = 1) -> None:
    """Write the release."""
    chance = random.Random(seed)
    lexicon = words(chance)
    with Writer(folder, DATE) as release:
        release.metadata()
        top = [release.concept(f"Hierarchy {n} (qualifier value)", [METADATA["root"]]) for n in range(18)]
        attributes = [
            release.concept(f"Attribute {n} (attribute)", [METADATA["attribute"]], synonyms=[f"Attribute {n}"])
            for n in range(ATTRIBUTES)
        ]
        made = list(top)
        for number in range(concepts - len(made) - len(attributes) - len(METADATA)):
            # a parent among the concepts made lately or any: a deep and bushy graph
            parents = {made[int(len(made) * chance.random() ** 0.5)]}
            if chance.random() < 0.45:
                parents.add(chance.choice(made))
            name = " ".join(chance.choices(lexicon, k=chance.randint(2, 6)))
            code = release.concept(
                f"{name} (disorder)",
                sorted(parents),
                synonyms=[name, " ".join(chance.choices(lexicon, k=3))],
                defined=chance.random() < 0.4,
                module=CORE,
            )
            for group in range(chance.choice((0, 1, 1, 2))):
                for attribute in chance.sample(attributes, 2):
                    release.relationship(code, attribute, chance.choice(made), group + 1)
            if number % 5 == 0:
                release.member(METADATA["simple refset"], code)
            made.append(code)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--concepts", type=int, default=360_000)
    arguments = parser.parse_args()
    write(arguments.folder, arguments.concepts)


if __name__ == "__main__":
    main()
