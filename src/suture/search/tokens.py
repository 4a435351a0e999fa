"""Values of token parameters: which index rows a code, an identifier, a text or a value set asks for.

Specification: https://hl7.org/fhir/R4/search.html#token and #modifiers. The one thing to know: rows of values without
a system of their own and of identifiers are hashes of the forms themselves (`direct`), rows of Codings are found
through the table `forms`, because they also hold the display.
"""

from collections.abc import Sequence

import msgspec

from suture.fhir.outcomes import Invalid
from suture.search import values as forms
from suture.search.contained import presence
from suture.search.escapes import split, unescape
from suture.search.filters import NOTHING, Filter, Token, any_of
from suture.search.parameters import Parameter
from suture.search.unresolved import Coded, Terms, Worded
from suture.store.keys import Keys


class Wanted(msgspec.Struct, frozen=True):
    """The forms of one value. `form`: for all rows; `full`: it has system and code; `bare`: for direct rows
    alone; `system`: it is any code of this system.
    """

    form: str
    full: bool
    bare: str = ""
    system: str = ""


class Tokens:
    """Builds the filters of token parameters for one database."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def filter(self, parameter: Parameter, modifier: str, parts: Sequence[str]) -> Filter:
        """What any of the alternatives `parts`, escapes still in them, asks with a modifier other than `not`."""
        match modifier:
            case "in" | "not-in":
                return any_of(Terms(parameter, "in", unescape(part)) for part in parts)
            case "below" | "above":
                return any_of(self._hierarchy(parameter, modifier, part) for part in parts)
            case "text":
                return any_of(self.worded(parameter, "words", unescape(part)) for part in parts)
            case "of-type":
                wanted = [_of_type(parameter, part) for part in parts]
                return self.hashed(parameter, wanted, forms.OF_TYPE_SUFFIX, few=True)
            case _:
                return self.coded(parameter, [understood(parameter, part) for part in parts])

    def coded(self, parameter: Parameter, wanted: Sequence[Wanted]) -> Filter:
        """The rows of any of the forms."""
        token, type = self._keys.token, parameter.resource_type
        direct: dict[int, None] = {}
        fulls: dict[int, None] = {}
        asks: dict[int, None] = {}
        for rows in parameter.rows:
            for one in wanted:
                s = token(type, rows, one.form)
                if one.system and (one.system,) == parameter.implied_systems and not parameter.coded:
                    return presence(self._keys, parameter, missing=False)  # every value is a code of this system
                if parameter.direct or not parameter.coded:
                    direct[s] = None
                    if one.bare:
                        direct[token(type, rows, one.bare)] = None
                if parameter.coded:
                    (fulls if one.full else asks)[s] = None
        if fulls or asks:
            return Coded(tuple(fulls), tuple(asks), tuple(direct), parameter.paired)
        return Token(tuple(direct), parameter.identified) if direct else NOTHING

    def hashed(self, parameter: Parameter, wanted: Sequence[str], suffix: str, *, few: bool) -> Filter:
        """The rows of any of these forms under the parameter's name with a suffix."""
        token, type = self._keys.token, parameter.resource_type
        hashes = {token(type, rows + suffix, form): None for rows in parameter.rows for form in wanted}
        return Token(tuple(hashes), few) if hashes else NOTHING

    def identifiers(self, parameter: Parameter, parts: Sequence[str]) -> Filter:
        """`:identifier` of a reference parameter."""
        wanted = [form for part in parts for form in _forms(understood(parameter, part))]
        return self.hashed(parameter, wanted, forms.IDENTIFIER_SUFFIX, few=True)

    def worded(self, parameter: Parameter, how: str, text: str) -> Filter:
        """Tokens with a text like this: `words` looks at displays and texts, the other ways at the codes."""
        folded = forms.fold(text)
        if not folded:
            raise Invalid(f"The value of the search parameter '{parameter.code}' holds no letter, digit or sign.")
        keys, type = self._keys, parameter.resource_type
        match how:
            case "words":
                ps = tuple(keys.parameter(type, rows + forms.TEXT_SUFFIX) for rows in parameter.rows)
                return Worded(ps, "words", folded)
            case "begins" | "contains" | "ends":
                return Worded(tuple(keys.parameter(type, rows) for rows in parameter.rows), how, text.casefold())
            case _:
                raise AssertionError(how)

    def _hierarchy(self, parameter: Parameter, modifier: str, part: str) -> Filter:
        pieces = split(part, "|")
        system = unescape(pieces[0]) if len(pieces) == 2 else ""
        code = unescape(pieces[-1])
        if not system and len(pieces) == 1 and len(parameter.implied_systems) == 1:
            system = parameter.implied_systems[0]
        if not (system and code) or len(pieces) > 2:
            raise Invalid(
                f"'{parameter.code}:{modifier}' needs a code with its system, as in "
                f"{parameter.code}:{modifier}=http://snomed.info/sct|73211009."
            )
        return Terms(parameter, "below" if modifier == "below" else "above", code, system)


def understood(parameter: Parameter, part: str) -> Wanted:
    """What `code`, `system|code`, `|code` or `system|` means. Raises Invalid."""
    pieces = split(part, "|")
    if len(pieces) == 1:
        return Wanted(forms.token_code(unescape(part)), full=False)
    if len(pieces) > 2 or pieces == ["", ""]:
        raise Invalid(
            f"The value '{part[:60]}' of the search parameter '{parameter.code}' is not of the form code, "
            r"system|code, |code or system|. A sign that belongs to the code is written \|."
        )
    system, code = unescape(pieces[0]), unescape(pieces[1])
    if not code:
        return Wanted(forms.token_system(system), full=False, system=system)
    return in_system(parameter, system, code)


def in_system(parameter: Parameter, system: str, code: str) -> Wanted:
    """What a code of one system means; `system` "" is none."""
    bare = (parameter.bare or parameter.implied_systems) if not system else system in parameter.implied_systems
    return Wanted(forms.token_full(system, code), full=True, bare=forms.token_code(code) if bare else "")


def _forms(wanted: Wanted) -> tuple[str, ...]:
    return (wanted.form, wanted.bare) if wanted.bare else (wanted.form,)


def _of_type(parameter: Parameter, part: str) -> str:
    pieces = [unescape(piece) for piece in split(part, "|")]
    if len(pieces) != 3 or not all(pieces[1:]):
        raise Invalid(
            f"'{parameter.code}:of-type' needs the type's system, the type's code and the value, as in "
            f"{parameter.code}:of-type=http://terminology.hl7.org/CodeSystem/v2-0203|MR|446053."
        )
    return forms.of_type_form(*pieces)
