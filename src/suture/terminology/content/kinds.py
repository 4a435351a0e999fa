"""What the sets and blocks of a stored code system are: the numbers under which the database keeps them.

The one thing to know: these numbers are in databases; a kind gets a new number when its content changes its form.
"""

from enum import IntEnum


class Kind(IntEnum):
    """Sets are bitmaps by name, blocks are compressed bytes by a number."""

    WORD = 1
    """Set: a folded word -> the numbers of the terms that have it."""
    BEGINNING = 2
    """Set: the first one, two or three letters of words -> the numbers of the terms that have such a word."""
    PROPERTY = 3
    """Set: `<place of the declared property>:<value>` -> concepts."""
    HAVING = 4
    """Set: `<place of the declared property>` -> concepts that have any value of it."""
    FLAG = 5
    """Set: `inactive`, `abstract`, `all` -> concepts."""
    BELOW = 6
    """Set: the number of a concept with many descendants -> its descendants."""
    MEMBERS = 7
    """Set: the number of a reference set's concept -> the concepts that it has as active members."""
    ALTERNATE = 8
    """Set: `<scheme>#<code>` -> the concept with that alternate identifier."""
    VALUE_SET = 9
    """Set: the URL of a value set that the release defines -> its concepts."""
    STARTING = 10
    """Set: the same for beginnings with MANY terms -> the concepts that these belong to."""
    SUBTYPES = 20
    """Block 0: the hierarchy, see `Hierarchy.packed`."""
    TERMS = 21
    """Block 0: which concept each term belongs to, as unsigned 32-bit integers."""
    RELATIONS = 22
    """Block of an attribute's concept: its relationships, see `relations`."""
    VALUES = 23
    """Block of an attribute's concept: its concrete values, see `relations`."""
    ROWS = 24
    """Block of a reference set's concept: its rows, see `reference_sets`."""
    ATTRIBUTES = 25
    """Block 0: the numbers of the concepts that are attributes, with how many relationships and values each has."""
