"""Every hook is documented, and its example does what it says when a real host loads it."""

from __future__ import annotations

import asyncio
import re
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from verticals.contract import Hooks, resolve
from verticals.host import Host

HOOKS = {name: function.__doc__ or "" for name, function in vars(Hooks).items() if not name.startswith("_")}
CHATS = """
from pydantic import BaseModel
from verticals import Dataset, hookimpl

class Chat(BaseModel):
    text: str
    label: str

def load():
    for number in range(30):
        yield Chat(text=f"oh great, it broke again {number}", label="sarcastic")
        yield Chat(text=f"my parcel has not arrived {number}", label="plain")

@hookimpl
def register_datasets():
    yield Dataset(name="chats", row=Chat, load=load)
"""
STARTED = """
from verticals import EventKind, hookimpl

@hookimpl
def register_events():
    yield EventKind(name="started")
"""


def example(hook: str) -> str:
    (found,) = re.findall(r"```python\n(.*?)```", HOOKS[hook], re.DOTALL)
    return "\n".join(line.removeprefix(" " * 8) for line in found.splitlines()) + "\n"


@pytest.fixture
def load(tmp_path, tiny_encoder: Path):
    """Load pieces of source as one plugin `sarcasm`; gives the host."""
    opened = []

    def load(*pieces: str) -> Host:
        (tmp_path / "plugins").mkdir()
        (tmp_path / "plugins" / "sarcasm.py").write_text("\n".join(pieces), encoding="utf-8")
        settings = {
            "blocked": [entry.name for entry in entry_points(group="verticals")],
            "encoder": str(tiny_encoder), "device": "cpu", "precision": "fp32", "threads": 1,
        }  # fmt: skip
        host = Host.open(tmp_path / "home", plugins_dir=tmp_path / "plugins", settings=settings)
        opened.append(host)
        assert host.plugins["sarcasm"].state == "loaded", host.plugins["sarcasm"].cause
        return host

    yield load
    for host in opened:
        host.close()


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_says_what_it_is_for_and_shows_it(hook):
    assert HOOKS[hook].strip().partition("\n")[0]
    assert f"def {hook}(" in example(hook)


def test_the_settings_of_the_example_are_read(load, tmp_path, monkeypatch):
    package = tmp_path / "site" / "verticals_sarcasm"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    source = 'from pydantic import BaseModel\n\nclass Settings(BaseModel):\n    greeting: str = "Hello"\n'
    (package / "settings.py").write_text(source, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path / "site")
    try:
        assert load(example("register_settings"))["sarcasm"].settings.greeting == "Hello"
    finally:
        for name in ("verticals_sarcasm", "verticals_sarcasm.settings"):
            sys.modules.pop(name, None)


def test_the_rows_of_the_example_become_a_data_set(load):
    assert load(example("register_datasets"))["sarcasm"].dataset("chats").current().rows == 2


def test_the_head_of_the_example_learns_from_the_data_set_of_the_other_example(load):
    head = load(example("register_datasets"), example("register_heads"))["sarcasm"].heads["sarcasm"]
    assert (head.dataset, head.recipe.epochs) == ("chats", 2)


def test_the_documents_of_the_example_are_found(load):
    hits = load(example("register_indexes"))["sarcasm"].index("knowledge").search("return")
    assert [hit.document.id for hit in hits] == ["returns"]


def test_the_event_of_the_example_can_be_written(load):
    events = load(example("register_events"))["sarcasm"].events
    assert events.append("message", {"text": "hello"}).offset == 1


@pytest.mark.parametrize(
    ("hook", "nouns"),
    [("register_endpoints", "endpoints"), ("register_pages", "pages"), ("register_commands", "commands")],
)
def test_what_the_example_refers_to_is_resolved_later(load, hook, nouns):
    assert len(getattr(load(example(hook))["sarcasm"], nouns)) == 1


def test_the_lifespan_of_the_example_is_entered_when_serving_begins(load):
    host = load(STARTED, example("lifespan"))

    async def serve():
        async with host.serve(["sarcasm"]) as served:
            return await served["sarcasm"].events.read()

    assert [event.kind for event in asyncio.run(serve())] == ["started"]


def test_the_wrappers_of_the_examples_see_training_and_predictions(load, capsys):
    host = load(CHATS, example("register_heads"), example("fit"), example("predict"))
    head = host["sarcasm"].head("sarcasm")
    head.promote(head.train(changes={"method": "head"}).version)
    assert "sarcasm {" in capsys.readouterr().out
    plain, spaced = head.predict(["it broke again", "   it broke again "])
    assert plain.label == spaced.label
    assert plain.familiarity == pytest.approx(spaced.familiarity, abs=1e-4)


def test_references_in_examples_have_the_right_form():
    for hook in HOOKS:
        for reference in re.findall(r'"(\w+\.\w+:\w+)"', example(hook)):
            with pytest.raises(Exception, match="does not import"):
                resolve(reference)
