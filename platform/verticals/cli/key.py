"""``platform key``."""

from __future__ import annotations

import click

from .output import json_option, note, print_json, table, when
from .session import Session, pass_session


@click.group()
def key() -> None:
    """Make, list and revoke keys of the API, each of one tenant.

    While there is no key the API and the pages are open. From the first one on, both need one.
    """


@key.command()
@click.option("--tenant", default="default", show_default=True, help="Whose requests those with this key are.")
@click.option("--note", "purpose", default="", help="What it is for.")
@json_option
@pass_session
def create(session: Session, tenant: str, purpose: str, as_json: bool) -> None:
    """Make a key and print it. It is kept nowhere: what is lost must be made anew.

    \b
    Examples:
      platform key create --note "our own tools"
      platform key create --tenant acme --note "Acme's web shop"
    """
    made, record = session.host().store.keys.create(tenant, purpose)
    if as_json:
        print_json({"key": made, "id": record.id, "tenant": record.tenant, "note": record.note})
        return
    click.echo(made)
    note(f"A key of the tenant {tenant}. Keep it: it is not shown again. Send it as 'Authorization: Bearer …'.")


@key.command("list")
@json_option
@pass_session
def list_(session: Session, as_json: bool) -> None:
    """List all keys ever made, oldest first; of each only its first letters.

    \b
    Example:
      platform key list
    """
    found = session.host().store.keys.list()
    if as_json:
        print_json(found)
        return
    if not found:
        note("There is no key: the API is open to all who can reach it.")
        return
    rows = [
        [one.id, one.tenant, when(one.created), when(one.revoked) if one.revoked else "", one.note] for one in found
    ]
    table(["id", "tenant", "made", "revoked", "note"], rows)


@key.command()
@click.argument("id")
@json_option
@pass_session
def revoke(session: Session, id: str, as_json: bool) -> None:  # noqa: A002 - what the command line calls it
    """Let the key with this ID hold no longer, in a running server after a second at the latest.

    \b
    Example:
      platform key revoke vk_1a2b3c4d
    """
    record = session.host().store.keys.revoke(id)
    if as_json:
        print_json(record)
    else:
        click.echo(f"The key {record.id} of {record.tenant} no longer holds.")
