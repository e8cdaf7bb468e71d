"""A real host in a fresh home, with a one-file vertical that needs no encoder, and applications that serve it."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from verticals import Host
from verticals.web.app import create_app

PLUGINS = Path(__file__).parent / "plugins"


@pytest.fixture
def fresh_host(tmp_path):
    """A host in which nothing was trained."""
    with Host.open(tmp_path / "home", plugins_dir=PLUGINS) as host:
        yield host


@pytest.fixture
def save_version(fresh_host):
    """Saves a version of shop/parity."""

    def save(**metrics):
        manifest = {
            "vertical": "shop",
            "head": "parity",
            "objective": "classify",
            "plugin": "shop",
            "plugin_version": "1.2",
            "dataset_version": "v1",
            "metrics": metrics or {"accuracy": 0.9},
        }
        return fresh_host.registry.save(
            "shop", "parity", manifest, lambda folder: (folder / "head.safetensors").write_bytes(b"weights") and None
        )

    return save


@pytest.fixture
def host(fresh_host, save_version):
    """A host whose head has a live version."""
    fresh_host.registry.promote("shop", "parity", save_version().version)
    return fresh_host


@pytest.fixture
def plugin(host):
    """The plugin's module."""
    return host.manager.get_plugin("shop")


@pytest.fixture
def client(host):
    """A client of the API alone."""
    with TestClient(create_app(host, ["shop"], pages=False)) as client:
        yield client


@pytest.fixture
def browser(host):
    """A client that asks for pages."""
    with TestClient(create_app(host, ["shop"]), headers={"accept": "text/html"}) as client:
        yield client


@pytest.fixture
def library(tmp_path, tiny_encoder):
    """A host whose vertical has two indexes, on the tiny encoder."""
    settings = {"encoder": str(tiny_encoder), "device": "cpu", "precision": "fp32", "threads": 1}
    with Host.open(tmp_path / "home", plugins_dir=PLUGINS, settings=settings) as host:
        yield host
