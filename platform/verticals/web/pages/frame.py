"""What surrounds every page: the skip link, the header with its navigation, and the place for the content."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from hashlib import sha256
from pathlib import Path

from nicegui import html, ui

import verticals
from verticals.web.api.verticals import page_path
from verticals.web.sign_in import SIGN_OUT
from verticals.web.site import DEFAULT_TENANT, Site
from verticals.web.ui import badge, empty, heading

from .frame_words import FrameWords, frame_words

_STATIC = Path(__file__).parent.parent / "static"
_THEMES = (("system", "contrast"), ("light", "light_mode"), ("dark", "dark_mode"))


@contextmanager
def frame(site: Site, path: str, vertical: str, language: str = "en") -> Iterator[ui.element]:
    """The frame of one page.

    Args:
        site: what is served.
        path: of this page, marked in the navigation.
        vertical: that the page belongs to; empty for the platform's own.
        language: that the page speaks, ISO 639-1.

    Yields:
        The element that holds the page's content.
    """
    words = frame_words(language)
    ui.add_head_html(_head())
    html.a(words.skip, href="#content", **words.spoken).classes("p-skip")
    with html.header(**words.spoken).classes("p-header"), html.div().classes("p-header-row"):
        with html.a(href="/", **{"aria-label": words.home}).classes("p-brand"):
            _mark()
            html.span("Verticals")
        with html.nav(**{"aria-label": words.main}).classes("p-nav"):
            _link(words.overview, "/", current=path == "/")
            for one in site.verticals:
                if pages := site.pages(one.name):
                    _link(one.title, page_path(one.name, pages[0].path), current=one.name == vertical)
        with html.div().classes("p-tools"):
            if site.tenant == DEFAULT_TENANT:
                _link(words.runs, "/runs", current=path == "/runs")
            if any(one.indexes for one in site.verticals):
                _link(words.indexes, "/indexes", current=path.split("/")[1] == "indexes")
            _link(words.api, "/docs", current=path == "/docs")
            _theme_button(words)
            if site.signed_in:
                _signed_in(site.tenant, words)
    if vertical:
        _pages_of(site, path, vertical, words)
    content = html.main(id="content", tabindex="-1").classes("p-main")
    with content:
        yield content
    with html.footer(**words.spoken).classes("p-footer"):
        html.span(f"Verticals {verticals.__version__}")
        html.a("openapi.json", href="/openapi.json")
        html.a(words.metrics, href="/metrics")


def failed(message: str, remedy: str) -> None:
    """Stands where a page could not be built."""
    heading("This did not work")
    empty(message, remedy, icon="healing")


def missing(path: str) -> None:
    """Stands where there is no page."""
    heading("There is no such page")
    empty(f"Nothing answers at {path}.", "The navigation above leads to every page there is.", icon="explore")


def refused() -> None:
    """Stands where a page is not for the tenant who asks."""
    heading("This page is not for your key")
    told = f"It shows what belongs to all: sign in with a key of the tenant {DEFAULT_TENANT} to see it."
    empty(told, "The navigation above leads to the pages of your own.", icon="lock")


def _pages_of(site: Site, path: str, vertical: str, words: FrameWords) -> None:
    """The second row of the navigation, for a vertical with several pages."""
    pages = site.pages(vertical)
    if len(pages) < 2:
        return
    with html.nav(**{"aria-label": words.pages.format(vertical=vertical)}).classes("p-subnav"):
        for page in pages:
            where = page_path(vertical, page.path)
            _link(page.title, where, current=where == path)


def _link(text: str, href: str, *, current: bool) -> None:
    html.a(text, href=href, **({"aria-current": "page"} if current else {}))


def _theme_button(words: FrameWords) -> None:
    with html.button(type="button", **{"data-theme-toggle": "", "aria-label": words.colours}).classes("p-icon-button"):
        for theme, icon in _THEMES:
            ui.icon(icon).classes(f"p-theme-{theme}").props("aria-hidden=true")


def _signed_in(tenant: str, words: FrameWords) -> None:
    if tenant != DEFAULT_TENANT:
        badge(tenant)
    told = words.sign_out.format(tenant=tenant)
    with html.form(action=SIGN_OUT, method="post"), html.button(type="submit", title=told) as button:
        button.classes("p-icon-button").props["aria-label"] = told
        ui.icon("logout").props("aria-hidden=true")


def _mark() -> None:
    """The product's sign: three columns, as in the favicon."""
    with html.span(**{"aria-hidden": "true"}).classes("p-mark"):
        for _ in range(3):
            html.i()


@cache
def _head() -> str:
    def address(name: str) -> str:
        return f"/_static/{name}?{sha256((_STATIC / name).read_bytes()).hexdigest()[:12]}"

    return f'<script src="{address("platform.js")}"></script><link rel="stylesheet" href="{address("platform.css")}">'
