"""Versions of two rounds, compared on the same rows; the second goes live only where it is not worse."""

import contextlib
import io
import json

import pytest

from verticals import Host
from verticals.cli import main
from verticals_customer_service import improving

WORDS = {"returns": "send back parcel refund label", "payment": "card invoice pay price voucher"}


@pytest.fixture
def vertical(tmp_path, monkeypatch):
    from verticals.encoder import tiny

    monkeypatch.setenv("PLATFORM_ENCODER", str(tiny.create(tmp_path / "encoder")))
    with Host.open(tmp_path / "home") as host:
        yield host["customer-service"]


def rows(path, labels):
    """Rows of two intents that can be told apart; ``labels`` turns an intent into what stands in the file."""
    lines = ["text,intent,split"]
    for number in range(48):
        intent = list(WORDS)[number % 2]
        word = WORDS[intent].split()[number % 5]
        lines.append(f"how do I {word} number {number},{labels(intent)},{'test' if number % 4 > 1 else 'train'}")
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_rounds(vertical, tmp_path):
    dataset, head = vertical.dataset("utterances"), vertical.head("intent")
    dataset.import_file(rows(tmp_path / "first.csv", lambda intent: intent), replace=True)
    first = improving.improve(vertical, "intent")
    assert (first.version, first.promoted, first.live) == ("v1", True, "")
    nothing = improving.improve(vertical, "intent")
    assert (nothing.version, nothing.promoted) == ("", False)
    assert "nothing to do" in nothing.told
    again = improving.improve(vertical, "intent", again=True)
    assert again.comparison.rows == 24
    assert again.promoted, "the same rows give the same answers, which is not worse"
    assert head.record("live").version == again.version == "v2"


def test_what_is_worse_does_not_go_live(vertical, tmp_path, monkeypatch):
    dataset, head = vertical.dataset("utterances"), vertical.head("intent")
    dataset.import_file(rows(tmp_path / "first.csv", lambda intent: intent), replace=True)
    assert improving.improve(vertical, "intent").promoted
    trained = head.train

    def badly(**options):
        """Learns the intents the wrong way round; the held-out rows stay right."""
        wrong = {"returns": "payment", "payment": "returns"}
        turned = rows(tmp_path / "turned.csv", wrong.get)
        dataset.import_file(turned, replace=True)
        turned_version = dataset.current().version
        dataset.import_file(rows(tmp_path / "first.csv", lambda intent: intent), replace=True)
        return trained(**{**options, "dataset_version": turned_version})

    monkeypatch.setattr(type(head), "train", lambda self, **options: badly(**options))
    worse = improving.improve(vertical, "intent", again=True)
    assert not worse.promoted
    assert worse.comparison.lost > worse.comparison.gained
    assert head.record("live").version == "v1"
    assert head.record(worse.version).stage == "candidate"
    assert "v1 stays live" in worse.told


@pytest.mark.slow
def test_the_command_tells_what_it_decided(vertical, tmp_path):
    vertical.dataset("utterances").import_file(rows(tmp_path / "first.csv", lambda intent: intent), replace=True)
    home = str(vertical.host.home)
    vertical.host.close()
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        assert main(["--home", home, "customer-service", "improve", "--head", "intent"]) == 0
        assert main(["--home", home, "customer-service", "improve", "--head", "intent", "--again"]) == 0
    lines = said.getvalue().splitlines()
    assert lines[0] == "intent: v1 is the first version, and live."
    assert "with v1" in lines[1]
    assert lines[1].endswith("v2 is live.")
    with contextlib.redirect_stdout(said := io.StringIO()):
        assert main(["--home", home, "customer-service", "improve", "--head", "intent", "--json"]) == 0
    (one,) = json.loads(said.getvalue())
    assert one["version"] == ""
