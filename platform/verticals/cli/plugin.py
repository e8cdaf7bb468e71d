"""``platform plugin``."""

from __future__ import annotations

from pathlib import Path

import click

from .output import count, json_option, next_steps, print_json, shown_path
from .session import Session, pass_session


@click.group()
def plugin() -> None:
    """Write a new plugin, or check one."""


@plugin.command()
@click.argument("name")
@click.option("--folder", type=click.Path(path_type=Path), default=".", help="Where to put it.  [default: here]")
def new(name: str, folder: Path) -> None:
    """Write a complete working plugin NAME: data, a head, an endpoint, a page and tests.

    \b
    Example:
      platform plugin new demo && pip install -e demo && platform run demo
    """
    from verticals.testing.new import create

    where = shown_path(create(name, folder))
    click.echo(f"Wrote the plugin {name} to {where}.")
    next_steps(f"pip install -e {where}", f"platform plugin check {name}", f"platform run {name}")


@plugin.command()
@click.argument("target", metavar="NAME|PATH")
@json_option
@pass_session
def check(session: Session, target: str, as_json: bool) -> None:
    """Hold a plugin against the contract: by NAME when it is found, or by PATH (a folder or one file).

    It is imported, its data are validated, its heads are trained for a moment on a tiny encoder and reloaded in a
    fresh process, its endpoints are asked and its pages rendered, all in a temporary home. Exit code 1 when
    anything fails.

    \b
    Examples:
      platform plugin check customer-service
      platform plugin check ./demo
      platform plugin check my_plugin.py --json
    """
    from verticals.testing.check import run

    marks = {"passed": ("✓", "green"), "failed": ("✗", "red"), "skipped": ("–", "yellow")}
    results = []
    for result in run(target, Path(session.plugins_dir) if session.plugins_dir else None):
        results.append(result)
        if not as_json:
            sign, color = marks[result.status]
            subject = f" {result.subject}" if result.subject else ""
            click.echo(f"{click.style(sign, fg=color)} {result.check}{subject}  {click.style(result.detail, dim=True)}")
            if result.remedy:
                click.echo(f"    {result.remedy}")
    failed = sum(result.status == "failed" for result in results)
    if as_json:
        print_json(results)
    else:
        passed = count(sum(result.status == "passed" for result in results), "check")
        click.echo(f"\n{passed} passed, {failed} failed." if failed else f"\n{passed} passed.")
    click.get_current_context().exit(1 if failed else 0)
