"""The results as Markdown, for docs/performance.md."""

from typing import Any

from bench.scale.queries import DEEP, QUERIES

Results = dict[str, dict[str, Any]]
"""`engine/size` -> what was measured of it, by step."""


def _short(size: int) -> str:
    return f"{size // 1_000_000} M" if size % 1_000_000 == 0 else f"{size // 1000} k"


def markdown(results: Results) -> str:
    """Tables of the loads, of the disk, of every query and of the mixed load, for all sizes that were measured."""
    lines: list[str] = []
    for engine in dict.fromkeys(key.partition("/")[0] for key in results):
        sizes = sorted(int(key.partition("/")[2]) for key in results if key.startswith(f"{engine}/"))
        mine = {size: results[f"{engine}/{size}"] for size in sizes}
        lines += [f"### {engine}", "", *_loads(mine), "", *_disk(mine), "", *_queries(mine), "", *_mixed(mine), ""]
    return "\n".join(lines)


def _loads(mine: dict[int, dict[str, Any]]) -> list[str]:
    lines = ["| resources | seconds | per second | of it storing | indexes, statistics | bytes per resource |"]
    lines.append("|---:|---:|---:|---:|---:|---:|")
    for result in mine.values():
        if one := result.get("load"):
            disk = result.get("disk", {})
            lines.append(
                f"| {one['resources']:,} | {one['seconds']:,.0f} | {one['per_second']:,} "
                f"| {one['storing_seconds']:,.0f} s | {one['finishing_seconds']:,.0f} s "
                f"| {disk.get('bytes_per_resource', 0):,} |"
            )
    return lines


def _disk(mine: dict[int, dict[str, Any]]) -> list[str]:
    largest = next((mine[size]["disk"] for size in sorted(mine, reverse=True) if "disk" in mine[size]), None)
    if largest is None:
        return []
    tables = sorted(largest["tables"].items(), key=lambda item: -item[1])
    return ["Bytes per resource by table and index: " + ", ".join(f"{name} {size:,.0f}" for name, size in tables) + "."]


def _queries(mine: dict[int, dict[str, Any]]) -> list[str]:
    sizes = [size for size in mine if "query" in mine[size]]
    if not sizes:
        return []
    first, last = min(sizes), max(sizes)
    head = " | ".join(f"p50 / p99 ms at {_short(size)}" for size in sizes)
    growth = f" | p50 {_short(last)} / {_short(first)}" if first != last else ""
    lines = [f"| query | {head}{growth} | bare driver p50, {_short(last)} | of the limit |"]
    lines.append("|---|" + "---:|" * (len(sizes) + bool(growth) + 2))
    for title in [*QUERIES, DEEP]:
        found = [mine[size]["query"].get(title) for size in sizes]
        if not all(found):
            continue
        cells = [
            f"{one['p50_ms']:.2f} / {one['p99_ms']:.2f}" + (" (refused)" if "wrong" in one else "") for one in found
        ]
        if growth:
            cells.append(f"{found[-1]['p50_ms'] / found[0]['p50_ms']:.2f}")
        bare = found[-1].get("bare", {})
        cells += [f"{bare.get('p50_ms', 0):.2f}", f"{found[-1].get('of_the_limit', 0):.2f}"]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return lines


def _mixed(mine: dict[int, dict[str, Any]]) -> list[str]:
    lines = ["| mixed load at | requests per second | p50 ms | p99 ms | search p99 | read p99 | write p99 | errors |"]
    lines.append("|---|---:|---:|---:|---:|---:|---:|---:|")
    for size, result in mine.items():
        if one := result.get("mixed"):
            parts = " | ".join(f"{one[kind]['p99_ms']:.1f}" for kind in ("search", "read", "write"))
            lines.append(
                f"| {_short(size)} | {one['per_second']:,} | {one['p50_ms']:.1f} | {one['p99_ms']:.1f} | {parts} "
                f"| {sum(one['errors'].values())} |"
            )
    return lines if len(lines) > 2 else []
