"""Better every week: train on what was learned since, compare with what is live, go live with what is not worse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import ranking
from .finding import RANKER

if TYPE_CHECKING:
    from verticals import Progress, Vertical

HEADS = ("intent", "emotion", "slots", RANKER)
SPLIT = "test"  # early stopping and calibration of the new version have seen the validation rows
WHY = "improve: not worse than {live} on the {split} rows of {data}"


@dataclass(frozen=True)
class Improvement:
    """What became of one head.

    Args:
        head: its name.
        live: the version before; empty where there was none.
        data: the data set version that was live before, and now.
        version: the new one; empty where nothing was trained.
        promoted: whether it is live now.
        comparison: of both on the same rows; `None` where there was nothing to compare.
        told: what was decided and why, in a sentence.
    """

    head: str
    live: str
    data: tuple[str, str]
    version: str
    promoted: bool
    comparison: Any
    told: str


def improve(
    vertical: Vertical, name: str, *, again: bool = False, progress: Callable[[Progress], None] | None = None
) -> Improvement:
    """Train a head on its rows as they are now, and promote the version unless it is worse than the live one.

    Args:
        vertical: the customer-service vertical.
        name: of the head.
        again: train even where no row changed since.
        progress: told how far the training is.

    Raises:
        NotFound: there is no such head.
        BadInput: its rows cannot be learned from.
    """
    head = vertical.head(name)
    data = vertical.dataset(head.noun.dataset).current().version
    live = head.live
    before = live.dataset_version if live else ""
    if live and before == data and not again:
        told = f"{name}: the rows are those that {live.version} was trained on; nothing to do."
        return Improvement(name, live.version, (before, data), "", False, None, told)
    report = head.train(dataset_version=data, progress=progress)
    if name == RANKER:
        return _by_search(vertical, live.version if live else "", (before, data), report.version)
    if live is None:
        head.promote(report.version, "improve: the first version")
        told = f"{name}: {report.version} is the first version, and live."
        return Improvement(name, "", (before, data), report.version, True, None, told)
    found = head.compare(live.version, report.version, SPLIT, data)
    figure = found.figures[found.metric]
    told = f"{name}: {found.metric} {figure.first:.4f} with {live.version}, {figure.second:.4f} with {report.version}"
    promoted = figure.second >= figure.first
    if promoted:
        head.promote(report.version, WHY.format(live=live.version, split=SPLIT, data=data))
        told += f" on the same {found.rows:,} rows: {report.version} is live."
    else:
        told += f" on the same {found.rows:,} rows: worse, so {live.version} stays live."
    return Improvement(name, live.version, (before, data), report.version, promoted, found, told)


def _by_search(vertical: Vertical, live: str, data: tuple[str, str], version: str) -> Improvement:
    """Promote a version of the head `answer` if search with it is not worse than as it is, nor than without any."""
    new = ranking.measure(vertical, version, SPLIT)
    without = ranking.measure(vertical, "", SPLIT)
    if new is None or without is None:
        told = f"{RANKER}: no {SPLIT} row of {data[1]} has an answer in the index, so {version} stays a candidate."
        return Improvement(RANKER, live, data, version, False, None, told)
    others = {"without it": without}
    if live and (now := ranking.measure(vertical, live, SPLIT)):
        others[f"with {live}"] = now
    promoted = all(new.mrr >= other.mrr for other in others.values())
    told = f"{RANKER}: search with {version}: {new.told()}; " + "; ".join(
        f"{name}: {other.told()}" for name, other in others.items()
    )
    told += f"; on the same {new.questions:,} questions: "
    if promoted:
        vertical.head(RANKER).promote(version, f"improve: search is not worse on the {SPLIT} rows of {data[1]}")
        told += f"{version} is live."
    else:
        told += f"worse, so {version} stays a candidate."
    return Improvement(RANKER, live, data, version, promoted, None, told)
