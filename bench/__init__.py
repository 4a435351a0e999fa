"""Benchmarks: what is measured, and the programs that measure it (docs/performance.md)."""

from tests import processes

# What is measured is a server in an interpreter of its own, not one forked from a warm process as tests have it.
processes.FRESH = True
