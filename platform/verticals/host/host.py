"""The host: one home, one set of plugins, and the parts they share, each opened on first need."""

from __future__ import annotations

import difflib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, cast

import pluggy

import verticals
from verticals.contract import (
    Batch,
    FitJob,
    FitReport,
    NotFound,
    PluginError,
    Predictions,
    Progress,
    Recipe,
    SettingsError,
    Unavailable,
    hookimpl,
    suggest,
)

from . import adapting, together
from .discovery import discover
from .loading import PluginState, load_plugins, new_manager
from .settings import Settings
from .tenants import OpenTenants
from .training import provenance
from .vertical import Vertical

if TYPE_CHECKING:
    from verticals.data import DatasetStore
    from verticals.encoder import Encoder, EncoderSource
    from verticals.inference import Engine, Queue, RemoteQueue
    from verticals.store import Registry, Store, VersionRecord
    from verticals.tuning import Workshop
    from verticals.tuning.adaptation import Adaptation

    from .head import Head
    from .served import ServedVertical

T = TypeVar("T")
_PROBE_BYTES = 64 * 1024


class Host:
    """Loads plugins and gives them what they share. Several hosts may live in one process; nothing is global.

    Args:
        settings: in force.

    Attributes:
        home: the folder that holds all state, absolute. It is made when something is first kept there.
        plugins: what became of each plugin, by name.
        manager: pluggy's, of this host alone.
        elsewhere: the process that computes and writes the indexes, where this one is a worker that only serves; set it
            before anything is used.
        on_progress: told, by ``vertical/head`` and progress, how far the first training of a head has come when a
            vertical begins to serve.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.home = settings.home.absolute()
        self.manager: pluggy.PluginManager = new_manager()
        discovered = discover(settings.plugins_dir)
        self._refuse_misspelt_tables(discovered)
        states = load_plugins(self.manager, discovered, settings.blocked, verticals.__version__)
        self.plugins: Mapping[str, PluginState] = MappingProxyType(states)
        self.manager.register(_Last(self), "host")
        self._verticals = {name: Vertical(self, state) for name, state in states.items() if state.state == "loaded"}
        self._parts: dict[str, Any] = {}
        self._compute: ContextVar[Callable[[Batch], Predictions] | None] = ContextVar("compute", default=None)
        self._fit: ContextVar[Callable[[FitJob], FitReport] | None] = ContextVar("fit", default=None)
        self._registry: ContextVar[Registry | None] = ContextVar("registry", default=None)
        self._lock = threading.RLock()
        self._closed = False
        self.elsewhere: RemoteQueue | None = None
        self.open_tenants = OpenTenants(settings.open_tenants)
        self.on_progress: Callable[[str, Progress], None] | None = None

    @classmethod
    def open(
        cls,
        home: Path | str | None = None,
        *,
        plugins_dir: Path | str | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> Host:
        """Read the settings and load the plugins; the store, the encoder and all else wait for their first use.

        Args:
            home: the home folder; ``PLATFORM_HOME``, then ``.platform`` when not given.
            plugins_dir: a folder of one-file plugins besides the installed ones.
            settings: any of `Settings`, by name, above every other source.

        Raises:
            SettingsError: a setting is unknown or has a value that cannot be used.
        """
        flags = {**(settings or {})}
        flags |= {name: value for name, value in (("home", home), ("plugins_dir", plugins_dir)) if value is not None}
        return cls(Settings.load(flags))

    def __getitem__(self, name: str) -> Vertical:
        """A vertical.

        Raises:
            NotFound: no plugin has this name; the nearest is suggested.
            PluginError: the plugin is not loaded; its cause is in the message, its traceback in a note.
            SettingsError: the plugin's settings cannot be used.
        """
        state = self.plugins.get(name)
        if state is None:
            raise NotFound.named("vertical", str(name), self._verticals)
        if state.state != "loaded":
            raise state.error()
        vertical = self._verticals[name]
        _ = vertical.settings  # asked for by name: its settings must be right
        return vertical

    @property
    def verticals(self) -> list[Vertical]:
        """All loaded verticals, in order of name."""
        return list(self._verticals.values())

    def head_of(self, version: VersionRecord) -> Head:
        """The head that a version in the registry belongs to.

        Raises:
            PluginError: its plugin is gone or not loaded, or declares the head no longer; the message says which.
        """
        made_by = f"{version.plugin} {version.plugin_version}".strip()
        state = self.plugins.get(version.vertical)
        if state is None:
            raise PluginError(
                f"{version.reference} was made by the plugin {version.vertical!r} ({made_by}), which is not installed.",
                "Install it again.",
            )
        if state.state != "loaded":
            raise state.error()
        if version.head not in state.nouns.heads:
            raise PluginError(
                f"{version.reference} was made by {made_by}; the plugin {version.vertical!r} now has no head "
                f"{version.head!r}.",
                suggest(version.head, state.nouns.heads),
            )
        return self._verticals[version.vertical].head(version.head)

    @property
    def store(self) -> Store:
        """The database.

        Raises:
            StorageError: the home folder or the database cannot be written.
        """
        return self._part("store", self._open_store)

    @property
    def registry(self) -> Registry:
        """The trained versions."""

        def make() -> Registry:
            from verticals.store import Registry

            return Registry(self.store, self._kept_in("models"))

        return self._part("registry", make)

    @property
    def datasets(self) -> DatasetStore:
        """The rows of all data sets."""

        def make() -> DatasetStore:
            from verticals.data import DatasetStore

            return DatasetStore(self._kept_in("datasets"))

        return self._part("datasets", make)

    @property
    def encoder_source(self) -> EncoderSource:
        """Where the shared encoder lies; from its first use on, its weights are hashed beside whatever else goes on."""

        def make() -> EncoderSource:
            source = adapting.encoder_source(self.home, self.settings.encoder)
            # Every version names the weights it stands on; hashing them takes longer than loading them.
            threading.Thread(target=lambda: source.sha256, daemon=True).start()
            return source

        return self._part("encoder source", make)

    @property
    def encoder(self) -> Encoder:
        """The shared encoder; its first use loads it."""

        def make() -> Encoder:
            from verticals.encoder import Encoder
            from verticals.encoder.precision import set_threads

            set_threads(self.settings.threads)
            return Encoder.open(self.encoder_source, self.settings.precision, self.settings.device)

        return self._part("encoder", make)

    def other_encoder(self, name: str) -> Encoder:
        """An encoder besides the shared one, for heads whose recipe names it; its first use loads it.

        Args:
            name: of an adapted encoder of this home, a model id or a folder.

        Raises:
            NotFound: nowhere.
        """
        if name == self.settings.encoder:
            return self.encoder

        def make() -> Encoder:
            from verticals.encoder import Encoder

            return Encoder.open(adapting.encoder_source(self.home, name), self.settings.precision, self.settings.device)

        return self._part(f"encoder {name}", make)

    @property
    def engine(self) -> Engine:
        """What answers for all heads on the shared encoder."""

        def make() -> Engine:
            from verticals.inference import Engine, RemoteEngine

            memory = self.settings.loaded_memory << 20
            if self.elsewhere is not None:
                return RemoteEngine(self.elsewhere, self.registry, lambda: self.encoder, self.other_encoder, memory)
            return Engine(self.registry, lambda: self.encoder, self.settings.cached_texts, self.other_encoder, memory)

        return self._part("engine", make)

    def new_queue(self) -> Queue | RemoteQueue:
        """A queue that turns concurrent requests into few batches for the engine; not started yet.

        Raises:
            NotFound: the encoder is nowhere.
        """
        if self.elsewhere is not None:
            return self.elsewhere
        _ = self.encoder_source  # before torch, which is long to import: its weights are hashed meanwhile
        from verticals.inference import Queue

        return Queue(self.engine, patience=self.settings.patience)

    def fit(self, job: FitJob) -> FitReport:
        """The host's own way to train, which the innermost ``fit`` hook calls."""
        own = self._fit.get()
        if own is not None:
            return own(job)
        from verticals.tuning import fit

        return fit(job, self.workshop(job))

    def workshop(self, job: FitJob) -> Workshop:
        """What training a job needs of this host."""
        from verticals.tuning import Workshop

        told = provenance(self[job.vertical].head(job.head))
        registry = self._registry.get() or self.registry
        return Workshop(self.encoder, registry, self.runs_folder, told, other=self.other_encoder)

    def fitting_by(self, fit: Callable[[FitJob], FitReport]) -> AbstractContextManager[None]:
        """Heads trained in this block, by this thread, are trained by ``fit`` (several heads together)."""
        return _during(self._fit, fit)

    def train_together(
        self,
        heads: Sequence[Head | str],
        recipe: Recipe | None = None,
        changes: Mapping[str, Any] | None = None,
        dataset_version: str | None = None,
        resume: str | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> list[FitReport]:
        """Train several heads in one pass on one shared body; a new version of each, a candidate, comes out.

        Each version is whole by itself: its head, and a copy of the shared adapter or weights.

        Args:
            heads: two or more, of any verticals, as ``vertical/head``.
            recipe: for all of them; that of the first when not given.
            changes: to the recipe, by name; values may be strings. The method must be ``lora`` or ``full``; ``auto``
                goes by the rows of all heads.
            dataset_version: as ``v2``, of each head's data set; the current ones when not given.
            resume: id of any of the interrupted runs to go on with; all go on, by their own recipe and rows.
            progress: called now and then with how far it is.

        Returns:
            One report per head, in the order of ``heads``.

        Raises:
            BadInput: they cannot be trained together, or the rows cannot be learned from.
            NotFound: no such head, data set version or run.
            Conflict: the run to resume trains other heads, or has not been interrupted.
            PluginError: a plugin trains one of them in a way of its own.
        """
        found = [together.head_of(self, one) if isinstance(one, str) else one for one in heads]
        return together.train(found, recipe, changes, dataset_version, resume, progress)

    @property
    def runs_folder(self) -> Path:
        """Where runs keep checkpoints, searches their trials, and trackers their files."""
        return self._kept_in("runs")

    def saving_to(self, registry: Registry) -> AbstractContextManager[None]:
        """What is trained in this block, by this thread, is saved to ``registry`` (the trials of a search)."""
        return _during(self._registry, registry)

    def adapt(
        self,
        texts: Sequence[str],
        name: str,
        changes: Mapping[str, Any] | None = None,
        *,
        resume: bool = False,
        progress: Callable[[Progress], None] | None = None,
    ) -> Adaptation:
        """Make a new encoder from the shared one and unlabelled texts of a domain, by masked language modelling.

        Args:
            texts: unlabelled.
            name: of the new encoder; heads use it by ``encoder=NAME`` in their recipe, and all of them by the setting
                ``encoder``.
            changes: to the recipe, by name.
            resume: go on with an interrupted adaptation of this name.
            progress: called now and then with how far it is.

        Raises:
            BadInput: too few texts, or an encoder that cannot be adapted.
            Conflict: there is an encoder of this name, or the one to resume began otherwise.
            NotFound: there is nothing to resume.
        """
        self._kept_in("encoders")
        self._kept_in("runs")
        return adapting.adapt(self, texts, name, changes, resume, progress)

    def predict(self, batch: Batch) -> Predictions:
        """The host's own way to predict, which the innermost ``predict`` hook calls."""
        compute = self._compute.get()
        if compute is not None:
            return compute(batch)
        return Predictions(self.engine.predict(batch.vertical, batch.head, batch.version, batch.inputs))

    def computing_by(self, compute: Callable[[Batch], Predictions]) -> AbstractContextManager[None]:
        """Predictions asked for in this block, by this thread, are computed by ``compute`` (a serving queue)."""
        return _during(self._compute, compute)

    def serve(self, names: Sequence[str]) -> AbstractAsyncContextManager[dict[str, ServedVertical]]:
        """Serve verticals together, by name, for the length of an ``async with`` block.

        Every head that has no live version gets a first one, indexes are opened, then each vertical's lifespan is
        entered; at the end lifespans are left in reverse order and the queue is drained.

        Raises:
            NotFound, PluginError, SettingsError: a vertical cannot be used, as by ``host[name]``.
        """
        from .serving import serving

        return serving(self, names)

    def own_hook(self, plugin: str, hook: str) -> Any:
        """The caller of a hook that reaches the implementations of one plugin only."""
        own = self.manager.get_plugin(plugin)
        return self.manager.subset_hook_caller(
            hook, [other for other in self.manager.get_plugins() if other is not own]
        )

    @property
    def predict_is_wrapped(self) -> bool:
        """Whether any plugin has a part in predictions; if not, they need not pass through a thread."""
        return len(self.manager.hook.predict.get_hookimpls()) > 1

    def close(self) -> None:
        """Close what was opened; harmless when called again."""
        with self._lock:
            self._closed = True
        for vertical in self.verticals:  # not under the lock: what an index does in the background may wait for it
            vertical.close()
        with self._lock:
            if store := self._parts.get("store"):
                store.close()
            self._parts.clear()

    def __enter__(self) -> Host:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Host({str(self.home)!r})"

    def _part(self, name: str, make: Callable[[], T]) -> T:
        """A shared part, made once; a part that is there is found without waiting for one in the making."""
        if name not in self._parts:
            with self._lock:
                if self._closed:
                    raise Unavailable("The host is closed.", "Open it again with Host.open.")
                if name not in self._parts:
                    self._parts[name] = make()
        return cast(T, self._parts[name])

    def _open_store(self) -> Store:
        from verticals.store import Store

        home = self._kept_in()
        database = self.settings.database
        return Store.open(database.get_secret_value() if database else f"sqlite:///{home / 'platform.db'}")

    def _kept_in(self, *parts: str) -> Path:
        """A folder in the home, made where it is missing.

        Raises:
            StorageError: it cannot be written, or the disk is full.
        """
        from verticals.files import explained

        folder = self.home.joinpath(*parts)
        with explained(folder):
            folder.mkdir(parents=True, exist_ok=True)
            if not parts:
                probe = folder / ".probe"
                try:
                    probe.write_bytes(bytes(_PROBE_BYTES))
                finally:
                    probe.unlink(missing_ok=True)
        return folder

    def _refuse_misspelt_tables(self, discovered: Mapping[str, Any]) -> None:
        """A table of a plugin that is not installed may stay; one that is nearly the name of another is a slip."""
        for table in self.settings.plugins:
            if table not in discovered and difflib.get_close_matches(table, discovered, cutoff=0.8):
                raise SettingsError(
                    f"There is no plugin for the settings [plugins.{table}].", suggest(table, discovered)
                )


@contextmanager
def _during(variable: ContextVar[T | None], value: T) -> Iterator[None]:
    """Within the block, in this thread or task, the variable has the value."""
    token = variable.set(value)
    try:
        yield
    finally:
        variable.reset(token)


class _Last:
    """The host's own implementations of the verbs: they come after all plugins'.

    Args:
        host: that computes.
    """

    def __init__(self, host: Host) -> None:
        self._host = host

    @hookimpl(trylast=True)
    def fit(self, job: FitJob) -> FitReport:
        return self._host.fit(job)

    @hookimpl(trylast=True)
    def predict(self, batch: Batch) -> Predictions:
        return self._host.predict(batch)
