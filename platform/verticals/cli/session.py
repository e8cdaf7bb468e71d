"""What the commands of one call share: the global options and the host they open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from verticals.host import Host


@dataclass(slots=True)
class Session:
    """The global options, and at most one open host."""

    home: str | None = None
    plugins_dir: str | None = None
    debug: bool = False
    _host: Host | None = None

    def host(self, settings: Mapping[str, Any] | None = None) -> Host:
        """The host, opened on first use and closed with the command. ``settings`` count on the first use only."""
        if self._host is None:
            from verticals.host import Host

            self._host = Host.open(self.home, plugins_dir=self.plugins_dir, settings=settings)
            context = click.get_current_context(silent=True)  # none while the shell completes a name
            if context is not None:
                context.find_root().call_on_close(self._close)
        return self._host

    def _close(self) -> None:
        if self._host is not None:
            self._host.close()
            self._host = None


pass_session = click.make_pass_decorator(Session, ensure=True)
