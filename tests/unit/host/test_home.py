"""The home folder: made late, and clear errors where it cannot be used."""

import subprocess
import sys

import pytest

from verticals.contract import StorageError, Unavailable
from verticals.host import Host


def test_opening_a_host_writes_nothing(sarcasm, open_host, tmp_path):
    host = open_host()
    assert host["sarcasm"].title == "Sarcasm"
    assert not host.home.exists()
    assert host.store.events.last_offset("sarcasm") == 0
    assert (host.home / "platform.db").is_file()
    assert {path.name.partition("-")[0] for path in host.home.iterdir()} == {"platform.db"}


def test_the_home_comes_from_the_environment_else_lies_here(open_host, tmp_path, monkeypatch):
    open_host()
    assert Host.open().home == tmp_path / ".platform"
    monkeypatch.setenv("PLATFORM_HOME", str(tmp_path / "elsewhere"))
    assert Host.open().home == tmp_path / "elsewhere"
    assert Host.open(tmp_path / "flag").home == tmp_path / "flag"


def test_a_home_that_cannot_be_made_is_a_storage_error_with_a_remedy(open_host, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"/file is a file, and a folder is needed there.*--home"):
        _ = open_host(home=tmp_path / "file" / "home").store


def test_a_full_home_is_a_storage_error_with_a_remedy(open_host, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", str(small)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a small file system")
    try:
        with pytest.raises(StorageError, match=r"full.*Free some space"):
            _ = open_host(home=small).store
        assert list(small.iterdir()) == []
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_a_closed_host_says_so(open_host):
    host = open_host()
    _ = host.store
    host.close()
    host.close()
    with pytest.raises(Unavailable, match="closed"):
        _ = host.store


HEAVY = (
    "torch", "transformers", "faiss", "fastapi", "nicegui", "sqlalchemy", "pyarrow", "tantivy", "numpy",
    "pydantic", "pydantic_settings", "anyio", "asyncio",
)  # fmt: skip


def test_opening_a_host_imports_nothing_heavy(write_plugin, tmp_path):
    for name in ("one", "two", "three"):
        write_plugin(
            name,
            f'"""Plugin {name}."""\n'
            "from verticals import Dataset, TaskHead, hookimpl\n"
            "@hookimpl\ndef register_datasets():\n    yield Dataset(name='rows', row='m:Row', load='m:load')\n"
            "@hookimpl\ndef register_heads():\n    yield TaskHead(name='head', dataset='rows')\n",
        )
    code = f"""
import sys
from importlib.metadata import entry_points
from verticals.host import Host
blocked = [entry.name for entry in entry_points(group="verticals")]
host = Host.open("home", plugins_dir={str(tmp_path / "plugins")!r}, settings={{"blocked": blocked}})
assert [vertical.name for vertical in host.verticals] == ["one", "three", "two"], host.plugins
print([name for name in {HEAVY!r} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
