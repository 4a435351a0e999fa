"""Definitions are data: whatever names and codes they hold, validation only ever compares them."""

import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suture.fhir.definitions import Definitions, Element, ElementType, Structure, load
from suture.fhir.definitions.model import FORMAT, DefinitionsFile
from suture.fhir.structure import Validator
from suture.fhir.versions import Version

R4 = load(Version.R4)
HOSTILE = [
    "x'); raise SystemExit #",
    '"); __import__("os").system("true") #',
    "a\nimport os\nos._exit(1)",
    "\\",
    "\\'",
    '"""',
    "'''",
    "{0.__class__}",
    "{value}",
    "%s",
    "$(id)",
    "`id`",
    "__class__",
    "__import__",
    "class",
    "None",
    "lambda: 0",
    "value",
    "check",
    "get",
    "self",
    "\u2028",
    "ä",
    "😀",
    "\ud800",
    "a" * 5000,
    ".",
    "a.b",
    "[x]",
    "_",
    "x[x]",
]

NAMES = st.one_of(st.sampled_from(HOSTILE), st.text(min_size=1, max_size=20))


def element(name: str, type: ElementType, path: str, **changes: Any) -> Element:
    fields: dict[str, Any] = {
        "name": name, "path": path, "min": 0, "max": 1, "types": (type,), "content_reference": "",
        "binding_strength": "",
        "binding_value_set": "", "maximum_value_set": "", "is_summary": False, "is_modifier": False,
        "constraints": (), "children": (),
    }  # fmt: skip
    return Element(**{**fields, **changes})


def validator(
    type_name: str, names: list[str], codes: list[str], value_set: str, reference_targets: list[str]
) -> Validator:
    """A validator of R4 with one more resource type, all of whose names come from outside."""
    string, code = ElementType("string", "", ()), ElementType("code", "", ())
    reference = ElementType("Reference", "", tuple(reference_targets))
    elements: list[Element] = []
    for number, name in enumerate(names):
        path = f"{type_name}.{name}"
        kind = number % 4
        if kind == 0:
            elements.append(element(name, string, path, min=1))
        elif kind == 1:
            elements.append(element(name, code, path, binding_strength="required", binding_value_set=value_set))
        elif kind == 2:
            elements.append(element(name, reference, path, max=None))
        else:
            inner = (element(name, string, f"{path}.{name}"), element(name + "[x]", string, f"{path}.{name}[x]"))
            elements.append(element(name, ElementType("BackboneElement", "", ()), path, children=inner))
    hostile = Structure(type_name, "resource", False, "urn:x:hostile", "Resource", (), tuple(elements))
    content = DefinitionsFile(
        format=FORMAT,
        version="r4",
        number="4.0.1",
        structures=(*R4.structures.values(), hostile),
        search_parameters=(),
        compartments={},
        operations=(),
        value_sets={value_set: {"urn:x:system": frozenset(codes)}},
        open_value_sets={},
        unexpanded={},
    )
    return Validator(Definitions(Version.R4, content))


class Watch:
    """Fails when source text is compiled or run, by whatever way, while it is on."""

    on = False

    def __call__(self, event: str, _: Any) -> None:
        if self.on and event in ("compile", "exec", "os.system", "subprocess.Popen"):
            raise AssertionError(f"validation must not run source text ({event})")

    def __enter__(self) -> None:
        self.on = True

    def __exit__(self, *_: Any) -> None:
        self.on = False


WATCH = Watch()
sys.addaudithook(WATCH)


def test_the_watch_sees_code() -> None:
    with pytest.raises(AssertionError, match="compile"), WATCH:
        eval("1")


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_only_a_name(name: str) -> None:
    with WATCH:
        judge = validator("Hostile", [name], [], "urn:x:vs", [])
        accepted = judge.is_valid({"resourceType": "Hostile", name.removesuffix("[x]") or name: "text"})
        missing = judge.issues({"resourceType": "Hostile"})
        wrong = judge.issues({"resourceType": "Hostile", name: 5})
    assert accepted or name.endswith("[x]")
    assert [issue.code for issue in missing] == ["required"]
    assert wrong


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_code_type_or_target_is_only_text(text: str) -> None:
    base = {"resourceType": "Hostile", "a": "x"}
    with WATCH:
        judge = validator("Hostile", ["a", "b", "c"], [text], text, [text])
        another = judge.issues({**base, "b": "other"})
        listed = judge.issues({**base, "b": text})
        elsewhere = judge.issues({**base, "c": [{"reference": "Foo/1"}]})
        other = validator(text, ["a"], [], "urn:x:vs", [])
        typed = other.issues({"resourceType": text, "a": "x"})
        missing = other.issues({"resourceType": text})
    assert [issue.code for issue in another] == ["code-invalid"]
    assert "code-invalid" not in [issue.code for issue in listed]
    assert [issue.code for issue in elsewhere] == ["value"]
    assert typed == []
    assert [issue.code for issue in missing] == ["required"]


@given(st.data())
@settings(max_examples=80, derandomize=True, deadline=None)
def test_any_definitions_make_a_validator_whose_halves_agree(data: st.DataObject) -> None:
    names = data.draw(st.lists(NAMES, min_size=1, max_size=6, unique=True))
    codes = data.draw(st.lists(NAMES, max_size=3))
    judge = validator(data.draw(NAMES), names, codes, data.draw(NAMES), data.draw(st.lists(NAMES, max_size=2)))
    keys = st.sampled_from([*names, *("_" + name for name in names), *HOSTILE[:5], "id", "resourceType"])
    values = st.one_of(
        st.none(), st.booleans(), st.integers(), NAMES, st.sampled_from(codes or [""]),
        st.lists(st.dictionaries(keys, NAMES, max_size=2), max_size=2), st.dictionaries(keys, NAMES, max_size=3),
    )  # fmt: skip
    resource = {"resourceType": "Hostile", **data.draw(st.dictionaries(keys, values, max_size=6))}
    with WATCH:
        found = judge.issues(resource)
        accepted = judge.is_valid(resource)
    assert accepted == (not found)
