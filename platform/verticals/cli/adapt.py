"""``platform adapt``."""

from __future__ import annotations

from pathlib import Path

import click

from .output import count, duration, json_option, next_steps, note, print_json, table
from .pairs import pairs
from .progress import ProgressDisplay
from .session import Session, pass_session
from .targets import find


@click.command()
@click.argument("source", metavar="VERTICAL/DATASET|FILE")
@click.option("--name", required=True, help="Of the new encoder.")
@click.option("--field", help="The field of the rows that holds the texts.  [default: what the data set splits by]")
@click.option("--epochs", help="Passes over the texts, at most.  [default: 3]")
@click.option("--seed", help="Of everything random.")
@click.option(
    "--set", "changes", multiple=True, metavar="KEY=VALUE", help="Any other value of the recipe (repeatable)."
)
@click.option("--resume", is_flag=True, help="Go on with an interrupted adaptation of this name.")
@json_option
@pass_session
def adapt(
    session: Session,
    source: str,
    name: str,
    field: str | None,
    epochs: str | None,
    seed: str | None,
    changes: tuple[str, ...],
    resume: bool,
    as_json: bool,
) -> None:
    """Make a new encoder from the present one and unlabelled texts of a domain.

    The texts are the training rows of a data set, labelled or not, or the lines of a file. The new encoder lies in
    the home folder; heads use it by its name.

    \b
    Examples:
      platform adapt customer-service/utterances --name shop
      platform adapt tickets.txt --name tickets --epochs 5
    """
    host = session.host()
    shortcuts = {"epochs": epochs, "seed": seed}
    chosen = {**pairs(changes, "--set"), **{key: value for key, value in shortcuts.items() if value is not None}}
    if Path(source).is_file():
        texts = Path(source).read_text(encoding="utf-8-sig", errors="replace").splitlines()
    else:
        from verticals.host.adapting import texts_of_rows

        target = find(host, source, "dataset")
        dataset = target.vertical.dataset(target.name)
        texts = texts_of_rows(dataset.current(), field or dataset.noun.split_by)
    with ProgressDisplay() as display:
        done = host.adapt(texts, name, chosen, resume=resume, progress=display)
    if done.folder is None:
        note(f"\nInterrupted. Go on with:\n  platform adapt {source} --name {name} --resume")
        raise KeyboardInterrupt
    if as_json:
        print_json({"name": name, "folder": str(done.folder), "texts": done.texts, "history": list(done.history),
                    "seconds": done.seconds, "stopped": done.stopped})  # fmt: skip
        return
    click.echo(f"Adapted to {count(done.texts, 'text')} in {duration(done.seconds)}: {done.folder}\n")
    rows = [[epoch["epoch"], f"{epoch['loss']:.3f}", f"{epoch['log_likelihood']:.3f}", f"{epoch['guessed']:.1%}"]
            for epoch in done.history]  # fmt: skip
    table(["epoch", "loss", "log likelihood (held out)", "guessed"], rows)
    next_steps(f"platform train VERTICAL/HEAD --set encoder={name}", f"PLATFORM_ENCODER={name} platform doctor")
