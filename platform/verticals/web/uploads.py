"""Files that come with a request: received into a folder, and what became of them."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from functools import partial
from pathlib import Path

from anyio import to_thread
from fastapi.exceptions import HTTPException
from starlette.datastructures import UploadFile
from starlette.requests import ClientDisconnect, Request

from verticals.contract import BadInput
from verticals.files import explained

#: So many bytes may one request bring, and so many files.
MOST_BYTES = 256 << 20
MOST_FILES = 1_000
_LONGEST_ENDING = 20

Save = Callable[[Path], Awaitable[None]]


@contextlib.asynccontextmanager
async def received(request: Request) -> AsyncIterator[list[tuple[str, Path]]]:
    """The files of a multipart body, for the length of a block: ``(what it is called, where its content is)``.

    Raises:
        BadInput: there is none, one has no usable name, or two have one name.
        HTTPException: the body is no multipart body, broken, cut off or too large.
        StorageError: there is no room for them.
    """
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise HTTPException(415, "Files come as multipart/form-data, such as curl -F files=@manual.pdf sends.")
    try:
        with explained(Path(tempfile.gettempdir())):
            form = await request.form(max_files=MOST_FILES)
    except ClientDisconnect:
        raise HTTPException(400, "The body ended before it was complete.") from None
    try:
        files = [one for _, one in form.multi_items() if isinstance(one, UploadFile)]
        async with stored((one.filename or "", partial(_copy, one)) for one in files) as kept:
            yield kept
    finally:
        await form.close()


@contextlib.asynccontextmanager
async def stored(files: Iterable[tuple[str, Save]]) -> AsyncIterator[list[tuple[str, Path]]]:
    """Files in a folder for the length of a block: each given by its name and by what writes its content to a path.

    Raises:
        BadInput, StorageError: see `received`.
    """
    from verticals.retrieval.reading import inner_path

    kept: dict[str, Path] = {}
    with tempfile.TemporaryDirectory(prefix="platform-upload-") as folder:
        for number, (name, save) in enumerate(files):
            path = inner_path(name)
            if path in kept:
                raise BadInput(f"Two files are called {path!r}.", "Send them one after the other, or rename one.")
            kept[path] = Path(folder) / str(number) / f"file{Path(path).suffix[:_LONGEST_ENDING]}"
            with explained(Path(folder)):
                kept[path].parent.mkdir()
                await save(kept[path])
        if not kept:
            raise BadInput("The body holds no file.", "Send one or more, as curl -F files=@manual.pdf does.")
        yield list(kept.items())


async def _copy(sent: UploadFile, path: Path) -> None:
    def copy() -> None:
        with path.open("wb") as file:
            shutil.copyfileobj(sent.file, file)

    await to_thread.run_sync(copy)
