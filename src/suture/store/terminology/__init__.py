"""The tables of loaded code systems: rows in and out, whose meaning is up to `suture.terminology.content`."""

from suture.store.terminology.loading import Loading, Place, open_loading
from suture.store.terminology.reading import Shelf, Version, versions

__all__ = ["Loading", "Place", "Shelf", "Version", "open_loading", "versions"]
