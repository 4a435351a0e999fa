"""Random searches drawn from data: values that exist, near misses, every modifier and prefix, chains and the rest.

The one thing to know: each question names its `features`, so that a refusal can be told from a defect
(`tests.search.refusals`).
"""

import random
import re
from dataclasses import dataclass, field

from tests.search.oracle.expressions import R4
from tests.search.oracle.world import World
from tests.search.written import Writer

RICH = ("Patient", "Observation") * 3 + ("ValueSet", "Encounter")
"""Types that are asked more often, since their values are the oddest."""

WEIGHTS = {"token": 6, "string": 3, "date": 2, "reference": 3, "composite": 3, "quantity": 3, "uri": 2}
"""How often a parameter of each type is asked."""

LINKS = 5
"""Links of a chain, which the server documents."""

SKIPPED = frozenset(("_text", "_content", "_query", "_filter", "near"))
"""Not asked by value: full text has tests of its own, `_filter` is asked as a whole."""


@dataclass
class Question:
    """`GET [compartment/]type?pairs`. `type` "": all types."""

    type: str
    pairs: list[tuple[str, str]]
    compartment: str = ""
    features: set[str] = field(default_factory=set)

    @property
    def path(self) -> str:
        if not self.compartment:
            return self.type
        return f"{self.compartment}/{self.type or '*'}"

    def __str__(self) -> str:
        return f"GET {self.path}?" + "&".join(f"{name}={value}" for name, value in self.pairs)


class Questions:
    """Questions about a world, the same for the same seed."""

    def __init__(self, world: World, seed: int) -> None:
        self._world = world
        self._choose = random.Random(seed)
        self._writer = Writer(world, self._choose)
        self._populated = {type: self._codes(type) for type in world.types}
        self._links = [
            (type, code)
            for type, codes in self._populated.items()
            for code in codes
            if world.parameter(type, code).type == "reference"
            and any(one in world.resources for key in world.of(type) for one in world.targets(key, code))
        ]

        self._inward = {type: self._links_inward(type) for type in world.contained_types}

    def _codes(self, type: str) -> list[str]:
        """The parameters of a type that have values somewhere."""
        return [
            code
            for code, one in self._world.parameters(type).items()
            if one.expression
            and code not in SKIPPED
            and any(self._world.nodes(key, code) for key in self._world.of(type))
        ]

    def _maybe(self, share: float) -> bool:
        return self._choose.random() < share

    def ask(self) -> Question:
        """The next question."""
        choose, world = self._choose, self._world
        kind = choose.random()
        if kind < 0.06:
            return self._system()
        if kind > 0.96 and world.contained_types:
            return self._contained()
        question = Question(choose.choice((*world.types, *(type for type in RICH if world.of(type)))), [])
        if kind < 0.16:
            self._filter(question)
        elif kind < 0.21 and world.of("List"):
            self._list(question)
        elif kind < 0.31:
            self._in_compartment(question)
        for _ in range(choose.choice((1, 1, 1, 2, 2, 3)) - len(question.pairs)):
            question.pairs.append(self._criterion(question.type, question.features))
        if self._maybe(0.35):
            question.pairs.append(("_sort", self._sort(question)))
        if self._maybe(0.15):
            self._include(question)
        if self._maybe(0.1) and not question.compartment:
            question.features.add("POST")
        return question

    # --- kinds of questions

    def _system(self) -> Question:
        question = Question("", [], features={"system"})
        types = self._choose.sample(self._world.types, self._choose.randint(1, 3))
        if self._maybe(0.8):
            question.pairs.append(("_type", ",".join(types)))
        if self._maybe(0.3):
            question.compartment = self._owner()
            question.features.add("compartment")
            members = R4.compartments[question.compartment.partition("/")[0]]
            if question.pairs and not all(members.get(one) for one in types):
                question.pairs = []
        shared = ("_id", "_lastUpdated", "_tag", "_profile", "_security", "_source")
        able = [(type, code) for type in types for code in shared if code in self._populated[type]]
        type, code = self._choose.choice(able)
        question.pairs.append(self._leaf(type, code, question.features))
        if code in ("_profile", "_source"):
            question.features.add("system:uri")
        return question

    def _contained(self) -> Question:
        """Contained resources or their containers, by one to three parameters."""
        choose, features = self._choose, {"contained"}
        type = choose.choice(self._world.contained_types)
        codes = self._codes("#" + type)
        pairs = [self._leaf("#" + type, choose.choice(codes), features) for _ in range(choose.choice((0, 1, 1, 2, 3)))]
        if self._maybe(0.5) and (links := self._inward[type]):
            pairs.append(self._referred(links, features))
        pairs.append(("_contained", choose.choice(("true", "both"))))
        if self._maybe(0.5):
            pairs.append(("_containedType", choose.choice(("contained", "container"))))
        if self._maybe(0.5):
            pairs.append(("_sort", choose.choice(("_id", "-_id", "_lastUpdated,_id"))))
        return Question(type, pairs, self._owner() if self._maybe(0.2) else "", features)

    def _links_inward(self, type: str) -> list[tuple[str, str]]:
        """The types and parameters of which some refer to a contained resource of the type, in their container."""
        inside = frozenset(self._world.of("#" + type))
        return [
            (source, code)
            for source in (*self._world.types, *("#" + one for one in self._world.contained_types))
            for code in self._codes(source)
            if self._world.parameter(source, code).type == "reference"
            and any(inside.intersection(self._world.inner_targets(key, code)) for key in self._world.of(source))
        ]

    def _referred(self, links: list[tuple[str, str]], features: set[str]) -> tuple[str, str]:
        """What is asked of the container, or of one beside it, that refers to a contained resource."""
        features.add("contained:_has")
        source, code = self._choose.choice(links)
        if source == "List" and code == "item" and self._maybe(0.5):
            return "_list", self._choose.choice(self._world.of("List")).partition("/")[2]
        name, value = self._leaf(source, self._choose.choice(self._codes(source)), features)
        return f"_has:{source.removeprefix('#')}:{code}:{name}", value

    def _owner(self) -> str:
        owners = [one for one in self._world.types if one in R4.compartments]
        return self._choose.choice(self._world.of(self._choose.choice(owners)))

    def _in_compartment(self, question: Question) -> None:
        question.compartment = self._owner()
        question.features.add("compartment")
        members = R4.compartments[question.compartment.partition("/")[0]]
        able = [type for type in self._world.types if members.get(type) and members[type] != ("{def}",)]
        question.type = self._choose.choice(able)

    def _list(self, question: Question) -> None:
        question.features.add("_list")
        list = self._choose.choice(self._world.of("List"))
        entries = [entry["item"]["reference"] for entry in self._world.resources[list]["entry"]]
        question.type = self._choose.choice([one for one in entries if "/" in one]).partition("/")[0]
        question.pairs.append(("_list", list.partition("/")[2]))

    def _criterion(self, type: str, features: set[str]) -> tuple[str, str]:
        """A parameter and its value, over no more links than the server follows."""
        while True:
            used: set[str] = set()
            name, value = self._any_criterion(type, used)
            if name.count(".") + name.count("_has:") <= LINKS:
                features |= used
                return name, value

    def _any_criterion(self, type: str, features: set[str]) -> tuple[str, str]:
        kind = self._choose.random()
        if kind < 0.14:
            name, last = self._path(type, features)
            leaf, value = self._leaf(last, self._code(last), features)
            return name + leaf, value
        if kind < 0.22 and (found := self._reverse(type, features)):
            return found
        return self._leaf(type, self._code(type), features)

    def _code(self, type: str) -> str:
        """A parameter of a type that has values; those of rare types as likely as the many tokens."""
        by_type: dict[str, list[str]] = {}
        for code in self._populated[type]:
            by_type.setdefault(self._world.parameter(type, code).type, []).append(code)
        kinds = sorted(by_type)
        kind = self._choose.choices(kinds, [WEIGHTS.get(one, 1) for one in kinds])[0]
        return self._choose.choice(by_type[kind])

    def _path(self, type: str, features: set[str]) -> tuple[str, str]:
        """A chain such as `subject:Patient.` or `encounter.patient.` and the type it ends at."""
        name = ""
        for _ in range(self._choose.choice((1, 1, 1, 2, 3))):
            links = [code for source, code in self._links if source == type]
            if not links:
                break
            code = self._choose.choice(links)
            ends = sorted({one.partition("/")[0] for key in self._world.of(type) for one in self._targets(key, code)})
            end = self._choose.choice(ends)
            allowed = self._world.parameter(type, code).targets
            typed = len(allowed) != 1 or self._maybe(0.3)
            name += f"{code}:{end}." if typed else f"{code}."
            type = end
            features.add("chain")
        return name, type

    def _targets(self, key: str, code: str) -> list[str]:
        return [one for one in self._world.targets(key, code) if one in self._world.resources]

    def _reverse(self, type: str, features: set[str]) -> tuple[str, str] | None:
        links = [
            (source, code)
            for source, code in self._links
            if type in (self._world.parameter(source, code).targets or R4.resource_types)
            and any(one.startswith(type + "/") for key in self._world.of(source) for one in self._targets(key, code))
        ]
        if not links:
            return None
        features.add("_has")
        source, code = self._choose.choice(links)
        if self._maybe(0.25) and (inner := self._reverse(source, features)):
            name, value = inner
        elif self._maybe(0.2):
            path, last = self._path(source, features)
            leaf, value = self._leaf(last, self._code(last), features)
            name = path + leaf
        else:
            name, value = self._leaf(source, self._code(source), features)
        return f"_has:{source}:{code}:{name}", value

    # --- leaves

    def _leaf(self, type: str, code: str, features: set[str]) -> tuple[str, str]:
        parameter = self._world.parameter(type, code)
        if self._maybe(0.06) and code not in ("_id", "_lastUpdated") and parameter.type != "composite":
            features.add(f"missing:{parameter.type}")
            return code + ":missing", self._choose.choice(("true", "false"))
        values = self._choose.choice((1, 1, 1, 2, 3))
        if code == "_id":
            keys = (self._choose.choice(self._world.of(type)) for _ in range(values))
            return code, ",".join(re.split("[/#]", key)[-1] for key in keys)
        features.add(parameter.type)
        if parameter.type == "composite":
            return code, ",".join(self._writer.composite(type, code, features) for _ in range(values))
        held = [one for key in self._world.of(type) for one in self._world.values(key, code)]
        logical = parameter.type == "reference" and self._writer.identifiers(type, code)
        if logical and (not held or self._maybe(0.2)):
            features.add("reference:identifier")
            return code + ":identifier", self._writer.token(self._choose.choice(logical))
        if not held:
            return code + ":missing", "true"
        modifier = self._writer.modifier(parameter.type, code, held)
        if modifier:
            features.add(f"{parameter.type}:{modifier}")
        picked = [self._choose.choice(held) for _ in range(values)]
        if parameter.type == "reference" and not modifier and self._maybe(0.3):
            typed = self._writer.typed(picked)
            if typed:
                features.add("reference:type")
                return f"{code}:{typed[0]}", typed[1]
        texts = [self._writer.written(parameter.type, modifier, one, features) for one in picked]
        return code + (modifier and ":" + modifier), ",".join(texts)

    # --- results

    def _sort(self, question: Question) -> str:
        keys: list[str] = []
        for _ in range(self._choose.choice((1, 1, 2, 3))):
            path, type = ("", question.type)
            if self._maybe(0.12):
                path, type = self._path(type, set())
            if path:
                question.features.add("sort:chained")
            able = [
                code
                for code in self._populated[type]
                if self._world.parameter(type, code).type not in ("composite", "special")
            ]
            code = self._choose.choice(able)
            question.features.add(f"sort:{self._world.parameter(type, code).type}")
            if any(node.type == "canonical" for key in self._world.of(type) for node in self._world.nodes(key, code)):
                question.features.add("sort:canonical")
            keys.append(self._choose.choice(("", "-")) + path + code)
        return ",".join(keys)

    def _include(self, question: Question) -> None:
        question.features.add("include")
        for _ in range(self._choose.choice((1, 1, 2))):
            reverse = self._maybe(0.5)
            value = self._included_from(question.type) if reverse else self._included_by(question.type)
            if value:
                name = ("_revinclude" if reverse else "_include") + self._choose.choice((":iterate", "", ""))
                question.pairs.append((name, value))
                if name.endswith(":iterate") and value == "*":
                    question.features.add("include:endless")

    def _included_by(self, type: str) -> str:
        """What `_include` may follow from a type."""
        links = [code for source, code in self._links if source == type]
        if not links or self._maybe(0.1):
            return "*"
        code = self._choose.choice(links)
        if self._maybe(0.2):
            return f"{type}:*"
        ends = sorted({one.partition("/")[0] for key in self._world.of(type) for one in self._targets(key, code)})
        return f"{type}:{code}:{self._choose.choice(ends)}" if self._maybe(0.3) else f"{type}:{code}"

    def _included_from(self, type: str) -> str:
        """What `_revinclude` may follow to a type; "" when nothing refers to it."""
        links = [
            (source, code)
            for source, code in self._links
            if type in (self._world.parameter(source, code).targets or R4.resource_types)
        ]
        if not links:
            return ""
        source, code = self._choose.choice(links)
        target = f":{type}" if self._maybe(0.3) else ""
        return "*" if self._maybe(0.1) else f"{source}:{code}{target}"

    # --- _filter

    def _filter(self, question: Question) -> None:
        question.features.add("_filter")
        question.pairs.append(("_filter", self._expression(question.type, 0, question.features)))

    def _expression(self, type: str, depth: int, features: set[str]) -> str:
        kind = self._choose.random() + depth * 0.2
        if kind < 0.25:
            word = self._choose.choice(("and", "or"))
            return f"{self._expression(type, depth + 1, features)} {word} {self._expression(type, depth + 1, features)}"
        if kind < 0.4:
            return f"({self._expression(type, depth + 1, features)})"
        if kind < 0.5:
            return f"not ({self._expression(type, depth + 1, features)})"
        path = ""
        if self._maybe(0.15):
            path, type = self._path(type, features)
        kinds = ("string", "token", "date", "number", "quantity", "reference", "uri")
        able = [code for code in self._populated[type] if self._world.parameter(type, code).type in kinds]
        return path + self._comparison(type, self._choose.choice(able), features)

    def _comparison(self, type: str, code: str, features: set[str]) -> str:
        kind = self._world.parameter(type, code).type
        held = [one for key in self._world.of(type) for one in self._world.values(key, code)]
        if code == "_id":
            return f"_id eq {self._choose.choice(self._world.of(type)).partition('/')[2]}"
        if not held or self._maybe(0.1):
            return f"{code} pr {self._choose.choice(('true', 'false'))}"
        value = self._choose.choice(held)
        if kind == "string":
            text = self._writer.string(value, "contains").replace("\\", "").replace('"', "")
            return f'{code} {self._choose.choice(("eq", "ne", "co", "sw", "ew", "gt", "lt", "ge", "le"))} "{text}"'
        if kind in ("date", "number", "quantity"):
            text = self._writer.written(kind, "", value, features).lstrip("aegilnpqstb")
            operator = self._choose.choice(("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"))
            if kind == "date" and (self._maybe(0.1) or (code == "_lastUpdated" and operator == "ap")):
                operator = "po"
            return f"{code} {operator} {text}" if kind != "quantity" else f'{code} {operator} "{text}"'
        text = self._writer.written(kind, "", value, features)
        if kind == "token" and value.code and self._maybe(0.3):
            part = value.code[self._choose.randrange(len(value.code)) :][: self._choose.randint(1, 5)].replace('"', "")
            return f'{code} {self._choose.choice(("sw", "ew", "co"))} "{part or "x"}"'.replace("\\", "")
        operators = ("eq", "ne", "sw", "ew", "co") if kind == "uri" else ("eq", "ne")
        if kind == "uri":
            features.add("_filter:uri")
        plainly = text if kind == "token" else text.replace("\\", "")
        return f'{code} {self._choose.choice(operators)} "' + plainly.replace("\\", "\\\\").replace('"', '\\"') + '"'
