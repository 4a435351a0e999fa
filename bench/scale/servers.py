"""The databases of the benchmark: one SQLite file per size, and one database per size in a PostgreSQL of our own."""

import contextlib
import os
import pwd
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests import cluster

ENGINES = ("postgresql", "sqlite")
USER = "suture"

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "shared_buffers": "4GB",
    "effective_cache_size": "12GB",
    "maintenance_work_mem": "1GB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "on",
    "max_connections": "100",
    "random_page_cost": "1.1",
    "log_min_messages": "warning",
}
"""Everything else is as PostgreSQL comes; fsync is on."""


class Databases:
    """Where the databases lie: below `folder`. PostgreSQL runs as long as `running` is entered."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._port = 0

    def url(self, engine: str, size: int) -> str:
        """The URL of the database of one size."""
        if engine == "sqlite":
            return f"sqlite:///{self.folder / 'sqlite' / f'{size}.db'}"
        return f"postgresql://{USER}@127.0.0.1:{self._port}/size{size}"

    def fresh(self, engine: str, size: int) -> str:
        """An empty database; what was there is removed."""
        if engine == "sqlite":
            place = self.folder / "sqlite"
            place.mkdir(parents=True, exist_ok=True)
            for file in place.glob(f"{size}.db*"):
                file.unlink()
        else:
            where = ["-h", "127.0.0.1", "-p", str(self._port), "-U", USER]
            tools = cluster.programs()
            subprocess.run([tools / "dropdb", *where, "--force", "--if-exists", f"size{size}"], check=True)
            subprocess.run([tools / "createdb", *where, "-T", "template0", f"size{size}"], check=True)
        return self.url(engine, size)

    @contextlib.contextmanager
    def running(self, engine: str) -> Iterator[None]:
        """While entered, the databases of `engine` can be used."""
        if engine == "sqlite":
            yield
            return
        process = self._start()
        try:
            yield
        finally:
            process.send_signal(signal.SIGINT)  # disconnect everybody, write a checkpoint
            process.wait(600)

    def _start(self) -> "subprocess.Popen[bytes]":
        tools = cluster.programs()
        place = self.folder / "postgresql"
        data = place / "data"
        run_as: dict[str, int] = {}
        place.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:  # initdb and postgres refuse to run as root
            account = pwd.getpwnam("postgres")
            os.chown(place, account.pw_uid, account.pw_gid)
            run_as = {"user": account.pw_uid, "group": account.pw_gid}
        environment = {"PATH": os.environ["PATH"], "HOME": str(place), "LC_ALL": "C.UTF-8", "TZ": "UTC"}
        if not (data / "PG_VERSION").exists():
            command = [tools / "initdb", "-D", data, "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment, cwd=place, **run_as)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        options = {**SETTINGS, "port": str(self._port), "unix_socket_directories": str(data)}
        arguments = [item for name, value in options.items() for item in ("-c", f"{name}={value}")]
        with (place / "log").open("ab") as log:
            process = subprocess.Popen(
                [tools / "postgres", "-D", data, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                cwd=place,
                start_new_session=True,
                **run_as,
            )
        ready = [tools / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self._port)]
        for _ in range(1200):
            if process.poll() is not None:
                break
            if subprocess.run(ready, check=False).returncode == 0:
                return process
            time.sleep(0.1)
        raise SystemExit(f"PostgreSQL did not start: {(place / 'log').read_text()[-2000:]}")
