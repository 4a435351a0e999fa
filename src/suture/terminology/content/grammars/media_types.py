"""MIME types, urn:ietf:bcp:13: https://www.rfc-editor.org/rfc/rfc6838."""

from suture.fhir.open_codes import is_mime_type
from suture.terminology.content.grammars.grammar import Grammar
from suture.terminology.systems import Head


class MediaTypes(Grammar):
    """BCP 13, whose codes are shown as they are."""

    def __init__(self) -> None:
        super().__init__(
            Head(
                "urn:ietf:bcp:13", "", "MimeTypes", "Media types (BCP 13)",
                value_set="http://hl7.org/fhir/ValueSet/mimetypes",
            )
        )  # fmt: skip

    def named(self, code: str) -> str | None:
        """The type itself."""
        return code if is_mime_type(code) else None
