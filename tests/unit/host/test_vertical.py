"""A vertical's data sets, indexes and events, on the real stores."""

import json

import numpy as np
import pytest

from verticals.contract import BadInput, BadRows, Document, Event, NotFound
from verticals.host import Host
from verticals.host.starters import load_starters
from verticals.retrieval import DocumentIndex


class HashEncoder:
    """Vectors made of the texts' letters: enough to find a text again."""

    identity = "letters"

    def embed(self, texts):
        vectors = np.zeros((len(texts), 32), dtype=np.float32)
        for row, text in enumerate(texts):
            for letter in str(text).lower():
                vectors[row, ord(letter) % 32] += 1
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


@pytest.fixture
def vertical(sarcasm, open_host, monkeypatch):
    monkeypatch.setattr(Host, "encoder", HashEncoder())
    return open_host()["sarcasm"]


def test_unknown_names_are_answered_with_the_nearest(vertical):
    for ask, wrong, right in (
        (vertical.dataset, "chat", "chats"),
        (vertical.head, "sarcsm", "sarcasm"),
        (vertical.index, "knowlege", "knowledge"),
    ):
        with pytest.raises(NotFound, match=f"Did you mean '{right}'"):
            ask(wrong)


def test_a_data_set_starts_with_the_starter_rows_and_takes_a_file(vertical, tmp_path):
    handle = vertical.dataset("chats")
    assert (handle.current().version, handle.current().rows) == ("v1", 60)
    file = tmp_path / "more.csv"
    file.write_text("text,label\nsure,sarcastic\nyes,plain\n", encoding="utf-8")
    assert handle.import_file(file).version.version == "v2"
    assert [version.version for version in handle.versions()].count("v2") == 1
    assert handle.get("v1").rows == 60
    assert handle.get().rows == 62
    handle.export(tmp_path / "out.csv", "v2")
    assert len((tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()) == 63


def test_a_label_outside_a_heads_closed_list_is_refused_at_import(write_plugin, sarcasm, open_host, tmp_path):
    source = sarcasm.read_text(encoding="utf-8").replace(
        'TaskHead(name="sarcasm",', 'TaskHead(name="sarcasm", labels=("plain", "sarcastic"),'
    )
    write_plugin("sarcasm", source)
    handle = open_host()["sarcasm"].dataset("chats")
    file = tmp_path / "more.csv"
    file.write_text("text,label\nsure,sarkastic\n", encoding="utf-8")
    with pytest.raises(BadRows, match="sarkastic"):
        handle.import_file(file)
    assert handle.current().version == "v1"


def test_events_are_of_declared_kinds_and_fit_their_payload(vertical):
    event = vertical.events.append("seen", {"text": "hm"}, key="k")
    assert isinstance(event, Event)
    assert (event.offset, dict(event.payload)) == (1, {"text": "hm", "times": 1})
    assert vertical.events.append("seen", {"text": "again"}, key="k").offset == 1
    assert vertical.events.append("noted", {"anything": [1]}).offset == 2
    assert [one.offset for one in vertical.events.read(kinds=["seen"])] == [1]
    assert [one.offset for one in vertical.events.read(where={"text": "hm"})] == [1]
    assert vertical.events.last_offset() == 2
    assert vertical.events.read(tenant="other") == []
    with pytest.raises(BadInput, match=r"no events of kind 'sen'.*Did you mean 'seen'"):
        vertical.events.append("sen", {})
    with pytest.raises(BadInput, match=r"'seen' does not fit: text: .*; times: "):
        vertical.events.append("seen", {"times": "often"})
    assert vertical.events.last_offset() == 2


def test_an_index_opens_with_the_starter_documents(vertical):
    index = vertical.index("knowledge")
    assert not (vertical.host.home / "indexes").exists()
    assert index.count() == 2
    assert index.search("return within 30 days", k=1)[0].document.id == "returns"
    assert vertical.index("knowledge") is index


def test_an_index_that_another_process_writes_to_can_be_searched(vertical, open_host):
    assert vertical.index("knowledge").count() == 2
    other = open_host(home=vertical.host.home)["sarcasm"].index("knowledge")
    assert other.get("returns").title == "Returns"


def document(name, text="text"):
    return Document(id=name, text=text)


def texts(index):
    return {one.id: one.text for one in index.documents()}


@pytest.fixture
def opened(tmp_path):
    with DocumentIndex.open(tmp_path / "index", HashEncoder().embed, embedding="letters") as index:
        yield index


def test_an_upgrade_changes_starters_and_leaves_the_users_documents_alone(opened, tmp_path):
    memory = tmp_path / "starter.json"
    load_starters(opened, [document("a"), document("b"), document("c"), document("d"), document("e")], memory)
    opened.upsert([document("mine"), document("b", "edited by the user")])
    opened.delete(["c"])
    upgraded = [document(name, "upgraded") for name in "abcdf"]
    load_starters(opened, upgraded, memory)
    expected = {"a": "upgraded", "b": "edited by the user", "d": "upgraded", "f": "upgraded", "mine": "text"}
    assert texts(opened) == expected
    load_starters(opened, upgraded, memory)
    assert texts(opened) == expected


def test_what_the_user_changed_stays_while_the_starters_stay(opened, tmp_path):
    memory = tmp_path / "starter.json"
    starters = [document("a"), document("b")]
    load_starters(opened, starters, memory)
    opened.delete(["a"])
    opened.upsert([document("b", "edited")])
    load_starters(opened, starters, memory)
    assert texts(opened) == {"b": "edited"}


def test_starters_killed_before_they_were_remembered_are_taken_up(opened, tmp_path):
    memory = tmp_path / "starter.json"
    starters = [document("a"), document("b")]
    opened.upsert(starters[:1])
    told = []
    load_starters(opened, starters, memory, told.append)
    assert [(one.done, one.total, one.unit) for one in told] == [(0, 1, "documents"), (1, 1, "documents")]
    assert set(texts(opened)) == set(json.loads(memory.read_text(encoding="utf-8"))) == {"a", "b"}
    load_starters(opened, [document("b")], memory)
    assert set(texts(opened)) == {"b"}
