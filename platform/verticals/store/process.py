"""Whether the process that wrote something is still there."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Process:
    """One process on one machine.

    Args:
        machine: host name.
        number: process id.
        born: tells it from a later process with the same id; empty where the system does not say.
    """

    machine: str
    number: int
    born: str

    @classmethod
    def current(cls) -> Process:
        """This process."""
        return cls(socket.gethostname(), os.getpid(), _born(os.getpid()))

    def is_gone(self) -> bool:
        """True where it ran on this machine and does no longer; of other machines nothing is known."""
        if self.machine != socket.gethostname():
            return False
        try:
            os.kill(self.number, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            pass
        return _born(self.number) != self.born


def _born(number: int) -> str:
    """Boot of the machine and start of the process within it, where `/proc` tells them; empty once it has ended."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        # The command, in parentheses, may itself hold blanks; the state and, 19 fields on, the start follow it.
        fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else f"{boot[:8]}-{fields[19]}"
