"""Running the server: one listening socket, one or several processes, a stop that finishes what was accepted.

The socket is bound before anything else, so a taken port is told in one sentence, port 0 is known before the
first line is printed, and several workers share one socket. The application is handed to the workers as a
picklable call of `suture.app.create_app` with the settings.
"""

import functools
import gc
import logging
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Annotated

import typer
import uvicorn
from uvicorn.supervisors import Multiprocess

from suture import __version__
from suture.app import Application, create_app
from suture.cli.options import Config, Database, Replica, Set, settings_from
from suture.cli.protocol import BoundedProtocol
from suture.observability import shared_folder
from suture.settings import Settings, SettingsError, is_loopback, shown

BACKLOG = 2048
START_SECONDS = 60
"""Longest time that workers may take to start before nothing is said about it."""


def refuse_open(settings: Settings) -> None:
    """Raise SettingsError unless the address is loopback or the user insists."""
    if settings.insecure_open or is_loopback(settings.host):
        return
    raise SettingsError(
        f"Suture does not listen on {settings.host}, because nobody has to sign in yet and everyone who reaches "
        f"that address could read and change all data; use 127.0.0.1, or give --insecure-open if you mean it."
    )


def bind(settings: Settings) -> socket.socket:
    """Bind the listening socket. Raises SettingsError when the address cannot be had."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.host.strip("[]"), settings.port))
    except OSError as error:
        listener.close()
        reason = error.strerror or str(error)
        raise SettingsError(f"Suture cannot listen on {settings.host} port {settings.port}: {reason}.") from None
    listener.set_inheritable(True)
    return listener


def base_url(settings: Settings, listener: socket.socket) -> str:
    """The URL under which the server can be reached from this machine, without a path."""
    host = f"[{settings.host.strip('[]')}]" if ":" in settings.host else settings.host
    return f"http://{host}:{listener.getsockname()[1]}"


def run_processes(settings: Settings, listener: socket.socket, ready: Callable[[], None]) -> int:
    """Serve until a signal stops it, then finish the accepted requests. Returns the exit status.

    `ready` is called once, when requests are answered.
    """
    config = uvicorn.Config(
        functools.partial(_application, settings),
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        loop="uvloop",
        http=BoundedProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        log_level=settings.log_level if settings.log_level != "info" else "warning",
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=round(settings.shutdown_grace) or 1,
    )
    if settings.workers > 1:
        listener.listen(BACKLOG)
        workers = _Workers(config, [listener], ready)
        with shared_folder():
            workers.run()
        return workers.status
    server = _Server(config, ready)
    logging.getLogger("uvicorn.error").addFilter(_reason_only)
    try:
        server.run([listener])
    except KeyboardInterrupt:
        pass
    except SystemExit:
        return 1
    return 0 if server.started else 1


def _application(settings: Settings) -> Application:
    """What a server process runs, after making the interpreter fit for it.

    A request makes hundreds of short-lived dicts and hardly a cycle, while the definitions stay for ever: the
    default of a look at the youngest 700 objects, and now and then at all, took a tenth of the time of a write.
    The shorter switch interval lets a commit that is done be noticed by a busy event loop.
    """
    gc.set_threshold(50_000, 20, 20)
    sys.setswitchinterval(0.0005)
    return create_app(settings)


def _reason_only(record: logging.LogRecord) -> bool:
    """When the application does not start, the reason is enough."""
    return not record.getMessage().startswith("Application startup failed")


class _Server(uvicorn.Server):
    """A server process that says when it answers."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop; a second interrupt stops at once. Unlike uvicorn's own, a stop that was asked for is a success."""
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()


class _Workers(Multiprocess):
    """The parent of several server processes."""

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket], ready: Callable[[], None]) -> None:
        super().__init__(config, sockets)
        self._ready = ready

    def init_processes(self) -> None:
        super().init_processes()
        if all(process.wait_until_ready(START_SECONDS, self.should_exit) for process in self.processes):
            self._ready()

    @property
    def status(self) -> int:
        """1 when a worker failed, 0 when all ended as they were asked to."""
        return 1 if any(process.exitcode not in (None, 0, -signal.SIGTERM) for process in self.processes) else 0


def command(
    host: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Address to listen on. [default: 127.0.0.1]")
    ] = None,
    port: Annotated[
        str | None, typer.Option("--port", "-p", metavar="PORT", help="TCP port; 0 takes a free one. [default: 8000]")
    ] = None,
    database: Database = None,
    replica: Replica = None,
    workers: Annotated[
        str | None, typer.Option("--workers", "-w", metavar="N", help="Server processes. [default: 1]")
    ] = None,
    insecure_open: Annotated[
        bool, typer.Option("--insecure-open", help="Listen on other addresses than loopback, without any sign-in.")
    ] = False,
    config: Config = None,
    set: Set = None,
) -> int:
    """Serve the FHIR API.

    The database is made when it does not exist. Stop with Ctrl-C or SIGTERM: what was accepted is finished first.

    Examples:

    - `suture serve` on http://127.0.0.1:8000, data in the file suture.db

    - `suture serve --port 8080 --database sqlite:////var/lib/suture/data.db`

    - `suture serve --database postgresql://suture@localhost/suture --workers 4`
    """
    loaded = settings_from(
        config,
        set,
        host=host,
        port=port,
        database=database,
        replicas=replica or None,
        workers=workers,
        insecure_open=insecure_open or None,
    )
    return serve(loaded.settings)


def serve(settings: Settings) -> int:
    """Refuse what must not be, bind, serve. Raises SettingsError."""
    refuse_open(settings)
    return run(settings, bind(settings), ())


def run(settings: Settings, listener: socket.socket, more: Sequence[str]) -> int:
    """Serve until stopped, after saying where; `more` lines follow, with `{url}` filled in."""
    url = base_url(settings, listener)

    def ready() -> None:
        where = shown("database", settings.database)
        lines = [f"Suture {__version__} serves {url}/fhir/r4 from {where} (Ctrl-C stops it)"]
        if not is_loopback(settings.host):
            lines.append("Warning: open to the network without sign-in, as --insecure-open asks.")
        sys.stdout.write("\n".join([*lines, *(line.replace("{url}", url) for line in more)]) + "\n")
        sys.stdout.flush()

    return run_processes(settings, listener, ready)
