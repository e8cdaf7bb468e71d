"""What a plugin says of its labels is checked when it is loaded."""

import pytest

from verticals import Host

PLUGIN = """
from verticals import Dataset, TaskHead, hookimpl


@hookimpl
def register_datasets():
    yield Dataset(name="a", row=dict, load=list)


@hookimpl
def register_heads():
    yield TaskHead(name="h", dataset="a", labels=("good", "bad"), label_texts={texts})
"""


@pytest.mark.parametrize(
    ("texts", "told"),
    [("{'god': 'fine'}", "label_texts has 'god', which is none of its labels. Did you mean 'good'"),
     ("{'good': 3}", "It must map labels to texts"), ("'good'", "It must map labels to texts")],
)  # fmt: skip
def test_label_texts_belong_to_labels(tmp_path, texts, told):
    (tmp_path / "plug.py").write_text(PLUGIN.replace("{texts}", texts), encoding="utf-8")
    with Host.open(tmp_path / "home", plugins_dir=tmp_path) as host:
        state = host.plugins["plug"]
        assert state.state == "failed"
        assert told in str(state.error())


def test_right_ones_are_taken(tmp_path):
    (tmp_path / "plug.py").write_text(PLUGIN.replace("{texts}", "{'good': 'fine|well'}"), encoding="utf-8")
    with Host.open(tmp_path / "home", plugins_dir=tmp_path) as host:
        assert host["plug"].head("h").noun.label_texts == {"good": "fine|well"}
