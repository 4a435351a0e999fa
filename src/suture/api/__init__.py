"""The FHIR REST surface: HTTP in, interactions and operations, HTTP out."""
