"""Which parts of which datatype a search parameter indexes.

This is the table of https://hl7.org/fhir/R4/search.html (sections number to uri): for each parameter type,
the datatypes it applies to, the members of them that hold the values, and the form in which each is kept.
Datatypes that are not in the table have no values for that parameter type. Where the specification names no
part (an Annotation under a string parameter), the text that a person reads is taken.
"""

from typing import Literal

import msgspec

from suture.search.extraction.steps import Child

Form = Literal[
    "coding",  # {system, code, display}
    "concept",  # {coding, text}
    "identifier",  # {system, value, type}
    "contact",  # text that hardly anything else has
    "code",  # text without a system of its own
    "boolean",
    "amount-code",  # a number as a token
    "text",
    "date",
    "period",
    "timing",
    "number",
    "range",
    "quantity",
    "money",
    "quantity-range",
    "sampled",
    "uri",
    "canonical-uri",
    "reference",
    "canonical-reference",
    "uri-reference",
    "resource",
    "position",  # {latitude, longitude}
]


class Part(msgspec.Struct, frozen=True):
    """A value inside of a datatype: the steps that lead to it, and how it is indexed."""

    form: Form
    steps: tuple[Child, ...] = ()


_STRINGS = ("string", "markdown", "code", "id")
_URIS = ("uri", "url", "oid", "uuid")
_QUANTITIES = ("Quantity", "Age", "Count", "Distance", "Duration", "SimpleQuantity", "MoneyQuantity")
_NUMBERS = ("integer", "positiveInt", "unsignedInt", "integer64", "decimal")


def _texts(*names: str, repeating: tuple[str, ...] = ()) -> tuple[Part, ...]:
    return tuple(Part("text", (Child(name, name in repeating),)) for name in names)


_TOKEN: dict[str, tuple[Part, ...]] = {
    "Coding": (Part("coding"),),
    "CodeableConcept": (Part("concept"),),
    "CodeableReference": (Part("concept", (Child("concept"),)),),
    "Identifier": (Part("identifier"),),
    "ContactPoint": (Part("contact", (Child("value"),)),),
    "boolean": (Part("boolean"),),
    **{name: (Part("code"),) for name in (*_STRINGS, *_URIS, "canonical")},
    **{name: (Part("amount-code"),) for name in _NUMBERS},
}

_STRING: dict[str, tuple[Part, ...]] = {
    "HumanName": _texts("text", "family", "given", "prefix", "suffix", repeating=("given", "prefix", "suffix")),
    "Address": _texts("text", "line", "city", "district", "state", "postalCode", "country", repeating=("line",)),
    "Annotation": _texts("text"),
    "ContactPoint": _texts("value"),
    "Identifier": _texts("value"),
    "CodeableConcept": (*_texts("text"), Part("text", (Child("coding", True), Child("display")))),
    "Coding": _texts("display"),
    **{name: (Part("text"),) for name in _STRINGS},
}

_REFERENCE: dict[str, tuple[Part, ...]] = {
    "Reference": (Part("reference"),),
    "CodeableReference": (Part("reference", (Child("reference"),)),),
    "canonical": (Part("canonical-reference"),),
    "Resource": (Part("resource"),),
    **{name: (Part("uri-reference"),) for name in _URIS},
}

_QUANTITY: dict[str, tuple[Part, ...]] = {
    **{name: (Part("quantity"),) for name in _QUANTITIES},
    "Money": (Part("money"),),
    "Range": (Part("quantity-range"),),
    "SampledData": (Part("sampled"),),
    **{name: (Part("number"),) for name in _NUMBERS},
}

_TABLE: dict[str, dict[str, tuple[Part, ...]]] = {
    "token": _TOKEN,
    "string": _STRING,
    "reference": _REFERENCE,
    "quantity": _QUANTITY,
    "number": {**{name: (Part("number"),) for name in _NUMBERS}, "Range": (Part("range"),)},
    "date": {
        "date": (Part("date"),),
        "dateTime": (Part("date"),),
        "instant": (Part("date"),),
        "Period": (Part("period"),),
        "Timing": (Part("timing"),),
    },
    "uri": {"canonical": (Part("canonical-uri"),), **{name: (Part("uri"),) for name in _URIS}},
    "special": {"BackboneElement": (Part("position"),)},
}


def parts(parameter_type: str, datatype: str) -> tuple[Part, ...]:
    """The parts of `datatype` that a parameter of `parameter_type` indexes; () when it has none.

    An Extension stands for its value, whatever datatype that has.
    """
    table = _TABLE.get(parameter_type, {})
    if datatype != "Extension":
        return table.get(datatype, ())
    return tuple(
        Part(part.form, (Child("value" + name[0].upper() + name[1:]), *part.steps))
        for name, found in table.items()
        if name not in ("Resource", "SimpleQuantity", "MoneyQuantity")
        for part in found
    )
