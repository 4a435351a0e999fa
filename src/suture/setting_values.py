"""What the values of settings must look like, beyond their type.

The one thing to know: a fault is the end of a sentence that begins with the name of the setting.
"""

import re
from typing import Any
from urllib.parse import urlsplit


def fault(name: str, value: Any) -> str:
    """What is wrong with a value whose type is right, as the end of a sentence; "" when nothing is."""
    if name == "database" and not re.match(r"sqlite:///.|postgres(ql)?://.", value):
        return "must look like sqlite:///path/to/file.db or postgresql://user@host/name"
    if name == "replicas" and not all(re.match(r"postgres(ql)?://.", url) for url in value):
        return "must hold URLs such as postgresql://user@host/name"
    if name in ("base_url", "package_server") and value:
        parts = urlsplit(str(value))
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
            return "must be a http or https URL without query"
    if name == "required_profiles" and not all(re.fullmatch(r"[A-Z][A-Za-z]+=[^\s=]+:\S+", pair) for pair in value):
        return "must hold pairs such as Patient=http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient"
    if name == "terminology_servers" and not all(re.fullmatch(r"[^\s=]+=https?://[^\s=?#]+", pair) for pair in value):
        return "must hold pairs such as http://snomed.info/sct=https://tx.example.org/fhir"
    if name == "cors_origins":
        for origin in value:
            if origin != "*" and not re.fullmatch(r"https?://[^/?#\s]+", origin):
                return "must hold origins such as https://app.example.org, or *"
    return ""
