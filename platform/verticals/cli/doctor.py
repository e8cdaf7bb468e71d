"""``platform doctor``."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from verticals.contract import PlatformError

from .output import count, json_option, print_json, size
from .session import Session, pass_session

if TYPE_CHECKING:
    from verticals.host import Host

_LITTLE_DISK = 1 << 30
_TOO_LITTLE_DISK = 100 << 20


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's report; ``state`` is ``ok``, ``warning`` or ``problem``."""

    part: str
    state: str
    found: str
    remedy: str = ""


@click.command()
@json_option
@click.pass_context
@pass_session
def doctor(session: Session, context: click.Context, as_json: bool) -> None:
    """Check this machine, and say how to fix what is wrong. Exit code 1 when there is a problem.

    \b
    Examples:
      platform doctor
      platform doctor --json
    """
    marks = {"ok": ("ok", "green"), "warning": ("warning", "yellow"), "problem": ("problem", "red")}
    findings = []
    for finding in examine(session):
        findings.append(finding)
        if not as_json:
            word, color = marks[finding.state]
            click.echo(f"{click.style(f'{word:<7}', fg=color)}  {finding.part:<9}  {finding.found}")
            if finding.remedy:
                click.echo(f"{'':20}{finding.remedy}")
    if as_json:
        print_json(findings)
    problems = sum(finding.state == "problem" for finding in findings)
    if problems and not as_json:
        click.echo(f"\n{count(problems, 'problem')}.")
    context.exit(1 if problems else 0)


def examine(session: Session) -> Iterator[Finding]:
    """Every check, one after the other; a check that raises is a problem of its own and the rest go on."""
    yield from _guarded("python", python)
    yield from _guarded("torch", torch_build)
    yield from _guarded("faiss", faiss_build)
    try:
        host = session.host()
    except PlatformError as error:
        yield Finding("settings", "problem", error.message, error.remedy)
        return
    for part, check in _OF_THE_HOST.items():
        yield from _guarded(part, lambda check=check: check(host))  # type: ignore[misc]
    for name, plugin in host.plugins.items():
        if plugin.state == "loaded":
            for notice in host[name].notices():
                yield Finding(name, "warning", notice.told, notice.remedy)


def _guarded(part: str, check: Callable[[], Finding]) -> Iterator[Finding]:
    try:
        yield check()
    except PlatformError as error:
        yield Finding(part, "problem", error.message, error.remedy)
    except ImportError as error:
        yield Finding(part, "problem", f"cannot be imported: {error}", "Install the host again: pip install verticals")
    except Exception as error:  # noqa: BLE001 - whatever is wrong with this machine, the other parts are still looked at
        yield Finding(part, "problem", f"{type(error).__name__}: {error}", "Correct that, then run doctor again.")


def python() -> Finding:
    """The interpreter."""
    return Finding("python", "ok", f"Python {sys.version.split()[0]} ({sys.executable})")


def torch_build() -> Finding:
    """Torch and transformers."""
    import torch
    import transformers

    cuda = f", CUDA {torch.version.cuda}" if torch.version.cuda else ", CPU build"
    found = f"torch {torch.__version__}{cuda}, transformers {transformers.__version__}"
    if _nvidia() and not torch.cuda.is_available():
        return Finding("torch", "warning", f"{found}; there is a GPU that torch cannot use", "Install a CUDA build.")
    return Finding("torch", "ok", found)


def faiss_build() -> Finding:
    """The vector search library and what it was compiled for."""
    try:
        import faiss
    except ImportError:
        remedy = "Install it: pip install 'verticals[cpu]' (or verticals[gpu])."
        return Finding("faiss", "problem", "FAISS is not installed", remedy)
    from verticals.retrieval.libraries import gpus

    built = "GPU" if hasattr(faiss, "StandardGpuResources") else "CPU"
    options = " ".join(faiss.get_compile_options().split())
    found = f"faiss {faiss.__version__}, {built} build that sees {count(gpus(), 'GPU')} ({options})"
    if _nvidia() and built == "CPU":
        remedy = "To search large indexes on it: pip uninstall faiss-cpu, then pip install 'verticals[gpu]'."
        return Finding("faiss", "warning", f"{found}; there is a GPU that it cannot use", remedy)
    return Finding("faiss", "ok", found)


def _nvidia() -> bool:
    return Path("/dev/nvidia0").exists() or shutil.which("nvidia-smi") is not None


def device(host: Host) -> Finding:
    """Where and in which format the encoder computes."""
    from verticals.encoder import choose_precision

    chosen = choose_precision(host.settings.precision, host.settings.device)
    return Finding("device", "ok", f"{chosen.device}, {chosen.name} ({chosen.reason})")


def threads(host: Host) -> Finding:
    """How many cores a computation takes, and how many there are."""
    from verticals.encoder.precision import free_cores

    free = free_cores()
    chosen = host.settings.threads or free
    found = f"{count(chosen, 'thread')} on {count(free, 'free core')} of {os.cpu_count()}"
    if chosen > free:
        return Finding("threads", "warning", found, f"More threads than cores stall: set PLATFORM_THREADS={free}.")
    return Finding("threads", "ok", found)


def encoder(host: Host) -> Finding:
    """Which encoder is used, where it was found, and the hash of its weights."""
    from verticals.encoder import locate

    source = locate(host.settings.encoder, verify=True)
    return Finding(
        "encoder", "ok", f"{source.name} (from the {source.origin}: {source.path}, sha256 {source.sha256[:12]}…)"
    )


def home(host: Host) -> Finding:
    """The home folder: whether it can be written."""
    from verticals.files import write_file

    existed = host.home.exists()
    probe = host.home / ".doctor"
    write_file(probe, b"")
    probe.unlink()
    return Finding("home", "ok", f"{host.home}{'' if existed else ' (new)'}, writable")


def disk(host: Host) -> Finding:
    """Room on the home's disk."""
    folder = next(path for path in (host.home, *host.home.absolute().parents) if path.exists())
    usage = shutil.disk_usage(folder)
    found = f"{size(usage.free)} of {size(usage.total)} free"
    if usage.free < _LITTLE_DISK:
        state = "problem" if usage.free < _TOO_LITTLE_DISK else "warning"
        return Finding("disk", state, found, "Free some space, or choose another home with --home.")
    return Finding("disk", "ok", found)


def database(host: Host) -> Finding:
    """Whether the database opens, and its schema."""
    from verticals.store.schema import SCHEMA

    return Finding("database", "ok", f"{host.store.address}, schema {SCHEMA}")


def models(host: Host) -> Finding:
    """Whether the files of every live version are whole."""
    live = [record for record in host.registry.list() if record.stage == "live"]
    broken = [error for record in live if (error := host.registry.damage(record)) is not None]
    if broken:
        more = f" (and {count(len(broken) - 1, 'more')})" if len(broken) > 1 else ""
        return Finding("models", "problem", f"{broken[0].message}{more}", broken[0].remedy)
    return Finding("models", "ok", f"{count(len(live), 'live version')}, all files with the right SHA-256")


def plugins(host: Host) -> Finding:
    """Whether every plugin loaded."""
    failed = [name for name, state in host.plugins.items() if state.state in ("failed", "incompatible")]
    found = f"{len(host.plugins) - len(failed)} of {len(host.plugins)} usable"
    if failed:
        return Finding("plugins", "warning", f"{found}; not: {', '.join(failed)}", "See: platform plugins")
    if not host.plugins:
        return Finding("plugins", "warning", "none installed", "Write one: platform plugin new NAME")
    return Finding("plugins", "ok", found)


_OF_THE_HOST: dict[str, Callable[[Host], Finding]] = {
    "device": device,
    "threads": threads,
    "encoder": encoder,
    "home": home,
    "disk": disk,
    "database": database,
    "models": models,
    "plugins": plugins,
}
