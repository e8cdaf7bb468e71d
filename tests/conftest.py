"""Fixtures for all tests: real databases, the same tests on SQLite and PostgreSQL."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy

from verticals.store import Store

_ROOT = Path(__file__).parents[1]
_AT_THE_START = ("plugins/customer-service",)
_HALFWAY = ("plugins/recommendation", "plugins/financial-sentiment", "tests/docs")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put tests that share a server or trained heads where one worker runs them all.

    Of two workers one begins at the start and one halfway, and who is done takes from the other's end.
    """

    def of(folders: tuple[str, ...]) -> list[pytest.Item]:
        return [item for item in items if item.path.relative_to(_ROOT).as_posix().startswith(folders)]

    first, second = of(_AT_THE_START), of(_HALFWAY)
    apart = {*first, *second}
    rest = [item for item in items if item not in apart]
    between = max(0, len(items) // 2 - len(first))
    items[:] = [*first, *rest[:between], *second, *rest[between:]]


def _postgresql_binaries() -> Path | None:
    candidates = [Path(found).resolve().parent for name in ("postgres", "initdb") if (found := shutil.which(name))]
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    complete = (folder for folder in candidates if (folder / "postgres").exists() and (folder / "initdb").exists())
    return next(complete, None)


def _unprivileged() -> dict[str, object]:
    """What makes `subprocess` run a command as a user that PostgreSQL accepts, which root is not."""
    if os.geteuid() != 0:
        return {}
    import pwd

    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    pytest.skip("tests run as root, and there is neither a user `postgres` nor `nobody` to run PostgreSQL as")


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[sqlalchemy.URL]:
    """The URL of the database `postgres` on a temporary server, reached by a Unix socket."""
    binaries = _postgresql_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL binaries in PATH or /usr/lib/postgresql/*/bin")
    pytest.importorskip("psycopg", reason="psycopg is not installed: pip install 'verticals[postgres]'")
    as_user = _unprivileged()
    # Not tmp_path: the path of a Unix socket may have 107 characters only.
    folder = Path(tempfile.mkdtemp(prefix="postgresql-"))
    if as_user:
        os.chown(folder, as_user["user"], as_user["group"])
    common = {"cwd": folder, "env": {"PATH": os.environ["PATH"], "LC_ALL": "C", "TZ": "UTC"}, **as_user}
    initdb = [binaries / "initdb", "-D", folder / "data", "-U", "platform", "-A", "trust", "-E", "UTF8", "--no-sync"]
    subprocess.run(initdb, check=True, capture_output=True, **common)
    settings = ["listen_addresses=", f"unix_socket_directories={folder}", "fsync=off", "max_connections=100"]
    command = [binaries / "postgres", "-D", folder / "data", *(part for item in settings for part in ("-c", item))]
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, **common)
    url = sqlalchemy.make_url(f"postgresql+psycopg://platform@/postgres?host={folder}")
    try:
        _wait_until_up(server, url, folder / "server.log")
        yield url
    finally:
        server.send_signal(signal.SIGINT)
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.send_signal(signal.SIGQUIT)
            server.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_up(server: subprocess.Popen, url: sqlalchemy.URL, log: Path) -> None:
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    deadline = time.monotonic() + 30
    while True:
        try:
            engine.connect().close()
        except sqlalchemy.exc.OperationalError:
            if server.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"PostgreSQL did not start:\n{log.read_text()}")
            time.sleep(0.05)
        else:
            return


_schema_number = itertools.count(1)


@pytest.fixture
def postgresql_url(postgresql_server: sqlalchemy.URL) -> str:
    """The URL of an empty place in PostgreSQL: a schema of its own, many times quicker to make than a database."""
    name = f"test_{next(_schema_number)}"
    engine = sqlalchemy.create_engine(postgresql_server, poolclass=sqlalchemy.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA {name}")
    url = postgresql_server.update_query_dict({"options": f"-csearch_path={name}"})
    return url.render_as_string(hide_password=False)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of a SQLite database that does not exist yet."""
    return f"sqlite:///{tmp_path / 'home' / 'platform.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest) -> str:
    """The URL of a fresh, empty database: each test that asks for it runs on both kinds."""
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """An open store on a fresh database, on both kinds."""
    with Store.open(store_url) as opened:
        yield opened
