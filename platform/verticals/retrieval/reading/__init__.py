"""Documents from files: Markdown, HTML, PDF, Word, plain text, and rows of questions and answers.

A reader per kind of file gives blocks: paragraphs, list items, rows, headings. They are joined or cut into passages,
each of which knows where it stands in the file's plain text, and an import brings the passages of an index up to what
the files hold. The libraries that read are imported when the first file of their kind comes.
"""

from .blocks import Block, Told
from .importing import FileProblem, ImportSummary, import_files
from .kinds import KINDS, plain_text, read_blocks
from .splitting import Passage, split
from .uploads import import_uploads, inner_path

__all__ = [
    "KINDS", "Block", "FileProblem", "ImportSummary", "Passage", "Told", "import_files", "import_uploads", "inner_path",
    "plain_text", "read_blocks",
    "split",
]  # fmt: skip
