"""How long learning from past dialogues takes: 1,000 of them, imported, redacted and mined."""

import json
import random
import time

import pytest

from verticals import Host
from verticals_customer_service import learning
from verticals_customer_service.data import STARTER
from verticals_customer_service.dialogues import import_log

pytestmark = [pytest.mark.bench, pytest.mark.timeout(900)]

DIALOGUES = 1_000
_BEFORE = ("", "Hi, ", "Hello, ", "good morning, ", "Quick question: ", "hey ", "Sorry to bother you again. ")
_AFTER = (
    "",
    " thanks",
    " Please help.",
    " It's for a present.",
    " I ordered last week.",
    " My order is LL-{n}.",
    " Asap!!",
)


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """The starter log's dialogues again and again, each time with other words around the customer's and other ids."""
    lines = (STARTER / "dialogues.jsonl").read_text(encoding="utf-8").splitlines()
    chance = random.Random(0)
    path = tmp_path_factory.mktemp("log") / "chats.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for number in range(DIALOGUES):
            one = json.loads(lines[number % len(lines)])
            one["dialogue_id"] = f"bench-{number}"
            for turn in one["turns"]:
                if turn["role"] == "customer":
                    after = chance.choice(_AFTER).format(n=200_000 + number)
                    turn["text"] = f"{chance.choice(_BEFORE)}{turn['text']}{after}"
            file.write(json.dumps(one, ensure_ascii=False) + "\n")
    return path


def test_a_thousand_dialogues_are_learned_within_two_minutes(tmp_path, log):
    with Host.open(tmp_path / "home") as host:
        vertical = host["customer-service"]
        vertical.events.last_offset()
        started = time.perf_counter()
        summary = import_log(vertical, log)
        imported = time.perf_counter()
        mined = learning.mine(vertical)
        ended = time.perf_counter()
        again = import_log(vertical, log)
        known = time.perf_counter()
    print(
        f"\n{summary.added} dialogues of {summary.turns} turns: imported in {imported - started:.1f} s, "
        f"{mined.pairs} pairs mined into {mined.made} proposals in {ended - imported:.1f} s; "
        f"imported again in {known - ended:.1f} s"
    )
    assert (summary.added, again.added, again.known) == (DIALOGUES, 0, DIALOGUES)
    assert mined.pairs > 0.8 * DIALOGUES
    assert ended - started < 120
