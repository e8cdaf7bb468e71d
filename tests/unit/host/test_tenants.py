"""Tenants of an index: apart in every way, few of them open at once, gone with their folder."""

import itertools
import json
import os
import shutil
import threading

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from verticals import Conflict, Document, NotFound
from verticals.contract import BadInput
from verticals.host import Host
from verticals.host.addresses import announced

STARTERS = 2
WORDS = ("lamp", "kettle", "parcel", "refund", "warranty", "zebra")
numbers = itertools.count()


class HashEncoder:
    """Vectors made of the texts' letters."""

    identity = "letters"

    def embed(self, texts):
        vectors = np.ones((len(texts), 32), dtype=np.float32)
        for row, text in enumerate(texts):
            for letter in str(text).lower():
                vectors[row, ord(letter) % 32] += 1
        return vectors


@pytest.fixture
def opened(sarcasm, open_host, monkeypatch):
    monkeypatch.setattr(Host, "encoder", HashEncoder())
    return open_host


@pytest.fixture
def knowledge(opened):
    return opened()["sarcasm"].index("knowledge")


changes = st.lists(
    st.tuples(
        st.sampled_from(["acme", "globex"]),
        st.sampled_from(["put", "put", "delete"]),
        st.sampled_from(["a", "b", "c"]),
        st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join),
    ),
    max_size=10,
)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=changes)
def test_what_one_tenant_does_is_never_seen_by_another(knowledge, tmp_path, changes):
    number = next(numbers)
    handles = {name: knowledge.of(f"{name}{number}") for name in ("acme", "globex", "alone")}
    for tenant, what, key, words in changes:
        for handle in [handles[tenant], *([handles["alone"]] if tenant == "acme" else [])]:
            if what == "put":
                handle.upsert([Document(id=key, text=f"{tenant} {words}", metadata={"of": tenant})])
            else:
                handle.delete([key])
    for tenant, other in (("acme", "globex"), ("globex", "acme")):
        mine = handles[tenant]
        texts = [document.text for document in mine.every()]
        assert len(texts) == mine.count() == mine.facts().documents
        assert not any(other in text for text in texts)
        assert mine.search("zebra lamp", k=50, where={"of": other}) == []
        mine.export(tmp_path / "all.jsonl")
        assert other not in (tmp_path / "all.jsonl").read_text(encoding="utf-8")
    for mode in ("hybrid", "lexical", "dense"):  # not even by the frequency of a word
        assert handles["acme"].search("zebra lamp", k=50, mode=mode) == handles["alone"].search(
            "zebra lamp", k=50, mode=mode
        )
    for handle in handles.values():
        handle.close()


def test_each_tenant_has_the_starter_documents_and_a_folder_of_its_own(knowledge):
    acme = knowledge.of("acme")
    assert knowledge.of("default") is knowledge
    assert acme.of("default") is knowledge
    assert acme.count() == knowledge.count() == STARTERS
    acme.upsert([Document(id="own", text="Only of acme.")])
    with pytest.raises(NotFound):
        knowledge.get("own")
    assert (acme.count(), knowledge.count(), knowledge.tenants()) == (3, 2, ["acme"])
    assert acme.folder == knowledge.folder / "tenants" / "acme"
    assert str(acme) == "sarcasm/knowledge of acme"


@pytest.mark.parametrize(
    "name", ["", "..", ".", "a/b", "../default", "Acme", "a\0b", "-a", "a" * 65, "tenants/x", None]
)
def test_a_name_that_could_leave_its_folder_is_refused(knowledge, name):
    with pytest.raises(BadInput, match="not a valid tenant name"):
        knowledge.of(name)


def test_a_removed_tenant_is_gone_and_begins_anew(knowledge):
    acme = knowledge.of("acme")
    acme.upsert([Document(id="own", text="Secret of acme.")])
    acme.remove()
    assert not acme.folder.exists()
    assert list((knowledge.folder / "tenants").iterdir()) == []
    (knowledge.folder / "tenants" / ".gone-1-globex").mkdir()
    assert acme.count() == STARTERS
    acme.remove()
    assert list((knowledge.folder / "tenants").iterdir()) == [], "a removal that was cut off is brought to its end"
    assert acme.count() == STARTERS
    with pytest.raises(NotFound, match="Did you mean 'acme'"):
        knowledge.of("acne").remove()
    with pytest.raises(BadInput, match="default tenant cannot be removed"):
        knowledge.remove()


def test_a_tenant_that_is_open_elsewhere_is_not_removed(opened):
    first, second = (opened()["sarcasm"].index("knowledge").of("acme") for _ in range(2))
    first.upsert([Document(id="own", text="Of acme.")])
    with pytest.raises(Conflict, match=f"of acme is open in process {os.getpid()}"):
        second.remove()
    assert first.get("own").text == "Of acme."
    first.close()
    second.remove()
    assert not first.folder.exists()


def test_a_folder_that_was_removed_by_hand_is_not_brought_back(knowledge):
    acme = knowledge.of("acme")
    acme.upsert([Document(id="own", text="Secret of acme.")])
    assert acme.search("secret", k=1)[0].document.id == "own"
    shutil.rmtree(acme.folder)
    assert acme.count() == STARTERS
    assert all(hit.document.id != "own" for hit in acme.search("secret of acme", k=10))
    acme.close()
    held = b"".join(path.read_bytes() for path in acme.folder.rglob("*") if path.is_file())
    assert b"Secret" not in held


def test_few_tenants_are_open_at_once(opened):
    index = opened(open_tenants=2)["sarcasm"].index("knowledge")
    handles = [index.of(f"t{number}") for number in range(5)]
    for handle in handles:
        handle.upsert([Document(id="own", text=handle.tenant)])
    assert [handle._open._leases._lease is not None for handle in handles] == [False, False, False, True, True]
    assert [handle.get("own").text for handle in handles] == [handle.tenant for handle in handles]


def test_an_index_in_use_is_not_closed_under_a_search(opened):
    index = opened(open_tenants=1)["sarcasm"].index("knowledge")
    errors = []

    def work(handle):
        try:
            for number in range(15):
                handle.upsert([Document(id=str(number), text=f"{handle.tenant} {number}")])
                assert {hit.document.text.split()[0] for hit in handle.search(handle.tenant, k=1)} == {handle.tenant}
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(index.of(f"t{number}"),)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_a_reader_becomes_the_writer_when_the_other_has_gone(opened):
    first, second = opened()["sarcasm"].index("knowledge"), opened()["sarcasm"].index("knowledge")
    first.upsert([Document(id="one", text="One.")])
    assert second.count() == 3
    assert second.facts().writable is False
    with pytest.raises(Conflict, match=f"sarcasm/knowledge is written by process {os.getpid()}") as told:
        second.upsert([Document(id="two", text="Two.")])
    assert "writable=True" not in str(told.value)
    first.close()
    assert second.facts().writable is True
    second.upsert([Document(id="two", text="Two.")])
    assert second.opened.writable
    with pytest.raises(Conflict):
        first.delete(["two"])
    assert first.count() == second.count() == 4


def test_who_meets_a_server_is_told_its_address(opened, tmp_path):
    first, second = opened()["sarcasm"].index("knowledge"), opened()["sarcasm"].index("knowledge")
    first.count()
    with announced(tmp_path / "home", "http://127.0.0.1:8123"):
        with pytest.raises(Conflict, match=r"written by the server at http://127\.0\.0\.1:8123") as told:
            second.import_files([tmp_path])
        assert "Post files to http://127.0.0.1:8123/v1/platform/indexes/sarcasm/knowledge/files" in told.value.remedy
    with pytest.raises(Conflict, match="written by process"):
        second.delete(["x"])
    (tmp_path / "home" / "servers" / f"{os.getpid()}.json").write_text(json.dumps(["broken"]))
    with pytest.raises(Conflict, match="written by process"):
        second.delete(["x"])


def test_two_imports_at_once_are_refused(knowledge, tmp_path):
    (tmp_path / "a.md").write_text("# A\n\nText.")
    with knowledge._importing(), pytest.raises(Conflict, match="being imported into sarcasm/knowledge already"):
        knowledge.import_files([tmp_path / "a.md"])
    assert knowledge.import_files([tmp_path / "a.md"]).added == 1
