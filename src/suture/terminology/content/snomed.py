"""SNOMED CT at work: terms as designations, relationships as properties, its filters and implicit value sets.

Specification: https://hl7.org/fhir/R4/snomedct.html. The one thing to know: every filter that is not about the
hierarchy is, or becomes, an expression constraint (`suture.terminology.ecl`).
"""

import re
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from pyroaring import BitMap

from suture.deferred import deferred
from suture.terminology.content.bodies import Term, decode_body
from suture.terminology.content.dialects import TAGS
from suture.terminology.content.kinds import Kind
from suture.terminology.content.provider import StoredSystem
from suture.terminology.content.selection import LISTING, listed
from suture.terminology.content.snomed_maps import COPYRIGHT, implicit_map
from suture.terminology.content.substrate import StoredSubstrate
from suture.terminology.refusals import shown, unsupported
from suture.terminology.systems import Concept, Designation, ImplicitMap, Json, Property

if TYPE_CHECKING:
    from suture.terminology import ecl
else:
    ecl = deferred("suture.terminology.ecl")

URL = "http://snomed.info/sct"
FULLY_SPECIFIED, TEXT_DEFINITION = 900000000000003001, 900000000000550004
SYNONYM, PREFERRED = 900000000000013009, 900000000000548007

_USES: dict[int, Json] = {
    FULLY_SPECIFIED: {"system": URL, "code": str(FULLY_SPECIFIED), "display": "Fully specified name"},
    SYNONYM: {"system": URL, "code": str(SYNONYM), "display": "Synonym"},
    TEXT_DEFINITION: {"system": URL, "code": str(TEXT_DEFINITION), "display": "Definition"},
}
_FOR_LANGUAGE: Json = {
    "system": "http://terminology.hl7.org/CodeSystem/hl7TermMaintInfra",
    "code": "preferredForLanguage",
    "display": "Preferred For Language",
}

_IMPLICIT = re.compile(r"(http://snomed\.info/sct(?:/\d{6,18}(?:/version/\d{8})?)?)\?fhir_vs(?:=(.*))?", re.DOTALL)


class SnomedSystem(StoredSystem):
    """One version of one edition."""

    def shown(self, number: int, body: bytes) -> Concept:
        """The concept, with its active terms as designations and its relationships as properties."""
        content = decode_body(body)
        plain = self.reader.concept(number, content)
        definition = next((term.term for term in content.terms if term.active and term.type == TEXT_DEFINITION), "")
        properties = [_dated(one) if one.code == "effectiveTime" else one for one in plain.properties]
        properties += [_relationship(attribute, value, group) for attribute, value, group in content.relations]
        return Concept(
            number,
            plain.code,
            plain.display,
            definition,
            plain.abstract,
            plain.inactive,
            plain.status,
            _designations(content.terms),
            properties,
        )

    async def selected(self, property: str, op: str, value: str) -> BitMap:
        """What `filter` gives, with the filters of SNOMED CT."""
        if op == "=" and property in ("constraint", "expression"):
            return await self.constrained(value)
        if op == "=" and property == "expressions":
            return (await self.all()).copy()  # only concepts are here, so it makes no difference
        if property == "effectiveTime" and op in LISTING:
            value = value.replace("-", "")
        if property.isdigit() and op in (*LISTING, "exists"):
            return await self._by_attribute(property, op, value)
        if op == "exists" and property == "referenceSet":
            found = await StoredSubstrate(self).reference_sets()
            return found.copy() if value == "true" else (await self.all()) - found
        if op == "in" and property == "concept":
            found = BitMap()
            for number in (await self.numbers(listed(value, op))).values():
                found |= await self.members(number)
            return found
        return await super().selected(property, op, value)

    async def _by_attribute(self, attribute: str, op: str, value: str) -> BitMap:
        """The concepts by the values of an attribute, which are concepts, numbers, texts or booleans."""
        found = await super().selected(attribute, *(("exists", "true") if op == "exists" else ("in", value)))
        wanted = None if op == "exists" else {_comparable(each) for each in listed(value, op)}
        for one in await StoredSubstrate(self).values(await self.number(attribute)):
            if wanted is None or _comparable(_relationship(attribute, one.text, 0).value) in wanted:
                found.add(one.source)
        negated = op == "not-in" or (op == "exists" and value == "false")
        return (await self.all()) - found if negated else found

    async def members(self, reference_set: int) -> BitMap:
        """The concepts that are active members of a reference set, by its number; not to be changed."""
        return await self.kept.set(self.cs, Kind.MEMBERS, str(reference_set)) or BitMap()

    async def constrained(self, text: str) -> BitMap:
        """The concepts that satisfy an expression constraint. A new set. Raises Invalid, TooCostly."""
        return await ecl.evaluate(ecl.parse(text), StoredSubstrate(self))

    def answers_to(self, base: str) -> bool:
        """Whether the beginning of an implicit URL means this version: all of SNOMED CT, its edition, or itself."""
        return base in (URL, self.head.version, self.head.version.partition("/version/")[0])

    async def implicit_map(self, url: str) -> ImplicitMap | None:
        """The map of an association or map reference set, see `snomed_maps`."""
        return await implicit_map(self, url)

    async def implicit(self, url: str) -> Json | None:
        """The value set of `?fhir_vs`, `?fhir_vs=isa/…`, `?fhir_vs=refset`, `?fhir_vs=refset/…`, `?fhir_vs=ecl/…`."""
        match = _IMPLICIT.fullmatch(url)
        if match is None:
            return None
        base, asked = match[1], match[2] or ""
        if not self.answers_to(base):
            return None
        kind, _, rest = unquote(asked).partition("/")
        included: Json = {"system": URL} if base == URL else {"system": URL, "version": self.head.version}
        match kind:
            case "":
                name = "all concepts"
            case "isa" if rest.isdigit():
                name = f"the subtypes of {rest}"
                included["filter"] = [_filter("concept", "is-a", rest)]
            case "refset" if not rest:
                name = "all reference sets"
                included["filter"] = [_filter("referenceSet", "exists", "true")]
            case "refset" if rest.isdigit():
                name = f"the members of {rest}"
                included["filter"] = [_filter("concept", "in", rest)]
            case "ecl" if rest:
                ecl.parse(rest)
                name = f"an expression constraint: {rest}"
                included["filter"] = [_filter("constraint", "=", rest)]
            case _:
                raise unsupported(
                    f"The value set {shown(url)} is none that SNOMED CT defines: fhir_vs, fhir_vs=isa/CODE, "
                    "fhir_vs=refset, fhir_vs=refset/CODE or fhir_vs=ecl/CONSTRAINT."
                )
        return {
            "resourceType": "ValueSet",
            "url": url,
            "version": self.head.version,
            "name": "SNOMED_CT_implicit",
            "title": f"SNOMED CT: {name}"[:1000],
            "status": "active",
            "copyright": COPYRIGHT,
            "compose": {"include": [included]},
        }


def _comparable(value: Any) -> Any:
    """A concrete value, or what a filter writes for it: `2.50` is 2.5, and `true` is true."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    try:
        return Decimal(text)
    except InvalidOperation:
        return text


def _dated(one: Property) -> Property:
    """An effective time as FHIR writes dates; it is stored as RF2 does, in digits."""
    text = str(one.value)
    return Property(one.code, f"{text[:4]}-{text[4:6]}-{text[6:8]}", "DateTime") if len(text) == 8 else one


def _filter(property: str, op: str, value: str) -> Json:
    return {"property": property, "op": op, "value": value}


def _relationship(attribute: str, value: str, group: int) -> Property:
    found: Any = value
    type = "Code"
    if value.startswith("#"):
        type = "Decimal" if "." in value else "Integer"
        found = Decimal(value[1:]) if type == "Decimal" else int(value[1:])
    elif value.startswith('"'):
        found, type = value[1:-1].replace('\\"', '"').replace("\\\\", "\\"), "String"
    elif value in ("true", "false"):
        found, type = value == "true", "Boolean"
    return Property(attribute, found, type, group=group)


def _designations(terms: "list[Term] | tuple[Term, ...] | Any") -> list[Designation]:
    """Every active term but definitions, and which one each dialect prefers."""
    found: list[Designation] = []
    preferred: list[Designation] = []
    for term in terms:
        if not term.active or term.type == TEXT_DEFINITION:
            continue
        found.append(Designation(term.term, term.language, _USES.get(term.type)))
        if term.type == SYNONYM:
            for dialect, acceptability in term.dialects:
                if acceptability == PREFERRED:
                    preferred.append(Designation(term.term, _tag(term.language, dialect), _FOR_LANGUAGE))
    return found + preferred


def _tag(language: str, dialect: int) -> str:
    """The language tag of a language reference set: one of a country, or the private form `en-x-sctlang-…`."""
    if dialect in TAGS:
        return TAGS[dialect]
    text = str(dialect)
    return "-".join([language, "x-sctlang", *(text[start : start + 8] for start in range(0, len(text), 8))])
