"""What is written: links lead somewhere, commands exist, nothing is left to be filled in."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from verticals.cli import platform
from verticals.cli.root import split_global

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("plugins/*/README.md")]
)
FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def without_code(page: str) -> str:
    return re.sub(r"`[^`\n]*`", "", FENCE.sub("", text(page)))


def anchors(path: Path) -> set[str]:
    """The anchors that a page's headings get when it is shown."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", path.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_every_relative_link_resolves(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(page)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (ROOT / page).parent / name if name else ROOT / page
        assert path.exists(), f"{page} links to {target}, which is not there"
        if anchor:
            assert anchor in anchors(path), f"{page} links to {target}; the page has no such heading"


@pytest.mark.parametrize("page", PAGES)
def test_no_figure_is_left_to_be_measured(page):
    assert "MEASURE" not in text(page)


def commands_in(script: str) -> Iterator[list[str]]:
    """The words of every ``platform …`` command of a shell script, with what `$(…)` and comments hold left out."""
    script = re.sub(r"<<'?(\w+)'?\n.*?^\1$", "", script, flags=re.MULTILINE | re.DOTALL).replace("\\\n", " ")
    for line in script.splitlines():
        parts = shlex.shlex(line.removeprefix("$ "), posix=True, punctuation_chars=True)
        parts.whitespace_split = True
        words: list[str] = []
        for word in [*parts, ";"]:
            if word in {"&&", "||", "|", ";", "&", ">", ">>", "<"}:
                while words and re.match(r"^[A-Z_]+=", words[0]):
                    words.pop(0)
                if words[:1] == ["platform"]:
                    yield words[1:]
                words = []
            else:
                words.append(word)


BLOCKS = [
    pytest.param(page, words, id=f"{page}: platform {' '.join(words)}")
    for page in PAGES
    for language, script in FENCE.findall(text(page))
    if language.partition(" ")[0] in ("sh", "bash")
    for words in commands_in(script)
]


@pytest.mark.parametrize(("page", "words"), BLOCKS)
def test_every_quoted_command_parses(page, words):
    context = platform.make_context("platform", list(words))
    command: click.Command = platform
    while isinstance(command, click.Group):
        rest = [*context._protected_args, *context.args]
        assert rest, f"{page} names no command of the group {context.command_path}"
        name, *arguments = rest
        found = command.get_command(context, name)
        assert found is not None, f"{page}: there is no command {name!r} in {context.command_path}"
        if "--help" in arguments:
            return
        command, context = found, found.make_context(name, arguments, parent=context)


MENTIONS = sorted(
    {(page, mention) for page in PAGES for mention in re.findall(r"`platform ([^`\n]+)`", FENCE.sub("", text(page)))}
)


@pytest.mark.parametrize(("page", "mention"), MENTIONS)
def test_every_command_mentioned_in_a_sentence_exists(page, mention):
    _, words = split_global(mention.split())
    if not words or words[0].startswith(("<", "-")):
        return
    context, command = click.Context(platform, info_name="platform"), platform
    while isinstance(command, click.Group) and words and not words[0].startswith(("-", "…")):
        name = words.pop(0)
        found = command.get_command(context, name)
        assert found is not None, f"{page}: `platform {mention}`: there is no {name!r}"
        command, context = found, click.Context(found, info_name=name, parent=context)
    options = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    for word in words:
        if word.startswith("--"):
            assert word.partition("=")[0] in options, f"{page}: `platform {mention}`: there is no option {word}"


def test_every_page_is_in_the_index():
    index = text("docs/README.md")
    for page in PAGES:
        if page.startswith("docs/") and page != "docs/README.md":
            assert f"({page.removeprefix('docs/')})" in index, f"docs/README.md does not lead to {page}"


def test_every_dependency_is_explained():
    project = tomllib.loads(text("pyproject.toml"))["project"]
    declared = [
        *project["dependencies"],
        *(line for extra in project["optional-dependencies"].values() for line in extra),
    ]
    explained = text("docs/explanation/dependencies.md")
    for line in declared:
        name = re.split(r"[\[<>=~! ]", line)[0]
        assert f"| `{name}` |" in explained, f"docs/explanation/dependencies.md does not say what {name} is for"
