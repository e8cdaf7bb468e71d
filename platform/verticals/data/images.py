"""Images as arrays: from files, bytes, base64 or numbers."""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from verticals.contract import BadInput

_MOST_PIXELS = 64_000_000
_REMEDY = "Give the path of a PNG or JPEG file, its bytes, base64 ('data:image/png;base64,…'), or an array."


def read_image(value: Any) -> np.ndarray:
    """An image as uint8 [height, width, channels], with 1 channel where it is grey and 3 where it has colours.

    Args:
        value: a path; encoded bytes; base64 as a ``data:`` URL or under the key ``base64``; or an array (nested lists
            too) [height, width] or [height, width, channels], of whole numbers from 0 to 255 or of fractions from 0
            to 1.

    Raises:
        BadInput: it is none of these, or is damaged, or too large.
    """
    if isinstance(value, Mapping) and set(value) == {"base64"}:
        return _decoded(_from_base64(value["base64"]), "The image")
    if isinstance(value, str) and value.startswith("data:"):
        return _decoded(_from_base64(value.partition(",")[2]), "The image")
    if isinstance(value, str | Path):
        return _from_file(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return _decoded(bytes(value), "The image")
    return _from_numbers(value)


def in_hand(value: Any) -> bool:
    """Whether a value holds the image itself, rather than the path of a file."""
    return not isinstance(value, str | Path) or (isinstance(value, str) and value.startswith("data:"))


def resized(image: np.ndarray, size: int, channels: int) -> np.ndarray:
    """An image squeezed or stretched into a square, uint8 [channels, size, size]; colours become grey or grey three."""
    from PIL import Image

    if image.shape[2] != channels:
        grey = image.mean(axis=2, keepdims=True).round().astype(np.uint8) if image.shape[2] == 3 else image
        image = grey if channels == 1 else np.repeat(grey, channels, axis=2)
    if image.shape[:2] != (size, size):
        planes = [
            Image.fromarray(np.ascontiguousarray(image[..., at])).resize((size, size), Image.Resampling.BILINEAR)
            for at in range(channels)
        ]
        image = np.stack([np.asarray(plane) for plane in planes], axis=2)
    return np.ascontiguousarray(image.transpose(2, 0, 1))


def _from_file(path: str | Path) -> np.ndarray:
    try:
        content = Path(path).read_bytes()
    except (OSError, ValueError) as error:
        shown = str(path)[:200]
        raise BadInput(f"The image {shown!r} cannot be read: {getattr(error, 'strerror', error)}.", _REMEDY) from None
    return _decoded(content, f"The image {str(path)!r}")


def _from_base64(text: Any) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise BadInput("The image is no base64.", _REMEDY) from None


def _decoded(content: bytes, name: str) -> np.ndarray:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(content)) as opened:
            if opened.width * opened.height > _MOST_PIXELS:
                raise BadInput(
                    f"{name} has {opened.width} x {opened.height} pixels.", "Give one of 64 million pixels at most."
                )
            grey = opened.mode in ("1", "L", "LA", "I", "I;16", "F")
            if opened.mode in ("I", "I;16", "F"):  # more than 8 bits: Pillow would cut them off, not scale them
                return _from_numbers(_scaled(np.asarray(opened, dtype=np.float64)))
            return _from_numbers(np.asarray(opened.convert("L" if grey else "RGB")))
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
        raise BadInput(f"{name} cannot be decoded: {error}.", _REMEDY) from None


def _scaled(values: np.ndarray) -> np.ndarray:
    low, high = float(values.min()), float(values.max())
    return (values - low) / max(high - low, 1e-9)


def _from_numbers(value: Any) -> np.ndarray:
    try:
        array = np.asarray(value)
    except ValueError:
        raise BadInput("The image's rows have different lengths.", _REMEDY) from None
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[2] not in (1, 3) or not array.size or array.dtype.kind not in "uif":
        raise BadInput(f"The image is a {type(value).__name__} of shape {array.shape}.", _REMEDY)
    low, high = float(array.min()), float(array.max())
    most = 255.0 if array.dtype.kind in "ui" else 1.0
    if not (low >= 0 and high <= most):
        raise BadInput(f"The image's values lie between {low:g} and {high:g}.", f"Scale them to 0 to {most:g}.")
    return array.astype(np.uint8) if most == 255.0 else (array * 255).round().astype(np.uint8)
