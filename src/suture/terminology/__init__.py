"""Which codes a value set holds, and which codes are above and below a code: from packaged and stored definitions."""

from suture.terminology.codes import Codes, Members
from suture.terminology.library import Source
from suture.terminology.service import Terminology

__all__ = ["Codes", "Members", "Source", "Terminology"]
