"""A private PostgreSQL cluster for tests: one per test session, shared by all xdist workers.

It lies in a temporary folder, listens on a free loopback port, and is started by the first worker that asks.
The process that leads the session (pytest itself, or xdist's controller) stops it by its own process id.
"""

import contextlib
import fcntl
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

STATE_VARIABLE = "TEST_CLUSTER_FOLDER"
"""Names the folder that all processes of one session share."""

USER = "suture"

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "300",
    "shared_buffers": "128MB",
    "max_wal_size": "256MB",
    "log_min_messages": "warning",
}


class Missing(Exception):
    """PostgreSQL's programs are not installed."""


def programs() -> Path:
    """The folder of initdb and postgres. Raises Missing."""
    folders = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: float(folder.parent.name), reverse=True
    )
    if found := shutil.which("initdb"):
        folders.append(Path(found).parent)
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise Missing("PostgreSQL's server programs are not installed (Debian: apt-get install postgresql).")


def lead() -> None:
    """Make this process the one that leads the session."""
    if STATE_VARIABLE not in os.environ:
        folder = Path(tempfile.mkdtemp(prefix="suture-tests-"))
        folder.chmod(0o755)
        os.environ[STATE_VARIABLE] = str(folder)


def stop() -> None:
    """Stop the cluster if anyone started it, and remove its folder. Only for the leading process."""
    folder = os.environ.pop(STATE_VARIABLE, None)
    if folder is None:
        return
    with contextlib.suppress(FileNotFoundError):
        end(int((Path(folder) / "data" / "postmaster.pid").read_text().split()[0]))
    shutil.rmtree(folder, ignore_errors=True)


def port() -> int:
    """The port of the session's cluster, which is started if need be. Raises Missing."""
    folder = Path(os.environ[STATE_VARIABLE])
    with (folder / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        state = folder / "state.json"
        if not state.exists():
            number = _start(programs(), folder)
            state.write_text(json.dumps({"port": number}))
        return json.loads(state.read_text())["port"]


@contextlib.contextmanager
def database() -> Iterator[str]:
    """A new, empty database: its URL. Dropped at the end, whoever is still connected."""
    tools, number = programs(), str(port())
    name = f"t{uuid.uuid4().hex}"
    where = ["-h", "127.0.0.1", "-p", number, "-U", USER]
    subprocess.run([tools / "createdb", *where, "-T", "template0", name], check=True)
    try:
        yield f"postgresql://{USER}@127.0.0.1:{number}/{name}"
    finally:
        subprocess.run([tools / "dropdb", *where, "--force", "--if-exists", name], check=True)


def _start(tools: Path, folder: Path) -> int:
    data = folder / "data"
    fill(data, tools / "initdb", "-D", data, "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
    return run(data, folder / "log")[0]


def fill(data: Path, *command: str | Path) -> None:
    """Make the folder `data` by `command`, as the account that will run PostgreSQL in it."""
    data.mkdir(mode=0o700)
    run_as = _run_as()
    if run_as:
        os.chown(data, run_as["user"], run_as["group"])
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=_environment(data), cwd=data, **run_as)


def run(data: Path, output: Path) -> tuple[int, int]:
    """Start PostgreSQL on the folder `data` and wait until it answers; (port, process id). It logs to `output`."""
    tools = programs()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
    options = {**SETTINGS, "port": str(number), "unix_socket_directories": str(data)}
    arguments = [item for name, value in options.items() for item in ("-c", f"{name}={value}")]
    with output.open("ab") as log:
        process = subprocess.Popen(
            [tools / "postgres", "-D", data, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=_environment(data),
            cwd=data,
            start_new_session=True,
            **_run_as(),
        )
    ready = [tools / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(number)]
    for _ in range(300):
        if process.poll() is not None:
            break
        if subprocess.run(ready).returncode == 0:
            return number, process.pid
        time.sleep(0.05)
    raise RuntimeError(f"PostgreSQL did not start: {output.read_text()[-2000:]}")


def end(pid: int) -> None:
    """Stop a PostgreSQL that `run` started, at once, if it still runs."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGQUIT)
    for _ in range(500):
        if not _alive(pid):
            break
        time.sleep(0.02)


def _environment(data: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(data), "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def _run_as() -> dict[str, int]:
    if os.geteuid() != 0:
        return {}
    account = _account()  # initdb and postgres refuse to run as root
    return {"user": account.pw_uid, "group": account.pw_gid}


def _account() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise RuntimeError("there is no account postgres or nobody to run PostgreSQL")


def _alive(pid: int) -> bool:
    """Whether the process still runs (a dead child that nobody has waited for does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
