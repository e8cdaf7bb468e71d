"""New encoders made from the shared one and a domain's texts."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from verticals.contract import BadInput, Conflict, NotFound, Progress, check_name

if TYPE_CHECKING:
    from verticals.data import DatasetVersion
    from verticals.encoder import EncoderSource
    from verticals.tuning.adaptation import Adaptation

    from .host import Host


def adapt(
    host: Host,
    texts: Sequence[str],
    name: str,
    changes: Mapping[str, Any] | None = None,
    resume: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> Adaptation:
    """See `Host.adapt`."""
    from verticals.tuning.adaptation import ADAPTATION
    from verticals.tuning.adaptation import adapt as train

    folder, runs = encoder_folder(host.home, name), host.home / "runs" / f"adapt-{name}"
    if folder.exists():
        raise Conflict(f"There is an encoder {name!r} already, in {folder}.", "Choose another name, or remove it.")
    recipe = ADAPTATION.changed(changes or {})
    begun = {"recipe": recipe.to_dict(), "encoder": host.encoder.source.sha256, "texts": len(texts)}
    kept = runs / "adaptation.json"
    if resume:
        if not (runs / "checkpoint.pt").is_file():
            raise NotFound(f"No adaptation to {name!r} was interrupted.", "Start it without --resume.")
        before = json.loads(kept.read_text(encoding="utf-8"))
        if {**before, "recipe": None} != {**begun, "recipe": None}:
            raise Conflict(
                f"The adaptation to {name!r} began with another encoder or other texts.",
                "Give the same, or start anew.",
            )
        recipe = ADAPTATION.changed(before["recipe"])
    else:
        runs.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(begun), encoding="utf-8")
    done = train(texts, host.encoder, folder, runs / "checkpoint.pt", recipe, resume=resume, report=progress)
    if done.folder is not None:
        figures = {**begun, "recipe": dataclasses.asdict(recipe), "history": [dict(epoch) for epoch in done.history]}
        (folder / "adaptation.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
        kept.unlink()
        runs.rmdir()
    return done


def encoder_folder(home: Path, name: str) -> Path:
    """Where an adapted encoder of this home lies, or would."""
    return home / "encoders" / check_name(name, "encoder name")


def encoder_source(home: Path, name: str) -> EncoderSource:
    """Where an encoder lies; those adapted in this home come first."""
    from verticals.encoder import EncoderSource, locate

    own = home / "encoders" / name
    if own.parent == home / "encoders" and (own / "config.json").is_file():
        return EncoderSource(name, own, "path")
    return locate(name)


def texts_of_rows(version: DatasetVersion, field: str) -> list[str]:
    """The texts of a data set version's training rows, labelled or not.

    Raises:
        BadInput: the rows have no such field, or it holds no texts.
    """
    texts = []
    for row in version.iterate():
        if field not in row:
            raise BadInput(f"The rows have no {field!r}.", f"Choose one with --field: {', '.join(row)}.")
        if row.get("split") == "train" and row[field]:
            if not isinstance(row[field], str):
                raise BadInput(f"{field!r} holds no texts.", "Choose another field with --field.")
            texts.append(row[field])
    return texts
