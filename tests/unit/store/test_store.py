import shutil
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy

from verticals.contract import Damaged, SettingsError, StorageError, Unavailable
from verticals.store import Store
from verticals.store.database import Database
from verticals.store.migration import configuration, migrate
from verticals.store.schema import SCHEMA, SCHEMA_TABLE, metadata


def test_what_was_written_is_there_when_opened_again(store_url):
    with Store.open(store_url) as store:
        written = store.events.append("shop", "message", {"text": "hello"})
    with Store.open(store_url) as store:
        assert store.events.read("shop") == [written]


def test_the_migrations_lead_to_the_tables_the_code_declares(store_url):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    database = Database(store_url)
    migrate(database)
    with database.read() as connection:
        options = {"version_table": SCHEMA_TABLE, "compare_type": True}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), metadata) == []
    database.close()


def test_the_newest_migration_is_the_one_the_code_expects():
    from alembic.script import ScriptDirectory

    assert ScriptDirectory.from_config(configuration()).get_heads() == [SCHEMA]


def test_a_migration_that_fails_leaves_the_database_as_it_was(store_url, monkeypatch):
    database = Database(store_url)
    from alembic import op

    monkeypatch.setattr(op, "create_index", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        migrate(database)
    with database.read() as connection:
        assert sqlalchemy.inspect(connection).get_table_names() == []
    monkeypatch.undo()
    migrate(database)
    database.close()


def test_many_may_create_one_database_at_the_same_moment(store_url):
    with ThreadPoolExecutor(8) as pool:
        stores = list(pool.map(lambda _: Store.open(store_url), range(8)))
    for store in stores:
        store.events.append("shop", "message", {})
    assert stores[0].events.last_offset("shop") == 8
    for store in stores:
        store.close()
        store.close()


def test_sqlite_is_safe_against_power_loss_and_fast_for_readers(sqlite_url):
    with Store.open(sqlite_url) as store, store._database.read() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30000}


def test_opening_an_existing_database_is_quick_and_needs_no_alembic(sqlite_url):
    Store.open(sqlite_url).close()
    program = """
import sys, time
from verticals.store import Store
times = []
for _ in range(7):
    start = time.perf_counter()
    Store.open(sys.argv[1]).close()
    times.append(time.perf_counter() - start)
heavy = {"alembic", "torch", "transformers", "faiss", "fastapi", "nicegui", "pyarrow", "numpy", "psycopg"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
print(*times)
"""
    output = subprocess.run([sys.executable, "-c", program, sqlite_url], check=True, capture_output=True, text=True)
    assert statistics.median(map(float, output.stdout.split())) < 0.1


def test_a_database_of_a_newer_release_is_refused(store_url):
    Store.open(store_url).close()
    database = Database(store_url)
    with database.write() as connection:
        connection.execute(sqlalchemy.text(f"UPDATE {SCHEMA_TABLE} SET version_num = '9999'"))
    database.close()
    with pytest.raises(StorageError, match="newer release") as caught:
        Store.open(store_url)
    assert "9999" in caught.value.message
    assert "Upgrade" in caught.value.remedy


def test_a_file_that_is_no_database_is_refused_and_kept(tmp_path):
    path = tmp_path / "platform.db"
    path.write_bytes(b"name,text\n" * 1000)
    with pytest.raises(Damaged, match=r"platform\.db is not a database"):
        Store.open(f"sqlite:///{path}")
    assert path.read_bytes() == b"name,text\n" * 1000


def test_a_folder_in_place_of_the_database_is_refused(tmp_path):
    with pytest.raises(StorageError, match="cannot be written"):
        Store.open(f"sqlite:///{tmp_path}")


def test_a_home_below_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="file"):
        Store.open(f"sqlite:///{tmp_path}/file/home/platform.db")


UNWRITABLE = """
import os, sys
import alembic.command
from verticals.contract import StorageError
from verticals.store import Store
if os.geteuid() == 0:  # root may write anything
    os.setgroups([])
    os.setegid(65534)
    os.seteuid(65534)
for name in ("platform.db", "new.db", "new/platform.db"):
    try:
        with Store.open(f"sqlite:///{sys.argv[1]}/{name}") as store:
            store.events.append("shop", "message", {})
    except StorageError as error:
        print(error)
"""


def test_an_unwritable_home_is_refused():
    home = Path(tempfile.mkdtemp())
    try:
        Store.open(f"sqlite:///{home / 'platform.db'}").close()
        (home / "platform.db").chmod(0o444)
        home.chmod(0o555)
        done = subprocess.run([sys.executable, "-c", UNWRITABLE, home], check=True, capture_output=True, text=True)
    finally:
        home.chmod(0o755)
        shutil.rmtree(home)
    messages = done.stdout.splitlines()
    assert len(messages) == 3
    for message in messages:
        assert "cannot be written" in message
        assert str(home) in message
        assert "owner" in message


def test_a_full_disk_is_told_and_loses_nothing(small_disk):
    store = Store.open(f"sqlite:///{small_disk / 'platform.db'}")
    written = 0

    def fill():
        nonlocal written
        for _ in range(1000):
            store.events.append("shop", "message", {"text": "x" * 50_000})
            written += 1

    with pytest.raises(StorageError, match=r"full|cannot be read or written") as caught:
        fill()
    assert str(small_disk) in caught.value.message
    assert "space" in caught.value.remedy
    assert written > 0
    assert store.events.last_offset("shop") == written
    assert len(store.events.read("shop", limit=1000)) == written
    store.close()


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 2 MB; needs the right to mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], capture_output=True, text=True)
    if mount.returncode != 0:
        pytest.skip(f"no right to mount a small file system: {mount.stderr.strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_file_size_limit_is_told_and_loses_nothing(sqlite_url):
    program = """
import resource, sys
from verticals.contract import StorageError
from verticals.store import Store
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
store = Store.open(sys.argv[1])
written = 0
try:
    while True:
        store.events.append("shop", "message", {"text": "x" * 50_000})
        written += 1
except StorageError as error:
    assert "platform.db" in error.message and error.remedy
print(written)
"""
    done = subprocess.run([sys.executable, "-c", program, sqlite_url], check=True, capture_output=True, text=True)
    with Store.open(sqlite_url) as store:
        assert store.events.last_offset("shop") == int(done.stdout) > 0


def test_an_unreachable_postgresql_is_told_without_the_password():
    pytest.importorskip("psycopg")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    start = time.monotonic()
    with pytest.raises(StorageError) as caught:
        Store.open(f"postgresql://platform:topsecret@127.0.0.1:{port}/shop")
    assert time.monotonic() - start < 15
    assert f"127.0.0.1:{port}" in caught.value.message
    assert caught.value.remedy
    chain, error = "", caught.value
    while error is not None:
        chain += repr(error) + str(error)
        error = error.__cause__ or error.__context__
    assert "topsecret" not in chain


def test_a_refused_password_is_told_without_it(postgresql_server):
    url = postgresql_server.set(username="nobody-here", password="topsecret").render_as_string(hide_password=False)
    with pytest.raises(StorageError, match="nobody-here") as caught:
        Store.open(url)
    assert "topsecret" not in str(caught.value)


def test_the_store_names_its_place_without_the_password(postgresql_url):
    url = sqlalchemy.make_url(postgresql_url).set(password="topsecret").render_as_string(hide_password=False)
    with Store.open(url) as store:
        assert "topsecret" not in repr(store) + store.address
        assert "platform" in store.address


def test_the_store_recovers_from_lost_connections(postgresql_url, postgresql_server):
    with Store.open(postgresql_url) as store:
        store.events.append("shop", "message", {})
        engine = sqlalchemy.create_engine(postgresql_server, poolclass=sqlalchemy.NullPool)
        with engine.connect() as connection:
            connection.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        assert store.events.append("shop", "message", {}).offset == 2


@pytest.mark.parametrize(
    "url",
    ["", "nonsense", "mysql://u:topsecret@h/d", "sqlite://", "sqlite:///:memory:", "postgresql://u:topsecret@h:x/d"],
)
def test_a_url_of_no_supported_kind_is_refused_with_an_example(url):
    with pytest.raises(SettingsError, match="database") as caught:
        Store.open(url)
    assert "postgresql://" in caught.value.remedy
    assert "topsecret" not in str(caught.value)


def test_a_damaged_database_is_told(sqlite_url, tmp_path):
    with Store.open(sqlite_url) as store:
        for _ in range(50):
            store.events.append("shop", "message", {"text": "x" * 1000})
    path = tmp_path / "home" / "platform.db"
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(Damaged, match=r"platform\.db"), Store.open(sqlite_url) as store:
        store.events.read("shop")


def test_another_program_that_holds_the_database_is_told(sqlite_url, tmp_path, monkeypatch):
    monkeypatch.setattr("verticals.store.database._BUSY_SECONDS", 0.2)
    with Store.open(sqlite_url) as store:
        other = sqlite3.connect(tmp_path / "home" / "platform.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match="busy"):
            store.events.append("shop", "message", {})
        other.execute("ROLLBACK")
        other.close()
        assert store.events.append("shop", "message", {}).offset == 1


def test_a_missing_postgresql_driver_is_told_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(SettingsError, match="psycopg") as caught:
        Store.open("postgresql://platform@localhost/shop")
    assert "pip install 'verticals[postgres]'" in caught.value.remedy
