"""Curves sent to TensorBoard, Weights & Biases or MLflow, through the trackers of accelerate.

They are made and fed in a thread of their own: importing them takes a third of a second, and a tracker that waits for
a network must not hold a training step back.
"""

from __future__ import annotations

import logging
import netrc
import os
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from verticals.contract import SettingsError

_FINISH_SECONDS = 20.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tracked:
    """The run that is tracked.

    Args:
        run, vertical, head: its names.
        recipe: plain values.
        folder: where trackers keep files.
        resumed: it goes on with what an earlier process has sent.
    """

    run: str
    vertical: str
    head: str
    recipe: Mapping[str, Any]
    folder: Path
    resumed: bool = False


def check_trackers(names: Sequence[str]) -> None:
    """See that every tracker is installed.

    Raises:
        SettingsError: one is not.
    """
    for name in names:
        if find_spec(name) is None:
            raise SettingsError(
                f"The setting `trackers` asks for {name}, which is not installed.",
                f"Install it with `pip install {name}`, or set PLATFORM_TRACKERS=none.",
            )


class Trackers:
    """Feeds the trackers ``names``. None of its methods waits for them but `finish`.

    A tracker that fails is left out from then on, which is said once in the log; training goes on.
    """

    def __init__(self, names: Sequence[str], tracked: Tracked) -> None:
        self._names, self._tracked = names, tracked
        self._waiting: queue.SimpleQueue[tuple[dict[str, float], int] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="trackers", daemon=True)
        self._thread.start()

    def log(self, figures: Mapping[str, float], at: int) -> None:
        """Send figures by name.

        Args:
            at: the training rows seen so far; never less than before.
        """
        self._waiting.put((dict(figures), at))

    def finish(self) -> None:
        """Close the trackers once they have taken everything; one that takes too long is left behind."""
        self._waiting.put(None)
        self._thread.join(_FINISH_SECONDS)
        if self._thread.is_alive():
            _log.warning("%s did not take the last figures of %s in time.", ", ".join(self._names), self._tracked.run)

    def _work(self) -> None:
        trackers: dict[str, Any] = {}
        self._trying("accelerate", trackers, import_module, "accelerate.tracking")
        first = True
        while (item := self._waiting.get()) is not None:
            figures, at = item
            for name in self._names if first else ():
                if (begun := self._trying(name, trackers, self._begin, name, at)) is not None:
                    trackers[name] = begun
            first = False
            for name, tracker in list(trackers.items()):
                self._trying(name, trackers, tracker.log, figures, at)
        for name, tracker in list(trackers.items()):
            self._trying(name, trackers, tracker.finish)

    def _trying(self, name: str, trackers: dict[str, Any], call: Callable[..., Any], *arguments: Any) -> Any:
        """What the call gives; where it fails the tracker is left out."""
        try:
            return call(*arguments)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - other people's code; training must go on
            trackers.pop(name, None)
            told = " ".join(str(error).split()) or type(error).__name__
            _log.warning("The tracker %s failed and is left out of %s: %s", name, self._tracked.run, told)
            return None

    def _begin(self, name: str, at: int) -> Any:
        """A tracker that has started and knows the recipe."""
        from accelerate import PartialState, tracking

        PartialState()  # accelerate's log asks for it
        run, folder = self._tracked, self._tracked.folder
        if name == "tensorboard":
            place = folder / "tensorboard" / run.vertical / run.head
            made = tracking.TensorBoardTracker(run.run, place, purge_step=at if run.resumed else None)
        elif name == "wandb":
            folder.mkdir(parents=True, exist_ok=True)
            made = tracking.WandBTracker(
                run.vertical,
                name=run.run,
                id=run.run,
                group=run.head,
                dir=str(folder),
                resume="allow",
                mode=_wandb_mode(),
            )
        else:
            _keep_mlflow_in(folder)
            made = tracking.MLflowTracker(f"{run.vertical}/{run.head}", run_name=run.run)
        made.start()
        if name == "tensorboard":  # its table of hyperparameters would show each run three times
            made.log({"recipe": "\n".join(f"    {key} = {value}" for key, value in run.recipe.items())}, step=at)
        else:
            made.store_init_configuration({key: value for key, value in run.recipe.items() if value is not None})
        return made


def _wandb_mode() -> str:
    """``online`` for who is logged in, else ``offline``: asking for a key would stop the training."""
    if mode := os.environ.get("WANDB_MODE"):
        return mode
    try:
        known = netrc.netrc().authenticators("api.wandb.ai")
    except (OSError, netrc.NetrcParseError):
        known = None
    return "online" if known or os.environ.get("WANDB_API_KEY") else "offline"


def _keep_mlflow_in(folder: Path) -> None:
    """Write to a database here, unless the environment names a server."""
    if os.environ.get("MLFLOW_TRACKING_URI"):
        return
    import mlflow

    (folder / "mlflow").mkdir(parents=True, exist_ok=True)
    mlflow.set_tracking_uri(f"sqlite:///{folder / 'mlflow' / 'mlflow.db'}")
