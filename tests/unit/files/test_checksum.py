import hashlib
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from verticals.files import sha256_file, sha256_folder


@given(st.binary(max_size=1000))
def test_the_checksum_of_a_file_is_that_of_its_bytes(content):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_bytes(content)
        assert sha256_file(path) == hashlib.sha256(content).hexdigest()


def test_the_checksums_of_a_folder_name_every_file_by_its_relative_path(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "empty").mkdir()
    (tmp_path / "b").write_bytes(b"1")
    (tmp_path / "sub" / "a").write_bytes(b"2")
    (tmp_path / "manifest.json").write_bytes(b"3")
    found = sha256_folder(tmp_path, frozenset({"manifest.json"}))
    assert found == {"b": hashlib.sha256(b"1").hexdigest(), "sub/a": hashlib.sha256(b"2").hexdigest()}
    assert set(sha256_folder(tmp_path)) == {"b", "sub/a", "manifest.json"}
