"""Files sent to a running server."""

import asyncio
import io
import tempfile
import zipfile
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from verticals.web import limits, uploads
from verticals.web.app import create_app

HERE = "/v1/platform/indexes/library/articles"
GUIDE = b"# Snow\n\nWear boots.\n\n## Ice\n\nWalk like a penguin.\n"
FAQ = b"question,answer\nWill it rain?,Ask the frog.\n"


@pytest.fixture
def client(library):
    with TestClient(create_app(library, ["library"], pages=False)) as client:
        yield client


def send(client, *files, **asked):
    return client.post(f"{HERE}/files", files=[("files", file) for file in files], params=asked)


def ids(client):
    return [one["id"] for one in client.get(f"{HERE}/documents").json()["documents"]]


def word(text: str) -> bytes:
    import docx

    document, file = docx.Document(), io.BytesIO()
    document.add_paragraph(text)
    document.save(file)
    return file.getvalue()


def test_files_of_all_kinds_become_passages_and_are_brought_up_to_date(client):
    page = b"<html><body><main><h1>Sun</h1><p>Wear a hat.</p></main></body></html>"
    done = send(
        client,
        ("guides/snow.md", GUIDE), ("faq.csv", FAQ), ("sun.html", page), ("note.txt", b"Umbrellas are by the door."),
        ("storm.docx", word("Stay inside in a storm.")), ("more.jsonl", b'{"title": "Fog", "text": "Drive slowly."}\n'),
    )  # fmt: skip
    assert done.status_code == 200, done.text
    assert done.json() | {"seconds": 0} == {
        "files": 6, "passages": 7, "added": 7, "updated": 0, "unchanged": 0, "deleted": 0,
        "skipped": [], "notes": [], "problems": [], "seconds": 0,
    }  # fmt: skip
    assert sum(one.startswith("files/guides/snow.md#") for one in ids(client)) == 2
    hit = client.post(f"{HERE}/search", json={"text": "penguin", "k": 1}).json()["hits"][0]["document"]
    assert (hit["source"], hit["metadata"]["kind"], hit["title"]) == ("guides/snow.md", "markdown", "Snow › Ice")
    again = send(client, ("guides/snow.md", GUIDE.partition(b"## Ice")[0])).json()
    assert (again["unchanged"], again["deleted"], again["added"]) == (1, 1, 0)
    assert send(client, ("snow.md", GUIDE), name="help").json()["added"] == 2
    assert sum(one.startswith("files/") for one in ids(client)) == 6


def test_each_file_that_cannot_be_read_is_told_and_the_others_are_imported(client):
    send(client, ("broken.pdf", b"%PDF-1.4 x"), ("keep.md", GUIDE))
    told = send(
        client,
        ("broken.pdf", b"no pdf"), ("picture.png", b"\x89PNG"), ("README", b"text"), ("empty.txt", b""),
        ("answers.csv", b"question,reply\na,b\n"), ("fine.md", GUIDE), ("keep.md", b"\x00\x00"),
    )  # fmt: skip
    assert told.status_code == 422
    problem = told.json()
    assert problem["type"] == "urn:verticals:problem:bad-files"
    assert {one["field"] for one in problem["errors"]} >= {"broken.pdf", "picture.png", "README", "answers.csv"}
    assert problem["stored"]["added"] == 2
    assert "platform-upload" not in told.text, "where the server kept it is of no use to who sent it"
    why = {one["field"]: one["problem"] for one in problem["errors"]}
    assert "files that end in '.png' cannot be read" in why["picture.png"]
    assert "README has no ending" in why["README"]
    assert "empty.txt is empty" in why["empty.txt"]
    assert sum(one.startswith("files/fine.md#") for one in ids(client)) == 2


def test_an_encrypted_pdf_is_told(client):
    from pypdf import PdfWriter

    writer, file = PdfWriter(), io.BytesIO()
    writer.add_blank_page(200, 200)
    writer.encrypt("secret", algorithm="RC4-128")
    writer.write(file)
    told = send(client, ("locked.pdf", file.getvalue()))
    assert told.status_code == 422
    assert "encrypted" in told.json()["errors"][0]["problem"]


@pytest.mark.parametrize(
    ("given", "called"),
    [("../../etc/x.md", "etc/x.md"), ("C:\\help\\x.md", "C:/help/x.md"), ("/x.md", "x.md"), ("a/./b\n.md", "a/b.md")],
)
def test_a_name_cannot_leave_its_folder(client, given, called):
    assert uploads_name(given) == called


def uploads_name(name):
    async def kept():
        async def save(path):
            path.write_bytes(b"x")

        async with uploads.stored([(name, save)]) as ((called, path),):
            there = path.read_bytes()
        return called, path, there

    called, path, there = asyncio.run(kept())
    assert there == b"x"
    assert path.resolve().is_relative_to(Path(tempfile.gettempdir()).resolve())
    assert not path.parent.parent.exists()
    return called


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ([], "needs"),
        ([("..", b"x")], "not the name of a file"),
        ([("a.md", GUIDE), ("./a.md", GUIDE)], "Two files are called 'a.md'"),
        ([("a" * 201 + ".md", GUIDE)], "more than 200 characters"),
    ],
)
def test_what_cannot_be_taken_is_refused_whole(client, files, told):
    before = ids(client)
    refused = send(client, *files)
    assert refused.status_code in (415, 422)
    assert told in refused.text or not files
    assert ids(client) == before


def test_a_body_that_is_no_form_is_refused(client):
    assert client.post(f"{HERE}/files", content=b"# Snow").status_code == 415
    broken = client.post(
        f"{HERE}/files", content=b"--x\r\nnonsense", headers={"content-type": "multipart/form-data; boundary=x"}
    )
    assert broken.status_code in (400, 422)
    assert send(client, ("a.md", GUIDE), size=5).status_code == 422
    wrong = client.post("/v1/platform/indexes/library/artcles/files", files={"files": ("a.md", GUIDE)})
    assert wrong.status_code == 404


def test_what_is_too_large_is_refused_while_it_streams_in(library, monkeypatch):
    app = create_app(library, ["library"], pages=False)
    small = limits.BodyLimit(app, files=100_000)
    with TestClient(app):
        client = TestClient(small)
        assert send(client, ("a.txt", b"x " * 60_000)).status_code == 413

        def pieces():
            yield b'--x\r\ncontent-disposition: form-data; name="files"; filename="a.txt"\r\n\r\n'
            for _ in range(60):
                yield b"word " * 1_000

        headers = {"content-type": "multipart/form-data; boundary=x"}
        assert client.post(f"{HERE}/files", content=pieces(), headers=headers).status_code == 413
        assert send(client, ("a.txt", b"Fine.")).status_code == 200


def test_an_archive_that_unpacks_to_very_much_is_no_danger(client):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b"<w>" + b" " * 5_000_000)
    assert send(client, ("bomb.docx", file.getvalue())).status_code == 422
