"""A small edition of SNOMED CT made by chance from a seed: written as RF2 files, and told row by row as it was written.

The rows are what constraints are worked out from by `tests.terminology.content.plain_constraints`, in the plainest way.
"""

import random
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from tests.terminology.snomed import (
    CORE,
    DEFINED,
    DEFINITION,
    FSN,
    GB,
    IS_A,
    METADATA,
    MODEL,
    PRIMITIVE,
    SYNONYM,
    US,
    Writer,
)

DATES = (20200131, 20210731, 20240101)
WORDS = ("heart", "hjärta", "Sjögren", "sjogren", "acute", "Pain-free", "lung", "Ménière", "node", "no")
TARGETS = ("J45.9", "J45.0", "K21", "?")


class Recorder(Writer):
    """Writes a release and keeps its rows: cells as texts, by kind of file."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, DATES[-1])
        self.rows: dict[str, list[list[str]]] = defaultdict(list)
        self.names: dict[str, list[str]] = {}

    def row(self, kind: str, extra: str, cells: Sequence[object], language: str = "") -> None:
        """Write a row and keep it."""
        super().row(kind, extra, cells, language)
        self.rows[kind].append([str(cell) for cell in cells])
        self.names[kind] = extra.split()


class Edition:
    """The rows of an edition, and the codes that constraints may speak of."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.chance = random.Random(seed)
        with Recorder(folder) as writer:
            self._write(writer)
        self.rows, self.names = writer.rows, writer.names

    def _write(self, writer: Recorder) -> None:
        chance = self.chance
        writer.metadata()
        root, attribute = METADATA["root"], METADATA["attribute"]
        self.things: list[int] = []
        for _ in range(24):
            above = chance.sample(self.things, min(len(self.things), chance.choice((1, 1, 2)))) or [root]
            self.things.append(self._concept(writer, above))
        self.attributes = [writer.concept(f"Attribute {n} (attribute)", [attribute]) for n in range(3)]
        self.attributes.append(writer.concept("Attribute 3 (attribute)", [self.attributes[0]]))
        self.measures = [writer.concept(f"Measure {n} (attribute)", [attribute]) for n in range(3)]
        self.gone = [self._concept(writer, [], active=False) for _ in range(5)]
        self.sets = [METADATA["simple refset"], writer.concept("Own (foundation metadata)", [METADATA["refset"]])]
        self.associations = [METADATA[name] for name in ("same as", "replaced by", "possibly")]
        self.map = METADATA["map refset"]
        for thing in self.things:
            for _ in range(chance.randrange(4)):
                ends = chance.choice(self.attributes), chance.choice(self.things)
                writer.relationship(thing, *ends, chance.randrange(3), active=chance.random() < 0.9)
            for _ in range(chance.randrange(2)):
                place = chance.randrange(3)
                value = chance.choice((("#1", "#2.50", "#-3"), ('"one"', '"One two"'), ("true", "false"))[place])
                writer.value(thing, self.measures[place], value, chance.randrange(3))
        for component in (*self.things, *self.gone):
            for refset in self.sets:
                if chance.random() < 0.3:
                    writer.member(refset, component, active=chance.random() < 0.8, module=chance.choice((CORE, MODEL)))
            if chance.random() < 0.3:
                writer.map(self.map, component, chance.choice(TARGETS), chance.randrange(1, 4))
        for component in self.gone:
            for refset in chance.sample(self.associations, 2):
                writer.association(refset, component, chance.choice(self.things), active=chance.random() < 0.8)

    def _concept(self, writer: Recorder, above: Sequence[int], *, active: bool = True) -> int:
        chance = self.chance
        code = writer.new("0")
        status, date = chance.choice((DEFINED, PRIMITIVE)), chance.choice(DATES)
        writer.row("sct2_Concept", "", [code, date, int(active), chance.choice((CORE, MODEL)), status])
        for parent in above:
            writer.relationship(code, IS_A, parent, 0)
        for type in (FSN, SYNONYM, SYNONYM, DEFINITION)[: chance.choice((2, 3, 4))]:
            term = " ".join(chance.sample(WORDS, chance.choice((1, 2, 3)))) + (" (thing)" if type == FSN else "")
            accepted = {dialect: chance.randrange(3) for dialect in (US, GB)}
            writer.description(
                code, term, type, preferred=[one for one in accepted if accepted[one] == 1],
                acceptable=[one for one in accepted if accepted[one] == 2], language=chance.choice(("en", "sv")),
                active=chance.random() < 0.85, module=chance.choice((CORE, MODEL)), date=chance.choice(DATES),
            )  # fmt: skip
        return code
