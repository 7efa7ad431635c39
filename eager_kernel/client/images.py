"""The pictures among a run's outputs."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from eager_kernel.sources.source import IMAGE_TYPES


class Image(NamedTuple):
    """A picture.

    Parameters
    ----------
    type
        Its media type, such as ``image/png``.
    data
        The file's content; of ``image/svg+xml``, XML in UTF-8.
    """

    type: str
    data: bytes


def images_of(outputs: Iterable[dict[str, Any]]) -> list[Image]:
    """Find the pictures among outputs, in order.

    One for each output: the types in it are one picture in several forms, of which a PNG comes
    first, then the other pictures of points, then SVG. What is said to be a picture, and is not
    written as such a one is, is none.
    """
    found = []
    for output in outputs:
        data = output.get("data")
        if isinstance(data, dict):
            kinds = sorted((kind for kind in data if kind.startswith("image/")), key=_rank)
            images = (image for kind in kinds if (image := _image(kind, data[kind])) is not None)
            if (first := next(images, None)) is not None:
                found.append(first)
    return found


def seen(images: Iterable[Image]) -> list[Image]:
    """Those of pictures that models can see, in order."""
    return [image for image in images if image.type in IMAGE_TYPES]


def _image(kind: str, data: object) -> Image | None:
    if isinstance(data, list):  # as a notebook's file has it
        data = "".join(map(str, data))
    if not isinstance(data, str):
        return None
    if kind.endswith("+xml"):
        return Image(kind, data.encode())
    try:
        return Image(kind, b64decode("".join(data.split()), validate=True))
    except (binascii.Error, ValueError):
        return None


def _rank(kind: str) -> int:
    if kind in _PREFERRED:
        return _PREFERRED.index(kind)
    return len(_PREFERRED) + kind.endswith("+xml")


_PREFERRED: Final = ("image/png", "image/jpeg", "image/webp", "image/gif")
