"""How long the knowledge page waits for 3,000 live sessions: at the first look after a start, and at each later one.

And how pure the groups of questions are: on the test rows of the starter utterances, whose intents are known.
"""

import asyncio
import random
import time
from collections import Counter

import pytest

from verticals import Host
from verticals_customer_service.gaps import NEAR, SAME, gaps
from verticals_customer_service.mining.clusters import clusters
from verticals_customer_service.mining.vectors import encoded

pytestmark = [pytest.mark.bench, pytest.mark.timeout(900)]

SESSIONS = 3_000
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


def _answered(text, action, labels):
    """An assistant's message of the size that real ones have: the whole ranking, ten passages."""
    ranking = [{"label": label, "probability": 1 / len(labels)} for label in labels]
    passage = {"title": "What does delivery cost?", "score": 0.4, "similarity": 0.3, "dense_rank": 1, "lexical_rank": 2}
    rule = "nothing" if action == "abstain" else "intent"
    answer = {"text": "An answer.", "action": action, "intent": labels[0], "confidence": 0.4, "rule": rule,
              "ranking": ranking[:5]}  # fmt: skip
    trace = {
        "text": text, "intent": labels[0], "confidence": 0.4, "ranking": ranking, "abstained": False, "waiting": False,
        "familiarity": 0.5, "version": "customer-service/intent@v1", "emotion": None, "course": ["neutral"],
        "passages": [{"id": f"article-{n}", "span": [0, 80], **passage} for n in range(10)], "previous": None,
        "thresholds": {"confidence": 0.5, "similarity": 0.35, "failures": 3}, "failures": 0, "today": "2026-11-22",
        "rule": rule, "template_id": None,
    }  # fmt: skip
    return {"role": "assistant", "text": "An answer.", "action": action, "answer": answer, "trace": trace}


def _play(vertical, chance):
    """Sessions of one question each: a fifth is not answered, a tenth gets a thumb."""
    rows = vertical.dataset("utterances").current().read()
    labels = sorted({row["intent"] for row in rows})
    for number in range(SESSIONS):
        session = f"bench-{number}"
        text = chance.choice(rows)["text"]
        text = f"{chance.choice(_BEFORE)}{text}{chance.choice(_AFTER).format(n=200_000 + number)}"
        asked = vertical.events.append("message", {"session": session, "role": "customer", "text": text})
        answered = _answered(text, "abstain" if number % 5 == 0 else "answer", labels)
        said = {"session": session, "reply_to": asked.offset, "trace_id": f"t{number}", **answered}
        given = vertical.events.append("message", said)
        if number % 10 == 1:
            thumb = {"session": session, "offset": given.offset, "thumb": "down" if number % 20 == 1 else "up"}
            vertical.events.append("feedback", thumb)


async def _timed(served):
    """Seconds for the gaps, the longest time for which the event loop was away meanwhile, and the gaps."""
    slowest, stopped = 0.0, asyncio.Event()

    async def watch():
        nonlocal slowest
        while not stopped.is_set():
            before = time.perf_counter()
            await asyncio.sleep(0.005)
            slowest = max(slowest, time.perf_counter() - before)

    watching = asyncio.create_task(watch())
    started = time.perf_counter()
    found = await gaps(served)
    seconds = time.perf_counter() - started
    stopped.set()
    await watching
    return seconds, slowest, found


def test_three_thousand_sessions_do_not_make_the_page_slow(tmp_path):
    async def looked(served):
        times = [(await _timed(served))[:2], (await _timed(served))[:2]]
        answered = _answered("do you engrave names into a copper jug?", "abstain", ["x"])
        await served.events.append("message", {"session": "last", "reply_to": 1, "trace_id": "last", **answered})
        *last, found = await _timed(served)
        return [*times, last], found

    with Host.open(tmp_path / "home") as host:
        vertical = host["customer-service"]
        _play(vertical, random.Random(0))
        host.engine.embed(["warm up"])
        times, found = asyncio.run(looked(vertical.served()))
    told = [f"{seconds:.2f} s (loop away for {away * 1000:.0f} ms at most)" for seconds, away in times]
    print(f"\n{found.questions} questions in {len(found.gaps)} gaps of {SESSIONS} sessions: {', '.join(told)}")
    assert times[1][0] < 0.5
    assert times[2][0] < 2


def test_groups_of_questions_are_pure(tmp_path):
    with Host.open(tmp_path / "home") as host:
        rows = [
            row for row in host["customer-service"].dataset("utterances").current().read() if row["split"] == "test"
        ]
        own = encoded([row["text"] for row in rows], host.engine.embed)
    groups = clusters(own, NEAR, same=SAME)
    grouped = sum(map(len, groups))
    largest = sum(Counter(rows[place]["intent"] for place in group).most_common(1)[0][1] for group in groups)
    print(f"\n{len(rows)} questions: {grouped} in {len(groups)} groups, purity {largest / grouped:.3f}")
    assert largest / grouped > 0.6
