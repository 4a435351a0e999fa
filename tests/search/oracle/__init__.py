"""A second opinion on R4 search: plain evaluation of resources, without an index and without `suture.search`.

Specification: https://hl7.org/fhir/R4/search.html. `World.ask` answers the words of a URL. It reads the published
search parameters and walks their expressions over typed JSON by itself; slow and plain on purpose. Where the
specification leaves a choice to the server, it takes the one that docs/search.md names.
"""

from tests.search.oracle.world import Answer, World

__all__ = ["Answer", "World"]
