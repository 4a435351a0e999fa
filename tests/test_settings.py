"""Settings: where values come from, which wins, and how a wrong one is told."""

from pathlib import Path
from typing import Any

import pytest

from suture.settings import Settings, SettingsError, fields, is_loopback, load, shown


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory without suture.toml."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refusal(flags: dict[str, Any] | None = None, environ: dict[str, str] | None = None) -> str:
    with pytest.raises(SettingsError) as error:
        load(flags or {}, environ or {})
    return str(error.value)


def test_every_setting_has_a_default_and_says_where_it_is_from() -> None:
    loaded = load({}, {})
    assert loaded.settings == Settings()
    assert set(loaded.sources.values()) == {"default"}
    assert set(loaded.sources) == {field.name for field in fields()}


def test_a_flag_wins_over_the_environment_which_wins_over_the_file(elsewhere: Path) -> None:
    (elsewhere / "suture.toml").write_text("port = 1\nmax_count = 30\ndefault_count = 3\n")
    environ = {"SUTURE_PORT": "2", "SUTURE_MAX_COUNT": "40", "HOME": "/nowhere"}
    loaded = load({"port": 3, "workers": None}, environ)
    assert (loaded.settings.port, loaded.settings.max_count, loaded.settings.default_count) == (3, 40, 3)
    assert loaded.sources["port"] == "--port"
    assert loaded.sources["max_count"] == "SUTURE_MAX_COUNT"
    assert loaded.sources["default_count"] == "suture.toml"
    assert loaded.sources["workers"] == "default"


def test_an_assignment_wins_over_the_environment_but_not_over_a_flag() -> None:
    loaded = load({"port": 1}, {"SUTURE_WORKERS": "2", "SUTURE_PORT": "2"}, None, {"port": "3", "workers": "3"})
    assert (loaded.settings.port, loaded.settings.workers) == (1, 3)
    assert loaded.sources["workers"] == "--set workers"
    with pytest.raises(SettingsError, match="--set wrkers: there is no such setting; the nearest is workers"):
        load({}, {}, None, {"wrkers": "3"})


def test_the_file_can_be_named_by_flag_and_by_variable(elsewhere: Path) -> None:
    (elsewhere / "one.toml").write_text('cors_origins = ["https://app.example.org"]\n')
    (elsewhere / "two.toml").write_text("insecure_open = true\n")
    assert load({}, {}, elsewhere / "one.toml").settings.cors_origins == ("https://app.example.org",)
    assert load({}, {"SUTURE_CONFIG": "two.toml"}).settings.insecure_open


@pytest.mark.parametrize(
    ("text", "size"), [("4096", 4096), ("16k", 16384), ("2 MiB", 2 * 1024**2), ("1MB", 1024**2), ("1GiB", 1024**3)]
)
def test_sizes_may_have_a_unit(text: str, size: int) -> None:
    assert load({}, {"SUTURE_BODY_LIMIT": text}).settings.body_limit == size


@pytest.mark.parametrize(("text", "value"), [("true", True), ("1", True), ("Yes", True), ("off", False), ("0", False)])
def test_switches_are_written_as_people_do(text: str, value: bool) -> None:
    assert load({}, {"SUTURE_UPDATE_AS_CREATE": text}).settings.update_as_create is value


def test_lists_are_separated_by_commas() -> None:
    loaded = load({}, {"SUTURE_CORS_ORIGINS": "https://a.example, http://localhost:3000"})
    assert loaded.settings.cors_origins == ("https://a.example", "http://localhost:3000")


@pytest.mark.parametrize(
    ("flags", "environ", "sentence"),
    [
        ({"port": "eighty"}, {}, "--port: port must be a whole number from 0 to 65535, not 'eighty'."),
        ({}, {"SUTURE_PORT": "70000"}, "SUTURE_PORT: port must be a whole number from 0 to 65535, not '70000'."),
        ({}, {"SUTURE_LOG_LEVEL": "loud"}, "must be one of debug, info, warning, error, not 'loud'."),
        ({}, {"SUTURE_BODY_LIMIT": "big"}, "must be a size such as 512KiB or 16MiB"),
        ({}, {"SUTURE_INSECURE_OPEN": "perhaps"}, "must be true or false"),
        ({}, {"SUTURE_CORS_ORIGINS": "app.example.org"}, "must hold origins such as https://app.example.org, or *"),
        ({}, {"SUTURE_BASE_URL": "fhir.example.org"}, "must be a http or https URL without query"),
        ({}, {"SUTURE_DATABASE": "mysql://host/x"}, "sqlite:///path/to/file.db or postgresql://user@host/name"),
        ({}, {"SUTURE_STATEMENT_TIMEOUT": "-1"}, "a number of seconds from 0.1 to 86400"),
        ({"default_count": 50, "max_count": 10}, {}, "default_count (50, from --default-count) must not be larger"),
    ],
)
def test_a_wrong_value_is_told_in_one_sentence(flags: dict[str, Any], environ: dict[str, str], sentence: str) -> None:
    told = refusal(flags, environ)
    assert sentence in told
    assert "\n" not in told


def test_an_unknown_name_is_told_with_the_nearest_known_one(elsewhere: Path) -> None:
    assert refusal(environ={"SUTURE_BODY_LIMT": "1m"}) == (
        "There is no setting SUTURE_BODY_LIMT; the nearest is SUTURE_BODY_LIMIT."
    )
    (elsewhere / "suture.toml").write_text("prot = 80\n")
    assert refusal() == "suture.toml: there is no setting prot; the nearest is port."


@pytest.mark.parametrize("content", [b"port = = 1", b"\xff\xfe", b"[port]\nx = 1"])
def test_a_broken_file_is_told(elsewhere: Path, content: bytes) -> None:
    (elsewhere / "suture.toml").write_bytes(content)
    assert "suture.toml" in refusal()


def test_a_file_that_is_named_must_exist() -> None:
    assert refusal(environ={"SUTURE_CONFIG": "missing.toml"}).startswith(
        "The settings file missing.toml cannot be read"
    )


def test_a_password_is_never_shown() -> None:
    url = "postgresql://suture:s3cret@db.example.org:5432/suture"
    assert shown("database", url) == "postgresql://suture:***@db.example.org:5432/suture"
    assert "s3cret" not in refusal(environ={"SUTURE_DATABASE": "mysql://suture:s3cret@host/x"})
    assert shown("database", "postgresql://host/db") == "postgresql://host/db"


@pytest.mark.parametrize(
    ("host", "answer"),
    [
        ("127.0.0.1", True),
        ("127.8.9.10", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.4", False),
        ("fhir.example.org", False),
        ("localhost.example.org", False),
    ],
)
def test_only_this_machine_is_loopback(host: str, answer: bool) -> None:
    assert is_loopback(host) is answer


def test_a_shown_value_can_be_set_again() -> None:
    for field in fields():
        if field.default:
            assert getattr(load({}, {field.variable: field.default}).settings, field.name) == getattr(
                Settings(), field.name
            )
