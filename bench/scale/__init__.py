"""Suture at size: patients by the million, loaded, searched and compared with the bare driver.

    python -m bench.scale all --size 1000000 --engine postgresql

The steps `generate`, `load`, `query`, `mixed` and `report` can be called by themselves; what is done is not done again.
"""
