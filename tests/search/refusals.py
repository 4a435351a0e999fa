"""What searches the server does not answer as the specification says, yet: the one list of expected refusals.

`NOT_YET`: features of `tests.search.questions` that the server may refuse or answer otherwise. It must be empty when
search is complete; a feature that never fails any more must be taken off.
"""

NOT_YET: frozenset[str] = frozenset()

EXCUSED: dict[tuple[str, str], str] = {
    ("*", "_text"): "full text has tests of its own",
    ("*", "_content"): "full text has tests of its own",
    ("*", "_query"): "names a query that a server defines, and there is none",
    ("*", "_filter"): "asked by tests/search/test_differential.py",
    ("*", "_id"): "asked by every other test",
    ("*", "_lastUpdated"): "the server sets it; asked by tests/search/test_differential.py",
    ("Parameters", "*"): "Parameters are not stored",
    ("DocumentReference", "relationship"): "its definition gives each component the expression of the other",
    ("Patient", "age"): "the specification gives it no expression",
    ("Patient", "birthOrderBoolean"): "the specification gives it no expression",
}
"""Parameters that tests/search/test_every_parameter.py does not exercise, by ("*" or type, code), and why."""
