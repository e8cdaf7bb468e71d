"""An index whose process is killed with SIGKILL, at whatever step, loses nothing that was committed."""

import os
import random
import subprocess
import sys
import time

import pytest
from tests.faults.dying import DIE_AT

COMMON = '''
import hashlib, os, re, shutil, signal, sqlite3, sys
from pathlib import Path
import faiss, numpy as np, tantivy
from verticals import Document
from verticals.retrieval import DocumentIndex

def embed(texts):
    vectors = np.zeros((len(texts), 16), np.float32)
    for vector, text in zip(vectors, texts):
        for word in re.findall(r"\\w+", text):
            vector[int(hashlib.md5(word.encode()).hexdigest(), 16) % 16] += 1
    return vectors

def document(name, state):
    return Document(name, f"{name} common state{state}", metadata={"state": state})

def check(folder, states):
    """The index holds exactly the documents of one of ``states``, in the truth and in both derived parts."""
    with DocumentIndex.open(folder, embed) as index:
        there = {found.id: found.metadata["state"] for found in index.documents(limit=9999)}
        assert there in states, f"{there} is none of {states}"
        for found in index.documents(limit=9999):
            assert found == document(found.id, there[found.id])
        for mode in ("dense", "lexical"):
            hits = [hit.document.id for hit in index.search("common", mode=mode, k=9999)]
            assert sorted(hits) == sorted(there), (mode, hits, there)
        for state in range(9):
            expected = sorted(name for name, its in there.items() if its == state)
            for where, query in (({"state": state}, "common"), (None, f"state{state}")):
                hits = index.search(query, where=where, mode="lexical", k=9999)
                assert sorted(hit.document.id for hit in hits) == expected, (state, hits)
        index.upsert([document("afterwards", 0)])
        assert index.search("afterwards", k=1)[0].document.id == "afterwards"
'''

# Every statement the database is given and every call that changes the disk is a step; the process dies before it.
EACH_STEP = (
    COMMON
    + """
base, stride = Path(sys.argv[1]), int(sys.argv[2])
FIRST = {f"d{n}": 0 for n in range(6)}
UPDATED = {**FIRST, "d0": 1, "d1": 1, "new": 1}
DELETED = {name: state for name, state in UPDATED.items() if name != "d2"}
"""
    + DIE_AT
    + """
def work(folder, said):
    def say(word):
        os.write(said, word.encode() + b" ")
    with DocumentIndex.open(folder, embed) as index:
        say("opened")
        index.upsert(document(name, state) for name, state in FIRST.items())
        say("first")
        index.snapshot()
        index.upsert([document("d0", 1), document("d1", 1), document("new", 1)])
        say("updated")
        index.delete(["d2"])
        say("deleted")
        index.snapshot()
    say("closed")

def in_child(function, *arguments):
    process = os.fork()
    if process == 0:
        try:
            function(*arguments)
            os._exit(0)
        except BaseException:
            import traceback
            traceback.print_exc()
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])

def attempt(folder, step, said):
    die_at(step)
    work(folder, said)

AFTER = {"": [{}], "opened": [{}, FIRST], "first": [FIRST, UPDATED], "updated": [UPDATED, DELETED],
         "deleted": [DELETED], "closed": [DELETED]}
step = 1
killed = 0
while True:
    folder = base / f"step{step}"
    heard, said = os.pipe()
    code = in_child(attempt, folder, step, said)
    os.close(said)
    words = os.read(heard, 1000).decode().split()
    os.close(heard)
    last = words[-1] if words else ""
    assert code in (0, -signal.SIGKILL), f"step {step} after {last!r} ended with {code}"
    assert in_child(check, folder, AFTER[last]) == 0, f"killed at step {step} after {last!r}"
    shutil.rmtree(folder)
    if code == 0:
        assert last == "closed"
        break
    killed += 1
    step += stride
print(killed)
"""
)

ROUNDS = (
    COMMON
    + """
index = DocumentIndex.open(Path(sys.argv[1]), embed)
for state in range(int(sys.argv[2]), 9999):
    index.upsert(document(f"d{n}", state % 9) for n in range(20))
    print(state, flush=True)
    if state % 3 == 0:
        index.snapshot()
"""
)

CHECK_ROUNDS = (
    COMMON
    + """
last = int(sys.argv[2])
check(Path(sys.argv[1]), [{f"d{n}": state % 9 for n in range(20)} for state in (last, last + 1)])
DocumentIndex.open(Path(sys.argv[1]), embed).delete(["afterwards"])
"""
)


def run(code, *arguments):
    result = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=280,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


@pytest.mark.slow
def test_a_kill_at_any_step_leaves_the_old_state_or_the_new_one(tmp_path):
    assert int(run(EACH_STEP, tmp_path, 17)) > 9


@pytest.mark.parametrize("seed", [1])
def test_a_kill_at_any_moment_loses_nothing_that_was_committed(tmp_path, seed):
    generator = random.Random(seed)
    state = -1
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", ROUNDS, str(tmp_path / "index"), str(state + 1)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        state = int(process.stdout.readline())
        time.sleep(generator.uniform(0, 0.4))
        process.kill()
        for line in process.communicate()[0].splitlines():
            state = int(line)
        run(CHECK_ROUNDS, tmp_path / "index", state)
