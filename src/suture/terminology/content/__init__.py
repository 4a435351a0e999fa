"""Code systems that lie in the database or are grammars: what they hold, and how release files become such content."""

from suture.terminology.content.everything import Everything
from suture.terminology.content.stored import StoredContent

__all__ = ["Everything", "StoredContent"]
