"""Settings: precedence, secrets, and every way to get them wrong."""

import os
import traceback
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, SecretStr

from verticals.contract import SettingsError
from verticals.host.plugin_settings import plugin_settings
from verticals.host.settings import Settings

SECRET = "correct horse battery staple"


@pytest.fixture
def load(tmp_path):
    """Load settings from a folder with this ``platform.toml``."""

    def do(toml="", *, environment=None, home_toml=None, **flags):
        (tmp_path / "platform.toml").write_text(toml, encoding="utf-8")
        if home_toml is not None:
            (tmp_path / ".platform").mkdir(exist_ok=True)
            (tmp_path / ".platform" / "platform.toml").write_text(home_toml, encoding="utf-8")
        return Settings.load(flags, environment=environment or {}, folder=tmp_path)

    return do


def test_without_anything_the_defaults_hold(load):
    settings = load()
    assert (settings.home, settings.port, settings.database) == (Path(".platform"), 8000, None)
    assert settings.shown()["port"] == (8000, "default")


def test_flags_win_over_the_environment_over_the_file_over_defaults(load, tmp_path):
    toml, environment = "port = 1\nhost = 'a'\nthreads = 1\n", {"PLATFORM_PORT": "2", "PLATFORM_HOST": "b"}
    settings = load(toml, environment=environment, port=3, home_toml="threads = 9\nprecision = 'fp32'\n")
    assert (settings.port, settings.host, settings.threads, settings.precision) == (3, "b", 1, "fp32")
    assert settings.shown()["port"] == (3, "--port")
    assert settings.shown()["host"] == ("b", "PLATFORM_HOST")
    assert settings.shown()["threads"] == (1, str(tmp_path / "platform.toml"))
    assert settings.shown()["precision"] == ("fp32", str(tmp_path / ".platform" / "platform.toml"))


def test_a_flag_of_none_was_not_given(load):
    assert load("port = 1", port=None).port == 1


def test_relative_paths_count_from_where_they_were_given(load, tmp_path):
    settings = load("home = 'state'\nplugins_dir = 'mine'\n")
    assert (settings.home, settings.plugins_dir) == (tmp_path / "state", tmp_path / "mine")


def test_blocked_is_a_list_in_every_source(load):
    assert load("blocked = ['a', 'b']").blocked == ("a", "b")
    assert load(environment={"PLATFORM_BLOCKED": "a, b"}).blocked == ("a", "b")
    assert load(environment={"PLATFORM_BLOCKED": '["a", "b"]'}).blocked == ("a", "b")
    assert load(blocked=["a"]).blocked == ("a",)


@pytest.mark.parametrize(
    ("toml", "told"),
    [
        ("prot = 1", ["platform.toml", "'prot'", "Did you mean 'port'"]),
        ("port = 'many'", ["platform.toml", "port is 'many'", "whole number"]),
        ("port = 70000", ["port is 70000"]),
        ("port = true", ["port is True"]),
        ("precision = 'int4'", ["precision is 'int4'", "fp32"]),
        ("device = 'tpu'", ["device is 'tpu'", "cuda"]),
        ("blocked = 3", ["blocked is 3", "list"]),
        ("encoder = ''", ["encoder is ''"]),
        ("plugins = 3", ["plugins is not a table"]),
        ("[plugins]\nsarcasm = 3", ["plugins.sarcasm is not a table", "[plugins.sarcasm]"]),
        ("port = 1\nhost = \n", ["platform.toml, line 2"]),
        ("port = 1\n\nport = 2\n", ["platform.toml, line 3"]),
        ("[plugins", ["platform.toml, line 1"]),
    ],
)
def test_what_is_wrong_in_the_file_is_said_with_its_place(load, toml, told):
    with pytest.raises(SettingsError) as raised:
        load(toml)
    for part in told:
        assert part in str(raised.value)


def test_a_file_that_is_not_utf8_is_said_with_its_line(tmp_path):
    (tmp_path / "platform.toml").write_bytes(b"port = 1\nhost = '\xff'\n")
    with pytest.raises(SettingsError, match="line 2: not UTF-8"):
        Settings.load(environment={}, folder=tmp_path)


def test_an_unknown_flag_and_a_slip_in_a_variable_are_errors(load):
    with pytest.raises(SettingsError, match="Did you mean 'port'"):
        load(prot=3)
    with pytest.raises(SettingsError, match=r"PLATFORM_DEVCE.*Did you mean 'PLATFORM_DEVICE'"):
        load(environment={"PLATFORM_DEVCE": "cpu"})


def test_variables_of_other_software_are_left_alone(load):
    load(environment={"PLATFORM_APPLICATION": "x", "PLATFORM_BRANCH": "main", "PLATFORM": "linux"})


def test_the_home_cannot_name_another_home(load):
    with pytest.raises(SettingsError, match="sets 'home'"):
        load(home_toml="home = 'elsewhere'")


class Inner(BaseModel):
    key: SecretStr
    size: int = 1


class Model(BaseModel):
    greeting: str = "Hello"
    limit: int = Field(3, ge=1)
    token: SecretStr | None = None
    inner: Inner | None = None
    named: dict[str, Inner] = {}
    topics: list[str] = []


def test_a_plugins_table_becomes_its_model(load):
    settings = load("[plugins.sarcasm]\ngreeting = 'Hi'\n[plugins.sarcasm.inner]\nkey = 'abc'\n")
    model = plugin_settings("sarcasm", Model, settings)
    assert (model.greeting, model.limit, model.inner.key.get_secret_value()) == ("Hi", 3, "abc")


def test_variables_reach_a_plugins_settings(load):
    environment = {
        "PLATFORM_PLUGINS__CUSTOMER_CARE__LIMIT": "7",
        "PLATFORM_PLUGINS__CUSTOMER_CARE__TOPICS": '["a"]',
        "PLATFORM_PLUGINS__CUSTOMER_CARE__TOKEN": SECRET,
    }
    settings = load("[plugins.customer-care]\nlimit = 5\ngreeting = 'Hi'\n", environment=environment)
    model = plugin_settings("customer-care", Model, settings)
    assert (model.limit, model.greeting, model.topics) == (7, "Hi", ["a"])
    assert model.token.get_secret_value() == SECRET


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("greting = 'Hi'", ["platform.toml", "plugins.sarcasm.greting", "Did you mean 'greeting'"]),
        ("inner = { key = 'a', sise = 2 }", ["plugins.sarcasm.inner.sise", "Did you mean 'size'"]),
        ("named.acme = { key = 'a', sise = 2 }", ["plugins.sarcasm.named.acme.sise", "Did you mean 'size'"]),
        ("limit = 0", ["platform.toml", "plugins.sarcasm.limit", "greater than or equal to 1"]),
        ("limit = 0\ngreeting = 3", ["plugins.sarcasm.limit", "plugins.sarcasm.greeting"]),
        ("inner = {}", ["plugins.sarcasm.inner.key", "required"]),
    ],
)
def test_what_is_wrong_in_a_plugins_table_is_all_said(load, table, told):
    with pytest.raises(SettingsError) as raised:
        plugin_settings("sarcasm", Model, load(f"[plugins.sarcasm]\n{table}\n"))
    for part in told:
        assert part in str(raised.value)


def test_secrets_come_literally_from_a_variable_or_from_a_file(load, tmp_path, monkeypatch):
    monkeypatch.setenv("THE_SECRET", SECRET)
    (tmp_path / "secret.txt").write_text(SECRET + "\n", encoding="utf-8")
    for given_as in (f"'{SECRET}'", "{ env = 'THE_SECRET' }", "{ file = 'secret.txt' }"):
        table = "".join(f"{name} = {given_as}\n" for name in ("token", "inner.key", "named.a.key"))
        settings = load(f"database = {given_as}\n[plugins.sarcasm]\n{table}")
        assert settings.database.get_secret_value() == SECRET
        model = plugin_settings("sarcasm", Model, settings)
        for secret in (model.token, model.inner.key, model.named["a"].key):
            assert secret.get_secret_value() == SECRET
    environment = {"PLATFORM_DATABASE": '{"file": "secret.txt"}'}
    assert load(environment=environment).database.get_secret_value() == SECRET


@pytest.mark.parametrize(
    ("given_as", "told"),
    [
        ("{ env = 'NOT_SET_ANYWHERE' }", ["database", "NOT_SET_ANYWHERE", "not set"]),
        ("{ file = 'nowhere.txt' }", ["database", "nowhere.txt", "cannot be read"]),
        ("{ evn = 'X' }", ["database", "{ env ="]),
        ("3", ["database", "{ file ="]),
    ],
)
def test_a_secret_that_cannot_be_had_is_an_error(load, given_as, told):
    with pytest.raises(SettingsError) as raised:
        load(f"database = {given_as}")
    for part in told:
        assert part in str(raised.value)


class Strict(BaseModel):
    token: SecretStr = Field(min_length=1000)
    number: int


def test_a_secret_is_never_printed(load):
    settings = load(f"database = '{SECRET}'\n[plugins.sarcasm]\ntoken = '{SECRET}'\nnumber = 1\n")
    printed = [repr(settings), str(settings), str(settings.shown()), repr(plugin_settings("sarcasm", Model2, settings))]
    try:
        plugin_settings("sarcasm", Strict, settings)
    except SettingsError:
        printed.append(traceback.format_exc())
    assert len(printed) == 5
    assert not [text for text in printed if SECRET in text]


class Model2(BaseModel):
    token: SecretStr
    number: int


@given(secret=st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=4))
def test_no_secret_survives_in_what_is_shown(secret):
    settings = Settings.load({"database": f"<<{secret}>>"}, environment={}, folder=Path(os.devnull).parent)
    assert f"<<{secret}>>" not in repr(settings) + str(settings.shown())
    assert settings.database.get_secret_value() == f"<<{secret}>>"


def test_a_hosts_plugin_settings_are_checked_when_it_is_asked_for(sarcasm, open_host, tmp_path):
    (tmp_path / "platform.toml").write_text("[plugins.sarcasm]\ngreting = 'Hi'\n", encoding="utf-8")
    host = open_host()
    assert host.plugins["sarcasm"].state == "loaded"
    with pytest.raises(SettingsError, match="Did you mean 'greeting'"):
        host["sarcasm"]


def test_a_misspelt_plugin_in_the_settings_is_an_error_and_an_absent_one_is_not(sarcasm, open_host, tmp_path):
    (tmp_path / "platform.toml").write_text("[plugins.uninstalled]\nx = 1\n", encoding="utf-8")
    open_host()
    (tmp_path / "platform.toml").write_text("[plugins.sarcams]\ngreeting = 'Hi'\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="Did you mean 'sarcasm'"):
        open_host()


def test_settings_reach_the_vertical(sarcasm, open_host):
    host = open_host(plugins={"sarcasm": {"greeting": "Servus"}})
    assert host["sarcasm"].settings.greeting == "Servus"
