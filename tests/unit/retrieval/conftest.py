"""A tiny embedding that needs no model, and ways to make and open indexes."""

import hashlib
import os
import re
import subprocess
import sys

import numpy as np
import pytest

from verticals import Document
from verticals.retrieval import DocumentIndex


class WordBag:
    """Hashed bag of words; remembers what it was asked for."""

    def __init__(self, width=64, salt=""):
        self.width = width
        self.salt = salt
        self.asked = []

    def __call__(self, texts):
        self.asked += texts
        vectors = np.zeros((len(texts), self.width), np.float32)
        for vector, text in zip(vectors, texts, strict=True):
            for word in re.findall(r"\w+", text.lower()):
                vector[int(hashlib.md5((self.salt + word).encode()).hexdigest(), 16) % self.width] += 1
        return vectors


@pytest.fixture
def embed():
    return WordBag()


@pytest.fixture
def word_bag():
    return WordBag


@pytest.fixture(scope="session")
def word_bag_shared():
    return WordBag()


@pytest.fixture(scope="session")
def shared_index(tmp_path_factory):
    with DocumentIndex.open(tmp_path_factory.mktemp("shared"), WordBag()) as opened:
        yield opened


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "articles"


@pytest.fixture
def index(folder, embed):
    with DocumentIndex.open(folder, embed) as opened:
        yield opened


@pytest.fixture
def articles():
    return [
        Document(
            id="returns",
            title="How to return an item",
            text="Send it back within 30 days. The label is in the parcel. Refunds take a week.",
            source="help/returns.md",
            metadata={"topic": "returns", "year": 2025, "tags": ["money", "parcel"], "public": True},
        ),
        Document(
            id="shipping",
            title="Delivery times",
            text="We deliver within three days. You can track the parcel online.",
            metadata={"topic": "delivery", "year": 2026, "tags": ["parcel"], "public": True},
        ),
        Document(
            id="refunds",
            title="When is my money back?",
            text="A refund reaches your bank after five working days.",
            metadata={"topic": "returns", "year": 2026, "tags": ["money"], "public": False, "note": None},
        ),
        Document(id="退货", title="退货政策", text="您可以在三十天内退货。退款需要一周。", metadata={"topic": "中文"}),
    ]


@pytest.fixture
def other_process():
    """Run code in another Python process; its standard output is returned."""

    def run(code, *arguments):
        result = subprocess.run(
            [sys.executable, "-c", code, *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=120,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        assert result.returncode == 0, result.stderr
        return result.stdout.strip()

    return run


class Process:
    """Another Python process that answers one line with one line."""

    def __init__(self, code, *arguments):
        self._process = subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )

    def ask(self, line):
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()

    def kill(self):
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def process():
    """Start another Python process; it is killed at the end."""
    started = []

    def start(code, *arguments):
        started.append(Process(code, *arguments))
        return started[-1]

    yield start
    for one in started:
        one.kill()


def pdf_bytes(pages, title=""):
    """A PDF by hand: one page per text, its lines below each other."""
    escaped = [
        [line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)") for line in page.split("\n")]
        for page in pages
    ]
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [%s] /Count %d >>"
        % (b" ".join(b"%d 0 R" % (5 + 2 * at) for at in range(len(pages))), len(pages)),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        b"<< /Title (%s) >>" % title.encode("cp1252"),
    ]
    for at, lines in enumerate(escaped):
        drawn = " ".join(f"({line}) Tj T*" for line in lines).encode("cp1252")
        content = b"BT /F1 12 Tf 14 TL 50 750 Td " + drawn + b" ET"
        objects += [
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents %d 0 R "
            b"/Resources << /Font << /F1 3 0 R >> >> >>" % (6 + 2 * at),
            b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        ]
    written, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(written))
        written += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"trailer << /Size %d /Root 1 0 R /Info 4 0 R >>\nstartxref\n%d\n%%%%EOF\n"
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    return written + head + table + end % (len(objects) + 1, len(written))


@pytest.fixture
def write(tmp_path):
    """Write a file below the folder `kb` of this test, and give its path."""

    def write(name, content):
        path = tmp_path / "kb" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture
def pdf():
    return pdf_bytes
