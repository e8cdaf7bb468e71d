"""What the folder list promises."""

import ast
import json
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLUGINS = sorted(path for path in (ROOT / "plugins").iterdir() if (path / "pyproject.toml").is_file())
PUBLIC = {"verticals", "verticals.web.ui", "verticals.testing"}


def test_platform_is_a_folder_and_never_a_package() -> None:
    """A Python package of that name would hide the standard library's ``platform``."""
    folder = ROOT / "platform"
    assert not (folder / "__init__.py").exists()
    assert not [path for path in folder.rglob("*.py") if not path.is_relative_to(folder / "verticals")]
    assert not list(folder.rglob("test_*.py"))


def imported(path: Path) -> set[str]:
    modules: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            modules |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return modules


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda path: path.name)
def test_first_party_plugins_know_only_the_public_api(plugin: Path) -> None:
    package = next(path for path in plugin.iterdir() if path.name.startswith("verticals_") and path.is_dir())
    import verticals

    allowed = PUBLIC | {f"verticals.{name}" for name in verticals.__all__} | {"verticals.web"}
    for path in package.rglob("*.py"):
        own = {name for name in imported(path) if name == "verticals" or name.startswith("verticals.")}
        private = {name for name in own - allowed if not name.startswith("verticals.web.ui.")}
        assert not private, f"{path.relative_to(ROOT)} imports {sorted(private)}"


def test_every_declared_dependency_is_pinned() -> None:
    pinned = {line.partition("==")[0].lower().replace("_", "-") for line in (ROOT / "constraints.txt").open()}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    declared = [*project["dependencies"], *extras["cpu"], *extras["offline"], *extras["postgres"], *extras["dev"]]
    names = {
        line.partition(">=")[0].partition("==")[0].partition("[")[0].lower().replace("_", "-") for line in declared
    }
    assert not names - pinned, json.dumps(sorted(names - pinned))
