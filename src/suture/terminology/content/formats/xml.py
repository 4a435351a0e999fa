# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportAttributeAccessIssue=false
"""XML files of releases, read without entities, network and document type definitions."""

from typing import Any

from lxml import etree

from suture.terminology.content.files import File, ReleaseError

MAX_XML = 200 << 20
"""Bytes of one file."""


def parsed(file: File) -> Any:
    """The root element. Raises ReleaseError, with the line."""
    if file.size > MAX_XML:
        raise ReleaseError(f"{file.path} is larger than {MAX_XML} bytes.")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        with file.open() as stream:
            return etree.parse(stream, parser).getroot()
    except etree.XMLSyntaxError as error:
        raise file.wrong(error.lineno or 0, f"the XML is malformed: {error.msg}") from None
