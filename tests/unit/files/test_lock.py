import os
import subprocess
import sys

import pytest

from verticals.contract import Conflict
from verticals.files import FileLock

HOLDER = """
import sys
from pathlib import Path
from verticals.files import FileLock
with FileLock(Path(sys.argv[1]), "The index"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_one_holds_the_lock_and_the_other_is_told_who(tmp_path):
    path = tmp_path / "deep" / "lock"
    with FileLock(path, "The index"):
        with pytest.raises(Conflict, match=f"The index is in use by process {os.getpid()}") as caught:
            FileLock(path, "The index").acquire()
        assert caught.value.remedy
    with FileLock(path, "The index"):
        pass


def test_giving_back_a_lock_that_is_not_held_is_harmless(tmp_path):
    lock = FileLock(tmp_path / "lock", "The index")
    lock.release()
    lock.acquire()
    lock.release()
    lock.release()


def test_a_killed_holder_does_not_keep_the_lock(tmp_path):
    path = tmp_path / "lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(Conflict, match=f"process {holder.pid}"):
        FileLock(path, "The index").acquire()
    holder.kill()
    holder.communicate()
    with FileLock(path, "The index"):
        assert path.read_text() == str(os.getpid())


def test_a_lock_names_its_holder_of_now_and_not_an_earlier_one(tmp_path):
    path = tmp_path / "lock"
    path.write_text("an earlier and longer text")
    with FileLock(path, "The index"):
        assert path.read_text() == str(os.getpid())
