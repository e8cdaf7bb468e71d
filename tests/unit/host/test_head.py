"""A head from training to rollback, on a tiny encoder: the real engine, registry and runs."""

import dataclasses

import pytest

from verticals.contract import BadInput, Conflict, NotFound, PluginError, Unavailable

FAILING = """
from verticals import hookimpl

@hookimpl
def fit(job):
    raise {error}
"""

WRAPPING = """
import dataclasses
from verticals import Predictions, hookimpl

SEEN = []

@hookimpl(wrapper=True)
def fit(job):
    SEEN.append((job.head, job.recipe.epochs))
    report = yield
    return dataclasses.replace(report, notes=(*report.notes, "wrapped"))

@hookimpl(wrapper=True)
def predict(batch):
    batch.inputs = [str(text).strip() for text in batch.inputs]
    answered = yield
    SEEN.append(len(answered.predictions))
    return answered
"""


@pytest.fixture
def head(sarcasm, open_small_host):
    return open_small_host()["sarcasm"].head("sarcasm")


@pytest.fixture
def trained(sarcasm, open_small_host, trained_home):
    """The same with the version v1 live."""
    return open_small_host(trained_home)["sarcasm"].head("sarcasm")


def test_train_promote_predict_evaluate_and_roll_back(head):
    host = head.vertical.host
    with pytest.raises(Unavailable, match=r"No version of sarcasm/sarcasm is live\..*platform train sarcasm/sarcasm"):
        head.predict("hm")
    stages = []
    report = head.train(changes={"epochs": "3"}, progress=lambda progress: stages.append(progress.stage))
    assert report.version == "v1"
    assert stages
    (run,) = host.store.runs.list()
    assert (run.status, run.version, run.dataset_version, run.recipe["epochs"]) == ("finished", "v1", "v1", 3)
    assert run.progress["stage"] in stages

    assert head.live is None
    assert head.promote("v1").stage == "live"
    (one,) = head.predict("oh great, it broke again 99")
    assert one.label in ("plain", "sarcastic")
    assert one.version == "sarcasm/sarcasm@v1"
    assert len(head.predict(["a", "b", "c"])) == 3
    assert head.predict([]) == []
    evaluation = head.evaluate(split="test")
    assert (evaluation.version, evaluation.split) == ("v1", "test")
    assert evaluation.rows == host.datasets.current("sarcasm", head.vertical.datasets["chats"]).splits["test"]

    head.promote(head.train().version)
    assert head.live.version == "v2"
    assert [record.version for record in head.versions()] == ["v2", "v1"]
    assert head.rollback("worse").version == "v1"
    assert head.predict("a", version="v2")[0].version == "sarcasm/sarcasm@v2"
    with pytest.raises(NotFound):
        head.predict("a", version="v9")


def test_a_version_remembers_where_it_comes_from(trained):
    (record,) = trained.versions()
    assert (record.plugin.rpartition("/")[2], record.plugin_version) == ("sarcasm.py", "1.2")
    assert record.dataset_version == "v1"
    manifest = trained.vertical.host.registry.open("sarcasm", "sarcasm", "v1").manifest
    assert manifest["labels"] == ["plain", "sarcastic"]
    assert (manifest["dataset"], manifest["host_version"]) == ("chats", "0.1.0")


def test_a_version_whose_plugin_is_gone_says_so_by_name(trained, open_small_host, write_plugin, sarcasm):
    head = trained
    (record,) = head.versions()
    home = head.vertical.host.home
    assert head.vertical.host.head_of(record).name == "sarcasm"
    with pytest.raises(PluginError, match="blocked"):
        open_small_host(home, blocked=["sarcasm"]).head_of(record)
    write_plugin("sarcasm", sarcasm.read_text(encoding="utf-8").replace('name="sarcasm"', 'name="irony"'))
    with pytest.raises(PluginError, match=r"sarcasm@v1 was made by .* 1\.2; .* now has no head 'sarcasm'"):
        open_small_host(home).head_of(record)
    sarcasm.unlink()
    gone = open_small_host(home)
    with pytest.raises(PluginError, match=r"sarcasm@v1 was made by the plugin 'sarcasm' .*not installed"):
        gone.head_of(record)
    assert [one.reference for one in gone.registry.list()] == ["sarcasm/sarcasm@v1"]


def test_other_plugins_wrap_training_and_predictions(sarcasm, write_plugin, open_small_host, trained_home):
    write_plugin("watching", WRAPPING)
    host = open_small_host(trained_home)
    wrapped = host["sarcasm"].head("sarcasm")
    assert wrapped.train().notes[-1] == "wrapped"
    wrapped.predict(["  a ", "b"])
    assert host.manager.get_plugin("watching").SEEN == [("sarcasm", 2), 2]


@pytest.mark.parametrize(
    ("error", "kind", "status", "told"),
    [
        ("KeyboardInterrupt", KeyboardInterrupt, "interrupted", None),
        ("ValueError('no luck')", ValueError, "failed", "ValueError: no luck"),
    ],
)
def test_a_run_remembers_how_it_ended(sarcasm, write_plugin, open_small_host, error, kind, status, told):
    write_plugin("failing", FAILING.format(error=error))
    host = open_small_host()
    with pytest.raises(kind):
        host["sarcasm"].head("sarcasm").train()
    (run,) = host.store.runs.list()
    assert (run.status, run.error, run.version) == (status, told, None)


def test_an_interrupted_run_is_resumed_by_its_own_recipe(sarcasm, write_plugin, open_small_host):
    failing = write_plugin("failing", FAILING.format(error="KeyboardInterrupt"))
    host = open_small_host()
    with pytest.raises(KeyboardInterrupt):
        host["sarcasm"].head("sarcasm").train(changes={"epochs": 4, "seed": 5})
    failing.unlink()
    again = open_small_host(host.home)
    (run,) = again.store.runs.list()
    head = again["sarcasm"].head("sarcasm")
    assert head.train(resume=run.id).version == "v1"
    (same,) = again.store.runs.list()
    assert (same.id, same.status, same.recipe["epochs"], same.seed) == (run.id, "finished", 4, 5)
    with pytest.raises(Conflict, match=r"is finished.*Only an interrupted run"):
        head.train(resume=run.id)
    with pytest.raises(NotFound):
        head.train(resume="20000101-000000-ffff")


def test_bad_requests_leave_no_run(head):
    with pytest.raises(BadInput, match=r"no 'epoch'.*Did you mean 'epochs'"):
        head.train(changes={"epoch": 3})
    with pytest.raises(NotFound):
        head.train(dataset_version="v9")
    assert head.vertical.host.store.runs.list() == []


def test_a_split_that_does_not_exist_or_has_no_rows_is_an_error(sarcasm, write_plugin, open_small_host):
    source = sarcasm.read_text(encoding="utf-8")
    write_plugin("sarcasm", source.replace("def load():", "def load():\n    return ({**row.model_dump(), "
                                           "'split': 'train'} for row in rows())\n\n\ndef rows():"))  # fmt: skip
    head = open_small_host()["sarcasm"].head("sarcasm")
    head.promote(head.train().version)
    with pytest.raises(BadInput, match=r"no split 'tset'.*Did you mean 'test'"):
        head.evaluate(split="tset")
    with pytest.raises(BadInput, match="sarcasm/chats v1 has no rows in the split 'test'"):
        head.evaluate()


def test_a_wrapper_that_loses_predictions_is_named(trained, write_plugin, open_small_host):
    source = "from verticals import Predictions, hookimpl\n@hookimpl\ndef predict(batch):\n    return Predictions([])\n"
    write_plugin("losing", source)
    with pytest.raises(PluginError, match="0 predictions for 2 inputs"):
        open_small_host(trained.vertical.host.home)["sarcasm"].head("sarcasm").predict(["a", "b"])


def test_a_recipe_may_be_given_whole(head):
    recipe = dataclasses.replace(head.noun.recipe, epochs=1)
    head.train(recipe)
    assert head.vertical.host.store.runs.list()[0].recipe["epochs"] == 1
