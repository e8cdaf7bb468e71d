"""What the commands say to who types something wrong: what, where, and what to do."""

import pytest
from click.testing import CliRunner

from verticals import BadInput, Host, NotFound
from verticals_customer_service import commands, commands_sessions


@pytest.fixture(scope="module")
def vertical(tmp_path_factory):
    with Host.open(tmp_path_factory.mktemp("commands") / "home") as host:
        yield host["customer-service"]


@pytest.fixture
def refused(vertical):
    """Runs a command that is refused; gives the error and what was told before."""

    def run(command, *arguments):
        ran = CliRunner().invoke(command, [str(argument) for argument in arguments], obj=vertical)
        return ran.exception, ran.output

    return run


def test_a_log_of_which_nothing_can_be_read_is_an_error_with_its_rows(refused, tmp_path):
    log = tmp_path / "chats.jsonl"
    log.write_text('not json\n{"turns": "x"}\n')
    error, told = refused(commands.learn, log)
    assert isinstance(error, BadInput)
    assert "no dialogue could be read, 2 rows left out" in error.message
    assert told.count("row") >= 2
    folder, _ = refused(commands.learn, tmp_path)
    assert str(folder).startswith(f"{tmp_path} is a folder.")


@pytest.mark.parametrize(
    ("command", "arguments", "remedy"),
    [
        (commands_sessions.confirm, ["nothing"], "platform customer-service suggestions"),
        (commands_sessions.gaps, ["--draft", "nothing"], "platform customer-service gaps"),
    ],
)
def test_what_is_not_there_is_told_with_the_command_that_lists_it(refused, command, arguments, remedy):
    error, _ = refused(command, *arguments)
    assert isinstance(error, NotFound)
    assert remedy in error.remedy


def test_originals_say_which_setting_keeps_them(refused):
    error, _ = refused(commands.originals, "chat-1")
    assert "keep_originals in [plugins.customer-service]" in error.remedy


def test_tables_end_a_question_at_a_word():
    long = "Hello, we are getting married in August and would like a wedding list with you, how does that work?"
    shown = commands_sessions.shortened(long)
    assert shown.endswith(" …")
    assert long.startswith(shown.removesuffix(" …") + " ")
    assert commands_sessions.shortened("怎么退货" * 30).endswith("…")
    assert commands_sessions.shortened(" short\n one ") == "short one"
