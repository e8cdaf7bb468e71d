"""Loader rules 2 and 3: what is found, in which order, and what is refused before it is imported."""

import pytest

from verticals.contract import PluginError, SettingsError
from verticals.host.discovery import discover


def test_installed_plugins_and_files_are_loaded_in_order_of_name(add_distribution, write_plugin, states):
    add_distribution("dist-b", plugin="bravo", requires=["verticals>=0.1"])
    write_plugin("alpha_one", '"""First of all."""\n')
    add_distribution("dist-c", plugin="charlie")
    found, imported = states()
    assert [name for name in found if name in ("alpha-one", "bravo", "charlie")] == ["alpha-one", "bravo", "charlie"]
    assert found["alpha-one"]["summary"] == "First of all."
    bravo = found["bravo"]
    assert (bravo["state"], bravo["distribution"], bravo["version"]) == ("loaded", "dist-b", "1.0")
    assert imported == {"bravo", "charlie"}


@pytest.mark.parametrize("blocked", ["bravo", "dist-b", "Dist_B"])
def test_a_blocked_plugin_is_not_imported(add_distribution, states, blocked):
    add_distribution("dist-b", plugin="bravo")
    add_distribution("dist-c", plugin="charlie")
    found, imported = states(blocked=[blocked])
    assert found["bravo"]["state"] == "blocked"
    assert found["charlie"]["state"] == "loaded"
    assert imported == {"charlie"}


def test_a_distribution_for_another_host_version_is_not_imported(add_distribution, states):
    add_distribution("dist-b", plugin="bravo", requires=["requests", "verticals (>=9,<10)"])
    found, imported = states()
    assert found["bravo"]["state"] == "incompatible"
    assert "dist-b 1.0 needs verticals" in found["bravo"]["cause"]
    assert ">=9" in found["bravo"]["cause"]
    assert imported == set()


def test_requirements_of_extras_and_of_other_distributions_do_not_count(add_distribution, states):
    requires = ['verticals>=9; extra == "new"', "verticals-other>=9", "verticals[cpu]>=0.1"]
    add_distribution("dist-b", plugin="bravo", requires=requires)
    found, imported = states()
    assert found["bravo"]["state"] == "loaded"
    assert imported == {"bravo"}


def test_two_plugins_of_one_name_are_an_error_that_names_both_distributions(add_distribution, states):
    add_distribution("dist-b", plugin="bravo")
    add_distribution("dist-c", plugin="bravo", version="2.0")
    add_distribution("dist-d", plugin="delta")
    found, imported = states()
    assert found["bravo"]["state"] == "failed"
    assert "dist-b 1.0" in found["bravo"]["cause"]
    assert "dist-c 2.0" in found["bravo"]["cause"]
    assert imported == {"delta"}
    found, imported = states(blocked=["dist-b"])
    assert (found["bravo"]["state"], found["bravo"]["distribution"]) == ("loaded", "dist-c")


def test_a_file_and_a_distribution_of_one_name_are_an_error_too(add_distribution, write_plugin, states):
    add_distribution("dist-b", plugin="bravo")
    path = write_plugin("bravo", "")
    found, _ = states()
    assert found["bravo"]["state"] == "failed"
    assert str(path) in found["bravo"]["cause"]
    assert "dist-b" in found["bravo"]["cause"]


@pytest.mark.parametrize("line", ['REQUIRES_HOST = ">=9"', 'REQUIRES_HOST: str = ">=9"'])
def test_a_file_for_another_host_version_is_not_run(write_plugin, open_host, line):
    write_plugin("later", f"{line}\nraise RuntimeError('ran')\n")
    state = open_host().plugins["later"]
    assert state.state == "incompatible"
    assert ">=9" in state.cause


def test_a_file_for_this_host_version_is_loaded(write_plugin, open_host):
    write_plugin("now", 'REQUIRES_HOST = ">=0.1,<99"\n')
    assert open_host().plugins["now"].state == "loaded"


def test_a_range_that_is_no_plain_text_or_no_range_is_reported(write_plugin, open_host):
    write_plugin("computed", "\nREQUIRES_HOST = '>=' + '1'\n")
    write_plugin("odd", "REQUIRES_HOST = 'new'\n")
    host = open_host()
    assert host.plugins["computed"].state == "failed"
    assert "computed.py, line 2" in host.plugins["computed"].cause
    assert "'new'" in host.plugins["odd"].cause


def test_files_that_begin_with_a_dot_or_underscore_are_left_alone(plugins_dir):
    for name in ("_helper.py", ".hidden.py", "notes.txt", "real.py"):
        (plugins_dir / name).touch()
    assert "real" in discover(plugins_dir)
    assert not {"-helper", "_helper", ".hidden", "notes"} & set(discover(plugins_dir))


def test_a_file_whose_name_cannot_name_a_vertical_is_reported(write_plugin, open_host):
    write_plugin("Sarcasm", "")
    state = open_host().plugins["Sarcasm"]
    assert state.state == "failed"
    assert "Sarcasm.py" in state.cause
    assert "lower-case" in state.remedy


def test_a_folder_of_plugins_that_does_not_exist_is_an_error(tmp_path):
    with pytest.raises(SettingsError, match="does not exist"):
        discover(tmp_path / "none")


def test_equal_files_in_two_folders_are_two_modules(tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "same.py").write_text(f"WHERE = {folder!r}\n", encoding="utf-8")
    loaded = [discover(tmp_path / folder)["same"][0].load() for folder in ("one", "two")]
    assert [module.WHERE for module in loaded] == ["one", "two"]
    assert loaded[0].__name__ != loaded[1].__name__


def test_asked_for_by_name_an_incompatible_plugin_is_fatal(write_plugin, open_host):
    write_plugin("later", "REQUIRES_HOST = '>=9'\n")
    host = open_host()
    with pytest.raises(PluginError, match=r"incompatible.*needs verticals >=9"):
        host["later"]
