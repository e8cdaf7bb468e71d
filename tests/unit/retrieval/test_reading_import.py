"""Files imported into an index: what is added, changed, deleted and told."""

import os
import shutil
from pathlib import Path

import pytest

from verticals import BadInput, Conflict, Document, NotFound
from verticals.retrieval import Changes, DocumentIndex
from verticals.retrieval.reading import import_files, importing, plain_text


def figures(summary):
    return summary.added, summary.updated, summary.unchanged, summary.deleted


def state(index):
    return {document.id: document for document in index.documents(limit=10_000)}


@pytest.fixture
def kb(write, tmp_path, pdf):
    write("returns.md", "# Returns\n\nThirty days.\n\n## Refunds\n\nWithin a week.\n\n## Labels\n\nIn the parcel.\n")
    write("faq.csv", "id,question,answer,topic\nq1,How long?,Three days.,delivery\nq2,Where?,Everywhere.,delivery\n")
    write("deep/manual.pdf", pdf(["Switch it on.", "Switch it off."]))
    return tmp_path / "kb"


def test_passages_become_documents_that_say_where_they_stand(index, kb):
    summary = import_files(index, [kb])
    assert (summary.files, summary.passages) == (3, 7)
    assert figures(summary) == (7, 0, 0, 0)
    assert not summary.problems
    refunds = index.search("when is the refund paid within a week")[0].document
    assert (refunds.title, refunds.source) == ("Returns › Refunds", "returns.md")
    start, end = refunds.metadata["start"], refunds.metadata["end"]
    assert refunds.metadata == {
        "path": "returns.md", "folder": "kb", "kind": "markdown", "heading": ["Returns", "Refunds"],
        "start": start, "end": end,
    }  # fmt: skip
    assert plain_text(kb / "returns.md")[start:end] == refunds.text == "Within a week."
    assert {hit.document.text for hit in index.search("it", where={"heading": "Returns"})} == {
        "Thirty days.", "Within a week.", "In the parcel.",
    }  # fmt: skip
    answer = index.get("kb/faq.csv#q1")
    assert (answer.title, answer.text, answer.metadata["topic"]) == ("How long?", "Three days.", "delivery")
    (off,) = [each for each in state(index).values() if each.metadata.get("page") == 2]
    assert (off.text, off.source, off.metadata["kind"]) == ("Switch it off.", "deep/manual.pdf", "pdf")


def test_importing_again_changes_and_embeds_nothing(index, kb, embed):
    import_files(index, [kb])
    before = state(index)
    embed.asked.clear()
    assert figures(import_files(index, [str(kb)])) == (0, 0, 7, 0)
    assert embed.asked == []
    assert state(index) == before


def test_an_edit_changes_only_what_it_touches(index, kb, embed, write):
    import_files(index, [kb])
    before = state(index)
    text = (kb / "returns.md").read_text()
    write("returns.md", text.replace("Within a week.", "Within two weeks."))
    embed.asked.clear()
    # The passage after it has moved by four characters: it is written again, with the vector that it had.
    assert figures(import_files(index, [kb])) == (1, 1, 5, 1)
    assert embed.asked == ["Returns › Refunds\nWithin two weeks."]
    assert len(state(index).keys() - before.keys()) == len(before.keys() - state(index).keys()) == 1
    write("returns.md", text.replace("## Refunds", "## Your money"))
    assert import_files(index, [kb]).deleted == 1
    assert index.search("your money")[0].document.title == "Returns › Your money"


def test_what_is_gone_from_a_file_or_a_folder_is_deleted_and_nothing_else(index, kb, write):
    mine = [Document("kb/returns.md#mine", "by hand"), Document("other/a#1", "x"), Document("kb", "y")]
    index.upsert(mine)
    import_files(index, [kb])
    write("faq.csv", "id,question,answer,topic\nq1,How long?,Three days.,delivery\n")
    assert figures(import_files(index, [kb / "faq.csv"])) == (0, 0, 1, 1)
    (kb / "returns.md").unlink()
    assert figures(import_files(index, [kb / "faq.csv"])) == (0, 0, 1, 0)
    assert figures(import_files(index, [kb])) == (0, 0, 3, 3)
    shutil.rmtree(kb / "deep")
    assert figures(import_files(index, [kb])) == (0, 0, 1, 2)
    assert set(state(index)) == {"kb/faq.csv#q1", *(document.id for document in mine)}


def test_other_wordings_of_a_question_lead_to_its_answer(index, write, embed):
    rows = "id,question,also,answer,topic\nq1,How long?,{},Three days.,delivery\nq2,How much?,,Five pounds.,delivery\n"
    path = write("faq.csv", rows.format("will it take ages|when do I get it"))
    import_files(index, [path])
    (hit, *_) = index.search("will it take ages", where={"topic": "delivery"})
    assert (hit.document.title, hit.document.wordings) == ("How long?", ("will it take ages", "when do I get it"))
    assert index.count() == 2
    embed.asked.clear()
    write("faq.csv", rows.format("when do I get it"))
    assert figures(import_files(index, [path])) == (0, 1, 1, 0)
    assert embed.asked == ["How long?\nThree days.", "How long?", "when do I get it"]


def test_a_file_that_cannot_be_read_keeps_its_passages_and_the_others_go_on(index, kb, write):
    import_files(index, [kb])
    before = state(index)
    write("deep/manual.pdf", b"%PDF-1.4 cut off")
    write("deep/second.docx", "no document")
    write("zebra.txt", "A new file.")
    summary = import_files(index, [kb])
    assert figures(summary) == (1, 0, 5, 0)
    assert [Path(problem.path).name for problem in summary.problems] == ["manual.pdf", "second.docx"]
    assert "damaged" in str(summary.problems[0])
    assert before.items() <= state(index).items()


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_stopped_anywhere_and_run_again_it_ends_the_same(index, kb, write, monkeypatch, folder, embed, batch):
    monkeypatch.setattr(importing, "_BATCH", batch)
    import_files(index, [kb])
    write("returns.md", "# Returns\n\nNew.\n\n## Refunds\n\nWithin a week.\n\n## More\n\nAnd more.\n")
    write("faq.csv", "question,answer\nWho?,We.\nWhen?,Now.\n")
    (kb / "deep" / "manual.pdf").unlink()
    with DocumentIndex.open(folder.with_name("straight"), embed) as straight:
        import_files(straight, [kb])
        wanted = state(straight)
    for stop in range(12):
        interrupted = Interrupted(index, stop)
        try:
            import_files(interrupted, [kb])
        except KeyboardInterrupt:
            continue
        break
    assert stop > 3
    import_files(index, [kb])
    assert state(index) == wanted


class Interrupted:
    """An index whose user stops it just before one of its changes."""

    def __init__(self, index, at):
        self.index, self.left = index, at
        self.documents = index.documents

    def _count(self):
        if self.left == 0:
            raise KeyboardInterrupt
        self.left -= 1

    def upsert(self, documents):
        self._count()
        return self.index.upsert(documents)

    def delete(self, ids):
        self._count()
        return self.index.delete(ids)


def test_equal_passages_of_a_file_are_documents_of_their_own(index, write):
    path = write("a.md", "# A\n\nYes.\n\n# B\n\nYes.\n\n# C\n\nYes.\n")
    assert import_files(index, [path]).added == 3
    first, second, third = sorted(state(index).values(), key=lambda document: document.metadata["start"])
    assert (second.id, third.id) == (f"{first.id}#2", f"{first.id}#3")
    assert figures(import_files(index, [path])) == (0, 0, 3, 0)


def test_thousands_of_equal_passages_have_ids_of_their_own(index, write):
    path = write("a.txt", "word " * 60_000)

    ids = set()

    class Counting:
        documents, delete = index.documents, index.delete

        def upsert(self, documents):
            ids.update(document.id for document in documents)
            return Changes(added=len(documents))

    assert import_files(Counting(), [path], size=100).added == len(ids) > 2_000


def test_hidden_files_and_unknown_kinds_are_told(index, kb, write):
    write(".git/config.txt", "secret")
    write("~$returns.docx", "open in a word processor")
    write("photo.PNG", b"\x89PNG")
    write("LICENSE", "text")
    (kb / "loop").symlink_to(kb)
    os.mkfifo(kb / "pipe.txt")
    summary = import_files(index, [kb])
    assert {(Path(path).name, reason) for path, reason in summary.skipped} == {
        (".git", "hidden"), ("~$returns.docx", "hidden"), ("photo.PNG", "files that end in .png cannot be read"),
        ("LICENSE", "no ending"), ("loop", "a link to a folder"), ("pipe.txt", "no regular file"),
    }  # fmt: skip
    assert summary.files == 3
    assert "no ending" in str(import_files(index, [kb / "LICENSE"]).problems[0])


def test_a_file_counts_once_however_often_it_is_given(index, kb):
    summary = import_files(index, [kb / "deep", kb / "returns.md", kb, kb / "returns.md"])
    assert (summary.files, summary.added) == (3, 7)
    assert all(each.startswith("kb/") for each in state(index))


def test_folders_of_one_name_are_kept_apart(index, kb, tmp_path):
    other = tmp_path / "other" / "kb"
    other.mkdir(parents=True)
    (other / "returns.md").write_text("Other rules.")
    with pytest.raises(BadInput, match="would both be called 'kb'"):
        import_files(index, [kb, other])
    import_files(index, [kb])
    assert figures(import_files(index, [other], name="second")) == (1, 0, 0, 0)
    assert figures(import_files(index, [kb])) == (0, 0, 7, 0)


def test_a_folder_that_lost_all_its_files_deletes_nothing(index, kb):
    import_files(index, [kb])
    shutil.rmtree(kb)
    kb.mkdir()
    summary = import_files(index, [kb])
    assert "has no file that can be read" in str(summary.problems[0])
    assert index.count() == 7


def test_a_folder_that_may_not_be_read_is_told_and_keeps_its_passages(index, kb, monkeypatch):
    import_files(index, [kb])
    scandir = os.scandir

    def refusing(path):
        if Path(path).name == "deep":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    assert "deep cannot be read: Permission denied" in str(import_files(index, [kb]).problems[0])
    assert index.count() == 7


def test_wrong_arguments_are_refused_before_anything_is_read(index, kb, folder, embed):
    with pytest.raises(NotFound, match=r"retruns.md'\. Did you mean '.*returns.md'"):
        import_files(index, [kb, kb / "retruns.md"])
    with pytest.raises(BadInput, match="too short"):
        import_files(index, [kb], size=10)
    with pytest.raises(BadInput, match="Name files or folders"):
        import_files(index, [])
    assert index.count() == 0
    with DocumentIndex.open(folder, embed, writable=False) as reader, pytest.raises(Conflict):
        import_files(reader, [kb])


def test_progress_is_told_in_files_and_passages(index, kb, write, monkeypatch):
    monkeypatch.setattr(importing, "_BATCH", 2)
    seen = []
    import_files(index, kb, progress=seen.append)
    assert [report.done for report in seen] == sorted(report.done for report in seen)
    assert (seen[-1].done, seen[-1].total, seen[-1].unit, seen[-1].metrics["passages"]) == (3, 3, "files", 7)


def test_the_size_of_passages_can_be_chosen(index, write):
    path = write("a.txt", "A sentence of some words stands here. " * 100)
    many, few = import_files(index, [path], size=200), import_files(index, [path], size=2000)
    assert many.passages > 10 > few.passages
    assert all(len(each.text) <= 2000 for each in state(index).values())


def test_a_path_with_the_sign_that_ends_paths(index, write):
    write("a.md#b.md", "One.")
    write("a.md", "Two.")
    folder = write("ä # ö.txt", "Three.").parent
    assert import_files(index, [folder]).added == 3
    assert figures(import_files(index, [folder / "a.md"])) == (0, 0, 1, 0)
    assert figures(import_files(index, [folder])) == (0, 0, 3, 0)
