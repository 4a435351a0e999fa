"""Suture: a healthcare interoperability platform. The FHIR server, and the rooms around it."""

__version__ = "0.1.0"
