"""``platform models``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from verticals.contract import BadInput

from .output import facts, figure, heading, json_option, next_steps, note, print_json, table, tell_notices, when
from .session import Session, pass_session
from .targets import Target, find, target_argument

if TYPE_CHECKING:
    from verticals.store import VersionRecord


@click.group()
def models() -> None:
    """List, show, promote and roll back versions of heads."""


@models.command("list")
@target_argument("head", required=False)
@json_option
@pass_session
def list_(session: Session, target: str | None, as_json: bool) -> None:
    """List versions: of one head, of one vertical, or all.

    \b
    Examples:
      platform models list
      platform models list customer-service/intent --json
    """
    host = session.host()
    vertical, _, head = (target or "").partition("/")
    if head:
        find(host, target or "", "head")
    records = host.registry.list(vertical or None, head or None)
    if as_json:
        print_json([as_mapping(record) for record in records])
        return
    if not records:
        note("There is no version yet. Train one: platform train VERTICAL/HEAD")
        return
    stages = {"live": "green", "candidate": "cyan", "live, damaged": "red"}
    damage = {record.reference: host.registry.damage(record) for record in records if record.stage == "live"}
    table(
        ["version", "stage", "created", "data", "metrics"],
        [
            [
                record.reference,
                click.style(stage, fg=stages.get(stage)),
                when(record.created),
                record.dataset_version,
                _metrics(record.metrics),
            ]
            for record in records
            for stage in [f"{record.stage}, damaged" if damage.get(record.reference) else record.stage]
        ],
    )
    for error in damage.values():
        if error is not None:
            note(f"Warning: {error}")


@models.command()
@target_argument("head")
@json_option
@pass_session
def show(session: Session, target: str, as_json: bool) -> None:
    """Show one version: how it was made, what it reached, and whether its files are whole.

    Without @version the live one is shown, with the history of its head.

    \b
    Examples:
      platform models show customer-service/intent
      platform models show customer-service/intent@v2 --json
    """
    host = session.host()
    chosen = find(host, target, "head", versioned=True)
    record = host.registry.get(chosen.vertical.name, chosen.name, chosen.version or "live")
    folder = host.registry.open(chosen.vertical.name, chosen.name, record.version)
    history = host.registry.history(chosen.vertical.name, chosen.name)
    if as_json:
        print_json({**as_mapping(record), "manifest": folder.manifest, "path": folder.path, "history": history})
        return
    manifest = folder.manifest
    heading(f"{record.reference} ({record.stage})")
    encoder = manifest.get("encoder", {})
    labels = manifest.get("labels", [])
    facts(
        [
            ("created", when(record.created)),
            ("plugin", f"{record.plugin} {record.plugin_version}"),
            ("data", f"{manifest.get('dataset', '')} {record.dataset_version}"),
            ("objective", record.objective),
            ("method", manifest.get("method")),
            ("encoder", encoder.get("name") if isinstance(encoder, dict) else encoder),
            ("seed", str(manifest.get("seed", ""))),
            ("labels", f"{len(labels)}: {', '.join(labels[:6])}{', …' if len(labels) > 6 else ''}" if labels else ""),
            ("metrics", _metrics(record.metrics)),
            ("run", record.run),
            ("files", f"{len(manifest.get('files', {}))}, all with the right SHA-256"),
            ("folder", folder.path),
        ]
    )
    if history:
        click.echo()
        table(
            ["when", "what", "version", "before", "why"],
            [[when(one.at), one.kind, one.version, one.previous or "–", one.why] for one in history],
        )


@models.command()
@target_argument("head")
@click.argument("version", required=False)
@click.option("--why", default="", metavar="TEXT", help="A reason, kept in the history.")
@json_option
@pass_session
def promote(session: Session, target: str, version: str | None, why: str, as_json: bool) -> None:
    """Make a version live; the one that was live is retired. Running servers follow by themselves.

    \b
    Examples:
      platform models promote customer-service/intent v3
      platform models promote customer-service/intent@v3 --why "better on returns"
    """
    host = session.host()
    chosen = find(host, target, "head", versioned=True)
    wanted = version or chosen.version
    if not wanted:
        known = [record.version for record in host.registry.list(chosen.vertical.name, chosen.name)]
        raise BadInput(
            f"Which version of {chosen}?",
            f"Say it: platform models promote {chosen} {known[0] if len(known) == 1 else 'VERSION'} "
            f"(there is: {', '.join(known) or 'none yet'}).",
        )
    before = host.registry.live(chosen.vertical.name, chosen.name)
    record = host.registry.promote(chosen.vertical.name, chosen.name, wanted, why=why)
    _report(chosen, record, before, as_json)


@models.command()
@target_argument("head")
@click.option("--why", default="", metavar="TEXT", help="A reason, kept in the history.")
@json_option
@pass_session
def rollback(session: Session, target: str, why: str, as_json: bool) -> None:
    """Go back to the version that was live before.

    \b
    Example:
      platform models rollback customer-service/intent --why "wrong on refunds"
    """
    host = session.host()
    chosen = find(host, target, "head")
    before = host.registry.live(chosen.vertical.name, chosen.name)
    record = host.registry.rollback(chosen.vertical.name, chosen.name, why=why)
    _report(chosen, record, before, as_json)


def as_mapping(record: VersionRecord) -> dict[str, Any]:
    """A version record as JSON shows it."""
    names = ("reference", "vertical", "head", "version", "stage", "created", "plugin", "plugin_version")
    return {
        **{name: getattr(record, name) for name in names},
        "dataset_version": record.dataset_version,
        "objective": record.objective,
        "metrics": dict(record.metrics),
        "run": record.run,
    }


def _report(chosen: Target, record: VersionRecord, before: VersionRecord | None, as_json: bool) -> None:
    notices = chosen.vertical.notices()
    if as_json:
        print_json({**as_mapping(record), "notices": notices})
        return
    former = f"; {before.version} is retired" if before and before.version != record.version else ""
    click.echo(f"{record.reference} is live{former}.")
    if former:
        next_steps(f"platform models rollback {chosen}    to go back")
    tell_notices(notices)


def _metrics(metrics: Any) -> str:
    return ", ".join(f"{name} {figure(value)}" for name, value in metrics.items() if isinstance(value, (int, float)))
