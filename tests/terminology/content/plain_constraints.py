"""Expression constraints made by chance, each with the concepts that satisfy it, worked out in the plainest way.

A constraint is made together with its answer, from the rows of an edition and sets of codes; nothing of the code under
test takes part. Symbols and words of the long syntax stand for each other.
"""

import random
import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import NamedTuple

from tests.terminology.content.random_edition import DATES, TARGETS, Edition
from tests.terminology.snomed import (
    ACCEPTABLE,
    CORE,
    DEFINED,
    DEFINITION,
    FSN,
    GB,
    IS_A,
    METADATA,
    MODEL,
    PREFERRED,
    SYNONYM,
    US,
)

Codes = frozenset[str]
LONG = {
    "<": "descendantOf", "<<": "descendantOrSelfOf", "<!": "childOf", "<<!": "childOrSelfOf", ">": "ancestorOf",
    ">>": "ancestorOrSelfOf", ">!": "parentOf", ">>!": "parentOrSelfOf", "!!>": "top", "!!<": "bottom",
    "^": "memberOf", "^R": "refsetContainingAny", "*": "ANY", "!=": "<>", "R": "reverseOf", ",": "AND",
}  # fmt: skip


class Made(NamedTuple):
    """A constraint and what satisfies it. `atomic`: it may stand after an operator without parentheses."""

    text: str
    codes: Codes
    atomic: bool = False

    def nested(self) -> str:
        """The text as a part of another one."""
        return self.text if self.atomic else f"({self.text})"


class Row(NamedTuple):
    """A relationship or concrete value."""

    source: str
    name: str
    value: str
    group: int


Test = Callable[[str], bool]
RowTest = Callable[[Row], bool]


class Maker:
    """Makes constraints over an edition."""

    def __init__(self, edition: Edition, seed: int) -> None:
        self.edition, self.chance = edition, random.Random(seed)
        rows = edition.rows
        self.concepts = {row[0]: row for row in rows["sct2_Concept"]}
        self.all: Codes = frozenset(self.concepts)
        active = [row for row in rows["sct2_Relationship"] if row[2] == "1"]
        edges = [(row[4], row[5]) for row in active if row[7] == str(IS_A)]
        self.parents = {code: frozenset(above for below, above in edges if below == code) for code in self.all}
        self.above = {code: self._reached(code) for code in self.all}
        self.rows = [Row(r[4], r[7], r[5], int(r[6])) for r in active if r[7] != str(IS_A)]
        self.values = [Row(r[4], r[7], r[5], int(r[6])) for r in rows["sct2_RelationshipConcreteValues"]]
        kinds = [kind for kind in rows if kind.startswith("der2_") and "Language" not in kind]
        self.members = [(row, edition.names[kind]) for kind in kinds for row in rows[kind]]
        self.sets: Codes = frozenset(row[4] for row, _ in self.members) & self.all
        self.terms = [*rows["sct2_Description"], *rows["sct2_TextDefinition"]]
        self.accepted = {(row[5], row[4]): row[6] for row in rows["der2_cRefset_Language"] if row[2] == "1"}

    def _reached(self, code: str) -> Codes:
        found: set[str] = set()
        waiting = [code]
        while waiting:
            for each in self.parents[waiting.pop()]:
                if each not in found:
                    found.add(each)
                    waiting.append(each)
        return frozenset(found)

    def _word(self, symbol: str) -> str:
        """A symbol, or now and then the word for it, in any case."""
        if self.chance.random() < 0.7:
            return symbol
        word = LONG[symbol]
        return self.chance.choice((word, word.upper(), word.lower()))

    def constraint(self, depth: int = 3) -> Made:
        """Any constraint."""
        if depth <= 0:
            return self._concept()
        make = self.chance.choice((self.sub, self.sub, self._compound, self._refined, self._refined, self._dotted))
        return make(depth)

    def sub(self, depth: int) -> Made:
        """A focus with operator, member of, filters or history."""
        chance = self.chance
        if depth <= 0 or chance.random() < 0.25:
            return self._concept()
        made = chance.choice((self._walk, self._walk, self._members, self._containing))(depth)
        for _ in range(chance.choice((0, 0, 1, 2))):
            text, test = chance.choice((self._described, self._classified))()
            made = Made(f"{made.text} {{{{ {text} }}}}", frozenset(filter(test, made.codes)), atomic=True)
        return self._with_history(made) if chance.random() < 0.15 else made

    def _concept(self) -> Made:
        e, chance = self.edition, self.chance
        if chance.random() < 0.2:
            return Made(self._word("*"), self.all, atomic=True)
        known = (*e.things, *e.things, *e.gone, METADATA["root"], 999999990)
        code = str(chance.choice(known))
        term = chance.choice(("", "", " |a term|", " /* a comment */"))
        return Made(f"{code}{term}", self.all & {code}, atomic=True)

    def _walk(self, depth: int) -> Made:
        operator = self.chance.choice(("<", "<<", "<!", "<<!", ">", ">>", ">!", ">>!", "!!>", "!!<"))
        focus = self.constraint(depth - 1)
        text = focus.nested()
        if focus.codes == self.all and text.upper() in ("*", "ANY"):
            operator = self.chance.choice(("<", "<!"))  # the specification says the others of *
        elif re.match(r"[!<>^a-zA-Z]", text):
            text = f"({text})"
        below, above, parents, given = self.all, self.above, self.parents, focus.codes
        walked: dict[str, Iterable[str]] = {
            "<": (c for c in below if above[c] & given),
            "<!": (c for c in below if parents[c] & given),
            ">": (c for start in given for c in above[start]),
            ">!": (c for start in given for c in parents[start]),
            "!!>": (c for c in given if not above[c] & given),
            "!!<": (c for c in given if not any(c in above[other] for other in given)),
        }
        found = frozenset(walked[operator if operator[:2] == "!!" else operator[0] + operator.strip("<>")])
        own = given if operator[:2] in ("<<", ">>") else frozenset[str]()
        return Made(f"{self._word(operator)} {text}", found | own, atomic=True)

    def _members(self, depth: int) -> Made:
        e, chance = self.edition, self.chance
        some = chance.sample((*e.sets, e.map), chance.choice((1, 2)))
        chosen, field, at = frozenset(map(str, some)), "", 5
        if chance.random() < 0.3:
            chosen, field, at = frozenset({str(chance.choice(e.associations))}), "targetComponentId", 6
        elif chance.random() < 0.3:
            field = "referencedComponentId"
        rows = [(row, names) for row, names in self.members if row[4] in chosen]
        filters, rows = self._member_filters(rows)
        nested = " OR ".join(sorted(chosen))
        text = f"{self._word('^')} {f'[ {field} ]' if field else ''} {nested if len(chosen) == 1 else f'({nested})'}"
        return Made(text + filters, frozenset(row[at] for row, _ in rows) & self.all, atomic=True)

    def _member_filters(self, rows: list[tuple[list[str], list[str]]]) -> tuple[str, list[tuple[list[str], list[str]]]]:
        chance = self.chance
        kind = chance.randrange(5)
        target = chance.choice(TARGETS[:3])
        has_map = any("mapTarget" in names for _, names in rows)
        active = [(row, names) for row, names in rows if row[2] == "1"]
        if kind == 0:
            return " {{ M active = 0 }}", [(row, names) for row, names in rows if row[2] == "0"]
        if kind == 1:
            return f" {{{{ m moduleId = {CORE} }}}}", [(row, names) for row, names in active if row[3] == str(CORE)]
        if kind == 2 and has_map:
            found = [(row, names) for row, names in active if "mapTarget" in names and row[10] == target]
            return f' {{{{ M mapTarget = "{target}" }}}}', found
        if kind == 3 and has_map:
            found = [(row, names) for row, names in active if "mapTarget" in names and int(row[7]) >= 2]
            return " {{ M mapPriority >= #2, mapGroup = #1 }}", found
        return "", active

    def _containing(self, depth: int) -> Made:
        focus = self.constraint(depth - 1)
        found = frozenset(row[4] for row, _ in self.members if row[2] == "1" and row[5] in focus.codes)
        return Made(f"{self._word('^R')} ({focus.text})", found & self.all, atomic=True)

    def _compound(self, depth: int) -> Made:
        kind = self.chance.choice((",", "OR", "MINUS"))
        parts = [self.constraint(depth - 1) for _ in range(2 if kind == "MINUS" else self.chance.choice((2, 3)))]
        first, *others = (part.codes for part in parts)
        found = first
        for other in others:
            found = found & other if kind == "," else found | other if kind == "OR" else found - other
        sign = self._word(kind) if kind == "," else self.chance.choice((kind, kind.lower()))
        return Made(f" {sign} ".join(part.nested() for part in parts), found)

    def _dotted(self, depth: int) -> Made:
        focus, (name, names) = self.constraint(depth - 1), self._names()
        found = frozenset(row.value for row in self.rows if row.source in focus.codes and row.name in names)
        return Made(f"{focus.nested()} . {name}", found)

    def _with_history(self, made: Made) -> Made:
        same, replaced, possibly = map(str, self.edition.associations)
        profiles = {
            "": {same, replaced, possibly}, "-MIN": {same}, "_mod": {same, replaced},
            "-max": {same, replaced, possibly}, " (*)": {same, replaced, possibly},
            f" ({replaced} OR {possibly})": {replaced, possibly},
        }  # fmt: skip
        name = self.chance.choice(list(profiles))
        rows = [row for row, _ in self.members if row[4] in profiles[name] and row[2] == "1" and row[6] in made.codes]
        return Made(f"{made.text} {{{{ + HISTORY{name} }}}}", made.codes | {row[5] for row in rows}, atomic=True)

    # refinements

    def _names(self) -> tuple[str, Codes]:
        chance = self.chance
        first, *others = map(str, self.edition.attributes)
        last = others[-1]
        names = {
            first: {first}, others[0]: {others[0]}, f"<< {first}": {first, last}, f"({first} OR {others[1]})":
            {first, others[1]}, self._word("*"): self.all - {str(IS_A)},
        }  # fmt: skip
        text = chance.choice(list(names))
        return text, frozenset(names[text])

    def _refined(self, depth: int) -> Made:
        focus = self.constraint(depth - 1)
        text, test = self._refinement(depth)
        return Made(f"{focus.nested()} : {text}", frozenset(filter(test, focus.codes)))

    def _refinement(self, depth: int) -> tuple[str, Test]:
        parts = [self._group(depth) if self.chance.random() < 0.5 else self._attribute(depth) for _ in range(2)]
        (one, first), (other, second) = parts
        match self.chance.randrange(4):
            case 0:
                return f"{one} {self._word(',')} {other}", lambda c: first(c) and second(c)
            case 1:
                return f"({one}) or ({other})", lambda c: first(c) or second(c)
            case _:
                return one, first

    def _cardinality(self) -> tuple[str, Callable[[int], bool]]:
        least, most = self.chance.choice(((1, None), (1, None), (0, 0), (0, 1), (1, 1), (2, None), (1, 2)))
        to = self.chance.choice(("..", " to "))
        text = "" if (least, most) == (1, None) else f"[{least}{to}{'*' if most is None else most}] "
        return text, lambda count: least <= count and (most is None or count <= most)

    def _attribute(self, depth: int) -> tuple[str, Test]:
        text, fits = self._cardinality()
        if self.chance.random() < 0.2:
            name, names = self._names()
            values = self.constraint(depth - 1)
            sources = [row for row in self.rows if row.name in names and row.source in values.codes]
            return (
                f"{text}{self._word('R')} {name} = {values.nested()}",
                lambda c: fits(len({row.source for row in sources if row.value == c})),
            )
        compared, matches = self._comparison(depth)
        rows = [row for row in (*self.rows, *self.values) if matches(row)]
        return text + compared, lambda c: fits(len({(row.name, row.value) for row in rows if row.source == c}))

    def _comparison(self, depth: int) -> tuple[str, RowTest]:
        number, text, flag = map(str, self.edition.measures)
        match self.chance.randrange(9):
            case 0:
                return f"{number} >= #2.5", lambda r: r.name == number and float(r.value[1:]) >= 2.5
            case 1:
                return f"{number} {self._word('!=')} #1.0", lambda r: r.name == number and float(r.value[1:]) != 1
            case 2:
                return f'{text} = ("one" "two")', lambda r: r.name == text and r.value in ('"one"', '"two"')
            case 3:
                return f"{flag} = TRUE", lambda r: r.name == flag and r.value == "true"
            case 4:
                measure = self.chance.choice((number, text, flag))
                return f"{measure} = *", lambda r: r.name == measure
            case 5:
                name, names = self._names()
                values = self.constraint(depth - 1)
                bare = values.text.upper() in ("*", "ANY")
                return (
                    f"{name} {self._word('!=')} {values.nested()}",
                    lambda r: r.name in names and r.value.isdigit() and r.value not in values.codes and not bare,
                )
            case _:
                name, names = self._names()
                values = self.constraint(depth - 1)
                bare = values.text.upper() in ("*", "ANY")
                return (
                    f"{name} = {values.nested()}",
                    lambda r: r.name in names and (r.value in values.codes or (bare and not r.value.isdigit())),
                )

    def _group(self, depth: int) -> tuple[str, Test]:
        text, fits = self._cardinality()
        parts = [(*self._cardinality(), *self._comparison(depth)) for _ in range(self.chance.choice((1, 2, 2)))]
        joined, every = self.chance.choice(((", ", all), (" OR ", any)))
        inner = joined.join(cardinality + compared for cardinality, _, compared, _ in parts)

        def satisfied(rows: list[Row]) -> bool:
            return every(counted(sum(map(matches, rows))) for _, counted, _, matches in parts)

        return f"{text}{{ {inner} }}", lambda c: fits(sum(map(satisfied, self._groups(c))))

    def _groups(self, concept: str) -> list[list[Row]]:
        """The attribute groups of a concept; what is in none is one by itself."""
        rows = [row for row in (*self.rows, *self.values) if row.source == concept]
        numbers = sorted({row.group for row in rows if row.group})
        return [[row for row in rows if row.group == n] for n in numbers] + [[row] for row in rows if not row.group]

    # filters

    def _classified(self) -> tuple[str, Test]:
        date, concepts = self.chance.choice(DATES), self.concepts
        match self.chance.randrange(4):
            case 0:
                return "C active = false", lambda c: concepts[c][2] == "0"
            case 1:
                return "c definitionStatus != defined", lambda c: concepts[c][4] != str(DEFINED)
            case 2:
                return f"C moduleId = ({CORE} {MODEL})", lambda c: True
            case _:
                return (
                    f'C effectiveTime <= "{date}", active = 1',
                    lambda c: int(concepts[c][1]) <= date and concepts[c][2] == "1",
                )

    def _described(self) -> tuple[str, Test]:
        """A description filter of several parts, all of which one description must pass."""
        chance = self.chance
        wanted, other = chance.sample(("hea", "hjär", "sjog", "Sjögren", "acu", "PAIN", "pain-f", "meni", "no"), 2)
        dialect, name = chance.choice(((US, "en-us"), (GB, "en-gb")))
        date = chance.choice(DATES)

        def accepted(row: list[str]) -> str | None:
            return self.accepted.get((row[0], str(dialect)))

        parts: list[tuple[str, Callable[[list[str]], bool]]] = [
            (f'term = "{wanted}"', lambda row: begins(row[7], wanted)),
            (f'term = match:"{wanted} {other}"', lambda row: begins(row[7], wanted) and begins(row[7], other)),
            (f'term = ("{wanted}" "{other}")', lambda row: begins(row[7], wanted) or begins(row[7], other)),
            (f'term != "{wanted}"', lambda row: not begins(row[7], wanted)),
            ('term = wild:"*gren"', lambda row: plain(row[7]).endswith("gren")),
            ("language = SV", lambda row: row[5] == "sv"),
            ("type = (syn fsn)", lambda row: row[6] in (str(SYNONYM), str(FSN))),
            (f"typeId = {DEFINITION}", lambda row: row[6] == str(DEFINITION)),
            (f"moduleId != {MODEL}", lambda row: row[3] != str(MODEL)),
            (f'effectiveTime > "{date}"', lambda row: int(row[1]) > date),
            ("active = 0", lambda row: row[2] == "0"),
            (f"dialect = {name}", lambda row: accepted(row) is not None),
            (f"dialectId = {dialect} (prefer)", lambda row: accepted(row) == str(PREFERRED)),
            (f"dialect != ({name} (accept))", lambda row: accepted(row) != str(ACCEPTABLE)),
        ]  # fmt: skip
        chosen = chance.sample(parts, chance.choice((1, 1, 2, 3)))
        texts = [text for text, _ in chosen]
        tests = [test for _, test in chosen]
        if not any(text.startswith("active") for text in texts):
            tests.append(lambda row: row[2] == "1")
        if not any(text.startswith("type") for text in texts):
            tests.append(lambda row: row[6] != str(DEFINITION))
        concepts = {row[4] for row in self.terms if all(test(row) for test in tests)}
        return chance.choice(("", "D ")) + ", ".join(texts), concepts.__contains__


def plain(text: str) -> str:
    """In lower case, without accents."""
    apart = unicodedata.normalize("NFD", text.lower())
    return "".join(each for each in apart if not unicodedata.combining(each))


def begins(term: str, wanted: str) -> bool:
    """Whether a word of the term begins so; what has no accent stands for what has."""
    words = re.split(r"[ ()]+|(?<=-)", term.lower())
    lower = wanted.lower()
    own = [*words, *term.lower().split()]
    return any((plain(word) if plain(lower) == lower else word).startswith(lower) for word in own)
