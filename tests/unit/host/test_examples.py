"""From rows to examples."""

import pytest

from verticals.contract import BadInput, Dataset, NotFound, PluginError, TaskHead
from verticals.host.examples import Rows, prepare


class Version:
    """Rows of one data set version."""

    def __init__(self, name, rows):
        self.name, self._rows = name, rows

    def iterate(self):
        return (dict(row) for row in self._rows)


class OtherDatasets:
    """Stands for the store of all data sets: it has ``items`` alone."""

    def current(self, vertical, dataset):
        return Version(dataset.name, [{"text": "an item", "split": "train"}])


CHATS = [
    {"text": "one", "label": "b", "split": "train", "id": 1},
    {"text": "two", "label": "a", "split": "train", "id": 2},
    {"text": "three", "label": "c", "split": "test", "id": 3},
    {"text": "not labelled yet", "label": "", "split": "train", "id": 4},
    {"text": "nor this", "label": None, "split": "validation", "id": 5},
]
DATASETS = {name: Dataset(name=name, row=dict, load=list) for name in ("chats", "items")}


def made(head, rows=CHATS):
    return prepare(head, Rows(OtherDatasets(), "sarcasm", DATASETS, Version("chats", rows)))


def test_examples_hold_inputs_and_target_by_split_and_labels_are_sorted():
    examples = made(TaskHead(name="h", dataset="chats"))
    assert examples.splits == {
        "train": [{"text": "one", "label": "b"}, {"text": "two", "label": "a"}],
        "validation": [],
        "test": [{"text": "three", "label": "c"}],
    }
    assert examples.labels == ("a", "b", "c")
    assert examples.numbers == {"train": [1, 2], "validation": [], "test": [3]}, "as an export numbers them"
    assert examples.rows["test"] == [CHATS[2]], "all columns, for slices"
    assert examples.unlabelled == ({"text": "not labelled yet", "label": ""},), "those of other splits teach nothing"


def test_a_head_that_declares_its_labels_can_do_without_labelled_rows():
    examples = made(TaskHead(name="h", dataset="chats", labels=("a", "b")), CHATS[3:])
    assert examples.splits["train"] == []
    assert (examples.labels, len(examples.unlabelled)) == (("a", "b"), 1)


def test_a_closed_list_of_labels_keeps_its_order():
    assert made(TaskHead(name="h", dataset="chats", labels=("c", "b", "a", "none"))).labels == ("c", "b", "a", "none")


def test_a_label_outside_the_closed_list_is_refused_with_the_nearest():
    rows = [*CHATS, {"text": "x", "label": "plian", "split": "train"}]
    with pytest.raises(BadInput, match=r"1 row of 'chats' carry the label 'plian'.*Did you mean 'plain'"):
        made(TaskHead(name="h", dataset="chats", labels=("a", "b", "c", "plain")), rows)


def test_one_class_only_cannot_be_learned():
    rows = [{"text": str(number), "label": "a", "split": "train"} for number in range(5)]
    with pytest.raises(BadInput, match="the one label 'a'"):
        made(TaskHead(name="h", dataset="chats"), rows)


def test_no_rows_to_train_on_is_an_error():
    for rows in ([], [{"text": "x", "label": "a", "split": "test"}], CHATS[3:]):
        with pytest.raises(BadInput, match="no rows to train on"):
            made(TaskHead(name="h", dataset="chats"), rows)


def test_a_field_the_rows_do_not_have_is_the_plugins_fault():
    with pytest.raises(PluginError, match=r"reads 'lable'.*Did you mean 'label'"):
        made(TaskHead(name="h", dataset="chats", target="lable"))


def test_a_number_is_no_label():
    rows = [{"text": "x", "label": 0.5, "split": "train"}]
    examples = made(TaskHead(name="h", dataset="chats", objective="score"), rows)
    assert (examples.labels, examples.splits["train"]) == ((), [{"text": "x", "label": 0.5}])


def test_labels_of_several_are_gathered():
    rows = [{"text": "x", "label": ["b", "a"], "split": "train"}, {"text": "y", "label": ["c"], "split": "train"}]
    assert made(TaskHead(name="h", dataset="chats", objective="multilabel"), rows).labels == ("a", "b", "c")


def test_prepare_sees_its_own_rows_and_other_data_sets():
    def pairs(context):
        items = [row["text"] for row in context.rows("items")]
        for row in context.rows():
            if row["label"]:
                yield {"text": (row["text"], items[0]), "label": row["label"], "split": row["split"]}

    examples = made(TaskHead(name="h", dataset="chats", prepare=pairs))
    assert examples.splits["test"] == [{"text": ("three", "an item"), "label": "c"}]


def test_a_prepared_example_without_split_is_for_training():
    def simple(context):
        yield {"text": "x", "label": "a"}
        yield {"text": "y", "label": "b", "split": "validation"}

    splits = made(TaskHead(name="h", dataset="chats", prepare=simple)).splits
    assert [len(splits[name]) for name in ("train", "validation", "test")] == [1, 1, 0]


@pytest.mark.parametrize(
    ("examples", "told"),
    [
        ([{"text": "x"}], "without label"),
        ([{"text": "x", "label": "a", "split": "trian"}], "Did you mean 'train'"),
        ([3], "prepare of head 'h' failed: TypeError"),
    ],
)
def test_what_prepare_gives_is_checked(examples, told):
    with pytest.raises(PluginError, match=told):
        made(TaskHead(name="h", dataset="chats", prepare=lambda context: examples))


def test_a_failing_prepare_is_named():
    def failing(context):
        raise KeyError("colour")

    with pytest.raises(PluginError, match="prepare of head 'h' failed: KeyError: 'colour'"):
        made(TaskHead(name="h", dataset="chats", prepare=failing))


def test_prepare_asking_for_an_undeclared_data_set_is_told_the_nearest():
    with pytest.raises(NotFound, match="Did you mean 'items'"):
        made(TaskHead(name="h", dataset="chats", prepare=lambda context: context.rows("item")))
