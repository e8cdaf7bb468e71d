"""Documents from files through the command line and the host."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from verticals import Conflict
from verticals.host import Host
from verticals.host.serving import calls_of

pytestmark = pytest.mark.usefixtures("forked")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "help"
    folder.mkdir()
    (folder / "snow.md").write_text("# Snow\n\nWear boots.\n\n## Ice\n\nWalk like a penguin.\n", encoding="utf-8")
    (folder / "faq.csv").write_text("question,answer\nWill it rain?,Ask the frog.\n", encoding="utf-8")
    return folder


def test_files_are_imported_searched_and_imported_again(platform, files: Path) -> None:
    ran = platform("index", "import", "weather/advice", files)
    assert ran.code == 0, ran.err
    assert "Read 2 files into weather/advice in" in ran.out
    assert "3 passages, 3 new, 0 changed, 0 as before; 0 deleted." in ran.out
    assert 'platform index search weather/advice "…"' in ran.out
    assert "importing: " in ran.err
    hits = json.loads(platform("index", "search", "weather/advice", "penguin", "--json").out)
    assert hits[0]["document"]["title"] == "Snow › Ice"
    (files / "faq.csv").unlink()
    again = json.loads(platform("index", "import", "weather", "help", "--json").out)
    del again["seconds"]
    assert again == {
        "index": "weather/advice", "files": 1, "passages": 2, "added": 0, "updated": 0, "unchanged": 2, "deleted": 1,
        "skipped": [], "notes": [], "problems": [],
    }  # fmt: skip


def test_problems_come_together_at_the_end_and_the_others_are_imported(platform, files: Path) -> None:
    (files / "broken.pdf").write_bytes(b"no pdf")
    (files / "answers.csv").write_text("question,reply\na,b\n")
    (files / "latin.txt").write_bytes("Schöne Grüße aus München, die Rückgabe ist kostenlos.".encode("cp1252"))
    for number in range(3):
        (files / f"{number}.png").write_bytes(b"picture")
    ran = platform("index", "import", "weather/advice", files)
    assert ran.code == 2
    assert "Read 3 files" in ran.out
    assert "read as cp1252" in ran.err
    assert "help/0.png and 2 more" in ran.err
    assert "2 problems:" in ran.err
    assert "no column 'answer'; there are 'question', 'reply'" in ran.err
    assert "broken.pdf is damaged or no PDF" in ran.err
    assert "Traceback" not in ran.err
    told = json.loads(platform("index", "import", "weather/advice", files, "--json").out)
    assert [Path(problem["path"]).name for problem in told["problems"]] == ["answers.csv", "broken.pdf"]
    assert len(told["skipped"]) == 3


def test_wrong_calls_are_refused(platform, files: Path) -> None:
    assert platform("index", "import", "weather/advice").code == 2
    missing = platform("index", "import", "weather/advice", "hlep")
    assert missing.code == 3
    assert "Did you mean 'help'?" in missing.err
    assert platform("index", "import", "weather/advise", files).code == 3
    assert platform("index", "import", "weather/advice", files, "--size", "5").code == 2


def test_stopping_is_told(platform, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("verticals.host.indexes.IndexHandle.import_files", stopped)
    ran = platform("index", "import", "weather/advice", files)
    assert ran.code == 130
    assert "the same command goes on from here" in ran.err


def test_while_another_process_writes_the_index_nothing_is_read(platform, files: Path) -> None:
    with Host.open() as serving:
        assert serving["weather"].index("advice").count() == 2
        ran = platform("index", "import", "weather/advice", files)
    assert ran.code == 4
    assert f"weather/advice is written by process {os.getpid()}. Try again when it" in " ".join(ran.err.split())


def test_a_worker_hands_what_it_reads_to_the_process_that_writes(platform, files: Path) -> None:
    with Host.open() as computing, Host.open() as worker:
        computing["weather"].index("advice").count()
        calls = calls_of(computing)

        class Elsewhere:
            def call(self, name: str, *given: object) -> object:
                return calls[name](*given)

        worker.elsewhere = Elsewhere()
        handle = worker["weather"].index("advice")
        assert handle.import_files([files]).added == 3
        assert handle.count() == 5
        (files / "faq.csv").unlink()
        assert handle.import_files([files]).deleted == 1
        worker.elsewhere = None
        with pytest.raises(Conflict, match="written by process"):
            handle.import_files([files])
