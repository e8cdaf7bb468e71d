"""`platform` and `python` for the pages' blocks, without a start of their own.

A process imports what every command needs and then forks for each one, with the caller's arguments, folder, environment
and streams: the same code in a process of its own, two seconds earlier.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

_CLIENT = """#!{python} -SEI
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    asked = json.dumps([{name!r}, sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
    socket.send_fds(server, [len(asked).to_bytes(4, "big")], [0, 1, 2])
    server.sendall(asked)
    told = server.recv(1)
sys.exit(told[0] if told else 1)
"""


def start(folder: Path, environment: dict[str, str]) -> tuple[subprocess.Popen[bytes], Path]:
    """The process, and a folder with the commands, to be put before others in PATH."""
    address, commands = folder / "forks", folder / "bin"
    commands.mkdir()
    for name in ("platform", "python"):
        command = commands / name
        command.write_text(_CLIENT.format(python=sys.executable, address=str(address), name=name), encoding="utf-8")
        command.chmod(0o755)
    process = subprocess.Popen([sys.executable, __file__, str(address)], env=environment)
    while not address.exists() and process.poll() is None:
        time.sleep(0.05)
    return process, commands


def _serve(address: str) -> None:
    import peft  # noqa: F401
    import torch  # noqa: F401
    import transformers  # noqa: F401

    import verticals.cli.root
    import verticals.inference
    import verticals.retrieval
    import verticals.tuning
    import verticals.tuning.search  # noqa: F401

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    server = socket.socket(socket.AF_UNIX)
    server.bind(address)
    server.listen()
    while True:
        connection, _ = server.accept()
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            server.close()
            code = 1
            try:
                code = _run(connection)
            finally:
                with contextlib.suppress(OSError):
                    sys.stdout.flush()
                connection.sendall(bytes([code]))
                os._exit(code)
        connection.close()


def _run(connection: socket.socket) -> int:
    size, streams, _, _ = socket.recv_fds(connection, 4, 3)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    asked = b""
    while len(asked) < int.from_bytes(size, "big"):
        asked += connection.recv(1 << 16)
    name, arguments, folder, environment = json.loads(asked)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    # Buffers of before the fork belong to the other streams.
    for number, stream, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        setattr(sys, stream, os.fdopen(number, mode, encoding="utf-8", closefd=False))
    sys.argv = [name, *arguments]
    try:
        if name == "platform":
            from verticals.cli import main

            return main()
        program = {"__name__": "__main__"}
        if arguments == ["-"]:
            exec(compile(sys.stdin.read(), "<stdin>", "exec"), program)
            return 0
        return subprocess.call([sys.executable, *arguments])
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        import traceback

        traceback.print_exc()
        return 1


if __name__ == "__main__":
    _serve(sys.argv[1])
