"""Validation against profiles: what StructureDefinitions say about data beyond the structure of its type."""

from suture.fhir.profiles.gate import Gate, Policy, Waits
from suture.fhir.profiles.judge import Answer, Context, Judge, NoOracle, Oracle
from suture.fhir.profiles.library import Canonicals, Library, Packed
from suture.fhir.profiles.snapshots import generate, listed

__all__ = [
    "Answer",
    "Canonicals",
    "Context",
    "Gate",
    "Judge",
    "Library",
    "NoOracle",
    "Oracle",
    "Packed",
    "Policy",
    "Waits",
    "generate",
    "listed",
]
