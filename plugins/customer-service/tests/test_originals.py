import stat
from datetime import UTC, datetime, timedelta

import pytest

from verticals import StorageError
from verticals_customer_service.originals import Originals
from verticals_customer_service.redaction import Redactor

TEXT = "Write to ann@mail.example or bob@mail.example, order LL-204518"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "kept" / "originals.db"


def kept(path, **options):
    redacted = Redactor().redact(TEXT)
    with Originals(path, days=30, **options) as originals:
        originals.keep("d1", [(0, redacted.found)])
    return redacted.text


def test_words_come_back_in_their_places_and_only_the_owner_reads_them(path):
    stored = kept(path)
    assert stored == "Write to [EMAIL] or [EMAIL], order [ORDER]"
    with Originals(path, days=30) as originals:
        assert originals.restore("d1", 0, stored) == TEXT
        assert originals.restore("d1", 1, stored) == stored
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_word_past_its_life_is_gone_from_the_file(path):
    stored = kept(path, now=datetime.now(UTC) - timedelta(days=31))
    assert b"ann@mail.example" in path.read_bytes()
    with Originals(path, days=30) as originals:
        assert originals.restore("d1", 0, stored) == stored
    assert b"ann@mail.example" not in path.read_bytes()


def test_a_dialogue_is_forgotten_when_asked(path):
    stored = kept(path)
    with Originals(path, days=30) as originals:
        assert originals.forget("d1") == 3
        assert originals.restore("d1", 0, stored) == stored
    assert b"LL-204518" not in path.read_bytes()


def test_a_file_that_others_may_read_is_refused(path):
    kept(path)
    path.chmod(0o644)
    with pytest.raises(StorageError, match="chmod 600"):
        Originals(path, days=30)


def test_a_file_that_is_no_database_is_told(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("my notes, long enough to be no empty file")
    path.chmod(0o600)
    with pytest.raises(StorageError, match=r"notes\.txt"):
        Originals(path, days=30)
