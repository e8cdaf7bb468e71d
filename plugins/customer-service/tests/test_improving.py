"""Versions of two rounds, compared on the same rows; the second goes live only where it is not worse."""

import contextlib
import dataclasses
import io
import json

import pytest

from verticals import Document, Host
from verticals.cli import main
from verticals_customer_service import improving, ranking

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


def pairs(path, wrong=False):
    """Questions that two documents answer; ``wrong`` turns the answers round in what is learned."""
    lines = ["question,answer,split"]
    answers = {name: f"{name} {words}" for name, words in WORDS.items()}
    for number in range(60):
        intent = list(WORDS)[number % 2]
        learned = number % 4 < 2
        answer = answers[list(WORDS)[(number + 1) % 2] if wrong and learned else intent]
        word = WORDS[intent].split()[number % 5]
        lines.append(f"about {word} number {number},{answer},{'train' if learned else 'test'}")
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_the_ranking_head_goes_live_only_where_search_is_not_worse_with_it(vertical, tmp_path, monkeypatch):
    index, dataset, head = vertical.index("knowledge"), vertical.dataset("answers"), vertical.head("answer")
    index.delete([document.id for document in index.every()])
    index.upsert([Document(name, f"{name} {words}") for name, words in WORDS.items()])
    dataset.import_file(pairs(tmp_path / "pairs.csv"), replace=True)
    without = ranking.measure(vertical, "", "test")
    assert without.questions == 30
    first = improving.improve(vertical, "answer")
    new = ranking.measure(vertical, first.version, "test")
    assert first.promoted is (new.mrr >= without.mrr)
    assert f"on the same 30 questions: {first.version} " in first.told
    head.promote(first.version, "for what follows")
    assert "nothing to do" in improving.improve(vertical, "answer").told
    measure = ranking.measure
    monkeypatch.setattr(
        ranking, "measure", lambda *given: dataclasses.replace(measure(*given), mrr=0.1 if given[1] == "v2" else 0.5)
    )
    worse = improving.improve(vertical, "answer", again=True)
    assert (worse.version, worse.promoted) == ("v2", False)
    assert "worse, so v2 stays a candidate" in worse.told
    assert head.record("live").version == first.version


def test_questions_that_are_titles_or_have_no_document_are_not_asked(vertical, tmp_path):
    index = vertical.index("knowledge")
    path = tmp_path / "pairs.csv"
    path.write_text(
        "question,answer,split\nWhere is it?,There.,test\nWhere?,There.,test\nWhen?,Never.,test\nWho?,There.,train\n"
    )
    vertical.dataset("answers").import_file(path, replace=True)
    index.delete([document.id for document in index.every()])
    assert ranking.measure(vertical, "", "test") is None
    index.upsert([Document("there", "Here or there. There it is.", title="where  is it?")])
    assert ranking.measure(vertical, "", "test").questions == 1


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
