"""FHIR packages: reading them from archives and folders, and finding what they define by canonical URL."""

from suture.fhir.packages.canonicals import Canonicals, CoreCanonicals, Layers, Nothing
from suture.fhir.packages.collection import Collection
from suture.fhir.packages.package import Definition, Package, PackageRefused
from suture.fhir.packages.reading import read_package

__all__ = [
    "Canonicals",
    "Collection",
    "CoreCanonicals",
    "Definition",
    "Layers",
    "Nothing",
    "Package",
    "PackageRefused",
    "read_package",
]
