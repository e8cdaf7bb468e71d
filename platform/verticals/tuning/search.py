"""A search for a better recipe: which one to try next, and when to give up a trial.

Optuna (Akiba et al., 2019, arXiv:1907.10902) proposes by a tree-structured Parzen estimator (Bergstra et al., 2011) and
prunes by the median of the trials before. Its study is a SQLite file, so that a search goes on after any end.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from verticals.files import explained

from .space import Choice, Space, Span

if TYPE_CHECKING:
    import optuna

_RANDOM_TRIALS = 6  # before there is enough to learn from
_UNPRUNED_TRIALS = 4
_UNPRUNED_EPOCHS = 1
_DIGITS = 3


@dataclass(frozen=True, slots=True)
class Trial:
    """One recipe that was tried.

    Args:
        number: from 1, in order.
        run: that trained it.
        state: ``finished``, ``pruned`` (given up early) or ``failed``.
        changes: to the recipe that the search started from.
        score: the figure that versions are compared by, on the validation rows; higher is better. Of a pruned trial
            the last one seen.
        epochs: after which that was; ``None`` where the method has none.
        seconds: wall time.
        error: why it failed.
    """

    number: int
    run: str
    state: str
    changes: Mapping[str, Any]
    score: float | None = None
    epochs: int | None = None
    seconds: float | None = None
    error: str = ""


@dataclass(slots=True)
class Attempt:
    """A trial under way; ``run`` is that of an earlier process which did not end it."""

    changes: dict[str, Any]
    run: str | None
    epoch: int
    trial: optuna.Trial = field(repr=False)


class Study:
    """What was tried and what came of it.

    The next proposal depends on the seed and the trials that have ended alone, so that a search that was stopped and
    goes on tries what it would have tried.

    Args:
        path: of the file; made where it is missing.
        space: to look through.
        usual: where in the space the recipe itself stands: it is tried first, as it is.
        seed: of the proposals.
    """

    def __init__(self, path: Path, space: Space, usual: Mapping[str, Any], seed: int) -> None:
        import optuna
        from sqlalchemy.pool import NullPool

        self._optuna, self._space, self._seed = optuna, space, seed
        self._ended: list[Trial] | None = None
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        with explained(path.parent), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what Optuna calls experimental
            path.parent.mkdir(parents=True, exist_ok=True)
            self._study = optuna.create_study(
                storage=optuna.storages.RDBStorage(f"sqlite:///{path}", engine_kwargs={"poolclass": NullPool}),
                study_name="search",
                load_if_exists=True,
                direction="maximize",
                pruner=optuna.pruners.MedianPruner(_UNPRUNED_TRIALS, _UNPRUNED_EPOCHS + 1),
            )
        lost = optuna.trial.TrialState.FAIL
        if not any(one.state != lost or "error" in one.user_attrs for one in self._study.get_trials(deepcopy=False)):
            self._study.enqueue_trial(dict(usual), user_attrs={"usual": True})

    def ask(self) -> Attempt:
        """The next trial."""
        from optuna.samplers import TPESampler

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            seed = (self._seed * 100_003 + len(self.trials())) % 2**32
            self._study.sampler = TPESampler(n_startup_trials=_RANDOM_TRIALS, multivariate=True, seed=seed)
            trial = self._study.ask()
            changes = {key: _suggested(trial, key, part) for key, part in self._space.items()}
        if trial.user_attrs.get("usual"):
            changes = {}
        trial.set_user_attr("changes", changes)
        return Attempt(changes, trial.user_attrs.get("run"), 0, trial)

    def begin(self, attempt: Attempt, run: str) -> None:
        """Note the run that trains an attempt."""
        attempt.run = run
        attempt.trial.set_user_attr("run", run)

    def hopeless(self, attempt: Attempt, epoch: int, figure: float) -> bool:
        """Whether to give an attempt up, seen the figure after an epoch."""
        if epoch <= attempt.epoch:
            return False
        attempt.epoch = epoch
        attempt.trial.report(figure, epoch)
        return attempt.trial.should_prune()

    def end(
        self, attempt: Attempt, state: str, score: float | None = None, seconds: float = 0.0, error: str = ""
    ) -> None:
        """Note how an attempt ended: ``finished`` with its score, ``pruned`` or ``failed``."""
        attempt.trial.set_user_attr("seconds", seconds)
        if state == "failed":
            attempt.trial.set_user_attr("error", error or "unknown")
        self._ended = None
        self._study.tell(attempt.trial, score if state == "finished" else None, state=self._states[state])

    def unfinished(self) -> list[tuple[int, str | None]]:
        """Trials under way when an earlier process ended, each as its number and its run."""
        running = self._study.get_trials(deepcopy=False, states=(self._optuna.trial.TrialState.RUNNING,))
        return [(one.number, one.user_attrs.get("run")) for one in running]

    def settle(self, number: int, state: str, score: float | None = None) -> None:
        """Note how a trial of an earlier process ended after all."""
        self._ended = None
        self._study.tell(number, score if state == "finished" else None, state=self._states[state])

    def repeat(self, number: int, run: str | None) -> None:
        """Let the next attempt be a trial that an earlier process did not end, with the run it may go on with."""
        before = self._study.trials[number]
        self._study.tell(number, state=self._optuna.trial.TrialState.FAIL)
        attributes = {name: before.user_attrs[name] for name in ("usual",) if name in before.user_attrs}
        self._study.enqueue_trial(before.params, user_attrs=attributes | ({"run": run} if run else {}))

    def trials(self) -> list[Trial]:
        """All that have ended, in order."""
        if self._ended is None:
            self._ended = self._read()
        return list(self._ended)

    def _read(self) -> list[Trial]:
        states = {state: name for name, state in self._states.items()}
        found: list[Trial] = []
        for one in self._study.get_trials(deepcopy=False):
            kept = one.user_attrs
            if one.state not in states or (states[one.state] == "failed" and "error" not in kept):
                continue
            found.append(
                Trial(
                    number=len(found) + 1, run=kept.get("run", ""), state=states[one.state],
                    changes=kept.get("changes", {}), score=one.value, epochs=one.last_step,
                    seconds=kept.get("seconds"), error=kept.get("error", ""),
                )
            )  # fmt: skip
        return found

    @property
    def _states(self) -> dict[str, optuna.trial.TrialState]:
        states = self._optuna.trial.TrialState
        return {"finished": states.COMPLETE, "pruned": states.PRUNED, "failed": states.FAIL}


def best_of(trials: list[Trial]) -> Trial | None:
    """The finished trial with the highest score, the earliest of several."""
    finished = [one for one in trials if one.state == "finished" and one.score is not None]
    return max(finished, key=lambda one: (one.score or 0.0, -one.number), default=None)


def _suggested(trial: optuna.Trial, key: str, part: Span | Choice) -> Any:
    if isinstance(part, Choice):
        return trial.suggest_categorical(key, part.values)
    if part.whole:
        return trial.suggest_int(key, int(part.low), int(part.high), log=part.logarithmic)
    value = trial.suggest_float(key, part.low, part.high, log=part.logarithmic)
    return min(max(float(f"{value:.{_DIGITS}g}"), part.low), part.high)
