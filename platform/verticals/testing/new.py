"""A new plugin: a complete, working distribution written from the templates beside this file."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from verticals.contract import BadInput, Conflict, check_name
from verticals.files import explained

_SUFFIX = ".template"
_PACKAGE_FOLDER = "package"


def create(name: str, folder: Path | str = ".") -> Path:
    """Write the plugin ``name`` into ``folder/name``; all of it or nothing.

    Args:
        name: of the vertical; it becomes the entry point, the paths ``/v1/<name>`` and ``/<name>``, and the package
            ``verticals_<name>``.
        folder: where the new folder is put; it is made if need be.

    Returns:
        The new folder.

    Raises:
        BadInput: the name cannot be used.
        Conflict: the folder exists.
        StorageError: it cannot be written.
    """
    check_name(name, "plugin name")
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise BadInput(f"{name!r} cannot be the name of a plugin.", "Use words of letters and digits joined by '-'.")
    parent = Path(folder)
    target = parent / name
    if target.exists():
        raise Conflict(f"{target} exists already.", "Choose another name or another --folder.")
    values = {
        "name": name,
        "package": f"verticals_{name.replace('-', '_')}",
        "title": name.replace("-", " ").capitalize(),
    }
    with explained(parent):
        parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".new-", dir=parent))
        try:
            temporary.chmod(0o755)
            _fill(files("verticals.testing") / "templates" / "plugin", temporary, values)
            temporary.rename(target)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
    return target


def _fill(template: Traversable, folder: Path, values: Mapping[str, str]) -> None:
    for source in template.iterdir():
        name = values["package"] if source.name == _PACKAGE_FOLDER else source.name.removesuffix(_SUFFIX)
        if source.is_dir():
            (folder / name).mkdir()
            _fill(source, folder / name, values)
        elif source.name.endswith(_SUFFIX):
            text = source.read_text(encoding="utf-8")
            for key, value in values.items():
                text = text.replace(f"{{{{{key}}}}}", value)
            (folder / name).write_text(text, encoding="utf-8")
