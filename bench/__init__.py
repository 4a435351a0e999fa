"""Benchmarks: what is measured, and the programs that measure it (docs/performance.md)."""

import os

# What is measured is a server in an interpreter of its own, not one forked from a warm process as tests have it.
os.environ["SUTURE_TEST_FRESH"] = "1"
