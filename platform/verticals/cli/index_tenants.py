"""``platform index tenants`` and ``remove-tenant``: whose documents there are, and how they go."""

from __future__ import annotations

import click

from verticals.contract import BadInput

from .output import json_option, note, print_json
from .session import Session, pass_session
from .targets import find, target_argument
from .tenants import choose


@click.command()
@target_argument("index")
@json_option
@pass_session
def tenants(session: Session, target: str, as_json: bool) -> None:
    """List the tenants that have documents of their own in an index, besides the default one.

    \b
    Example:
      platform index tenants customer-service/knowledge
    """
    chosen = find(session.host(), target, "index")
    names = chosen.vertical.index(chosen.name).tenants()
    if as_json:
        print_json({"index": str(chosen), "tenants": names})
        return
    if not names:
        note(f"{chosen} has the documents of the default tenant only.")
    for name in names:
        click.echo(name)


@click.command("remove-tenant")
@target_argument("index")
@click.argument("tenant")
@click.option("--yes", is_flag=True, help="Do it without asking.")
@json_option
@pass_session
def remove_tenant(session: Session, target: str, tenant: str, yes: bool, as_json: bool) -> None:
    """Remove all that TENANT has in an index; it cannot be undone.

    \b
    Example:
      platform index remove-tenant customer-service/knowledge acme
    """
    chosen = choose(session, target, tenant)
    if not yes and not click.confirm(f"Remove all documents of {tenant!r} from {chosen.name}?", err=True):
        raise BadInput("Nothing was removed.", "Add --yes to remove it without being asked.")
    chosen.handle.remove()
    if as_json:
        print_json({"index": chosen.name, "removed": tenant})
    else:
        click.echo(f"Removed all that {tenant} had in {chosen.name}.")


COMMANDS = (tenants, remove_tenant)
