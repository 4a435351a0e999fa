"""Filling an empty database as fast as the machine allows: without indexes first, with all of them at the end.

A database that is being filled carries a mark (`mark`); rows are made by `rows`, written by one `Writer` per worker
process, and finished by the one `Database` of the load. See docs/load.md, "Bulk load".
"""
