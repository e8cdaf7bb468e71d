import json
import math
import os
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from verticals.contract import BadInput, Conflict, Damaged, NotFound, StorageError
from verticals.files import sha256_file
from verticals.store import PROMOTION, Registry

MANIFEST = {
    "labels": ["where", "why"],
    "objective": "classify",
    "metrics": {"accuracy": 0.9, "loss": math.nan},
    "plugin": "verticals-shop",
    "plugin_version": "1.2",
    "dataset_version": "v4",
}


def write(folder):
    (folder / "adapter").mkdir()
    (folder / "adapter" / "weights.safetensors").write_bytes(b"\x01" * 100)
    (folder / "README.md").write_text("# Card")


@pytest.fixture
def registry(store, tmp_path):
    return Registry(store, tmp_path / "models")


def save(registry, times=1, head="intent"):
    return [registry.save("shop", head, MANIFEST, write, run="run-1") for _ in range(times)][-1]


def test_a_saved_version_is_a_candidate_on_disk_and_in_the_database(registry, tmp_path):
    record = save(registry)
    assert (record.reference, record.stage, record.run) == ("shop/intent@v1", "candidate", "run-1")
    assert (record.plugin, record.plugin_version, record.dataset_version) == ("verticals-shop", "1.2", "v4")
    assert (record.objective, record.metrics, record.tenant) == (
        "classify", {"accuracy": 0.9, "loss": None}, "default",
    )  # fmt: skip
    assert registry.get("shop", "intent", "v1") == registry.get("shop", "intent", "latest") == record
    folder = registry.open("shop", "intent", "v1")
    assert folder.path == tmp_path / "models" / "shop" / "intent" / "v1"
    assert folder.manifest["labels"] == ["where", "why"]
    assert folder.manifest["version"] == "v1"
    assert folder.manifest["files"] == {
        name: sha256_file(folder.path / name) for name in ("README.md", "adapter/weights.safetensors")
    }
    assert json.loads((folder.path / "manifest.json").read_text()) == folder.manifest


def test_numbers_grow_and_are_never_given_out_again(registry, tmp_path):
    assert save(registry, 2).version == "v2"
    assert save(registry, head="topic").version == "v1"
    (tmp_path / "models" / "shop" / "intent" / "v2").rename(tmp_path / "elsewhere")
    assert save(registry).version == "v3"
    assert registry.open("shop", "intent", "v3").manifest["version"] == "v3"
    assert [record.reference for record in registry.list()] == [
        "shop/intent@v3", "shop/intent@v2", "shop/intent@v1", "shop/topic@v1",
    ]  # fmt: skip
    assert [record.head for record in registry.list("shop", "topic")] == ["topic"]
    with pytest.raises(Damaged, match="v2 is gone"):
        registry.open("shop", "intent", "v2")


def test_saves_at_once_get_a_number_each_and_the_manifest_knows_it(registry):
    with ThreadPoolExecutor(8) as pool:
        records = list(pool.map(lambda _: save(registry), range(16)))
    assert sorted(int(record.version[1:]) for record in records) == list(range(1, 17))
    for record in records:
        assert registry.open("shop", "intent", record.version).manifest["version"] == record.version
        assert registry.get("shop", "intent", record.version) == record


def test_a_save_that_fails_leaves_nothing(registry, tmp_path):
    def fail(folder):
        write(folder)
        raise ValueError("boom")

    with pytest.raises(ValueError, match="boom"):
        registry.save("shop", "intent", MANIFEST, fail)
    with pytest.raises(BadInput, match="manifest"):
        registry.save("shop", "intent", {"labels": object()}, write)
    for name in ("../up", "Intent", "", "a/b"):
        with pytest.raises(BadInput):
            registry.save("shop", name, MANIFEST, write)
        with pytest.raises(BadInput):
            registry.save(name, "intent", MANIFEST, write)
    assert registry.list() == []
    assert [path for path in (tmp_path / "models").rglob("*") if path.name != "intent" and path.name != "shop"] == []


def test_a_full_disk_while_writing_is_told_and_leaves_nothing(registry, tmp_path):
    def full(folder):
        raise OSError(28, "No space left on device")

    with pytest.raises(StorageError, match="full"):
        registry.save("shop", "intent", MANIFEST, full)
    assert list((tmp_path / "models" / "shop" / "intent").iterdir()) == []


@pytest.mark.parametrize("name", ["README.md", "adapter/weights.safetensors", "manifest.json"])
def test_a_changed_or_missing_file_is_refused_by_name(registry, name):
    save(registry, 2)
    registry.promote("shop", "intent", "v1")
    file = registry.open("shop", "intent", "v2").path / name
    content = file.read_bytes()
    file.write_bytes(content[:-1] + b"?")
    for act in (registry.open, registry.promote):
        with pytest.raises(Damaged, match=name) as caught:
            act("shop", "intent", "v2")
        assert caught.value.remedy
    file.unlink()
    with pytest.raises(Damaged, match=f"{name} is missing"):
        registry.open("shop", "intent", "v2")
    file.write_bytes(content)
    assert registry.open("shop", "intent", "v2")
    assert registry.live("shop", "intent").version == "v1"


def test_a_rollback_to_a_damaged_version_changes_nothing(registry):
    save(registry, 2)
    registry.promote("shop", "intent", "v1")
    registry.promote("shop", "intent", "v2")
    (registry.open("shop", "intent", "v1").path / "README.md").write_text("changed")
    with pytest.raises(Damaged, match=r"README\.md"):
        registry.rollback("shop", "intent")
    assert registry.live("shop", "intent").version == "v2"
    assert len(registry.history("shop", "intent")) == 2


@pytest.mark.parametrize("name", ["../../../secret", "/etc/hostname", "link"])
def test_a_manifest_that_leads_out_of_its_folder_is_refused(store, tmp_path, name):
    (tmp_path / "secret").write_text("secret")
    folder = tmp_path / "models" / "shop" / "intent" / "v1"
    folder.mkdir(parents=True)
    (folder / "link").symlink_to(tmp_path / "secret")
    manifest = {"created": "2026-11-21T00:00:00+00:00", "files": {name: sha256_file(tmp_path / "secret")}}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    registry = Registry(store, tmp_path / "models")
    with pytest.raises(Damaged, match="outside"):
        registry.open("shop", "intent", "v1")


def test_a_version_that_is_a_link_to_elsewhere_is_refused(registry, tmp_path):
    save(registry)
    folder = tmp_path / "models" / "shop" / "intent" / "v1"
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Damaged, match="leads out of"):
        registry.open("shop", "intent", "v1")


def test_an_unknown_version_is_told_with_those_there_are(registry):
    with pytest.raises(NotFound, match="no version") as caught:
        registry.get("shop", "intent", "latest")
    assert "train" in caught.value.remedy
    save(registry, 2)
    with pytest.raises(NotFound, match="no live version") as caught:
        registry.get("shop", "intent", "live")
    assert "v1, v2" in caught.value.remedy
    for unknown in ("v3", "v0", "v01", "3", "", "v", "v²", "../v1", "v" + "9" * 40):
        with pytest.raises(NotFound) as caught:
            registry.get("shop", "intent", unknown)
        assert "v1" in caught.value.remedy or "v2" in caught.value.remedy
    assert registry.live("shop", "intent") is None


def test_a_promotion_retires_the_former_live_version_and_is_remembered(registry, store):
    save(registry, 3)
    assert registry.promote("shop", "intent", "v1", why="first").stage == "live"
    assert registry.promote("shop", "intent", "latest", why="better").version == "v3"
    assert [record.stage for record in registry.list("shop", "intent")] == ["live", "candidate", "retired"]
    assert registry.live("shop", "intent") == registry.get("shop", "intent", "live")
    history = registry.history("shop", "intent")
    assert [(p.version, p.previous, p.why, p.kind) for p in history] == [
        ("v1", None, "first", "promotion"),
        ("v3", "v1", "better", "promotion"),
    ]
    assert history[0].at <= history[1].at
    told = store.events.read("shop", kinds=[PROMOTION])
    assert [(one.offset, one.payload["version"], one.payload["previous"]) for one in told] == [
        (1, "v1", None),
        (2, "v3", "v1"),
    ]


def test_promoting_the_live_version_again_changes_nothing(registry):
    save(registry)
    registry.promote("shop", "intent", "v1")
    signature = registry.live_signature()
    assert registry.promote("shop", "intent", "live").stage == "live"
    assert registry.live_signature() == signature
    assert len(registry.history("shop", "intent")) == 1


def test_rollback_walks_back_promotion_by_promotion(registry):
    save(registry, 3)
    for version in ("v1", "v2", "v1", "v3"):
        registry.promote("shop", "intent", version)
    assert [registry.rollback("shop", "intent", why="worse").version for _ in range(3)] == ["v1", "v2", "v1"]
    with pytest.raises(Conflict, match=r"v1.*no other"):
        registry.rollback("shop", "intent")
    assert registry.live("shop", "intent").version == "v1"
    last = registry.history("shop", "intent")[-1]
    assert (last.version, last.previous, last.why, last.kind) == ("v1", "v2", "worse", "rollback")


def test_rollback_after_a_new_promotion_goes_back_to_what_was_live_before_it(registry):
    save(registry, 3)
    registry.promote("shop", "intent", "v1")
    registry.promote("shop", "intent", "v2")
    registry.rollback("shop", "intent")
    registry.promote("shop", "intent", "v3")
    assert registry.rollback("shop", "intent").version == "v1"


def test_there_is_nothing_to_roll_back_where_nothing_was_live(registry):
    save(registry)
    with pytest.raises(Conflict, match="no live version"):
        registry.rollback("shop", "intent")


_head = iter(range(10**9))


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["v1", "v2", "v3", "rollback"]), max_size=10))
def test_any_sequence_of_promotions_and_rollbacks_behaves_like_a_stack(registry, steps):
    head = f"head{next(_head)}"
    save(registry, 3, head)
    stack = []
    for step in steps:
        before = registry.live_signature()
        if step != "rollback":
            moved = not stack or stack[-1] != step
            registry.promote("shop", head, step)
            stack += [step] if moved else []
        elif moved := len(stack) > 1:
            registry.rollback("shop", head)
            stack.pop()
        else:
            with pytest.raises(Conflict):
                registry.rollback("shop", head)
        assert (registry.live_signature() > before) == moved
        stages = {record.version: record.stage for record in registry.list("shop", head)}
        assert [version for version, stage in stages.items() if stage == "live"] == stack[-1:]


def test_promotions_at_once_leave_one_live_version_and_an_unbroken_history(registry):
    save(registry, 4)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: registry.promote("shop", "intent", f"v{n % 4 + 1}"), range(24)))
    live = [record.version for record in registry.list("shop", "intent") if record.stage == "live"]
    history = registry.history("shop", "intent")
    assert live == [history[-1].version]
    assert [p.previous for p in history[1:]] == [p.version for p in history[:-1]]
    assert registry.live_signature() == len(history)


def test_the_database_itself_refuses_a_second_live_version(store, registry):
    save(registry, 2)
    registry.promote("shop", "intent", "v1")
    with pytest.raises(sqlalchemy.exc.IntegrityError), store._database.write() as connection:
        connection.execute(sqlalchemy.text("UPDATE versions SET stage = 'live'"))


def test_a_folder_without_a_row_is_adopted(store, registry, tmp_path):
    record = save(registry)
    with store._database.write() as connection:
        connection.execute(sqlalchemy.text("DELETE FROM versions"))
    assert registry.list() == [record]
    with store._database.write() as connection:
        connection.execute(sqlalchemy.text("DELETE FROM versions"))
    assert Registry(store, tmp_path / "models").get("shop", "intent", "v1") == record


def test_folders_that_are_no_versions_are_passed_over(store, tmp_path, caplog):
    models = tmp_path / "models"
    for name in ("shop/intent/v1", "shop/intent/v2", "shop/intent/notes", "shop/intent/v3", "Bad Name/intent/v1"):
        (models / name).mkdir(parents=True)
    (models / "shop/intent/v2/manifest.json").write_text("{")
    (models / "shop/intent/v3/manifest.json").write_text("[]")
    (models / "file").write_text("")
    assert Registry(store, models).list() == []
    assert "v2" in caplog.text
    assert save(Registry(store, models)).version == "v4"


def test_what_a_dead_process_left_half_written_is_removed_and_a_living_one_s_kept(store, tmp_path):
    parent = tmp_path / "models" / "shop" / "intent"
    (parent / ".new-999999999-abc" / "adapter").mkdir(parents=True)
    (parent / f".new-{os.getpid()}-abc").mkdir()
    Registry(store, tmp_path / "models")
    assert [path.name for path in parent.iterdir()] == [f".new-{os.getpid()}-abc"]
