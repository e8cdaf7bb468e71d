import os
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verticals.contract import StorageError
from verticals.files import explained, numbered_folders, publish_folder, remove_abandoned, replacing, write_file


def publish(parent, content="x", **options):
    with publish_folder(parent, **options) as (folder, published):
        (folder / "file").write_text(content)
    return published[0]


def test_a_folder_appears_under_the_next_number_with_all_it_holds(tmp_path):
    parent = tmp_path / "a" / "b"
    with publish_folder(parent) as (folder, published):
        (folder / "sub").mkdir()
        (folder / "sub" / "file").write_text("hello")
        assert published == []
        assert numbered_folders(parent) == []
    assert published == ["v1"]
    assert (parent / "v1" / "sub" / "file").read_text() == "hello"
    assert (parent / "v1").stat().st_mode & 0o777 == 0o755
    assert publish(parent) == "v2"
    assert sorted(path.name for path in parent.iterdir()) == ["v1", "v2"]


def test_an_exception_leaves_nothing_behind(tmp_path):
    publish(tmp_path)

    def fail(folder, name):
        assert (folder / "file").exists()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        publish(tmp_path, seal=fail)
    assert [path.name for path in tmp_path.iterdir()] == ["v1"]


def test_the_number_is_above_any_that_was_given_out_before(tmp_path):
    assert publish(tmp_path, above=4) == "v5"
    assert publish(tmp_path, above=2) == "v6"


def test_the_seal_is_written_with_the_name_the_folder_gets(tmp_path):
    names = []

    def seal(folder, name):
        names.append(name)
        if len(names) == 1:  # another process takes the number at this very moment
            (tmp_path / name).mkdir()
            (tmp_path / name / "taken").write_text("")
        (folder / "name").write_text(name)

    assert publish(tmp_path, seal=seal) == "v2"
    assert names == ["v1", "v2"]
    assert (tmp_path / "v2" / "name").read_text() == "v2"


def test_writers_at_once_get_a_number_each(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        names = list(pool.map(lambda n: publish(tmp_path, str(n)), range(24)))
    assert sorted(names, key=lambda name: int(name[1:])) == [f"v{n}" for n in range(1, 25)]
    for number, name in enumerate(names):
        assert (tmp_path / name / "file").read_text() == str(number)


def test_numbered_folders_are_sorted_by_number_and_others_are_left_out(tmp_path):
    for name in ("v10", "v9", "v0", "v01", "x1", "v", ".new-1-a", "v1a"):
        (tmp_path / name).mkdir()
    assert numbered_folders(tmp_path) == [(9, tmp_path / "v9"), (10, tmp_path / "v10")]
    assert numbered_folders(tmp_path / "absent") == []


@given(st.lists(st.binary(max_size=100), min_size=1, max_size=4))
def test_a_file_holds_what_was_written_last(contents):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "deep" / "file"
        for content in contents:
            write_file(path, content)
            assert path.read_bytes() == content
        assert [entry.name for entry in path.parent.iterdir()] == ["file"]


def test_a_file_that_cannot_be_replaced_stays_and_leaves_no_temporary(tmp_path):
    (tmp_path / "file").mkdir()
    (tmp_path / "file" / "inner").write_text("kept")
    with pytest.raises(OSError, match="file"):
        write_file(tmp_path / "file", b"new")
    assert (tmp_path / "file" / "inner").read_text() == "kept"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


KILLED = """
import os, signal, sys
from pathlib import Path
from verticals.files import publish_folder, write_file
folder, step = Path(sys.argv[1]), sys.argv[2]
die = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
if step == "file":
    Path.replace = die
    write_file(folder / "file", b"new")
with publish_folder(folder, seal=die if step == "seal" else None) as (new, _):
    (new / "half").write_text("half")
    if step == "block":
        die()
"""


@pytest.mark.parametrize("step", ["file", "block", "seal"])
def test_a_kill_leaves_the_old_state_and_a_temporary_that_is_cleared_away(tmp_path, step):
    write_file(tmp_path / "file", b"old")
    publish(tmp_path)
    done = subprocess.run([sys.executable, "-c", KILLED, tmp_path, step], check=False)
    assert done.returncode == -signal.SIGKILL
    assert (tmp_path / "file").read_bytes() == b"old"
    assert numbered_folders(tmp_path) == [(1, tmp_path / "v1")]
    assert remove_abandoned(tmp_path) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "v1"]


def test_the_temporaries_of_living_processes_are_kept(tmp_path):
    with publish_folder(tmp_path) as (folder, _):
        (tmp_path / ".new-1-of-another-user").mkdir()
        assert remove_abandoned(tmp_path) == 0
        assert folder.is_dir()
    assert remove_abandoned(tmp_path / "absent") == 0


@pytest.mark.parametrize(
    ("error", "said", "remedy"),
    [
        (PermissionError(13, "Permission denied"), "cannot be written", "owner"),
        (OSError(28, "No space left on device"), "full", "space"),
        (OSError(122, "Disk quota exceeded"), "full", "space"),
        (OSError(30, "Read-only file system"), "Read-only", "--home"),
        (NotADirectoryError(20, "Not a directory"), "Not a directory", "--home"),
    ],
)
def test_errors_of_the_system_become_one_sentence_with_a_remedy(tmp_path, error, said, remedy):
    with pytest.raises(StorageError) as caught, explained(tmp_path):
        raise error
    assert str(tmp_path) in caught.value.message
    assert said in caught.value.message
    assert remedy in caught.value.remedy
    assert caught.value.__cause__ is error


def test_other_errors_pass_as_they_are(tmp_path):
    with pytest.raises(FileNotFoundError), explained(tmp_path):
        raise FileNotFoundError(2, "No such file")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_a_real_full_device_is_told(tmp_path):
    with pytest.raises(StorageError, match="full"), explained(tmp_path):
        Path("/dev/full").write_bytes(b"x")


def test_a_parent_that_is_a_file_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="file"), publish_folder(tmp_path / "file" / "sub"):
        pass
    with pytest.raises(StorageError, match="file"):
        write_file(tmp_path / "file" / "sub" / "x", b"")


def test_a_process_number_of_this_process_counts_as_living(tmp_path):
    (tmp_path / f".new-{os.getpid()}-x").write_text("")
    (tmp_path / ".new-999999999-x").write_text("")
    assert remove_abandoned(tmp_path) == 1


def test_a_file_that_is_written_piece_by_piece_takes_its_place_at_the_end(tmp_path):
    path = tmp_path / "new" / "file"
    with replacing(path) as file:
        file.write(b"one ")
        assert not path.exists()
        file.write(b"two")
    assert path.read_bytes() == b"one two"

    def break_off():
        with replacing(path) as file:
            file.write(b"three")
            raise OSError(28, "No space left on device")

    with pytest.raises(StorageError, match="is full"):
        break_off()
    assert path.read_bytes() == b"one two"
    assert [one.name for one in path.parent.iterdir()] == ["file"]
