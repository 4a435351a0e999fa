"""Lines of Python that are made of fixed phrases, counted names and constants, and of nothing else."""

from typing import Any


class Phrases:
    """`constants`: what the names `c0`, `c1` … stand for in the lines."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._names = 0
        self._by_value: dict[tuple[str, Any], str] = {}
        self._used: set[str] = set()
        self.constants: dict[str, Any] = {}

    def _constant(self, value: Any, kind: str = "") -> str:
        """The name of a constant; equal data have one name, functions are told apart by identity."""
        by = (type(value).__name__, id(value) if kind else value)
        name = self._by_value.get(by)
        if name is None:
            name = self._by_value[by] = f"c{len(self.constants)}"
            self.constants[name] = value
        return name

    def _name(self, prefix: str) -> str:
        """A new name, unlike every other."""
        self._names += 1
        return f"{prefix}{self._names}"

    def _add(self, depth: int, table: str, expression: str) -> None:
        """Extend the list `table` by what `expression` gives."""
        self._used.add(table)
        self._write(depth, f"{table} += {expression}")

    def _write(self, depth: int, line: str) -> None:
        self._lines.append("    " * depth + line)
