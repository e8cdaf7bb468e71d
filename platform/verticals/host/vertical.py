"""What one plugin contributes, bound to a host."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from verticals.contract import (
    Command,
    Dataset,
    Endpoints,
    EventKind,
    Index,
    NotFound,
    Notice,
    Page,
    PlatformError,
    TaskHead,
    resolve,
)

from .datasets import DatasetHandle
from .events import VerticalEvents
from .head import Head
from .indexes import IndexHandle
from .loading import PluginState
from .plugin_settings import plugin_settings

if TYPE_CHECKING:
    from .host import Host
    from .served import ServedVertical

_log = logging.getLogger(__name__)


class Vertical:
    """One vertical of one host.

    Args:
        host: it is bound to.
        plugin: that contributes it, loaded.
    """

    def __init__(self, host: Host, plugin: PluginState) -> None:
        self.host, self.plugin = host, plugin
        self.name = plugin.name
        self.title = plugin.name.replace("-", " ").replace("_", " ").capitalize()
        self.summary = plugin.summary
        self.events = VerticalEvents(self)
        self._settings: Any = None
        self._indexes: dict[tuple[str, str], IndexHandle] = {}
        self._lock = threading.Lock()

    @property
    def datasets(self) -> Mapping[str, Dataset]:
        """The declared data sets by name."""
        return self.plugin.nouns.datasets

    @property
    def heads(self) -> Mapping[str, TaskHead]:
        """The declared heads by name."""
        return self.plugin.nouns.heads

    @property
    def indexes(self) -> Mapping[str, Index]:
        """The declared indexes by name."""
        return self.plugin.nouns.indexes

    @property
    def event_kinds(self) -> Mapping[str, EventKind]:
        """The declared kinds of event by name."""
        return self.plugin.nouns.event_kinds

    @property
    def endpoints(self) -> Sequence[Endpoints]:
        """The declared routers."""
        return self.plugin.nouns.endpoints

    @property
    def pages(self) -> Sequence[Page]:
        """The declared pages."""
        return self.plugin.nouns.pages

    @property
    def commands(self) -> Mapping[str, Command]:
        """The declared commands by name."""
        return self.plugin.nouns.commands

    @property
    def settings(self) -> Any:
        """The plugin's settings as its own model; `None` where it declares none.

        Raises:
            SettingsError: an unknown key, a missing one, or a value that does not fit.
        """
        model = self.plugin.nouns.settings
        if self._settings is None and model is not None:
            self._settings = plugin_settings(self.name, resolve(model), self.host.settings)
        return self._settings

    def dataset(self, name: str) -> DatasetHandle:
        """A data set.

        Raises:
            NotFound: it is not declared; the nearest is suggested.
        """
        return DatasetHandle(self, self._declared("data set", name, self.datasets))

    def head(self, name: str) -> Head:
        """A head.

        Raises:
            NotFound: it is not declared; the nearest is suggested.
        """
        return Head(self, self._declared("head", name, self.heads))

    def index(self, name: str, tenant: str = "default") -> IndexHandle:
        """An index; it is opened on first use and closed with the host.

        Args:
            name: of the index.
            tenant: whose documents; every tenant has an index of its own under this name.

        Raises:
            NotFound: it is not declared; the nearest is suggested.
            BadInput: the name cannot be one of a tenant.
        """
        noun = self._declared("index", name, self.indexes)
        with self._lock:
            if (name, tenant) not in self._indexes:
                self._indexes[name, tenant] = IndexHandle(self, noun, tenant)
            return self._indexes[name, tenant]

    def notices(self) -> list[Notice]:
        """What whoever runs it should know and do now, as the plugin says; a fault of the plugin is a notice too."""
        try:
            return [notice for given in self.host.own_hook(self.name, "notices")(vertical=self) for notice in given]
        except PlatformError as error:
            return [Notice(error.message, error.remedy)]
        except Exception as error:  # noqa: BLE001 - what was asked for besides must not fail with it
            _log.error("The hook notices of %s failed: %s", self.name, error, exc_info=error)
            told = f"The plugin {self.name} cannot say how it stands: its hook notices failed ({type(error).__name__})."
            return [Notice(told, "The log has the cause; correct the plugin.")]

    def served(self) -> ServedVertical:
        """Its async face in a process that does not serve it, so that a command does what the API does."""
        from .served import ServedVertical
        from .served_head import Direct

        return ServedVertical(self, Direct(self.host))

    def close(self) -> None:
        """Close the indexes that are open."""
        with self._lock:
            for index in self._indexes.values():
                index.close()

    def _declared(self, kind: str, name: str, nouns: Mapping[str, Any]) -> Any:
        if name not in nouns:
            raise NotFound.named(kind, name, nouns, of=self.name)
        return nouns[name]

    def __repr__(self) -> str:
        return f"Vertical({self.name!r})"
