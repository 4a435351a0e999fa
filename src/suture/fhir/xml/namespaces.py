"""Namespaces of a FHIR document, resolved here because the parser is asked for plain names only.

Specification: https://www.w3.org/TR/xml-names/. The one thing to know: a parser that resolves namespaces writes the URI
in front of every name, so that a long URI and many short names become a huge document; here a name stays as it is.
"""

from collections.abc import Mapping

from suture.fhir.outcomes import Invalid

FHIR = "http://hl7.org/fhir"
XHTML = "http://www.w3.org/1999/xhtml"
SCHEMA_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"

MAX_PREFIXES = 30
"""Prefixes that may be declared at one place."""

MAX_NAMESPACE = 300
"""Characters of one namespace."""


class Scope:
    """Which namespace a prefix means at one place. `prefixes`: "" is the default namespace.

    `plain`: names without a prefix are FHIR's, as in nearly all documents.
    """

    __slots__ = ("plain", "prefixes")

    def __init__(self, prefixes: Mapping[str, str]) -> None:
        self.prefixes = prefixes
        self.plain = prefixes.get("") == FHIR

    def within(self, attributes: Mapping[str, str]) -> tuple["Scope", dict[str, str]]:
        """The scope inside of an element with these attributes, and its attributes without the declarations.

        Attributes of the schema instance namespace (`xsi:schemaLocation`) are left out too: they are hints for schema
        processors. Raises Invalid for too many prefixes and too long namespaces.
        """
        declared = {name[6:]: uri for name, uri in attributes.items() if name == "xmlns" or name.startswith("xmlns:")}
        scope = Scope({**self.prefixes, **declared}) if declared else self
        if any(len(uri) > MAX_NAMESPACE for uri in declared.values()):
            raise Invalid(f"The XML declares a namespace of more than {MAX_NAMESPACE} characters.")
        if len(scope.prefixes) > MAX_PREFIXES:
            raise Invalid(f"The XML declares more than {MAX_PREFIXES} namespace prefixes.")
        rest = {
            name: value
            for name, value in attributes.items()
            if name.partition(":")[0] != "xmlns" and scope.resolve(name, attribute=True)[0] != SCHEMA_INSTANCE
        }
        return scope, rest

    def resolve(self, name: str, *, attribute: bool = False) -> tuple[str | None, str]:
        """The namespace and the local part of a name; None when its prefix is not declared.

        An `attribute` without a prefix is in no namespace, "".
        """
        prefix, colon, local = name.partition(":")
        if not colon:
            return ("" if attribute else self.prefixes.get("", "")), name
        return self.prefixes.get(prefix), local

    @property
    def is_self_contained(self) -> bool:
        """Whether no prefix of the surroundings can be in use."""
        return all(prefix in ("", "xml") or uri == SCHEMA_INSTANCE for prefix, uri in self.prefixes.items())


START = Scope({"xml": "http://www.w3.org/XML/1998/namespace"})
"""What is declared before a document begins."""
