"""Every setting of Suture: its default, its meaning, and where its present value came from.

Values come, strongest first, from flags of the command line, from `SUTURE_…` environment variables, from a
TOML file (`--config`, `SUTURE_CONFIG`, or `suture.toml` in the working directory) and from the defaults here.
The one thing to know: nothing is silently corrected. A name or value that is wrong raises `SettingsError`
with one sentence that says which, where it was set, and what would be right.
"""

import difflib
import ipaddress
import re
import tomllib
import typing
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from suture.setting_values import fault

KIB, MIB = 1024, 1024 * 1024

PREFIX = "SUTURE_"
CONFIG_VARIABLE = "SUTURE_CONFIG"
CONFIG_FILE = "suture.toml"

Text = Annotated[str, Meta(min_length=1)]
Size = Annotated[int, Meta(ge=1 * KIB, le=2048 * MIB)]
Seconds = Annotated[float, Meta(ge=0.1, le=86_400)]


class SettingsError(Exception):
    """A setting is wrong. Its text is the one sentence that a person should read."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings of one process. Sizes are in bytes, times in seconds."""

    host: Annotated[Text, Meta(description="Address to listen on. Anything but loopback needs `insecure_open`.")] = (
        "127.0.0.1"
    )
    port: Annotated[
        int, Meta(ge=0, le=65_535, description="TCP port to listen on; 0 takes a free one and prints it.")
    ] = 8000
    database: Annotated[
        Text, Meta(description="Where the data lie: `sqlite:///path/to/file.db` or `postgresql://user@host/name`.")
    ] = "sqlite:///suture.db"
    replicas: Annotated[
        tuple[Text, ...],
        Meta(
            description="Read replicas of a PostgreSQL database, `postgresql://user@host/name` each, "
            "which answer searches and reads in its place."
        ),
    ] = ()
    replica_lag: Annotated[Seconds, Meta(description="A replica that is further behind than this answers nothing.")] = (
        10.0
    )
    workers: Annotated[int, Meta(ge=1, le=256, description="Server processes that share the port.")] = 1
    insecure_open: Annotated[
        bool, Meta(description="Listen on other addresses than loopback although nobody has to sign in yet.")
    ] = False
    base_url: Annotated[
        str,
        Meta(
            description="Public URL of the server without `/fhir/r4`, used in links; "
            "empty means the address that the client used."
        ),
    ] = ""
    cors_origins: Annotated[
        tuple[Text, ...],
        Meta(description="Origins of browser applications that may call the API, or `*` for all of them."),
    ] = ()
    body_limit: Annotated[Size, Meta(description="Largest request body of one resource.")] = 16 * MIB
    bundle_limit: Annotated[Size, Meta(description="Largest request body of a batch or transaction.")] = 64 * MIB
    decompressed_limit: Annotated[Size, Meta(description="Largest request body after gzip was undone.")] = 128 * MIB
    update_as_create: Annotated[
        bool, Meta(description="A PUT to an id that does not exist creates the resource (else it answers 405).")
    ] = True
    conditional_delete: Annotated[
        Literal["single", "multiple"],
        Meta(description="Whether a conditional delete may remove several resources at once."),
    ] = "single"
    default_count: Annotated[
        int, Meta(ge=1, le=10_000, description="Entries per page of a search or history without `_count`.")
    ] = 20
    max_count: Annotated[int, Meta(ge=1, le=10_000, description="Most entries per page, whatever `_count` asks.")] = (
        1000
    )
    max_include: Annotated[
        int, Meta(ge=0, le=100_000, description="Most resources that `_include` and `_revinclude` add to one page.")
    ] = 1000
    full_text: Annotated[
        tuple[Text, ...],
        Meta(
            description="Resource types whose words are indexed for `_text` and `_content`; `*` for all of them, empty "
            "for none. After a change the types concerned are indexed in the background."
        ),
    ] = ("*",)
    contained_search: Annotated[
        bool,
        Meta(
            description="Index contained resources, for searches with `_contained` and for chains that lead into them. "
            "After a change all types are indexed in the background."
        ),
    ] = True
    search_budget: Annotated[
        int,
        Meta(
            ge=100,
            description="Index rows that a search may read for one list of candidates, and resources that `$meta` may "
            "read, before the request is refused as too costly.",
        ),
    ] = 200_000
    graphql_depth: Annotated[
        int, Meta(ge=1, le=50, description="Fields that a GraphQL query may nest, one inside of the other.")
    ] = 20
    graphql_fields: Annotated[
        int, Meta(ge=1, le=10_000, description="Fields that a GraphQL query may select, with those of its fragments.")
    ] = 1000
    graphql_resources: Annotated[
        int, Meta(ge=1, description="Resources that one GraphQL query may read before it is refused as too costly.")
    ] = 5000
    graphql_cost: Annotated[
        int,
        Meta(
            ge=100,
            description="Steps that one GraphQL query may take before it is refused as too costly: one for each value "
            "that is looked at or answered, 10 for each resource read, 20 for each search.",
        ),
    ] = 500_000
    graphql_introspection: Annotated[
        bool, Meta(description="Answer questions of GraphQL clients about the types (`__schema` and `__type`).")
    ] = True
    read_connections: Annotated[
        int, Meta(ge=1, le=500, description="PostgreSQL connections for reading, per process.")
    ] = 8
    statement_timeout: Annotated[
        Seconds, Meta(description="Longest time that one database statement of a request may take.")
    ] = 30.0
    shutdown_grace: Annotated[
        Seconds, Meta(description="Longest time that a stopping server gives the requests it has accepted.")
    ] = 30.0
    package_server: Annotated[
        str,
        Meta(
            description="URL of a package server with the protocol of the FHIR package registry, from which "
            "`suture packages add NAME@VERSION` fetches packages; empty for none."
        ),
    ] = ""
    claimed_profiles: Annotated[
        Literal["check", "ignore"],
        Meta(
            description="Whether what is written must meet the profiles that it claims in `meta.profile`, as far as "
            "they are known here. Structure and invariants are always checked."
        ),
    ] = "check"
    claimed_profiles_except: Annotated[
        tuple[Text, ...],
        Meta(description="Resource types for which `claimed_profiles` is the other way round."),
    ] = ()
    required_profiles: Annotated[
        tuple[Text, ...],
        Meta(
            description="Profiles that all resources of a type must meet, as `Type=URL` each; one that is not known "
            "here refuses every write of the type."
        ),
    ] = ()
    terminology_servers: Annotated[
        tuple[Text, ...],
        Meta(
            description="Code systems that other FHIR servers answer for, as `URL of the code system=base URL of the "
            "server` each. Only codes are sent to them, never data of a patient."
        ),
    ] = ()
    log_format: Annotated[
        Literal["auto", "json", "text"],
        Meta(description="One JSON object per line, or readable text; `auto` means text on a terminal."),
    ] = "auto"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="Least severity that is logged.")
    ] = "info"


class Field(msgspec.Struct, frozen=True):
    """One setting as a user sees it: `type` in words, `default` as it would be written, `help` as a sentence."""

    name: str
    variable: str
    type: str
    default: str
    help: str


class Loaded(msgspec.Struct, frozen=True):
    """The settings and, by setting name, where each value was set, in words (such as `SUTURE_PORT`)."""

    settings: Settings
    sources: Mapping[str, str]


def fields() -> tuple[Field, ...]:
    """Describe every setting, in the order in which they are declared."""
    default = Settings()
    return tuple(
        Field(name, PREFIX + name.upper(), _words(hint), shown(name, getattr(default, name)), _help(hint))
        for name, hint in _HINTS.items()
    )


def load(
    flags: Mapping[str, Any],
    environ: Mapping[str, str],
    config: Path | None = None,
    assignments: Mapping[str, str] = MappingProxyType({}),
) -> Loaded:
    """Combine flags, environment variables, the TOML file and the defaults.

    `flags`: setting name to value; None means "not given". `config`: the TOML file; None looks at
    SUTURE_CONFIG and then for `suture.toml` in the working directory. `assignments`: what `--set` gave,
    weaker than flags. Raises SettingsError.
    """
    values: dict[str, Any] = {}
    sources = dict.fromkeys(_HINTS, "default")
    given = [*_from_file(environ, config), *_from_environment(environ), *_assigned(assignments), *_from_flags(flags)]
    for name, value, source in given:
        values[name] = _convert(name, value, source)
        sources[name] = source
    settings = Settings(**values)
    _check_together(settings, sources)
    return Loaded(settings, sources)


def is_loopback(host: str) -> bool:
    """Whether `host` can only be reached from this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def shown(name: str, value: Any) -> str:
    """Write a value as a user would set it, without the password of a database URL."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ",".join(_PASSWORD.sub(r"\1***@", part) for part in typing.cast("tuple[str, ...]", value))
    if name in _SIZES and isinstance(value, int):
        return f"{value // MIB}MiB" if value % MIB == 0 else f"{value // KIB}KiB" if value % KIB == 0 else str(value)
    if name in ("database", "package_server"):
        return _PASSWORD.sub(r"\1***@", str(value))
    return f"{value:g}" if isinstance(value, float) else str(value)


_PASSWORD = re.compile(r"(://[^:/@]*:).*@")
_SIZE = re.compile(r"([0-9]+)\s*([KMG])(?:i?B)?", re.IGNORECASE)
_HINTS: Mapping[str, Any] = {
    field.name: hint
    for field, hint in zip(
        msgspec.structs.fields(Settings), typing.get_type_hints(Settings, include_extras=True).values(), strict=True
    )
}
_SIZES = frozenset(name for name in _HINTS if name.endswith("_limit"))


def _from_file(environ: Mapping[str, str], config: Path | None) -> list[tuple[str, Any, str]]:
    path = config or (Path(environ[CONFIG_VARIABLE]) if environ.get(CONFIG_VARIABLE) else None)
    if path is None:
        path = Path(CONFIG_FILE)
        if not path.is_file():
            return []
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"The settings file {path} cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"The settings file {path} is not TOML: {error}.") from None
    for name in table:
        if name not in _HINTS:
            raise SettingsError(f"{path}: there is no setting {name}{_nearest(name, list(_HINTS))}.")
    return [(name, value, str(path)) for name, value in table.items()]


def _from_environment(environ: Mapping[str, str]) -> list[tuple[str, Any, str]]:
    found: list[tuple[str, Any, str]] = []
    for variable, value in environ.items():
        if not variable.startswith(PREFIX) or variable == CONFIG_VARIABLE:
            continue
        name = variable.removeprefix(PREFIX).lower()
        if name not in _HINTS:
            known = [field.variable for field in fields()]
            raise SettingsError(f"There is no setting {variable}{_nearest(variable, known)}.")
        found.append((name, value, variable))
    return found


def _assigned(assignments: Mapping[str, str]) -> list[tuple[str, Any, str]]:
    for name in assignments:
        if name not in _HINTS:
            raise SettingsError(f"--set {name}: there is no such setting{_nearest(name, list(_HINTS))}.")
    return [(name, value, f"--set {name}") for name, value in assignments.items()]


def _from_flags(flags: Mapping[str, Any]) -> list[tuple[str, Any, str]]:
    return [(name, value, f"--{name.replace('_', '-')}") for name, value in flags.items() if value is not None]


def _nearest(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    return f"; the nearest is {near[0]}" if near else ""


def _convert(name: str, value: Any, source: str) -> Any:
    """Turn what was written into the setting's type, or say in one sentence why that cannot be."""
    hint = _HINTS[name]
    given: Any = value
    if isinstance(given, str):
        given = given.strip()
        if typing.get_origin(_plain(hint)) is tuple:
            given = [part.strip() for part in given.split(",") if part.strip()]
        elif _plain(hint) is bool:
            given = {"yes": "true", "on": "true", "no": "false", "off": "false"}.get(given.lower(), given.lower())
        elif name in _SIZES and (size := _SIZE.fullmatch(given)):
            given = int(size[1]) * {"K": KIB, "M": MIB, "G": KIB * MIB}[size[2].upper()]
    try:
        converted = msgspec.convert(given, hint, strict=not isinstance(given, str))
    except msgspec.ValidationError:
        raise SettingsError(f"{source}: {name} must be {_words(hint)}, not {shown(name, value)!r}.") from None
    if problem := fault(name, converted):
        raise SettingsError(f"{source}: {name} {problem}, not {shown(name, value)!r}.")
    return converted


def _check_together(settings: Settings, sources: Mapping[str, str]) -> None:
    if settings.default_count > settings.max_count:
        raise SettingsError(
            f"default_count ({settings.default_count}, from {sources['default_count']}) must not be larger "
            f"than max_count ({settings.max_count}, from {sources['max_count']})."
        )
    if settings.replicas and settings.database.startswith("sqlite:"):
        raise SettingsError(
            f"replicas (from {sources['replicas']}) need a PostgreSQL database, and database "
            f"({sources['database']}) is {shown('database', settings.database)}."
        )


def _plain(hint: Any) -> Any:
    """A type without its Annotated shell."""
    while typing.get_origin(hint) is Annotated:
        hint = typing.get_args(hint)[0]
    return hint


def _metas(hint: Any) -> list[Meta]:
    return [meta for meta in getattr(hint, "__metadata__", ()) if isinstance(meta, Meta)]


def _help(hint: Any) -> str:
    return next(meta.description for meta in _metas(hint) if meta.description)


def _words(hint: Any) -> str:
    """A type in words, for messages and documentation."""
    plain = _plain(hint)
    low = next((meta.ge for meta in _metas(hint) if meta.ge is not None), None)
    high = next((meta.le for meta in _metas(hint) if meta.le is not None), None)
    if typing.get_origin(plain) is Literal:
        return "one of " + ", ".join(typing.get_args(plain))
    if typing.get_origin(plain) is tuple:
        return "a list, separated by commas"
    if plain is bool:
        return "true or false"
    if plain is str:
        return "text"
    if high == 2048 * MIB:
        return "a size such as 512KiB or 16MiB, at most 2048MiB"
    kind = "a whole number" if plain is int else "a number of seconds"
    if low is not None and high is not None:
        return f"{kind} from {low} to {high}"
    return f"{kind} of at least {low}" if low is not None else kind
