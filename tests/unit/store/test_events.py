import json
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from verticals.contract import BadInput
from verticals.store import Store

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def test_offsets_count_from_one_per_vertical_and_tenant(store):
    assert [store.events.append("shop", "message", {}).offset for _ in range(3)] == [1, 2, 3]
    assert store.events.append("news", "message", {}).offset == 1
    assert store.events.append("shop", "message", {}, tenant="acme").offset == 1
    assert store.events.last_offset("shop") == 3
    assert store.events.last_offset("shop", "acme") == 1
    assert store.events.last_offset("nothing-here") == 0


def test_an_event_is_read_back_as_append_returned_it(store):
    before = datetime.now(UTC)
    written = store.events.append("shop", "message", {"text": "你好 \x00 \\u", "n": 1.5, "list": (1, None)}, key="k")
    assert store.events.read("shop") == [written]
    assert written.payload == {"text": "你好 \x00 \\u", "n": 1.5, "list": [1, None]}
    assert before - timedelta(seconds=1) <= written.at <= datetime.now(UTC)
    assert written.at.tzinfo is UTC
    assert (written.vertical, written.kind, written.key, written.tenant) == ("shop", "message", "k", "default")


def test_reading_goes_on_after_an_offset_and_stops_at_the_limit(store):
    for number in range(10):
        store.events.append("shop", "click" if number % 2 else "message", {"n": number})
    assert [event.offset for event in store.events.read("shop", after=4, limit=3)] == [5, 6, 7]
    assert [event.offset for event in store.events.read("shop", kinds=["click"], after=2)] == [4, 6, 8, 10]
    assert len(store.events.read("shop", kinds=["click", "message"])) == 10
    assert store.events.read("shop", kinds=[]) == []
    assert store.events.read("shop", after=10) == []
    assert store.events.read("shop", after=10**30, limit=10**30) == []
    assert len(store.events.read("shop", after=-(10**30), limit=10**30)) == 10
    assert store.events.read("elsewhere") == []


def test_where_restricts_by_exact_values_of_top_level_fields(store):
    for number in range(6):
        store.events.append("shop", "message", {"session": f"s{number % 2}", "turn": number // 2, "tags": ["a"]})
    store.events.append("news", "message", {"session": "s1"})
    assert [event.offset for event in store.events.read("shop", where={"session": "s1"})] == [2, 4, 6]
    assert [event.offset for event in store.events.read("shop", where={"session": "s1", "turn": 1})] == [4]
    assert [event.offset for event in store.events.read("shop", where={"session": "s1", "turn": 1.0})] == [4]
    assert [event.offset for event in store.events.read("shop", where={"session": "s1"}, after=2, limit=1)] == [4]
    assert [event.offset for event in store.events.read("shop", where={"tags": ["a"]}, kinds=["message"])] == [
        1, 2, 3, 4, 5, 6,
    ]  # fmt: skip
    assert store.events.read("shop", where={"turn": "1"}) == []
    assert store.events.read("shop", where={"turn": True}) == []
    assert store.events.read("shop", where={"absent": None}) == []
    assert len(store.events.read("shop", where={})) == 6


def test_the_same_key_returns_the_first_event_and_writes_nothing(store):
    first = store.events.append("shop", "message", {"n": 1}, key="once")
    assert store.events.append("shop", "other", {"n": 2}, key="once") == first
    assert store.events.read("shop") == [first]
    assert store.events.append("shop", "message", {}).offset == 2
    assert store.events.append("shop", "message", {}, key="once", tenant="acme").tenant == "acme"
    assert store.events.append("news", "message", {}, key="once").vertical == "news"


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.sampled_from([None, "a", "b", "c"]), st.dictionaries(st.text(max_size=5), JSON)), max_size=8)
)
def test_any_sequence_of_keys_gives_one_event_per_key_without_gaps(store, appends):
    vertical = f"v{next(_number)}"
    first: dict[str, object] = {}
    written = []
    for key, payload in appends:
        try:
            event = store.events.append(vertical, "fact", payload, key=key)
        except BadInput:
            json.dumps(payload, ensure_ascii=False).encode(errors="surrogateescape")
            continue
        if key is not None and key in first:
            assert event == first[key]
            continue
        written.append(event)
        if key is not None:
            first[key] = event
        assert event.payload == payload
        if payload:
            field, value = next(iter(payload.items()))
            assert event in store.events.read(vertical, where={field: value})
    assert store.events.read(vertical) == written
    assert [event.offset for event in written] == list(range(1, len(written) + 1))


_number = iter(range(10**9))


def test_threads_that_write_at_once_leave_no_gap_and_no_double(store):
    keys = [None, "a", "b", "c"]
    with ThreadPoolExecutor(16) as pool:
        events = list(pool.map(lambda n: store.events.append("shop", "message", {"n": n}, key=keys[n % 4]), range(120)))
    assert [event.offset for event in store.events.read("shop", limit=1000)] == list(range(1, 30 + 3 + 1))
    for key in "abc":
        assert len({event.offset for event in events if event.key == key}) == 1


WRITER = """
import sys
from verticals.store import Store
with Store.open(sys.argv[1]) as store:
    for n in range(int(sys.argv[3])):
        store.events.append("shop", "message", {"writer": sys.argv[2], "n": n}, key=f"shared-{n}" if n % 2 else None)
"""


def test_processes_that_write_at_once_leave_no_gap_while_a_reader_follows(store_url):
    # The writers also create the database at the same moment.
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, store_url, str(n), "20"]) for n in range(3)]
    seen = []
    with Store.open(store_url) as store:
        while any(writer.poll() is None for writer in writers) or store.events.last_offset("shop") > len(seen):
            seen += [event.offset for event in store.events.read("shop", after=len(seen), limit=7)]
            time.sleep(0.005)
        assert [writer.returncode for writer in writers] == [0] * 3
        assert seen == list(range(1, 3 * 10 + 10 + 1))
        keyed = [event.key for event in store.events.read("shop", limit=1000) if event.key]
    assert sorted(keyed) == sorted(f"shared-{n}" for n in range(1, 20, 2))


def test_a_reader_never_waits_for_a_writer(sqlite_url):
    with Store.open(sqlite_url) as store:
        store.events.append("shop", "message", {})
        writing, done = threading.Event(), threading.Event()

        def write():
            with store._database.write() as connection:
                connection.execute(sqlalchemy.text("UPDATE streams SET last = 7"))
                writing.set()
                done.wait(10)

        thread = threading.Thread(target=write)
        thread.start()
        assert writing.wait(10)
        assert store.events.last_offset("shop") == 1
        done.set()
        thread.join()
        assert store.events.last_offset("shop") == 7


@pytest.mark.parametrize(
    "arguments",
    [
        {"vertical": "No Name"},
        {"kind": "../up"},
        {"tenant": ""},
        {"key": ""},
        {"key": "x" * 201},
        {"key": "a\x00b"},
        {"payload": {"x": float("nan")}},
        {"payload": {"x": object()}},
        {"payload": {"x": "\ud800"}},
    ],
)
def test_bad_input_is_refused_and_leaves_no_trace(store, arguments):
    with pytest.raises(BadInput) as caught:
        store.events.append(**{"vertical": "shop", "kind": "message", "payload": {}} | arguments)
    assert caught.value.remedy
    assert store.events.last_offset("shop") == 0


def test_a_limit_below_one_is_refused(store):
    with pytest.raises(BadInput, match="limit"):
        store.events.read("shop", limit=0)


@pytest.mark.parametrize(
    ("arguments", "index"),
    [
        ({}, "sqlite_autoindex_events"),
        ({"kinds": ["message"]}, "events"),
        ({"where": {"session": "a"}}, "PRIMARY KEY (stream=? AND fingerprint=? AND offset>?)"),
        ({"where": {"session": "a", "turn": 1}}, "PRIMARY KEY (stream=? AND fingerprint=? AND offset>?)"),
    ],
)
def test_reading_uses_an_index_and_sorts_nothing(sqlite_url, arguments, index):
    with Store.open(sqlite_url) as store:
        store.events.append("shop", "message", {"session": "a", "turn": 1})
        statements = []

        @sqlalchemy.event.listens_for(store._database._engine, "before_cursor_execute")
        def note(connection, cursor, statement, parameters, *_):
            statements.append((statement, parameters))

        store.events.read("shop", **arguments)
        statement, parameters = statements[-1]
        with store._database.read() as connection:
            plan = " | ".join(
                row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            )
    assert index in plan
    assert "SCAN" not in plan
    assert "TEMP B-TREE" not in plan
