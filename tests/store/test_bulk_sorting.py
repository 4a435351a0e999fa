"""Bulk loads sort more than fits in memory: SQLite sorts in files then."""

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys
import apsw
from suture.store.bulk.sqlite import SORTING

connection = apsw.Connection(sys.argv[1])
for pragma in (*SORTING, "cache_size = -1000"):
    connection.execute(f"pragma {pragma}").fetchall()
connection.execute("create table sorted (a integer, b blob, primary key (b, a)) without rowid")
connection.execute(
    "insert into sorted with recursive n(x) as (select 1 union all select x + 1 from n where x < 300000) "
    "select x, randomblob(40) from n order by 2, 1"
)
print(connection.execute("select count(*) from sorted").fetchall()[0][0])
"""


def test_a_sort_that_needs_files_ends(tmp_path: Path) -> None:
    # in a process of its own: what hangs inside of SQLite cannot be interrupted
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "sorted.db")]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert done.stdout == b"300000\n", done.stderr
