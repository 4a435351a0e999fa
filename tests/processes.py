"""`suture` processes that start fast: forked from one that has imported everything already.

A start in a new interpreter costs more than most tests that need one. So each test process keeps a mother, which
imports all modules, waits, and forks for whoever asks. What comes out is a process of its own as any other: with its
own folder, environment, output and signals, it enters at `python -m suture` and ends as Python ends.

Only the imports are shared, and with them a missing import would go unseen: `SUTURE_TEST_FRESH=1` starts a new
interpreter each time (`make test-slow` runs the tests of the command line that way).
"""

import atexit
import contextlib
import functools
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import suture

FRESH = os.environ.get("SUTURE_TEST_FRESH") == "1"
LARGEST_REQUEST = 1 << 17
"""Bytes of arguments and environment together."""


class Process:
    """A process as `subprocess.Popen` gives one, as far as tests need it."""

    def __init__(self, arguments: Sequence[str], answers: socket.socket) -> None:
        self.args = arguments
        self.returncode: int | None = None
        self._answers = answers
        self.pid = self._answer()

    def _answer(self) -> int:
        said = self._answers.recv(8)
        if not said:
            raise RuntimeError("the mother of the processes is gone")
        return int.from_bytes(said, "little", signed=True)

    def poll(self) -> int | None:
        """Its exit status, or None while it runs."""
        if self.returncode is None and select.select([self._answers], [], [], 0)[0]:
            self.wait()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status, when it has ended. Raises subprocess.TimeoutExpired after `timeout` seconds."""
        if self.returncode is None:
            self._answers.settimeout(timeout)
            try:
                self.returncode = self._answer()
            except TimeoutError:
                raise subprocess.TimeoutExpired(self.args, timeout or 0) from None
            self._answers.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def start(
    arguments: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    stdout: IO[bytes],
    stderr: IO[bytes],
    fresh: bool = False,
) -> "Process | subprocess.Popen[bytes]":
    """Start `suture` with `arguments` in the folder `cwd`; it writes to the two open files.

    `fresh`: in a new interpreter, as who measures wants it.
    """
    if FRESH or fresh:
        command = [sys.executable, "-m", "suture", *arguments]
        return subprocess.Popen(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr)
    request = json.dumps({"arguments": list(arguments), "cwd": str(cwd), "env": dict(env)}).encode()
    here, there = socket.socketpair()
    with there:
        socket.send_fds(_mother(), [request], [stdout.fileno(), stderr.fileno(), there.fileno()])
    return Process(arguments, here)


@functools.cache
def _mother() -> socket.socket:
    """The line to this process's mother, who ends when it is closed."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    root = Path(__file__).parent.parent
    with there:
        command = [sys.executable, "-m", "tests.processes"]
        running = subprocess.Popen(command, cwd=root, stdin=there, stdout=subprocess.DEVNULL)

    @atexit.register
    def end() -> None:
        here.close()
        running.wait()

    return here


def _bear() -> dict[str, Any]:
    """In the mother: fork for each request. Returns the request, in the process that is to become `suture`."""
    for module in pkgutil.walk_packages(suture.__path__, "suture."):
        if not module.name.endswith("__main__"):
            with contextlib.suppress(Exception):  # the process that needs it will tell why it cannot be imported
                importlib.import_module(module.name)
    gc.collect()
    gc.freeze()
    line = socket.socket(fileno=os.dup(0))
    while True:
        request, files, _, _ = socket.recv_fds(line, LARGEST_REQUEST, 3)
        if not request:
            os._exit(0)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass
        if os.fork() == 0:
            line.close()
            _watch(*files)
            return json.loads(request)
        for file in files:
            os.close(file)


def _watch(stdout: int, stderr: int, answers: int) -> None:
    """Fork once more, and tell whoever asked the process's id and, in the end, its status. Returns in the process."""
    child = os.fork()
    if child == 0:
        nothing = os.open(os.devnull, os.O_RDONLY)
        for there, standard in ((nothing, 0), (stdout, 1), (stderr, 2)):
            os.dup2(there, standard)
            os.close(there)
        os.close(answers)
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for file in (0, 1, 2, stdout, stderr):
        os.close(file)
    os.write(answers, child.to_bytes(8, "little"))
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    with contextlib.suppress(BrokenPipeError):
        os.write(answers, status.to_bytes(8, "little", signed=True))
    os._exit(0)


if __name__ == "__main__":
    wanted = _bear()
    os.chdir(wanted["cwd"])
    os.environ.clear()
    os.environ.update(wanted["env"])
    sys.argv = ["suture", *wanted["arguments"]]
    sys.path[0] = wanted["cwd"]
    runpy.run_module("suture", run_name="__main__", alter_sys=True)
