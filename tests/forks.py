"""Processes of the platform without seconds of importing: forks of one that has imported what every command needs.

A fork has the caller's arguments, folder, environment and streams, is a process of its own that can be stopped or
killed as any other, and ends as an interpreter ends. `Popen` takes the place of `subprocess.Popen`; `commands` are
executables for shells. What is to be measured, or must import by itself, is not for forks.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import inspect
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

_COMMAND = """#!{python} -SEI
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    asked = json.dumps([{start!r} + sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
    socket.send_fds(server, [len(asked).to_bytes(4, "big")], [0, 1, 2])
    server.sendall(asked)
    told = b""
    while len(told) < 8 and (more := server.recv(8 - len(told))):
        told += more
code = int.from_bytes(told[4:], "big", signed=True) if len(told) == 8 else 1
sys.exit(code if code >= 0 else 128 - code)
"""


_PIPES = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")


class Forks:
    """The process that forks; a context manager.

    Args:
        folder: an empty one, for its socket and commands.
        environment: what is set when it imports.
    """

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.address, self._commands = str(folder / "forks"), folder / "bin"
        self._process = subprocess.Popen([sys.executable, __file__, self.address], env=environment)

    def __enter__(self) -> Forks:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def connect(self) -> socket.socket:
        """A connection, as soon as everything is imported."""
        while self._process.poll() is None:
            connection = socket.socket(socket.AF_UNIX)
            with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
                connection.connect(self.address)
                return connection
            connection.close()
            time.sleep(0.05)
        raise RuntimeError(f"the process that forks ended with {self._process.returncode}")

    def commands(self) -> Path:
        """A folder with `platform` and `python`, to be put before others in PATH."""
        self.connect().close()
        self._commands.mkdir(exist_ok=True)
        for name, start in (("platform", ["-m", "verticals"]), ("python", [])):
            command = self._commands / name
            text = _COMMAND.format(python=sys.executable, address=self.address, start=start)
            command.write_text(text, encoding="utf-8")
            command.chmod(0o755)
        return self._commands

    def popen(self) -> type[subprocess.Popen[Any]]:
        """What takes the place of `subprocess.Popen`: forks for this interpreter's programs, and others as ever."""
        forks = self

        class Popen(subprocess.Popen):  # type: ignore[type-arg]
            """Forked where the command is this interpreter with `-c`, or `-m verticals` and what lies within."""

            _told: socket.socket | None = None

            def _execute_child(self, *others: Any) -> None:
                given = inspect.signature(super()._execute_child).bind(*others).arguments
                command = given["args"]
                command = [os.fspath(part) for part in command] if isinstance(command, list | tuple) else []
                if given["shell"] or given["preexec_fn"] or given["pass_fds"] or not _forkable(command):
                    super()._execute_child(*others)
                    return
                environment = dict(os.environ if given["env"] is None else given["env"])
                asked = json.dumps([command[1:], str(given["cwd"] or Path.cwd()), environment]).encode()
                self._told = forks.connect()
                ends = ("p2cread", "c2pwrite", "errwrite")
                streams = [number if given[end] == -1 else given[end] for number, end in enumerate(ends)]
                socket.send_fds(self._told, [len(asked).to_bytes(4, "big")], streams)
                self._told.sendall(asked)
                self.pid = int.from_bytes(_exactly(self._told, 4), "big")
                self._child_created = True
                self._close_pipe_fds(*(given[end] for end in _PIPES))

            def _internal_poll(self, *args: Any, **options: Any) -> int | None:
                if self._told is None:
                    return super()._internal_poll(*args, **options)
                self._ended(0)
                return self.returncode

            def _try_wait(self, flags: int) -> tuple[int, int]:
                if self._told is None:
                    return super()._try_wait(flags)
                self._ended(0 if flags else None)
                return (0, 0) if self.returncode is None else (self.pid, _status(self.returncode))

            def _ended(self, seconds: float | None) -> None:
                if self.returncode is None and select.select([self._told], [], [], seconds)[0]:
                    self.returncode = int.from_bytes(_exactly(self._told, 4), "big", signed=True)
                    self._told.close()

        return Popen


def _forkable(command: list[str]) -> bool:
    if len(command) < 3 or command[0] != sys.executable:
        return False
    if command[1] == "-c":
        return True
    # Whether an import is light can only be seen where nothing is imported yet.
    return command[1] == "-m" and command[2].startswith(("verticals", "torch.")) and "load" not in command[3:4]


def _exactly(connection: socket.socket, count: int) -> bytes:
    got = b""
    while len(got) < count:
        more = connection.recv(count - len(got))
        if not more:
            raise ConnectionError("the process that forks has gone")
        got += more
    return got


def _status(code: int) -> int:
    """As `os.waitstatus_to_exitcode` reads it."""
    return code << 8 if code >= 0 else -code


def _serve(address: str) -> None:
    import peft  # noqa: F401
    import torch  # noqa: F401
    import transformers  # noqa: F401

    import verticals.cli.root
    import verticals.inference
    import verticals.retrieval
    import verticals.tuning
    import verticals.tuning.search
    import verticals.web.app
    import verticals.web.pages  # noqa: F401

    gc.collect()
    gc.freeze()  # what is looked through is copied
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    server = socket.socket(socket.AF_UNIX)
    server.bind(address)
    server.listen()
    while True:
        connection, _ = server.accept()
        if os.fork() == 0:
            server.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _watched(connection)
            return
        connection.close()


def _watched(connection: socket.socket) -> None:
    """Fork once more: the child runs what was asked, its parent tells its number and how it ended."""
    size, streams, _, _ = socket.recv_fds(connection, 4, 3)
    if not size:
        os._exit(0)
    arguments, folder, environment = json.loads(_exactly(connection, int.from_bytes(size, "big")))
    child = os.fork()
    if child:
        for stream in streams:
            os.close(stream)
        code = 1
        with contextlib.suppress(OSError):
            connection.sendall(child.to_bytes(4, "big"))
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            connection.sendall(code.to_bytes(4, "big", signed=True))
        os._exit(0)
    connection.close()
    _end(lambda: _run(arguments, folder, environment, streams))


def _end(run: Callable[[], None]) -> NoReturn:
    """End as the interpreter does, less taking its modules apart, which takes a second here and nothing sees."""
    code = 0
    try:
        run()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException as error:
        traceback.print_exc()
        code = -signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


def _run(arguments: list[str], folder: str, environment: dict[str, str], streams: list[int]) -> None:
    """What the interpreter does with these arguments; it ends as the interpreter does."""
    import runpy

    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    # Buffers of before the fork belong to the other streams.
    for number, stream, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        setattr(sys, stream, os.fdopen(number, mode, encoding="utf-8", closefd=False))
    sys.path[0] = folder
    if arguments[0] == "-m":
        sys.argv = arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    elif arguments[0] in ("-c", "-"):
        program = arguments.pop(1) if arguments[0] == "-c" else sys.stdin.read()
        sys.argv = arguments
        own: dict[str, Any] = {"__name__": "__main__", "__builtins__": __builtins__}
        exec(compile(program, "<string>", "exec"), own)
    else:
        sys.exit(subprocess.call([sys.executable, *arguments]))


if __name__ == "__main__":
    _serve(sys.argv[1])
