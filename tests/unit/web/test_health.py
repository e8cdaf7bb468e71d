"""Readiness, metrics, and the life of the served verticals."""

import asyncio

import httpx

from verticals.web.app import create_app
from verticals.web.metrics import template


def ask(app, path):
    async def run():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as client:
            return await client.get(path)

    return asyncio.run(run())


def test_the_process_is_alive_before_it_is_ready(host):
    app = create_app(host, ["shop"], pages=False)
    assert ask(app, "/healthz").status_code == 200
    response = ask(app, "/readyz")
    assert response.status_code == 503
    assert response.json()["type"] == "urn:verticals:problem:unavailable"


def test_an_endpoint_is_unavailable_while_its_vertical_starts(host):
    response = ask(create_app(host, ["shop"], pages=False), "/v1/shop/items/7")
    assert response.status_code == 503


def test_ready_while_serving(client):
    assert client.get("/readyz").json() == {"status": "ready", "verticals": ["shop"]}


def test_readiness_ends_before_the_verticals_stop(host, plugin):
    app = create_app(host, ["shop"], pages=False)
    ready_at_stop = []

    class Watching(list):
        def append(self, name):
            ready_at_stop.append((name, app.state.site.ready))

    plugin.STOPPED = Watching()

    async def run():
        async with app.router.lifespan_context(app):
            assert app.state.site.ready

    asyncio.run(run())
    assert ready_at_stop == [("shop", False)]


def test_requests_are_counted_by_template_not_by_path(client):
    for item in ("one", "two", "three"):
        client.get(f"/v1/shop/items/{item}")
    client.get("/v1/shop/nothing/1")
    client.get("/v1/platform/heads/shop/parity")
    text = client.get("/metrics").text
    assert 'platform_http_requests_total{method="GET",route="/v1/shop/items/{item}",status="200"} 3.0' in text
    assert 'route="(unmatched)",status="404"} 1.0' in text
    assert 'route="/v1/platform/heads/{vertical}/{head}",status="200"} 1.0' in text
    assert 'platform_http_request_seconds_count{method="GET",route="/v1/shop/items/{item}"} 3.0' in text
    assert "/items/one" not in text


def test_pages_are_counted_by_template_too(browser):
    browser.get("/shop")
    browser.get("/no/such/page")
    browser.get("/_static/platform.css")
    text = browser.get("/metrics").text
    assert 'route="/shop",status="200"} 1.0' in text
    assert 'route="(assets)",status="200"} 1.0' in text
    assert "/no/such/page" not in text


def test_an_odd_method_gets_no_label_of_its_own(client):
    client.request("PROPFIND", "/v1/shop/echo")
    assert "PROPFIND" not in client.get("/metrics").text


def test_two_applications_count_apart(host, client):
    client.get("/healthz")
    other = create_app(host, ["shop"], pages=False)
    assert 'route="/healthz"' not in ask(other, "/metrics").text


def test_a_path_that_repeats_a_parameter_keeps_its_template():
    class Route:
        path_format = "/items/{item}"

    assert template({"route": Route(), "path_params": {"item": "shop"}}, "/v1/shop/items/shop") == (
        "/v1/shop/items/{item}"
    )
