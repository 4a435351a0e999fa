"""How the words of a resource are told to PostgreSQL's full text search.

Documentation: https://www.postgresql.org/docs/current/datatype-textsearch.html.
"""

from collections import defaultdict
from itertools import count

PLACES = 256
"""Places of one word that PostgreSQL keeps."""


def tsvector(narrative: str, content: str) -> str:
    """The text of a tsvector that holds words (separated by blanks, without signs) at their places.

    Those of the narrative have the weight A and come first, since of a word only PLACES are kept. Then comes a gap, so
    that no phrase goes from one to the other. A word stands there once with all its places: that is half the text and
    half the work for PostgreSQL.
    """
    told = narrative.split(" ") if narrative else []
    places: defaultdict[str, list[str]] = defaultdict(list)
    for word, place in zip(told, map("{}A".format, count(1)), strict=False):
        places[word].append(place)
    for word, place in zip(content.split(" "), map(str, count(len(told) + 2)), strict=False):
        places[word].append(place)
    return " ".join([f"{word}:{','.join(found[:PLACES])}" for word, found in places.items()])
