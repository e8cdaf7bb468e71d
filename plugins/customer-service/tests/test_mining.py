"""Pairs, vectors, groups and names."""

import json

import numpy as np
import pytest

from verticals_customer_service.data import STARTER
from verticals_customer_service.dialogues import Dialogue, Turn
from verticals_customer_service.dialogues.cleaning import clean
from verticals_customer_service.dialogues.records import Raw
from verticals_customer_service.mining import phrases
from verticals_customer_service.mining.clusters import clusters, middle
from verticals_customer_service.mining.groups import best_answer
from verticals_customer_service.mining.naming import names
from verticals_customer_service.mining.pairs import Pair, pairs
from verticals_customer_service.mining.vectors import counted
from verticals_customer_service.redaction import Redactor


def dialogue(*turns, resolved=True):
    said = [
        Turn(role="customer" if who == "C" else "agent", text=text)
        for who, _, text in (t.partition(": ") for t in turns)
    ]
    return Dialogue(dialogue="d", turns=said, resolved=resolved)


def found(*turns, **options):
    return [(pair.question, pair.answer) for pair in pairs(dialogue(*turns, **options))]


def test_small_talk_and_holding_are_left_out():
    assert found(
        "C: Hi!",
        "A: Hello, you're chatting with Tom. How can I help?",
        "C: Do you take old pans back?",
        "A: Let me check that for you.",
        'A: We do. Choose "Trade in old pans" at the checkout. Is there anything else I can do for you?',
        "C: no thanks, bye",
    ) == [("Do you take old pans back?", 'We do. Choose "Trade in old pans" at the checkout.')]


def test_a_detail_that_was_asked_for_belongs_to_the_question():
    assert found(
        "C: My points are missing",
        "A: May I have the order number please?",
        "C: it's [ORDER], from June",
        "A: Points are credited 30 days after delivery.",
        "C: ok thanks",
    ) == [("My points are missing", "Points are credited 30 days after delivery.")]


def test_an_answer_that_did_not_help_gives_way_to_the_one_that_did():
    assert found(
        "C: The app crashes when I pay",
        "A: Please restart your phone and try again.",
        "C: that didn't work",
        "A: Then please update the app to version 4.12 in the store.",
        "C: works now",
    ) == [("The app crashes when I pay", "Then please update the app to version 4.12 in the store.")]


def test_another_question_is_another_pair():
    assert [question for question, _ in found(
        "C: How much is delivery?",
        "A: Standard delivery is £4.95 and free from £50.",
        "C: And how long does it take?",
        "A: Two to four working days after you ordered.",
    )] == ["How much is delivery?", "And how long does it take?"]  # fmt: skip


@pytest.mark.parametrize(
    "turns",
    [
        ("C: Where is my money for the lamp?", "A: I'm passing this to my colleagues, they will write to you."),
        ("C: Where is my money for the lamp?", "A: Let me check.", "C: hello?"),
        ("C: thanks", "A: You're very welcome. Have a lovely day!"),
        ("A: Hello, how can I help you today?",),
        ("C: 快递没到，怎么办？", "A: 我把您的问题转给同事处理。"),
    ],
)
def test_what_was_not_answered_gives_no_pair(turns):
    assert found(*turns) == []


def test_only_settled_dialogues_teach():
    turns = ("C: Do you price match?", "A: We do, within 14 days of your order.", "C: great, thanks!")
    assert found(*turns, resolved=None)
    assert not found(*turns[:2], "C: that is a lie", resolved=None)
    assert not found(*turns, resolved=False)


def test_the_starter_log_gives_as_many_pairs_as_when_it_was_read_by_hand():
    lines = (STARTER / "dialogues.jsonl").read_text(encoding="utf-8").splitlines()
    logs = [clean(Raw(1, json.loads(line)), Redactor()).dialogue for line in lines]
    mined = [pair for log in logs for pair in pairs(log)]
    assert len(logs) >= 200
    assert 180 <= len(mined) <= 210
    assert not [pair for pair in mined if phrases.is_small_talk(pair.question) or phrases.is_hand_over(pair.answer)]
    resolved = {log.dialogue for log in logs if log.resolved is False}
    assert not {pair.id.rpartition(":")[0] for pair in mined} & resolved


@pytest.mark.parametrize(
    ("sentence", "judged"),
    [
        ("Thanks a lot!", True),
        ("ok cheers", True),
        ("You're very welcome.", True),
        ("好的，谢谢", True),
        ("thanks, but the lid is broken", False),
        ("No, the first six swatches are free.", False),
        ("Yes: lids are under Spare parts.", False),
    ],
)
def test_small_talk_is_told_from_what_matters(sentence, judged):
    assert phrases.is_small_talk(sentence) is judged


def test_near_vectors_make_groups_and_far_ones_stay_alone():
    random = np.random.default_rng(0)
    centres = np.eye(64, dtype=np.float32)[:5]
    noise = random.normal(0, 0.05, (200, 64)).astype(np.float32)
    places = np.arange(200) % 5
    vectors = centres[places] + noise
    strange = np.eye(64, dtype=np.float32)[40:45]
    everything = np.concatenate([vectors, strange])
    everything /= np.linalg.norm(everything, axis=1, keepdims=True)
    groups = clusters(everything, 0.6)
    assert [len(group) for group in groups] == [40] * 5
    assert all(len(set(places[group])) == 1 for group in groups)
    central = [float(everything[place] @ middle(everything[groups[0]])) for place in groups[0]]
    assert central == sorted(central, reverse=True)


def test_groups_that_agree_become_one_and_no_vectors_make_none():
    vectors = np.array([[1, 0], [1, 0], [0.8, 0.6], [0.8, 0.6]], np.float32)
    assert [len(group) for group in clusters(vectors, 0.95)] == [2, 2]
    assert [len(group) for group in clusters(vectors, 0.95, same=0.75)] == [4]
    assert clusters(np.zeros((0, 4), np.float32), 0.5) == []


def test_chinese_texts_are_compared_by_their_signs():
    vectors = counted(["请问可以开发票吗？", "怎么下载发票", "快递三天没更新了", "我的快递到哪里了"])
    near = vectors @ vectors.T
    assert near[0, 1] > 3 * abs(near[0, 2])
    assert near[2, 3] > 3 * abs(near[1, 3])
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1)


def test_a_name_is_made_of_the_telling_words():
    asked = [
        ("Make one under Gift lists.", ["a gift list for a wedding?", "share our gift list"]),
        ("Stop using it.", ["is my kettle recalled?", "the kettle recall", "kettle recall, what now"]),
        ("点发票下载", ["可以开发票吗", "发票怎么下载"]),
    ]
    groups = [[Pair(question, question, answer) for question in questions] for answer, questions in asked]
    assert [name.name for name in names(groups)] == ["gift_list", "kettle_recall", "发票"]
    assert [name.name for name in names([groups[0], groups[0]])] == ["gift_list", "gift_list_2"]


def test_the_best_answer_suits_any_customer():
    answers = [
        "I've refunded your order, it went out today.",
        "Refunds take five working days after the return has reached us.",
        "We refund within five working days; order [ORDER] is among them.",
    ]
    members = [Pair(str(number), "when do I get my refund", answer) for number, answer in enumerate(answers)]
    assert best_answer(members, np.ones((3, 4), np.float32)) == answers[1]
