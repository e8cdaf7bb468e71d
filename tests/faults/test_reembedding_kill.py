"""An index that is killed with SIGKILL while another model takes over loses nothing and goes on where it stopped."""

import os
import subprocess
import sys

from tests.faults.dying import DIE_AT

CODE = (
    """
import hashlib, os, re, shutil, signal, sqlite3, sys
from pathlib import Path
import faiss, numpy as np, tantivy
from verticals import Document
from verticals.retrieval import DocumentIndex, Pace

WIDTH = 64
DOCUMENTS = {f"d{n}": Document(f"d{n}", f"common own{n} other{n} third{n}") for n in range(24)}
LATE = Document("late", "late common words")

def model(salt):
    def embed(texts):
        vectors = np.zeros((len(texts), WIDTH), np.float32)
        for vector, text in zip(vectors, texts):
            for word in re.findall(r"\\w+", text):
                vector[int(hashlib.md5((salt + word).encode()).hexdigest(), 16) % WIDTH] += 1
        return vectors
    return embed

MODELS = {name: model(name) for name in ("first", "second")}
"""
    + DIE_AT
    + '''
def opened(folder):
    return DocumentIndex.open(folder, MODELS["second"], embedding="second", former=MODELS.get)

def attempt(folder, step):
    die_at(step)
    index = opened(folder)
    def told(progress):
        if progress.stage == "embedding" and progress.done == 12:
            index.upsert([LATE])
            index.delete(["d3"])
    index.reembed(MODELS["second"], "second", pace=Pace(batch=6), progress=told)
    index.snapshot()
    index.close()

def check(folder):
    """All documents are found by one model, of which there are whole vectors; then by the other."""
    whole = {name for name in DOCUMENTS}
    with opened(folder) as index:
        name, anew = index.facts().embedding, index.facts().reembedding
        done = anew.done if anew else 0
        there = {one.id: one for one in index.documents(limit=999)}
        assert set(there) - {"late"} in (whole, whole - {"d3"}), there
        for turn in range(2):
            hits = index.search("common", mode="dense", k=999)
            assert {hit.document.id for hit in hits} == set(there), (turn, name)
            for document in there.values():
                hit = index.search(document.text, mode="dense", k=1)[0]
                assert (hit.document.id, round(hit.similarity, 4)) == (document.id, 1.0), (turn, name, hit)
            result = index.reembed(MODELS["second"], "second")
            assert index.facts().embedding == "second"
            if name == "first":
                assert turn or (result.switched and result.documents == len(there) - done), (result, done)

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

def fill(folder):
    with DocumentIndex.open(folder, MODELS["first"], embedding="first") as index:
        index.upsert(DOCUMENTS.values())

base, stride = Path(sys.argv[1]), int(sys.argv[2])
assert in_child(fill, base / "filled") == 0
step = killed = 1
while True:
    folder = base / f"step{step}"
    shutil.copytree(base / "filled", folder)
    code = in_child(attempt, folder, step)
    assert code in (0, -signal.SIGKILL), f"step {step} ended with {code}"
    assert in_child(check, folder) == 0, f"killed at step {step}"
    shutil.rmtree(folder)
    if code == 0:
        break
    killed += 1
    step += stride
print(killed)
'''
)


def test_a_kill_at_any_step_of_a_takeover(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(tmp_path), "23"],
        capture_output=True, text=True, timeout=280, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 8
