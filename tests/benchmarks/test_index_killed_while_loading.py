"""A load of a million documents whose process is killed a hundred times: nothing committed is lost, nothing is double.

Documents come in order, each with a vector, words and metadata of its own, and some of them are changed again later.
Each process goes on where the last one was killed. What it finds first is compared with what its predecessors said
they had committed, in the truth and in all derived parts; at the end the index is compared with one built anew.
"""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.bench, pytest.mark.timeout(7200)]
COUNT, KILLS, SEED = 1_000_000, 100, 0

COMMON = """
import random, sys, time
from pathlib import Path
import numpy as np
from verticals import Document
from verticals.retrieval import DocumentIndex

WIDTH, STEP, CHANGED = 32, 2_000, 20
PRIMES = np.array([2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101,
                   103, 107, 109, 113, 127, 131]) ** 0.5

def embed(texts):
    numbers = np.array([int(text.split()[1]) for text in texts], np.float64)
    return (np.modf(np.sin(numbers[:, None] * PRIMES) * 43758.5453)[0]).astype(np.float32)

def document(number, state):
    text = f"document {number} word{number % 1000} state{state}"
    return Document(f"d{number}", text, metadata={"number": number, "state": state})

def changed(step):
    \"\"\"The documents of a step that are changed once the next one is there.\"\"\"
    return range(step * STEP, step * STEP + CHANGED)

def rows(state):
    return {
        "truth": state.reading.rows(),
        "dense": np.sort(np.concatenate([np.setdiff1d(state.dense.base_rows, state.dense.removed),
                                         state.dense.tail_rows])),
        "attributes": np.flatnonzero(state.attributes.present),
    }

def check(index, committed, seed):
    count = index.count()
    assert count >= committed, f"{committed} documents were committed, {count} are there"
    with index._replica.current() as state:
        found = rows(state)
        for name, part in found.items():
            assert np.array_equal(part, found["truth"]), name
        assert found["truth"].size == count
        assert state.lexical.searcher.num_docs == count
    with index._truth.reading() as reading:
        numbers = reading._connection.execute(
            "SELECT count(DISTINCT id), max(CAST(substr(id, 2) AS INTEGER)) FROM documents").fetchone()
    assert numbers == ((count, count - 1) if count else (0, None)), numbers
    generator = random.Random(seed)
    drawn = {generator.randrange(count) for _ in range(10 if count else 0)}
    for number in drawn | set(range(max(0, count - 3), count)):
        there = index.get(f"d{number}")
        assert there == document(number, there.metadata["state"])
        if (number // STEP + 2) * STEP <= committed and number in changed(number // STEP):
            assert there.metadata["state"] == 1, number
        for options in ({"mode": "dense"}, {"mode": "lexical"}, {"where": {"number": number}}):
            hit = index.search(there.text, k=1, **options)[0].document
            assert hit == there, (number, options, hit)
"""

LOAD = (
    COMMON
    + """
index = DocumentIndex.open(Path(sys.argv[1]), embed)
committed, total, seed = map(int, sys.argv[2:5])
check(index, committed, seed)
print("checked", flush=True)
step = index.count() // STEP
while step * STEP < total:
    index.upsert(document(number, 0) for number in range(max(step * STEP, index.count()), (step + 1) * STEP))
    if step:
        index.upsert(document(number, 1) for number in changed(step - 1))
    step += 1
    print(step * STEP, flush=True)
print("closing", flush=True)
index.close()
"""
)

COMPARE = (
    COMMON
    + """
import shutil
folder, total = Path(sys.argv[1]), int(sys.argv[2])
generator = random.Random(1)
asked = [document(generator.randrange(total), 0).text for _ in range(100)]

def answers():
    with DocumentIndex.open(folder, embed) as index:
        index.snapshot()
        with index._replica.current() as state:
            there = rows(state)
        found = {}
        for text in asked:
            found[text] = [
                sorted(hit.document.id for hit in index.search(text, k=1, mode="dense")),
                sorted(hit.document.id for hit in index.search(text.split()[2], k=2000, mode="lexical")),
                sorted(hit.document.id for hit in index.search(text, where={"number": {"$lt": 50}}, k=100)),
            ]
        return there, found

before = answers()
shutil.rmtree(folder / "snapshots")
after = answers()
for name, part in before[0].items():
    assert np.array_equal(part, after[0][name]), name
for text in asked:
    assert before[1][text] == after[1][text], text
print("equal")
"""
)


def test_a_load_that_is_killed_a_hundred_times(tmp_path: Path) -> None:
    generator = random.Random(SEED)
    folder, committed, killed, sessions, began = tmp_path / "index", 0, 0, [], time.perf_counter()
    pace = 5_000.0  # documents per second, a first guess
    while committed < COUNT or killed < KILLS:
        starting = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-c", LOAD, str(folder), str(committed), str(COUNT), str(killed)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        assert process.stdout is not None
        first = process.stdout.readline()
        if first != "checked\n":
            pytest.fail(f"after {killed} kills, {committed:,} documents committed: {process.communicate()[1]}")
        sessions.append(time.perf_counter() - starting)
        working = time.perf_counter()
        if killed < KILLS:
            left = max(COUNT - committed, COUNT // KILLS)
            time.sleep(generator.uniform(0, 2) * left / (KILLS - killed) / pace)
            process.kill()
            killed += 1
        rest, errors = process.communicate()
        before = committed
        for line in rest.split():
            committed = max(committed, int(line)) if line.isdigit() else committed
        if process.returncode not in (0, -9):
            pytest.fail(f"after {killed} kills, {committed:,} documents committed: {errors}")
        if committed > before:
            pace = 0.7 * pace + 0.3 * (committed - before) / (time.perf_counter() - working)
    taken = time.perf_counter() - began
    again = subprocess.run(
        [sys.executable, "-c", COMPARE, str(folder), str(COUNT)], capture_output=True, text=True, check=False
    )
    assert again.returncode == 0, again.stderr
    print(f"\n{COUNT:,} documents loaded in {taken:.0f} s with {killed} kills; from start to checked: median "
          f"{sorted(sessions)[len(sessions) // 2]:.1f} s, at most {max(sessions):.1f} s; as built anew: "
          f"{again.stdout.strip()}")  # fmt: skip
    assert killed == KILLS
