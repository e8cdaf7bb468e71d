import asyncio
import json
import threading
import time
from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import httpx
import pytest
import uvicorn

from verticals import Host
from verticals.web.app import create_app
from verticals.web.server import listen, url
from verticals_customer_service import templates
from verticals_customer_service.policy import Policy

CONSTANTS = {"shop_name": "Larkspur & Lane", "support_email": "help@shop.example"}


@pytest.fixture(scope="session")
def today() -> date:
    return date(2026, 11, 21)


@pytest.fixture(scope="session")
def starter() -> templates.Templates:
    return templates.load(None, CONSTANTS)


@pytest.fixture(scope="session")
def policy(starter: templates.Templates) -> Policy:
    return Policy(starter)


@pytest.fixture(scope="session")
def chatwoot() -> Iterator[ThreadingHTTPServer]:
    """Stands for a Chatwoot: ``got`` is what was posted to it, ``answers`` its next statuses, then 200."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            server.got.append((self.path, self.headers["api_access_token"], body))
            self.send_response(server.answers.pop(0) if server.answers else 200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.got, server.answers = [], []
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session")
def service(serving: SimpleNamespace) -> httpx.Client:
    """A client of the real product on a real server."""
    return serving.client


@pytest.fixture(scope="session")
def serving(tmp_path_factory: pytest.TempPathFactory, chatwoot) -> Iterator[SimpleNamespace]:
    """Real encoder, starter data, first heads trained as it begins to serve: ``client``, ``vertical``, ``call``
    and ``host``."""
    plugins = {
        "customer-service": {"chatwoot": {"url": chatwoot.url, "token": "bot", "secret": "of the webhook address"}}
    }
    home = tmp_path_factory.mktemp("home")
    with Host.open(home, settings={"plugins": plugins}) as host, listen("127.0.0.1", 0) as listening:
        app, loop = create_app(host, ["customer-service"]), asyncio.new_event_loop()
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        thread = threading.Thread(target=lambda: loop.run_until_complete(server.serve(sockets=[listening])))

        def call(function, *arguments):  # type: ignore[no-untyped-def]
            """Await a function where the server runs."""
            return asyncio.run_coroutine_threadsafe(function(*arguments), loop).result(60)

        thread.start()
        try:
            with httpx.Client(base_url=url(listening), timeout=120) as client:
                while not server.started and thread.is_alive():
                    time.sleep(0.05)
                vertical = app.state.site.served["customer-service"]
                yield SimpleNamespace(client=client, vertical=vertical, call=call, host=host)
        finally:
            server.should_exit = True
            thread.join(30)
