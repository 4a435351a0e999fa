"""What FHIR is: definitions, JSON, validation, patching. Pure: no I/O besides reading packaged definitions."""
