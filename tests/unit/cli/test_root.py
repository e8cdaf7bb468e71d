"""Global options, help, errors and exit codes."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from verticals.cli import main
from verticals.cli import platform as root
from verticals.cli.root import split_global
from verticals.cli.table import COMMANDS
from verticals.contract import resolve


def commands(group: click.Group, path: str = "platform"):
    for name, command in group.commands.items():
        yield f"{path} {name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")


ALL = {
    path: command
    for name, entry in COMMANDS.items()
    for path, command in commands(click.Group(commands={name: resolve(entry.reference)}))
}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_table_says_what_the_command_is_called(name: str) -> None:
    assert resolve(COMMANDS[name].reference).name == name


@pytest.mark.parametrize("path", ALL)
def test_every_command_explains_itself(path: str) -> None:
    command = ALL[path]
    purpose = (command.help or "").strip().partition("\n")[0]
    assert purpose
    assert all(option.help for option in command.params if isinstance(option, click.Option))
    if not isinstance(command, click.Group):
        assert "Example" in (command.help or "")
        assert path in (command.help or "")


def test_global_options_may_stand_anywhere() -> None:
    assert split_global(["train", "a/b", "--home", "x", "--debug", "--set", "k=v", "--plugins-dir=y"]) == (
        ["--home", "x", "--debug", "--plugins-dir=y"],
        ["train", "a/b", "--set", "k=v"],
    )


def test_after_two_dashes_nothing_is_an_option() -> None:
    assert split_global(["predict", "a/b", "--", "--debug"]) == ([], ["predict", "a/b", "--", "--debug"])


@pytest.mark.parametrize("arguments", [("--plugins-dir", "{}", "plugins"), ("plugins", "--plugins-dir", "{}")])
def test_plugins_dir_before_and_after(platform, monkeypatch, plugins_dir: Path, arguments) -> None:
    monkeypatch.delenv("PLATFORM_PLUGINS_DIR")
    ran = platform(*(argument.format(plugins_dir) for argument in arguments))
    assert ran.code == 0
    assert "weather" in ran.out


def test_an_unknown_command_gets_the_nearest(platform) -> None:
    ran = platform("trian")
    assert (ran.code, ran.out) == (2, "")
    assert "There is no command 'trian'. Did you mean 'train'?" in ran.err


def test_an_unknown_command_of_a_vertical_gets_the_nearest(platform) -> None:
    ran = platform("weather", "gret")
    assert (ran.code, ran.out) == (2, "")
    assert "weather has no command 'gret'. Did you mean 'greet'?" in ran.err


def test_an_unknown_subcommand_gets_the_nearest(platform) -> None:
    ran = platform("models", "lst")
    assert ran.code == 2
    assert "'list'" in ran.err


def test_an_unknown_option_is_a_usage_error(platform) -> None:
    ran = platform("plugins", "--jsn")
    assert ran.code == 2
    assert "--json" in ran.err
    assert "See 'platform plugins --help'." in ran.err


def test_an_unknown_vertical_gets_the_nearest(platform) -> None:
    ran = platform("data", "list", "wether")
    assert ran.code == 3
    assert ran.err.splitlines() == ["Error: There is no vertical 'wether'.", "Did you mean 'weather'?"]


def test_an_unknown_head_gets_the_nearest(platform) -> None:
    ran = platform("train", "weather/moood")
    assert ran.code == 3
    assert "Did you mean 'mood'?" in ran.err


def test_a_broken_plugin_is_reported_and_the_rest_work(platform, plugins_dir: Path) -> None:
    (plugins_dir / "broken.py").write_text("import nothing_of_that_name\n")
    listed = platform("plugins")
    assert listed.code == 0
    assert "failed" in listed.out
    assert "nothing_of_that_name" in listed.err
    asked = platform("run", "broken")
    assert asked.code == 7
    assert "Traceback" not in asked.err
    assert "Traceback" in platform("run", "broken", "--debug").err


def test_an_unexpected_error_is_one_line_unless_debug_is_given(platform, monkeypatch) -> None:
    import verticals.cli.plugins

    def fail(*_):
        raise ZeroDivisionError("of all things")

    monkeypatch.setattr(verticals.cli.plugins, "table", fail)
    ran = platform("plugins")
    assert ran.code == 1
    assert ran.err.splitlines() == [
        "Error: Unexpected ZeroDivisionError: of all things",
        "Run again with --debug for the traceback.",
    ]
    assert "Traceback" in platform("plugins", "--debug").err


def test_a_closed_pipe_is_quiet(tmp_path: Path) -> None:
    program = "import sys; from verticals.cli import main; sys.exit(main())"
    command = f"{sys.executable} -c '{program}' completion bash | true"
    for _ in range(3):
        done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, cwd=tmp_path)
        assert done.stderr == ""


def test_ctrl_c_ends_with_130(tmp_path: Path, plugins_dir: Path) -> None:
    command = ["-m", "verticals", "events", "tail", "weather", "--follow", "--plugins-dir", str(plugins_dir)]
    process = subprocess.Popen(
        [sys.executable, *command], cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background shell hands down "ignored"
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not (tmp_path / ".platform" / "platform.db").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1)
    for _ in range(10):  # an interrupt that falls into a destructor is lost to Python: press again, as a person would
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=6)
            break
    _, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "Traceback" not in err


def test_no_arguments_show_the_help(platform) -> None:
    ran = platform()
    assert ran.code == 2
    assert "Data and training" in ran.out + ran.err


def test_a_verticals_own_command(platform, tmp_path: Path) -> None:
    assert platform("weather", "greet").out == "Hello from weather\n"
    assert platform("weather", "greet", "--loud", "--home", tmp_path / "other").out == "HELLO FROM WEATHER\n"
    assert "greet  Say hello" in platform("weather", "--help").out
    assert platform("weather", "gret").code == 2


def test_completion_for_every_shell(platform) -> None:
    for shell in ("bash", "zsh", "fish"):
        ran = platform("completion", shell)
        assert ran.code == 0
        assert "_PLATFORM_COMPLETE" in ran.out


def test_names_complete(platform, monkeypatch) -> None:
    from click.shell_completion import ShellComplete

    complete = ShellComplete(root, {}, "platform", "_PLATFORM_COMPLETE")
    assert "train" in [item.value for item in complete.get_completions([], "tr")]
    assert [item.value for item in complete.get_completions(["train"], "weather/")] == ["weather/mood"]
    assert [item.value for item in complete.get_completions(["run"], "wea")] == ["weather"]


def test_settings_errors_have_their_own_exit_code(platform, tmp_path: Path) -> None:
    (tmp_path / "platform.toml").write_text("enoder = 'x'\n")
    ran = platform("plugins")
    assert ran.code == 8
    assert "encoder" in ran.err


def test_main_returns_the_code_of_help() -> None:
    assert main(["--help"]) == 0
