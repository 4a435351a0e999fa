"""The forms in which values are stored and looked up: what the index writes is what a query asks for.

Both sides of search call these functions, so that a value of a resource and a value of a URL meet in
one text, which `Keys.token(type, code, form)` hashes, or which lies in the `str` table. Specification:
https://hl7.org/fhir/R4/search.html, sections token, reference, quantity, string and uri.
The one thing to know: codes and strings are folded, systems, URIs and units are compared as they are.
"""

import re
import unicodedata
from hashlib import blake2b

SEPARATOR = "\x1f"
"""Stands between system and code. No FHIR string holds it, so `a|b` as a code never equals system a, code b."""

STRING_LIMIT = 256
"""Characters of a string that are compared one by one; longer `:exact` values are told apart by a hash."""

URI_LIMIT = 512
"""Characters of a URI in the index; longer ones end with a hash."""

IDENTIFIER_SUFFIX = ":identifier"
"""Appended to a reference parameter's code: the tokens of Reference.identifier."""

TEXT_SUFFIX = ":text"
"""Appended to a token parameter's code: the texts of its values, as token rows and in the vocabulary."""

PRESENT_SUFFIX = ":present"
"""Appended to an added parameter's rows: the token of every resource that has a value for it."""

KIND_SUFFIX = ":kind"
"""Appended to a parameter's rows: the token of the place of a value that a composite parameter does not mean."""

OF_TYPE_SUFFIX = ":of-type"
"""Appended to the code of a parameter of identifiers: the tokens of their types and values."""

FAR_SUFFIX = ":far"
"""The code of a token of the resources with a clinical date that reaches far from `sdate`."""

NEAR_LATITUDE = "near:latitude"
NEAR_LONGITUDE = "near:longitude"
"""Codes of the number rows of Location.position."""

_FOLDED = 4096  # no more than this is looked at, so that a huge text costs no more than a long one
_KEPT_MARKS = frozenset("\u3099\u309a")  # Japanese voicing marks tell different letters apart
_LETTERS = str.maketrans(
    {
        "ø": "o",
        "ł": "l",
        "đ": "d",
        "ð": "d",
        "ħ": "h",
        "ŧ": "t",
        "ı": "i",
        "æ": "ae",
        "œ": "oe",
        "þ": "th",
        "‘": "'",
        "’": "'",
        "ʼ": "'",
        "‐": "-",
        "–": "-",
        "—": "-",
        "−": "-",
    }
)


def token_code(code: str) -> str:
    """Form of a code whatever its system: `code=1234-5`. Codes are compared without case."""
    return code.casefold()


def token_full(system: str, code: str) -> str:
    """Form of a code of one system: `code=http://loinc.org|1234-5`; system "" is `code=|1234-5`."""
    return system + SEPARATOR + code.casefold()


def token_system(system: str) -> str:
    """Form of any code of one system: `code=http://loinc.org|`."""
    return system + SEPARATOR


def variant_form(full: str, display: str) -> str:
    """Form of a code as one resource displays it. `full`: its token_full or token_system, `display`: folded or ""."""
    return full + SEPARATOR + display if display else full


def of_type_form(type_system: str, type_code: str, value: str) -> str:
    """Form of an identifier of one type: `identifier:of-type=http://terminology.example/0203|MR|446053`."""
    return type_system + SEPARATOR + type_code.casefold() + SEPARATOR + value.casefold()


def sort_form(code: str) -> str:
    """The text by which a code or an identifier is sorted."""
    return code.casefold()[:STRING_LIMIT]


def unit_code(code: str) -> str:
    """Form of a unit by its code or its printed unit: `value-quantity=5||mg`. Units keep their case (mg, Mg)."""
    return code


def unit_full(system: str, code: str) -> str:
    """Form of a unit by system and code: `value-quantity=5|http://unitsofmeasure.org|mg`."""
    return system + SEPARATOR + code


def unit_dimension(dimension: str) -> str:
    """Form of all UCUM units of one dimension (suture.fhir.ucum), whose values are stored in its base units."""
    return "\x1d" + dimension


def reference_forms(reference: str) -> tuple[str, ...]:
    """Forms under which Reference.reference is stored: as it is, and without its version.

    `Patient/1`, `Patient/1/_history/2` (stored also as `Patient/1`), `http://other.example/fhir/Patient/1`,
    `urn:uuid:…`. A reference to a contained resource (`#x`) has none. A query asks for the text as given.
    """
    if not reference or reference[0] == "#":
        return ()
    head, found, _ = reference.rpartition("/_history/")
    return (head, reference) if found else (reference,)


def canonical_forms(canonical: str) -> tuple[str, ...]:
    """Forms under which a canonical is stored: `http://x/y|1.0` also as `http://x/y`; the fragment is dropped."""
    url = canonical.partition("#")[0]
    head, found, _ = url.partition("|")
    if not head:
        return ()
    return (head, url) if found else (url,)


def fold(text: str) -> str:
    """`norm`: without case, accents, character width and needless white space, cut to STRING_LIMIT characters."""
    if len(text) > _FOLDED:
        text = text[:_FOLDED]
    if text.isascii():
        return " ".join(text.lower().split())[:STRING_LIMIT]
    return fold_all(text)[:STRING_LIMIT].rstrip()


def fold_all(text: str) -> str:
    """A text without case, accents, character width and needless white space, however long."""
    folded = _fold_once(text)
    while (again := _fold_once(folded)) != folded:
        folded = again
    return folded


def exact_form(text: str) -> str:
    """The text that `:exact` compares: `text` itself, or when it is long its beginning and a hash of all of it."""
    return _limited(text, STRING_LIMIT)


def string_row(text: str) -> tuple[str, str]:
    """(norm, raw) as stored; raw is "" when it equals norm. A query with `:exact` asks for exactly this pair."""
    norm = fold(text)
    raw = exact_form(text)
    return norm, "" if raw == norm else raw


def uri_form(uri: str) -> str:
    """`norm` of a uri parameter: the URI as it is, with case. raw is "" then."""
    return _limited(uri, URI_LIMIT)


def _limited(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return text[: limit - 33] + SEPARATOR + digest


def _mark(found: "re.Match[str]") -> str:
    """A character that is no ASCII: nothing when it is a mark that folding takes away."""
    c = found[0]
    gone = c not in _KEPT_MARKS and (unicodedata.combining(c) or unicodedata.category(c) == "Cf")
    return "" if gone else c


_NOT_ASCII = re.compile(r"[^\x00-\x7f]")


def _fold_once(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    kept = _NOT_ASCII.sub(_mark, decomposed)
    return " ".join(unicodedata.normalize("NFC", kept.translate(_LETTERS)).split())
