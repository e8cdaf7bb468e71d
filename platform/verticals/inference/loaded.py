"""A version in memory, ready to answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from verticals.contract import Damaged, Extent
from verticals.encoder import Encoder, LoraAdapter, adapted
from verticals.encoder.heads import Head, build_head, head_of
from verticals.store import VersionFolder


@dataclass(slots=True)
class Loaded:
    """A head with what it stands on.

    Args:
        reference: ``vertical/head@v3``.
        head: answers from features.
        encoder: the shared one, or a private copy with this version's own weights.
        slot: of its adapter in the encoder's bank; 0 for the bare encoder.
        manifest: of the version.
        bytes: of memory that it takes beside the shared encoder.
        users: how many hold it in memory.
    """

    reference: str
    head: Head
    encoder: Encoder
    slot: int
    manifest: dict[str, Any]
    bytes: int
    users: int = 0

    @property
    def extent(self) -> Extent:
        """How much of a text is read, as in training."""
        recipe = self.manifest["recipe"]
        return Extent(int(recipe["max_tokens"]), int(recipe.get("windows", 1)))

    def unload(self) -> None:
        """Give the adapter's slot back."""
        if self.slot:
            with self.encoder.lock:
                self.encoder.bank.remove(self.slot)


def load(folder: VersionFolder, shared: Encoder, other: Callable[[str], Encoder] | None = None) -> Loaded:
    """Load a version whose files have been checked.

    Args:
        folder: of the version.
        shared: the platform's encoder.
        other: gives another by the name that the version's recipe has for it.

    Raises:
        Damaged: it was trained on another encoder, or its files don't fit together.
    """
    manifest = folder.manifest
    reference = f"{manifest['vertical']}/{manifest['head']}@{manifest['version']}"
    alone = head_of(manifest["objective"]).reads == "itself"
    own = manifest["recipe"].get("encoder")
    if own and not alone and other is not None and manifest["encoder"]["sha256"] != shared.source.sha256:
        shared = other(own)
    if not alone:
        _check_encoder(reference, manifest, shared)
    try:
        head = build_head(manifest["objective"], shared.dimension, manifest["config"])
        head.load(folder.path)
    except (OSError, KeyError, RuntimeError, TypeError) as error:
        why = "its weights do not fit its manifest" if isinstance(error, RuntimeError) else str(error)
        raise Damaged(f"{reference} cannot be loaded: {why}.", "Train it again, or roll back.") from error
    head.eval().requires_grad_(False)
    encoder, slot = shared, 0
    if alone:
        head.to(shared.precision.device)
    elif (folder.path / "model.safetensors").is_file():
        encoder = shared.private_copy()
        encoder.fill(folder.path / "model.safetensors")
    elif not (folder.path / "adapter_config.json").is_file():
        pass
    elif not adapted.fits_bank(folder.path):
        encoder = adapted.load(shared, folder.path)
    else:
        adapter = LoraAdapter.load(folder.path)
        with shared.lock:  # for as long as it is copied, not while it is read
            slot = shared.bank.add(adapter)
    return Loaded(reference, head, encoder, slot, manifest, _bytes(head, encoder, shared, slot))


def _bytes(head: Head, encoder: Encoder, shared: Encoder, slot: int) -> int:
    modules = [head] if encoder is shared else [head, encoder.model]
    weights: int = sum(tensor.nbytes for module in modules for tensor in module.state_dict().values())
    return weights + (shared.bank.size(slot) if slot else 0)


def _check_encoder(reference: str, manifest: Mapping[str, Any], shared: Encoder) -> None:
    trained_on = manifest["encoder"]["sha256"]
    if trained_on != shared.source.sha256:
        raise Damaged(
            f"{reference} was trained on the encoder {manifest['encoder']['name']} ({trained_on[:12]}); this platform "
            f"runs {shared.source.name} ({shared.source.sha256[:12]}).",
            "Set that encoder, or train the head again.",
        )
    if manifest["tokenizer_sha256"] != shared.source.tokenizer_sha256:
        raise Damaged(
            f"{reference} was trained with another tokenizer than the one in {shared.source.path}.",
            "Fetch the encoder again, or train the head again.",
        )
    if manifest["encoder"]["pooling"] != shared.source.pooling:
        raise Damaged(
            f"{reference} was trained on {manifest['encoder']['pooling']} pooling; the encoder in {shared.source.path} "
            f"now says {shared.source.pooling}.",
            "Restore the encoder's 1_Pooling/config.json, or train the head again.",
        )
