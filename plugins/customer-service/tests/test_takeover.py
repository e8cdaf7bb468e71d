"""Never do the assistant and an agent both answer one message, in whatever order things happen."""

import asyncio
import itertools
from datetime import UTC, datetime
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from verticals import Conflict, Event, Host, NotFound, Prediction
from verticals_customer_service.answers import Answer
from verticals_customer_service.conversation import Conversations
from verticals_customer_service.desk import Desk
from verticals_customer_service.handover import told
from verticals_customer_service.session import Known, State
from verticals_customer_service.settings import Settings

TEXTS = ("hello", "thanks", "a human please", "why!")
STEPS = ("take", "say", "return", "resolve", "reopen", "ask for a person")
_numbers = itertools.count()


class Stage:
    """Lets one of the waiting steps go on at a time, drawn by ``random``."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._waiting: list[asyncio.Future[None]] = []

    async def turn(self) -> None:
        future = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        await future

    async def play(self, *works) -> list[object]:
        """Run all to their ends; what each gave, or raised."""
        tasks = [asyncio.ensure_future(work) for work in works]
        while not all(task.done() for task in tasks):
            for _ in range(20):  # all that need not wait for a turn
                await asyncio.sleep(0)
            self._waiting = [one for one in self._waiting if not one.cancelled()]
            if self._waiting:
                self._waiting.pop(self._random.randrange(len(self._waiting))).set_result(None)
        return await asyncio.gather(*tasks, return_exceptions=True)


class Rehearsal:
    """What `Conversations` and `Desk` need of a running vertical: real events, heads that go by words."""

    def __init__(self, events, policy, stage: Stage, **settings) -> None:
        self.settings, self.tenant = Settings(**settings), "default"
        self.state = {"policies": {"en": policy}, "phrases": {}, "under way": set()}
        self.events, self._stage = _Events(events, stage), stage

    def head(self, name):
        return _Head(name, self._stage)

    def index(self, name):
        return _Index()


class _Events:
    def __init__(self, events, stage):
        self._events, self._stage = events, stage

    async def append(self, *arguments, **options):
        await self._stage.turn()
        return self._events.append(*arguments, **options)

    async def read(self, **options):
        await self._stage.turn()
        return self._events.read(**options)


class _Head:
    def __init__(self, name, stage):
        self._name, self._stage = name, stage

    async def is_live(self):
        return self._name != "answer"

    async def predict(self, text):
        await self._stage.turn()
        if self._name == "emotion":
            label = "angry" if "!" in text else "neutral"
            return Prediction(label, 0.9, ((label, 0.9),), familiarity=0.8)
        if self._name == "slots":
            return Prediction(None, 0.9, spans=())
        label = "speak_to_human" if "human" in text else "thanks"
        return Prediction(label, 0.99, ((label, 0.99),), familiarity=0.8, version="intent@v1")

    async def predict_many(self, texts):
        return [await self.predict(text) for text in texts]


class _Index:
    async def search_each(self, text, searches):
        return [[] for _ in searches]

    async def get(self, name):
        raise NotFound("There are no articles.")


@pytest.fixture(scope="module")
def events(tmp_path_factory):
    with Host.open(tmp_path_factory.mktemp("home")) as host:
        yield host["customer-service"].events


async def customer(vertical, session, texts):
    return [await Conversations(vertical).reply(session, text) for text in texts]


async def agent(vertical, session, name, steps):
    desk = Desk(vertical)
    for step in steps:
        try:
            match step:
                case "take":
                    await desk.take_over(session, name, force=name == "Ben")
                case "say":
                    await desk.reply(session, name, "I am here.")
                case "return":
                    await desk.give_back(session, name)
                case "resolve":
                    await desk.resolve(session, name)
                case "reopen":
                    await desk.reopen(session, name)
                case _:
                    await desk.hand_over(session)
        except Conflict:
            pass


def check(log):
    """Walk through a session's events as a bystander, who knows nothing of how states are derived."""
    has, unanswered, answered, asked = None, set(), {}, 0
    for event in log:
        payload = event.payload
        match event.kind:
            case "taken-over":
                has = payload["agent"]
            case "returned":
                assert payload["agent"] == has
                has = None
            case "resolved":
                has = None
            case "message" if payload["role"] == "customer":
                asked += 1
                unanswered.add(event.offset)
            case "message" if payload["role"] == "assistant":
                assert has is None, f"the assistant spoke at {event.offset} while {has} had the session"
                assert payload["reply_to"] in unanswered, f"{payload['reply_to']} was answered before"
                unanswered.remove(payload["reply_to"])
                answered[payload["reply_to"]] = "assistant"
            case "message":
                assert payload["agent"] == has
                answered |= dict.fromkeys(unanswered, "agent")
                unanswered.clear()
    return asked, answered


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    customers=st.lists(st.lists(st.sampled_from(TEXTS), min_size=1, max_size=2), min_size=1, max_size=3),
    ann=st.lists(st.sampled_from(STEPS), max_size=5),
    ben=st.lists(st.sampled_from(STEPS), max_size=3),
    random=st.randoms(use_true_random=False),
)
def test_no_message_is_answered_twice_whatever_the_order(events, policy, customers, ann, ben, random):
    name = f"s{next(_numbers)}"
    stage = Stage(random)
    vertical = Rehearsal(events, policy, stage, burst=100)

    async def run():
        await stage.play(Conversations(vertical).start(name))
        works = [customer(vertical, name, texts) for texts in customers]
        return await stage.play(*works, agent(vertical, name, "Ann", ann), agent(vertical, name, "Ben", ben))

    given_back = asyncio.run(run())
    failed = [one for one in given_back if isinstance(one, BaseException)]
    assert not failed, failed
    log = events.read(where={"session": name}, limit=1000)
    asked, answered = check(log)
    assert asked == sum(map(len, customers))
    replies = [reply for one in given_back[: len(customers)] for reply in one]
    for reply in replies:
        if reply.action == "silent":
            taken = any(event.kind in ("taken-over", "resolved") for event in log)
            assert taken, "the assistant was silent though no agent had the session"
        else:
            assert answered[next(e.payload["reply_to"] for e in log if e.offset == reply.offset)] == "assistant"


def test_the_answer_under_way_is_not_given_once_an_agent_has_taken_over(events, policy):
    """Each possible moment of a take-over, one after the other, in several orders of all else."""
    kept = set()
    for seed, moment in itertools.product(range(4), range(1, 14)):
        name = f"m{seed}-{moment}"
        stage = Stage(Random(seed))
        vertical = Rehearsal(events, policy, stage)

        async def late(vertical=vertical, name=name, stage=stage, moment=moment):
            for _ in range(moment):
                await stage.turn()
            return await Desk(vertical).take_over(name, "Ann")

        async def run(vertical=vertical, name=name, stage=stage, late=late):
            await stage.play(Conversations(vertical).start(name))
            return await stage.play(Conversations(vertical).reply(name, "thanks"), late())

        reply, state = asyncio.run(run())
        check(events.read(where={"session": name}, limit=100))
        assert (state.status, state.mode, state.agent) == ("taken", "manual", "Ann")
        kept.add(reply.action)
    assert kept == {"smalltalk", "silent"}


def play(vertical, work):
    return asyncio.run(vertical._stage.play(work))[0]


def outcome(result):
    if isinstance(result, BaseException):
        raise result
    return result


@pytest.fixture
def act(events, policy):
    """One step after the other, in a session of its own."""
    stage = Stage(Random(0))
    vertical = Rehearsal(events, policy, stage)
    name = f"a{next(_numbers)}"
    conversations, desk = Conversations(vertical), Desk(vertical)

    def do(method, *arguments, **options):
        place = conversations if hasattr(conversations, method) and method != "reply_as" else desk
        method = "reply" if method == "reply_as" else method
        return outcome(play(vertical, getattr(place, method)(name, *arguments, **options)))

    play(vertical, conversations.start(name))
    do.name = name
    return do


def test_a_handover_tells_what_a_person_needs_to_know(act, events):
    act("reply", "thanks")
    assert act("reply", "a human please, for LL-204518!").action == "handover"
    state = act("state")
    assert (state.status, state.mode) == ("waiting", "auto")
    told = state.handover
    assert told["reason"] == "asked"
    assert "a human please" in told["summary"]
    assert told["slots"] == {"order_number": "LL-204518"}
    assert told["course"] == ["neutral", "angry"]
    assert told["mood"] == -0.5
    again = act("reply", "human!")
    assert (again.action, again.rule) == ("handover", "waiting")
    kinds = [event.kind for event in events.read(where={"session": act.name})]
    assert kinds.count("handover") == 1


def test_while_an_agent_has_the_session_the_assistant_says_nothing(act):
    act("take_over", "Ann")
    reply = act("reply", "hello?")
    assert (reply.action, reply.text, reply.mode) == ("silent", "", "manual")
    said = act("reply_as", "Ann", "Hello, this is Ann.", key="k")
    assert act("reply_as", "Ann", "Hello, this is Ann.", key="k") == said
    assert [turn.role for turn in act("history")] == ["customer", "agent"]


def test_after_the_return_the_assistant_answers_what_nobody_has(act):
    act("take_over", "Ann")
    for text in ("hello?", "is anybody there?"):
        act("reply", text)
    assert act("give_back", "Ann").pending == ()
    assert [turn.role for turn in act("history")] == ["customer", "customer", "assistant"]
    assert act("reply", "thanks").action == "smalltalk"


def test_after_the_return_the_assistant_does_not_answer_what_the_agent_has(act):
    act("take_over", "Ann")
    act("reply", "hello?")
    act("reply_as", "Ann", "Hello!")
    act("give_back", "Ann")
    assert [turn.role for turn in act("history")] == ["customer", "agent"]


def test_a_settled_session_opens_again_with_the_customers_next_message(act, events):
    act("reply", "thanks")
    assert act("resolve", "Ann", "All done.").status == "resolved"
    assert act("resolve", "Ann").status == "resolved"
    assert act("reply", "hello").action == "smalltalk"
    assert act("state").status == "open"
    kinds = [event.kind for event in events.read(where={"session": act.name})]
    assert kinds == ["session-started", "message", "message", "resolved", "reopened", "message", "message"]


@pytest.mark.parametrize(
    ("before", "step", "told"),
    [
        ([("take_over", "Ben")], ("take_over", "Ann"), "Ben has the session"),
        ([], ("reply_as", "Ann", "hi"), "Ann does not have the session"),
        ([("take_over", "Ben")], ("give_back", "Ann"), "Ben has it"),
        ([("resolve", "Ben")], ("take_over", "Ann"), "resolved"),
    ],
)
def test_a_step_that_the_state_does_not_allow_is_refused(act, before, step, told):
    for method, *arguments in before:
        act(method, *arguments)
    with pytest.raises(Conflict, match=told):
        act(*step)


def test_another_agent_may_be_relieved(act):
    act("take_over", "Ben")
    assert act("take_over", "Ann", force=True).agent == "Ann"
    with pytest.raises(Conflict):
        act("reply_as", "Ben", "hi")


def test_states_of_sessions_are_remembered_up_to_a_number_of_messages_and_each_tenants_are_its_own():
    known, at = Known(messages=4), datetime(2026, 11, 21, tzinfo=UTC)
    message = Event(1, "customer-service", "message", {"role": "customer"}, at)

    def state(session, count):
        return State(session, count, at, messages=(message,) * count)

    assert known.get("default", "a") == (None, 0)
    for tenant, session, count in (("default", "a", 1), ("default", "b", 2), ("acme", "a", 1)):
        known.put(tenant, state(session, count), 7 + count)
    assert known.get("default", "a") == (state("a", 1), 8)
    known.put("default", state("a", 2), 12)
    assert known.get("default", "b") == (None, 0), "the longest unopened one has made room"
    assert known.get("default", "a") == (state("a", 2), 12)
    assert known.get("acme", "a") == (state("a", 1), 8)
    known.put("default", state("long", 9), 20)
    assert known.get("default", "long") == known.get("acme", "a") == (None, 0)


def test_who_asks_anew_while_the_person_gives_the_session_back_has_asked():
    said = Answer(text="A colleague will be with you.", action="handover", rule="waiting")
    assert told(State("s", 1, datetime(2026, 11, 21, tzinfo=UTC)), said)["reason"] == "asked"
