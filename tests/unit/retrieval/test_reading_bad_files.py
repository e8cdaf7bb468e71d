"""Files that cannot be read, or not as they are: what is said of them."""

import contextlib
import io
import os
import zipfile

import docx
import pypdf
import pypdf.errors
import pytest

from verticals import BadInput
from verticals.retrieval.reading import Told, kinds, read_blocks
from verticals.retrieval.reading import docx as word_files


def refused(path, encoding=None, told=None):
    with pytest.raises(BadInput) as caught:
        list(read_blocks(path, encoding, told or Told()))
    assert str(path) in caught.value.message
    assert caught.value.remedy
    return str(caught.value)


def encrypted(content, password):
    writer = pypdf.PdfWriter(io.BytesIO(content))
    writer.encrypt(password, "owner", algorithm="RC4-128")
    written = io.BytesIO()
    writer.write(written)
    return written.getvalue()


def test_an_encrypted_pdf_asks_for_a_copy_without_password(write, pdf):
    assert "needs a password. Save a copy without password" in refused(
        write("a.pdf", encrypted(pdf(["Secret"]), "pass"))
    )
    (block,) = read_blocks(write("b.pdf", encrypted(pdf(["Only printing is forbidden"]), "")), None, Told())
    assert block.text == "Only printing is forbidden"


def test_a_cipher_that_takes_a_library_more_is_named(write, pdf, monkeypatch):
    def missing(*_):
        raise pypdf.errors.DependencyError("cryptography>=3.1 is required for AES algorithm")

    monkeypatch.setattr(pypdf.PdfReader, "decrypt", missing)
    assert "encrypted with AES" in refused(write("a.pdf", encrypted(pdf(["Secret"]), "")))


@pytest.mark.parametrize("content", [b"%PDF-1.4\nrubbish", b"no pdf at all", b"%PDF-1.7" + bytes(1000)])
def test_a_damaged_pdf_is_said_to_be_damaged(write, content, caplog):
    assert "is damaged or no PDF" in refused(write("a.pdf", content))


def test_a_cut_pdf_is_refused_or_read_but_never_breaks(write, pdf):
    content = pdf(["One page.", "Another page."])
    for length in range(0, len(content), 97):
        path = write(f"{length}.pdf", content[: length or 1])
        with contextlib.suppress(BadInput):
            list(read_blocks(path, None, Told()))


def test_a_damaged_page_is_told_and_the_others_read(write, pdf, monkeypatch):
    extract = pypdf.PageObject.extract_text

    def fails_on_the_second(page):
        if page.page_number == 1:
            raise RecursionError
        return extract(page)

    monkeypatch.setattr(pypdf.PageObject, "extract_text", fails_on_the_second)
    told = Told()
    blocks = list(read_blocks(write("a.pdf", pdf(["One", "Two", "Three"])), None, told))
    assert [(block.page, block.text) for block in blocks] == [(1, "One"), (3, "Three")]
    assert "page 2 cannot be read and is left out" in told.left_out[0]


def test_a_scanned_pdf_is_said_to_have_no_text(write, pdf):
    assert "its pages are pictures" in refused(write("a.pdf", pdf(["", ""])))
    told = Told()
    assert len(list(read_blocks(write("b.pdf", pdf(["Text", "", "Text"])), None, told))) == 2
    assert told.notes == [f"{write('b.pdf', pdf(['Text', '', 'Text']))}: page 2 has no text."]


@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.html", "a.pdf", "a.docx", "a.csv", "a.jsonl"])
def test_an_empty_file_is_told(write, name):
    assert "is empty" in refused(write(name, ""))


@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.html"])
def test_a_file_of_blanks_and_marks_has_no_text(write, name):
    assert "there is no text in it" in refused(write(name, " \n\n<!-- nothing -->\n" if name != "a.txt" else " \n\n"))


def test_other_encodings_are_found_and_told(write):
    told = Told()
    text = "Schöne Grüße aus München: die Rückgabe ist für alle kostenlos. " * 3
    (block,) = read_blocks(write("a.txt", text.encode("cp1252")), None, told)
    assert block.text == text.strip()
    assert "is not UTF-8; it was read as cp1252" in told.notes[0]
    (block,) = read_blocks(write("b.md", text.encode("utf-16")), None, Told())
    assert block.text == text.strip()
    rows = f"question,answer\nWie?,{text}\n".encode("cp1252")
    (block,) = read_blocks(write("c.csv", rows), None, told)
    assert block.text == text.strip()
    (block,) = read_blocks(write("d.txt", b"\xef\xbb\xbfText"), None, Told())
    assert block.text == "Text"


def test_an_encoding_that_is_given_is_taken_or_refused(write):
    path = write("a.txt", "Größe".encode("cp850"))
    (block,) = read_blocks(path, "cp850", Told())
    assert block.text == "Größe"
    assert "not ASCII" in refused(path, "ascii")
    with pytest.raises(BadInput, match="no text encoding 'klingon'"):
        list(read_blocks(path, "klingon", Told()))


def test_what_is_no_text_is_refused(write):
    assert "NUL bytes" in refused(write("a.txt", bytes(100)))
    assert "not text" in refused(write("b.md", b"PK\x03\x04" + bytes(range(256))))
    assert "is a PDF" in refused(write("c.txt", "%PDF-1.4 and so on"))


def test_a_word_document_that_is_none(write, tmp_path):
    assert "damaged or no Word document" in refused(write("a.docx", "text"))
    assert "damaged or no Word document" in refused(write("b.docx", b"PK\x03\x04" + bytes(100)))
    assert "encrypted with a password, or an old Word" in refused(write("c.docx", b"\xd0\xcf\x11\xe0" + bytes(600)))
    with zipfile.ZipFile(tmp_path / "d.docx", "w") as archive:
        archive.writestr("readme.txt", "no document")
    assert "damaged or no Word document" in refused(tmp_path / "d.docx")
    document = docx.Document()
    document.add_paragraph("text")
    document.save(str(tmp_path / "whole.docx"))
    content = (tmp_path / "whole.docx").read_bytes()
    assert "damaged" in refused(write("e.docx", content[: len(content) // 2]))


def test_an_archive_that_unpacks_to_far_more_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(word_files, "_LARGEST_UNPACKED", 20 << 20)
    path = tmp_path / "bomb.docx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("word/document.xml", "w") as entry:
        for _ in range(30):
            entry.write(bytes(1 << 20))
    assert path.stat().st_size < 1 << 16
    assert "unpacks to 30 MiB" in refused(path)


def test_missing_columns_are_named(write):
    assert "no column 'answer'; there are 'question', 'reply'" in refused(write("a.csv", "question,reply\na,b\n"))
    assert "no column 'text'; there are 'title', 'body'" in refused(write("b.tsv", "title\tbody\na\tb\n"))
    assert "no column 'question'; there are 'answer'" in refused(write("c.csv", "answer\na\n"))
    assert "no columns 'question' and 'answer', nor 'title' and 'text'; there are 'x'" in refused(
        write("d.jsonl", '{"x": 1}\n')
    )


def test_bad_rows_are_told_with_their_numbers_and_the_others_read(write):
    told = Told()
    path = write(
        "a.jsonl",
        '{"question": "a", "answer": "A"}\n{"question": "b"}\nno json\n{"question": 1, "answer": "C"}\n'
        '{"question": "d", "answer": "\\ud800"}\n{"question": "e", "answer": "E", "n": NaN}\n'
        '{"question": "f", "answer": "F"}\n',
    )
    assert [block.text for block in read_blocks(path, None, told)] == ["A", "F"]
    assert [sentence.split(": ")[0].removeprefix(f"{path}, ") for sentence in told.left_out] == [
        "row 2, answer", "row 3", "row 4, question", "row 5", "row 6",
    ]  # fmt: skip
    assert "not one of its rows is good" in refused(write("b.csv", "question,answer\na,\n,b\n"))


def test_a_repeated_id_names_both_rows(write):
    told = Told()
    path = write("a.csv", "id,question,answer\n1,a,A\n2,b,B\n1,c,C\n,d,D\n,e,E\n")
    assert [block.text for block in read_blocks(path, None, told)] == ["A", "B", "D", "E"]
    assert told.left_out == [f"{path}, row 4, id: is that of row 2 too (got '1'); it was left out."]


def test_half_a_surrogate_pair_becomes_the_unknown_character(write):
    (block,) = read_blocks(write("a.html", "<p>a&#0;b&#xD800;c</p>"), None, Told())
    block.text.encode()
    assert "\0" not in block.text


def test_a_file_that_is_too_large_or_may_not_be_read(write, monkeypatch):
    path = write("a.txt", "text")
    monkeypatch.setattr(kinds, "LARGEST", 3)
    assert "can be read at once" in refused(path)
    monkeypatch.undo()
    path.chmod(0)
    if not os.access(path, os.R_OK):
        assert "cannot be read: Permission denied" in refused(path)
    assert "cannot be read: No such file" in refused(path.with_name("none.txt"))


def test_markup_that_nests_or_never_ends_is_read(write):
    for name, content in {
        "a.html": "<div>" * 2_000 + "deep",
        "b.html": "<table><tr><td>" * 600 + "deep",
        "c.html": "<ul><li>" * 800 + "deep",
        "d.md": "> " * 90 + "deep",
        "e.md": "[" * 30_000 + "deep",
        "f.md": "*a_ " * 5_000 + "deep",
        "g.md": "[" * 5_000 + "deep",
    }.items():
        *_, last = read_blocks(write(name, content), None, Told())
        assert last.text.endswith("deep"), name


def test_markup_that_nests_too_deep_is_refused(write):
    assert "Excessive depth in document" in refused(write("a.html", "<div>" * 20_000 + "deep"))
    assert "no text" in refused(write("b.md", "- " * 3_000 + "deep"))
