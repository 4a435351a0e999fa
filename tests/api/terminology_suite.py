"""Runs suites of HL7's terminology ecosystem against a server, by the rules of that ecosystem.

The rules are written down in docs/terminology.md. Cases are in the format of R5; for a server of R4 what is sent and
what is answered is converted, as the official runner does.

    python -m tests.api.terminology_suite FOLDER BASE_URL [--mode general …] [--externals FILE] [--filter TEXT]
"""

import argparse
import base64
import copy
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx

Json = dict[str, Any]

TEMPLATES = {
    "$instant$": r"[0-9]{4}-[01][0-9]-[0-3][0-9]"
    r"T[0-2][0-9]:[0-5][0-9]:[0-6][0-9](\.[0-9]{1,9})?(Z|[+-][01][0-9]:[0-5][0-9])",
    "$date$": r"[0-9]{4}(-[01][0-9](-[0-3][0-9](T.*)?)?)?",
    "$uuid$": r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    "$id$": r"[A-Za-z0-9\-.]{1,64}",
    "$url$": r"(https?://|www\.)[-a-zA-Z0-9+&@#/%?=~_|!:.;$]*[-a-zA-Z0-9+&@#/%=~_|]",
    "$token$": r"[0-9a-zA-Z_][0-9a-zA-Z_.\-]*",
    "$string$": r"\S(.*\S)?|",
    "$semver$": r"[0-9]+\.[0-9]+(\.[0-9]+)?([-+].*)?",
}

CONTROL = frozenset(("$optional$", "$only$", "$optional-properties$", "$count-arrays$"))

MANAGED = re.compile(
    r"http://hl7\.org/fhir/StructureDefinition/(codesystem-(alternate|conceptOrder|label)|coding-sctdescid|itemWeight"
    r"|rendering-(style|xhtml)|translation|valueset-(concept-definition|conceptOrder|deprecated|label|supplement)"
    r"|alternate-code-(use|status)|structuredefinition-standards-status|operationoutcome-message-id)"
    r"|http://hl7\.org/fhir/test/.*|(?!https?:).*"
)
"""Extensions that count; others of an answer are passed over."""

R5 = "http://hl7.org/fhir/5.0/StructureDefinition/extension-ValueSet."


class Comparison:
    """Compares an answer with what is expected. `pattern`: the answer may have more than that."""

    def __init__(self, version: str, modes: set[str], externals: Json | None, *, pattern: bool = False) -> None:
        self._version = version
        self._modes = modes
        self._externals = externals
        self._pattern = pattern

    def difference(self, expected: Any, actual: Any, path: str = "") -> str:
        """The first difference, "" when there is none."""
        if isinstance(expected, dict):
            if not isinstance(actual, dict):
                return f"{path}: an object was expected"
            return self._of_objects(expected, actual, path)
        if isinstance(expected, list):
            if not isinstance(actual, list):
                return f"{path}: an array was expected"
            return self._of_arrays(expected, actual, path)
        if isinstance(expected, str) and isinstance(actual, str):
            return "" if self._same_text(expected, actual) else f"{path}: {expected!r} expected, {actual!r} found"
        if isinstance(expected, bool) != isinstance(actual, bool) or expected != actual:
            return f"{path}: {expected!r} expected, {actual!r} found"
        return ""

    def _of_objects(self, expected: Json, actual: Json, path: str) -> str:
        optional = set(expected.get("$optional-properties$", ()))
        counted = set(expected.get("$count-arrays$", ()))
        for name, value in actual.items():
            if name not in expected:
                if self._pattern or name in ("fhir_comments", "location") or "*" in optional:
                    continue  # location only repeats expression
                return f"{path}.{name} was not expected"
            if name in counted:
                if len(value) != len(expected[name]):
                    return f"{path}.{name}: {len(expected[name])} expected, {len(value)} found"
            elif found := self.difference(expected[name], value, f"{path}.{name}"):
                return found
        for name in expected:
            if name not in actual and name not in CONTROL and name not in optional and "*" not in optional:
                return f"{path}.{name} is missing"
        return ""

    def _of_arrays(self, expected: list[Any], actual: list[Any], path: str) -> str:
        """Order does not matter: each must have a partner of its own."""
        wanted = [one for one in expected if not self._forbidden(one)]
        partners: dict[int, int] = {}
        fits: dict[tuple[int, int], str] = {}

        def same(one: int, other: int) -> bool:
            if (one, other) not in fits:
                fits[one, other] = self.difference(wanted[one], actual[other], f"{path}[{one}]")
            return not fits[one, other]

        def place(one: int, seen: set[int]) -> bool:
            for other in range(len(actual)):
                if other not in seen and same(one, other):
                    seen.add(other)
                    if other not in partners or place(partners[other], seen):
                        partners[other] = one
                        return True
            return False

        order = sorted(range(len(wanted)), key=lambda one: self._optional(wanted[one]))
        for one in order:
            if not place(one, set()) and not self._optional(wanted[one]):
                reasons = [fits.get((one, other), "") for other in range(len(actual)) if other not in partners]
                shown = json.dumps(wanted[one])[:300]
                return f"{path}: nothing fits {shown}; {'; '.join(filter(None, reasons))[:600]}"
        left = [actual[other] for other in range(len(actual)) if other not in partners]
        if left and not self._pattern:
            return f"{path}: not expected: {json.dumps(left[0])[:400]}"
        return ""

    def _optional(self, one: Any) -> bool:
        if not isinstance(one, dict) or "$optional$" not in one:
            return False
        return one["$optional$"] is True or self._applies(one["$optional$"])

    def _forbidden(self, one: Any) -> bool:
        return isinstance(one, dict) and "$only$" in one and not self._applies(one["$only$"])

    def _applies(self, filter: Any) -> bool:
        if not isinstance(filter, str):
            return bool(filter)
        if filter.startswith("version:"):
            return self._version.startswith(filter[8:])
        if filter.startswith("warning:"):
            return True
        return filter.removeprefix("!") not in self._modes

    def _same_text(self, expected: str, actual: str) -> bool:
        if expected.startswith("$") and expected.endswith("$") and len(expected) > 1:
            return self._fits(expected, actual)
        expected = expected.replace("$version$", self._version)
        return expected == actual or (_letters(expected) == _letters(actual) and bool(_letters(actual)))

    def _fits(self, template: str, actual: str) -> bool:
        if template == "$$":
            return True
        if template == "$version$":
            return actual == self._version
        kind, _, rest = template[1:-1].partition(":")
        if kind == "choice":
            return actual in rest.split("|")
        if kind == "fragments":
            return _holds(actual, rest)
        if kind == "external":
            number, _, fragments = rest.partition(":")
            if self._externals is not None:
                text = self._externals[number]
                return actual == text or _letters(actual) == _letters(text)
            return _holds(actual, fragments)
        return re.fullmatch(TEMPLATES[template], actual) is not None


def _letters(text: str) -> bytes:
    """A text as the official runner compares it when it differs: the bytes that it would be in base64."""
    kept = re.sub(r"[^A-Za-z0-9+/\-_]", "", text.partition("=")[0]).replace("-", "+").replace("_", "/")
    kept = kept[: len(kept) - (len(kept) % 4 == 1)]
    return base64.b64decode(kept + "=" * (-len(kept) % 4))


def _holds(actual: str, fragments: str) -> bool:
    return all(fragment.lower() in actual.lower() for fragment in fragments.split("|"))


def load(path: Path) -> Any:
    """A file of the suite."""
    return json.loads(path.read_text(encoding="utf-8-sig"))


def to_r4(resource: Json) -> Json:
    """What is sent, from R5 to R4."""
    resource = copy.deepcopy(resource)
    for key in [key for key in resource if ":" in key]:
        del resource[key]
    match resource["resourceType"]:
        case "ValueSet":
            _value_set_to_r4(resource)
        case "CodeSystem":
            algorithm = resource.pop("versionAlgorithmCoding", None)
            if algorithm is not None:
                url = "http://hl7.org/fhir/5.0/StructureDefinition/extension-CodeSystem.versionAlgorithm"
                resource.setdefault("extension", []).append({"url": url, "valueCoding": algorithm})
        case "ConceptMap":
            _concept_map_to_r4(resource)
        case "Parameters":
            for one in resource.get("parameter", ()):
                if "resource" in one:
                    one["resource"] = to_r4(one["resource"])
        case _:
            pass
    return resource


def _value_set_to_r4(resource: Json) -> None:
    for one in resource.get("contained", ()):
        if one["resourceType"] == "ValueSet":
            _value_set_to_r4(one)
    compose = resource.get("compose", {})
    for name in compose.pop("property", ()):
        compose.setdefault("extension", []).append({"url": f"{R5}compose.property", "valueString": name})
    for part in (*compose.get("include", ()), *compose.get("exclude", ())):
        for one in part.get("filter", ()):
            if one.get("op") in ("child-of", "descendent-leaf"):
                url = R5 + "compose.include.filter.op"
                one["_op"] = {"extension": [{"url": url, "valueCode": one.pop("op")}]}


_EQUIVALENCE = {
    "related-to": "relatedto",
    "equivalent": "equivalent",
    "source-is-narrower-than-target": "wider",
    "source-is-broader-than-target": "narrower",
    "not-related-to": "disjoint",
}


def _concept_map_to_r4(resource: Json) -> None:
    for old, new in (("sourceScope", "source"), ("targetScope", "target")):
        for kind in ("Uri", "Canonical"):
            if old + kind in resource:
                resource[new + kind] = resource.pop(old + kind)
    for group in resource.get("group", ()):
        for element in group.get("element", ()):
            for target in element.get("target", ()):
                if "relationship" in target:
                    target["equivalence"] = _EQUIVALENCE[target.pop("relationship")]
        if "unmapped" in group:
            group["unmapped"].pop("relationship", None)


def to_r5(answer: Json) -> Json:
    """What was answered, from R4 to R5, without what does not count."""
    answer = _scrubbed(answer)
    if answer["resourceType"] == "ValueSet" and "expansion" in answer:
        expansion = answer["expansion"]
        _to_property(expansion, "property")
        waiting = list(expansion.get("contains", ()))
        while waiting:
            one = waiting.pop()
            _to_property(one, "contains.property")
            waiting.extend(one.get("contains", ()))
    return _without_unmanaged(answer)


def _to_property(element: Json, kind: str) -> None:
    url = f"{R5}expansion.{kind}"
    found = [one for one in element.get("extension", ()) if one["url"] == url]
    if not found:
        return
    element["extension"] = [one for one in element["extension"] if one["url"] != url]
    if not element["extension"]:
        del element["extension"]
    element["property"] = []
    for one in found:
        parts: Json = {}
        for part in one["extension"]:
            name = next(name for name in part if name.startswith("value"))
            parts[part["url"] if part["url"] != "value" else name] = part[name]
        element["property"].append(parts)


def _scrubbed(answer: Json) -> Json:
    answer = copy.deepcopy(answer)
    answer.pop("text", None)
    answer.pop("meta", None)
    if answer["resourceType"] == "OperationOutcome":
        answer["issue"] = [one for one in answer["issue"] if "details" in one or "diagnostics" not in one]
        for one in answer["issue"]:
            one.pop("diagnostics", None)
    if answer["resourceType"] == "Parameters":
        for one in answer.get("parameter", ()):
            if "resource" in one:
                one["resource"] = to_r5(one["resource"])
    return answer


def _without_unmanaged(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_unmanaged(one) for one in value]
    if not isinstance(value, dict):
        return value
    found = {name: _without_unmanaged(one) for name, one in value.items()}
    if "extension" in found:
        found["extension"] = [one for one in found["extension"] if MANAGED.fullmatch(one.get("url", ""))]
        if not found["extension"]:
            del found["extension"]
    return found


_OPERATIONS = {
    "expand": "ValueSet/$expand",
    "validate-code": "ValueSet/$validate-code",
    "cs-validate-code": "CodeSystem/$validate-code",
    "lookup": "CodeSystem/$lookup",
    "subsumes": "CodeSystem/$subsumes",
    "translate": "ConceptMap/$translate",
    "closure": "ConceptMap/$closure",
    "batch-validate": "ValueSet/$batch-validate-code",
    "batch": "",
}


class Suite:
    """The cases of a folder. `modes`: those that are on. `externals`: own texts by response file, or None."""

    def __init__(self, folder: Path, *, modes: set[str] | None = None, externals: Path | None = None) -> None:
        self.folder = folder
        self.modes = modes or {"general"}
        self._externals: Json | None = load(externals) if externals else None
        self._cases: Json = load(folder / "test-cases.json")

    @classmethod
    def of_ecosystem(cls, folder: Path) -> "Suite":
        """The suite as the tests run it: every mode of HL7's own server, with its texts where they are there."""
        texts = folder / "messages-tx.fhir.org.json"
        return cls(folder, modes={"general", "tx.fhir.org"}, externals=texts if texts.exists() else None)

    def cases(self, version: str = "4.0.1") -> Iterator[tuple[Json, Json]]:
        """Suite and test of every case that the modes let run against a server of a FHIR version."""
        for suite in self._cases["suites"]:
            if self._runs(suite, version):
                for test in suite["tests"]:
                    if self._runs(test, version):
                        yield suite, test

    def _runs(self, one: Json, version: str) -> bool:
        modes = one.get("modes", [one["mode"]] if "mode" in one else [])
        wanted: str = one.get("version", "")
        if wanted and version.startswith(wanted.lstrip("!")) == wanted.startswith("!"):
            return False
        return not one.get("disabled") and (not modes or not self.modes.isdisjoint(modes))

    def _file(self, test: Json, name: str) -> str | None:
        for mode in self.modes:
            if f"{name}:{mode}" in test:
                return test[f"{name}:{mode}"]
        return test.get(name)

    def run(self, client: httpx.Client, suite: Json, test: Json, version: str = "4.0.1") -> str:
        """Run one case; what is wrong with the answer, "" when nothing is."""
        response = self._file(test, "response")
        expected = load(self.folder / response)
        externals = (self._externals or {}).get(response)
        r4 = version.startswith("4")
        operation = test["operation"]
        if operation in ("metadata", "term-caps"):
            answer = client.get("/metadata", params={"mode": "terminology"} if operation == "term-caps" else {})
            return Comparison(version, self.modes, externals, pattern=True).difference(expected, answer.json())
        request = load(self.folder / self._file(test, "request"))
        setup = [{"name": "tx-resource", "resource": load(self.folder / name)} for name in suite.get("setup", ())]
        profile = load(self.folder / test.get("profile", "parameters-default.json"))["parameter"]
        if test.get("lenient-display"):
            profile = [*profile, {"name": "lenient-display-validation", "valueBoolean": True}]
        if request["resourceType"] == "Bundle":
            for number, entry in enumerate(request["entry"]):
                entry["resource"]["parameter"] += [*(setup if number == 0 else ()), *profile]
                entry["resource"] = to_r4(entry["resource"]) if r4 else entry["resource"]
        else:
            request["parameter"] = [*request.get("parameter", ()), *setup, *profile]
            request = to_r4(request) if r4 else request
        headers = {"content-type": "application/fhir+json", "accept": "application/fhir+json"}
        if "Accept-Language" in test:
            headers["accept-language"] = test["Accept-Language"]
        header = test.get("header", {})
        if header and header.get("mode", "general") in self.modes:
            headers[header["name"].lower()] = header["value"]
        answer = client.post(f"/{_OPERATIONS[operation]}", content=json.dumps(request), headers=headers)
        code = test.get("http-code", "2xx")
        if not re.fullmatch(code.replace("x", "."), str(answer.status_code)):
            return f"status {answer.status_code} instead of {code}: {answer.text[:600]}"
        comparison = Comparison(version, self.modes, externals)
        actual = answer.json()
        return comparison.difference(expected, to_r5(actual) if r4 else _without_unmanaged(_scrubbed(actual)))

    def results(
        self, client: httpx.Client, wanted: Callable[[str], bool] = lambda name: True
    ) -> Iterator[tuple[str, str]]:
        """Name and difference of every case."""
        for suite, test in self.cases():
            name = f"{suite['name']}/{test['name']}"
            if wanted(name):
                yield name, self.run(client, suite, test)


def main() -> int:
    """Run a folder of suites against a server; the exit status is 0 when all pass."""
    parser = argparse.ArgumentParser(description="Run suites of HL7's terminology ecosystem against a server.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("base")
    parser.add_argument("--mode", action="append", default=[])
    parser.add_argument("--externals", type=Path)
    parser.add_argument("--filter", default="")
    options = parser.parse_args()
    suite = Suite(options.folder, modes={"general", *options.mode}, externals=options.externals)
    failed = total = 0
    with httpx.Client(base_url=options.base, timeout=60) as client:
        for name, difference in suite.results(client, lambda name: options.filter in name):
            total += 1
            if difference:
                failed += 1
                print(f"{name}\n    {difference}")
    print(f"{total - failed} of {total} passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
