"""Retrieval: documents that are found by meaning and by words, and are never lost.

The truth is one SQLite file per index: documents, metadata and vectors, with a growing change number. The dense part
(FAISS) and the lexical part (tantivy) are derived from it: each says the last change it contains, replays what came
after, and is built again from nothing where its snapshot is missing or damaged. One process writes, any number read.
The libraries are imported when an index opens.
"""

from .changes import Changes
from .comparing import Compared, Question
from .embedding import Embed, Embedded
from .facts import IndexFacts, Reembedding
from .index import DocumentIndex
from .loading import LineLoader, Loaded, load_file
from .probing import Probe, Tuning
from .reembedding import Pace, Reembedded
from .search import valid_unicode
from .transfer import export_file, json_line

__all__ = [
    "Changes", "Compared", "DocumentIndex", "Embed", "Embedded", "IndexFacts", "LineLoader", "Loaded", "Pace", "Probe",
    "Question", "Reembedded", "Reembedding", "Tuning", "export_file", "json_line", "load_file",
    "valid_unicode",
]  # fmt: skip
