"""The file that an interrupted run goes on from."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any

import torch

from verticals.contract import Conflict, Damaged
from verticals.files import write_file

from .work import Together, Work


def origin_of(work: Work | Together) -> dict[str, str]:
    """What a checkpoint stands on, as it is named to a person, with its digest."""
    rows = hashlib.sha256()
    for one in work.works.values() if isinstance(work, Together) else [work]:
        rows.update(one.data.lengths.tobytes())
        rows.update(one.data.targets.numpy().tobytes())
    return {"another encoder": work.body.encoder.source.sha256, "other rows": rows.hexdigest()}


def write_checkpoint(path: Path, state: dict[str, Any], origin: dict[str, str]) -> None:
    """Replace the checkpoint in one step: should it fail, the one before is still there.

    Raises:
        StorageError: the disk is full or not writable.
    """
    content = io.BytesIO()
    torch.save({**state, "origin": origin}, content)
    write_file(path, content.getvalue())


def read_checkpoint(path: Path, origin: dict[str, str]) -> dict[str, Any]:
    """What `write_checkpoint` was given.

    Raises:
        Damaged: the file is not one that it wrote.
        Conflict: the checkpoint stands on something else than training does now.
    """
    try:
        with zipfile.ZipFile(path) as parts:  # torch itself reads past a changed byte
            if parts.testzip() is not None:
                raise ValueError("a checksum does not match")
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        before = state.get("origin", origin)
    except Exception as error:  # torch tells a broken file by half a dozen kinds of error
        raise Damaged(f"The checkpoint {path} is damaged.", "Start anew without --resume.") from error
    changed = [name for name, digest in origin.items() if before.get(name) != digest]
    if changed:
        raise Conflict(
            f"The run began with {' and '.join(changed)} than there {'are' if 'other rows' in changed else 'is'} now.",
            "Give it the same as then, or start anew without --resume.",
        )
    return state
