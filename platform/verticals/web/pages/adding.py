"""Files given on the page of an index, and what became of them."""

from __future__ import annotations

from nicegui import ui
from nicegui.events import MultiUploadEventArguments

from verticals.contract import PlatformError
from verticals.host.served_index import ServedIndex
from verticals.retrieval.reading import KINDS, ImportSummary
from verticals.web import uploads
from verticals.web.ui import Tone, notice, section, table


def adding(index: ServedIndex, address: str) -> None:
    """Show where files can be put.

    Args:
        index: that they are for.
        address: of the page that shows its documents.
    """

    def told(text: str, tone: Tone) -> None:
        result.clear()
        with result:
            notice(text, tone)

    async def take(given: MultiUploadEventArguments) -> None:
        told("The files are being read …", "info")
        try:
            async with uploads.stored((one.name, one.save) for one in given.files) as sent:
                summary = await index.import_uploads(sent)
        except PlatformError as error:
            told(str(error), "error")
            return
        result.clear()
        with result:
            _summary(summary, address)

    kinds = "Markdown, HTML, PDF, Word, text, or rows of questions with answers."
    with section("Add files", f"{kinds} Sent again, a file is brought up to date."):
        ui.upload(
            multiple=True,
            auto_upload=True,
            max_total_size=uploads.MOST_BYTES,
            max_files=uploads.MOST_FILES,
            label="Drop files here, or choose them with +",
            on_multi_upload=take,
            on_rejected=lambda: told("Files of these kinds or of this size are not taken.", "error"),
        ).props(f'accept="{",".join(KINDS)}" flat bordered').classes("p-upload")
        result = ui.element("div").classes("p-upload-result")


def _summary(summary: ImportSummary, address: str) -> None:
    files = "1 file" if summary.files == 1 else f"{summary.files:,} files"
    passages = "1 passage" if summary.passages == 1 else f"{summary.passages:,} passages"
    notice(
        f"Read {files}: {passages}, {summary.added:,} new, {summary.updated:,} changed, "
        f"{summary.unchanged:,} as before; {summary.deleted:,} deleted.",
        "success" if summary.files else "warning",
    )
    if summary.problems:
        rows = [(one.path, one.problem) for one in summary.problems]
        table(("File", "Why it was not imported, whole or in part"), rows, caption="Files that cannot be read")
    for note in summary.notes:
        notice(note)
    ui.link("Show the documents", address).classes("p-quiet-link")
