"""Pages where the API needs a key: they ask for it once, and show that key's tenant alone."""

import pytest
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from verticals.web import keys
from verticals.web.app import create_app
from verticals.web.sign_in import COOKIE

SOCKET = "/_nicegui_ws/socket.io/?EIO=4&transport=websocket"
UPGRADE = {"upgrade": "websocket"}  # which the server behind looks for, and real browsers send
HTML = {"accept": "text/html"}


@pytest.fixture
def browser(host, monkeypatch):
    """A client that asks for pages, while keys are looked up with each request."""
    monkeypatch.setattr(keys, "_FRESH_SECONDS", 0.0)
    with TestClient(create_app(host, ["shop"]), headers=HTML, follow_redirects=False) as client:
        yield client


@pytest.fixture
def sign_in(browser, host):
    """Signs in with a new key of a tenant; gives the key's record and the answer."""

    def sign(tenant, after="/shop/mine"):
        key, record = host.store.keys.create(tenant)
        browser.cookies.clear()
        return record, browser.post("/sign-in", data={"key": f" {key} ", "next": after})

    return sign


def test_without_keys_nothing_is_asked(browser):
    assert browser.get("/shop/mine").status_code == 200
    assert "Sign out" not in browser.get("/").text
    assert browser.get("/sign-in").headers["location"] == "/"
    with browser.websocket_connect(SOCKET, headers=UPGRADE) as socket:
        assert socket.receive_text().startswith("0{")


def test_who_has_no_key_is_asked_for_one_and_led_on(browser, host, sign_in):
    host.store.keys.create("default")
    asked = browser.get("/shop/order/7?colour=red&x=<b>")
    assert asked.status_code == 401
    assert asked.headers["cache-control"] == "no-store"
    assert 'type="password"' in asked.text
    assert 'value="/shop/order/7?colour=red&amp;x=%3Cb%3E"' in asked.text
    assert "Order 7" not in asked.text
    assert "Hello from shop" not in browser.get("/shop").text
    for path in ("/", "/runs", "/indexes", "/docs", "/nowhere", "/_nicegui_ws/socket.io/?EIO=4&transport=polling"):
        assert browser.get(path).status_code == 401, path
    told = browser.get("/shop", headers={"accept": "application/json"})
    assert (told.status_code, told.json()["type"]) == (401, "urn:verticals:problem:unauthorized")
    for path in ("/healthz", "/_static/platform.css", "/openapi.json"):
        assert browser.get(path).status_code == 200, path

    _, inside = sign_in("default", "/shop/order/7?colour=red")
    assert (inside.status_code, inside.headers["location"]) == (303, "/shop/order/7?colour=red")
    cookie = inside.headers["set-cookie"].lower()
    assert cookie.startswith(f"{COOKIE}=vk_")
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    page = browser.get("/shop/order/7")
    assert page.status_code == 200
    assert "Order 7 of shop" in page.text
    assert "Sign out (default)" in page.text


@pytest.mark.parametrize("key", ["vk_wrong", "", "\x00", "x" * 9_000, "ключ"])
def test_a_wrong_key_is_told_so(browser, host, key):
    host.store.keys.create("default")
    refused = browser.post("/sign-in", data={"key": key, "next": "/shop"})
    assert refused.status_code == 401
    assert 'role="alert"' in refused.text
    assert "This key does not hold" in refused.text
    assert "set-cookie" not in refused.headers


@pytest.mark.parametrize(
    "after", ["https://elsewhere.example/", "//elsewhere.example", "/\\elsewhere", "/sign-in", "/a\nb", ""]
)
def test_signing_in_leads_nowhere_else(sign_in, after):
    assert sign_in("default", after)[1].headers["location"] == "/"


def test_over_an_encrypted_connection_the_cookie_stays_on_such(host, monkeypatch):
    monkeypatch.setattr(keys, "_FRESH_SECONDS", 0.0)
    key, _ = host.store.keys.create("default")
    with TestClient(create_app(host, ["shop"]), base_url="https://here", follow_redirects=False) as client:
        assert "secure" in client.post("/sign-in", data={"key": key}).headers["set-cookie"].lower()


def test_each_tenant_sees_its_own_and_what_belongs_to_all_is_the_default_tenants(browser, host, sign_in):
    for tenant in ("default", "acme"):
        host["shop"].events.append("message", {"text": f"secret of {tenant}"}, tenant=tenant)
    sign_in("acme")
    mine = browser.get("/shop/mine")
    assert "acme wrote secret of acme" in mine.text
    assert "secret of default" not in mine.text
    assert "Sign out (acme)" in mine.text
    for path in ("/shop", "/shop/order/7", "/runs"):
        refused = browser.get(path)
        assert (refused.status_code, "not for your key" in refused.text) == (403, True), path
        assert "Hello from shop" not in refused.text
    overview = browser.get("/").text
    assert "/shop/mine" in overview
    assert "parity" not in overview, "heads and versions belong to all"
    sign_in("globex")
    assert "secret" not in browser.get("/shop/mine").text
    sign_in("default")
    assert "default wrote secret of default" in browser.get("/shop/mine").text
    assert "Hello from shop" in browser.get("/shop").text


def test_the_cookie_opens_pages_and_not_the_api(browser, sign_in):
    sign_in("default")
    assert browser.get("/").status_code == 200
    assert browser.get("/v1/platform/versions").status_code == 401, "another site could have it sent"


def test_a_key_in_the_header_opens_pages_too(browser, host):
    key, _ = host.store.keys.create("default")
    assert browser.get("/shop", headers={"authorization": f"Bearer {key}"}).status_code == 200


def test_who_signs_out_is_asked_again(browser, sign_in):
    sign_in("default")
    out = browser.post("/sign-out")
    assert (out.status_code, out.headers["location"]) == (303, "/sign-in")
    assert browser.get("/shop").status_code == 401


def test_a_page_that_is_open_hears_nothing_of_a_key_that_was_revoked(browser, host, sign_in):
    record, _ = sign_in("acme")
    with browser.websocket_connect(SOCKET, headers=UPGRADE) as socket:
        assert socket.receive_text().startswith("0{")
        host.store.keys.revoke(record.id)
        socket.send_text("40")
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_text()
        assert closed.value.code == 1008
    assert browser.get("/shop/mine").status_code == 401
    with pytest.raises(WebSocketDisconnect), browser.websocket_connect(SOCKET, headers=UPGRADE):
        pass
