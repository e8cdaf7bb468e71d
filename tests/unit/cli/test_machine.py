"""doctor, config, plugin new: commands about this machine and this installation."""

from __future__ import annotations

import ast
import json
import tomllib
from pathlib import Path

import pytest


def test_doctor_finds_everything_in_order(platform) -> None:
    ran = platform("doctor", "--json")
    findings = {one["part"]: one for one in json.loads(ran.out)}
    expected = {
        "python",
        "torch",
        "faiss",
        "device",
        "threads",
        "encoder",
        "home",
        "disk",
        "database",
        "models",
        "plugins",
    }
    assert set(findings) == expected
    assert ran.code == 0
    assert "schema" in findings["database"]["found"]
    assert "sha256" in findings["encoder"]["found"]
    assert "build that sees" in findings["faiss"]["found"]


def test_doctor_says_how_to_fix_what_is_wrong(platform, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PLATFORM_ENCODER", str(tmp_path / "no-such-encoder"))
    (tmp_path / "blocked").write_text("a file where the home should be")
    ran = platform("doctor", "--home", tmp_path / "blocked")
    assert ran.code == 1
    lines = ran.out.splitlines()
    encoder = next(at for at, line in enumerate(lines) if "encoder" in line)
    assert lines[encoder].startswith("problem")
    assert "PLATFORM_ENCODER" in lines[encoder + 1]
    home = next(at for at, line in enumerate(lines) if line.startswith("problem  home"))
    assert "--home" in lines[home + 1]


def test_doctor_survives_wrong_settings(platform, monkeypatch) -> None:
    monkeypatch.setenv("PLATFORM_DEVICE", "abacus")
    ran = platform("doctor")
    assert ran.code == 1
    assert "settings" in ran.out


def test_config_shows_where_a_value_came_from(platform, monkeypatch) -> None:
    monkeypatch.setenv("PLATFORM_THREADS", "1")
    shown = json.loads(platform("config", "show", "--json").out)
    assert shown["threads"] == {"value": 1, "from": "PLATFORM_THREADS"}
    assert shown["port"] == {"value": 8000, "from": "default"}


def test_config_masks_secrets(platform, monkeypatch) -> None:
    monkeypatch.setenv("PLATFORM_DATABASE", "postgresql://me:hush@nowhere/db")
    for ran in (platform("config", "show"), platform("config", "show", "--json")):
        assert ran.code == 0
        assert "hush" not in ran.out + ran.err


def test_config_masks_what_a_plugin_forgot_to_hide(platform, plugins_dir: Path, monkeypatch) -> None:
    (plugins_dir / "careless.py").write_text(
        "from pydantic import BaseModel\nfrom verticals import hookimpl\n"
        "class Settings(BaseModel):\n    api_key: str = 'hush-hush'\n    greeting: str = 'hi'\n"
        "@hookimpl\ndef register_settings():\n    return Settings\n"
    )
    ran = platform("config", "show")
    assert "hush-hush" not in ran.out
    assert "greeting" in ran.out


def test_a_new_plugin_is_complete_and_valid(platform, tmp_path: Path) -> None:
    ran = platform("plugin", "new", "small-talk")
    assert ran.code == 0
    assert "pip install -e small-talk" in ran.out
    folder = tmp_path / "small-talk"
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["verticals"] == {"small-talk": "verticals_small_talk"}
    for path in folder.rglob("*.py"):
        ast.parse(path.read_text())
    assert {path.name for path in folder.rglob("*.py")} == {
        "__init__.py",
        "data.py",
        "api.py",
        "pages.py",
        "test_plugin.py",
    }
    assert not [path for path in folder.rglob("*") if path.is_file() and "{{" in path.read_text()]


@pytest.mark.parametrize("name", ["Demo", "2fast", "a.b", "-x", "a--b", ""])
def test_a_name_that_cannot_be_a_package_is_refused(platform, tmp_path: Path, name: str) -> None:
    assert platform("plugin", "new", "--", name).code == 2
    assert not [path for path in tmp_path.iterdir() if path.name not in ("plugins", "home")]


def test_a_folder_that_is_there_is_left_alone(platform, tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    ran = platform("plugin", "new", "demo")
    assert ran.code == 4
    assert not list((tmp_path / "demo").iterdir())
