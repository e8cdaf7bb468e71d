"""Loader rules 1, 3 and 4: managers of their own, states, the guard around every hook."""

import sys

import pytest

from verticals.contract import NotFound, PluginError

GOOD = '''
"""Works."""
from verticals import Dataset, hookimpl

@hookimpl
def register_datasets():
    yield Dataset(name="rows", row=dict, load=list)
'''

IMPORTS = "from verticals import *\nfrom verticals import Command, EventKind, hookimpl\n"


def test_every_noun_of_a_plugin_is_there(sarcasm, open_host):
    vertical = open_host()["sarcasm"]
    assert (vertical.name, vertical.title, vertical.summary) == ("sarcasm", "Sarcasm", "Sarcasm in support chats.")
    assert (vertical.plugin.version, vertical.plugin.distribution) == ("1.2", str(sarcasm))
    assert list(vertical.datasets) == ["chats"]
    assert list(vertical.heads) == ["sarcasm"]
    assert list(vertical.indexes) == ["knowledge"]
    assert list(vertical.event_kinds) == ["seen", "noted"]
    assert [page.title for page in vertical.pages] == ["Sarcasm"]
    assert list(vertical.commands) == ["detect"]
    assert len(vertical.endpoints) == 1


def test_a_title_is_made_of_the_name(write_plugin, open_host):
    write_plugin("customer_care", GOOD)
    assert open_host()["customer-care"].title == "Customer care"


def test_hosts_share_nothing(sarcasm, open_host):
    first, second = open_host(), open_host(blocked=["sarcasm"])
    assert first.manager is not second.manager
    assert first.plugins["sarcasm"].state == "loaded"
    assert second.plugins["sarcasm"].state == "blocked"
    with pytest.raises(PluginError, match="blocked"):
        second["sarcasm"]


def test_an_unknown_vertical_is_answered_with_the_nearest(sarcasm, open_host):
    with pytest.raises(NotFound, match="Did you mean 'sarcasm'"):
        open_host()["sarkasm"]


def test_a_blocked_plugin_is_not_suggested(sarcasm, open_host):
    with pytest.raises(NotFound, match="There is none yet"):
        open_host(blocked=["sarcasm"])["sarkasm"]


FAILURES = {
    "raises": ("x = 1\n1 / 0\n", "ZeroDivisionError: division by zero", "broken.py, line 2"),
    "missing import": ("import nowhere_at_all\n", "ModuleNotFoundError: No module named 'nowhere_at_all'", "line 1"),
    "syntax": ("x = 1\ndef f(:\n", "invalid syntax", "broken.py, line 2"),
    "exits": ("import sys\nsys.exit(3)\n", "SystemExit: 3", "line 2"),
    "mistyped hook": ("@hookimpl\ndef register_head():\n    return []\n", "no hook 'register_head'", "register_heads"),
    "mistyped specname": (
        "@hookimpl(specname='predicts')\ndef mine(batch):\n    return None\n",
        "no hook 'predicts'",
        "predict",
    ),
    "wrong argument": ("@hookimpl\ndef fit(jobs):\n    return None\n", "jobs", "arguments"),
    "raises in a hook": (
        "@hookimpl\ndef register_heads():\n    raise ValueError('boom')\n",
        "ValueError: boom",
        "broken.py, line 5",
    ),
    "raises while drained": (
        "@hookimpl\ndef register_events():\n    yield EventKind(name='one')\n    raise ValueError('late')\n",
        "ValueError: late",
        "broken.py, line 6",
    ),
    "not several": (
        "@hookimpl\ndef register_events():\n    return EventKind(name='one')\n",
        "register_events gave an object of type EventKind",
        "yield",
    ),
    "wrong type": ("@hookimpl\ndef register_heads():\n    yield 3\n", "an object of type int", "TaskHead"),
    "bad name": (
        "@hookimpl\ndef register_events():\n    yield EventKind(name='Bad Name')\n",
        "'Bad Name'",
        "lower-case",
    ),
    "same name twice": (
        "@hookimpl\ndef register_datasets():\n    return [Dataset(name='a', row=dict, load=list)] * 2\n",
        "Two data sets are called 'a'",
        "Rename",
    ),
    "data set of a head is missing": (
        "@hookimpl\ndef register_datasets():\n    yield Dataset(name='chats', row=dict, load=list)\n"
        "@hookimpl\ndef register_heads():\n    yield TaskHead(name='h', dataset='chat')\n",
        "'chat'",
        "Did you mean 'chats'",
    ),
    "row is no class": (
        "@hookimpl\ndef register_datasets():\n    yield Dataset(name='a', row=3, load=list)\n",
        "row of data set 'a'",
        "class",
    ),
    "malformed reference": (
        "@hookimpl\ndef register_datasets():\n    yield Dataset(name='a', row=dict, load='module.load')\n",
        "'module.load'",
        "package.module:attribute",
    ),
    "inputs is a text": (
        "@hookimpl\ndef register_datasets():\n    yield Dataset(name='a', row=dict, load=list)\n"
        "@hookimpl\ndef register_heads():\n    yield TaskHead(name='h', dataset='a', inputs='text')\n",
        "inputs is 'text'",
        "tuple",
    ),
    "labels twice": (
        "@hookimpl\ndef register_datasets():\n    yield Dataset(name='a', row=dict, load=list)\n"
        "@hookimpl\ndef register_heads():\n    yield TaskHead(name='h', dataset='a', labels=('x', 'x'))\n",
        "labels twice: x",
        "Remove",
    ),
    "path of a page": (
        "@hookimpl\ndef register_pages():\n    yield Page(title='P', render=print, path='home')\n",
        "'home'",
        "begins with",
    ),
    "two pages on one path": (
        "@hookimpl\ndef register_pages():\n    return [Page(title='P', render=print)] * 2\n",
        "Two pages",
        "its own",
    ),
    "settings is no model": (
        "@hookimpl\ndef register_settings():\n    return dict\n",
        "register_settings gave",
        "BaseModel",
    ),
}


@pytest.mark.parametrize("case", FAILURES)
def test_a_failing_plugin_is_reported_with_its_cause_and_the_rest_work(case, write_plugin, open_host):
    source, cause, also = FAILURES[case]
    write_plugin("broken", IMPORTS + source if "hookimpl" in source else source)
    write_plugin("alpha", GOOD)
    write_plugin("zulu", GOOD)
    host = open_host()
    state = host.plugins["broken"]
    assert state.state == "failed"
    assert cause in state.cause
    assert also in f"{state.cause} {state.remedy}"
    assert "\n" not in state.cause
    assert "Traceback" in state.trace
    assert [vertical.name for vertical in host.verticals] == ["alpha", "zulu"]
    assert host.manager.get_plugin("broken") is None
    with pytest.raises(PluginError, match="'broken' is failed") as raised:
        host["broken"]
    assert raised.value.__notes__ == [state.trace]


def test_a_file_that_fails_to_import_leaves_no_module_behind(write_plugin, open_host):
    write_plugin("half_imported", "1 / 0\n")
    open_host()
    assert not [name for name in sys.modules if "half_imported" in name]


def test_a_mistyped_name_without_hookimpl_is_nobodys_business(write_plugin, open_host):
    write_plugin("helper", "def register_head():\n    return 1\n")
    assert open_host().plugins["helper"].state == "loaded"


def test_declared_references_are_not_resolved(sarcasm, open_host):
    assert open_host()["sarcasm"].endpoints[0].router == "nowhere.api:router"
