"""The hooks: what a plugin may implement. Nouns are declared, verbs are wrapped.

Noun hooks are called once per plugin when a host loads it. Verb hooks are called each time, with one context
object, so that they can grow without breaking anyone.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

import pluggy

from .nouns import Command, Dataset, Endpoints, EventKind, Index, Page, TaskHead
from .records import Batch, FitJob, FitReport, Notice, Predictions

if TYPE_CHECKING:
    from pydantic import BaseModel

PROJECT = "verticals"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class Hooks:
    """The specification of every hook."""

    @hookspec
    def register_settings(self) -> type[BaseModel] | str:  # type: ignore[empty-body]
        """The pydantic model of the plugin's settings, or a reference to it; read from ``[plugins.<name>]``.

        ```python
        from verticals import hookimpl

        @hookimpl
        def register_settings():
            return "verticals_sarcasm.settings:Settings"
        ```
        """

    @hookspec
    def register_datasets(self) -> Iterable[Dataset]:  # type: ignore[empty-body]
        """The data sets of the vertical.

        ```python
        from pydantic import BaseModel
        from verticals import Dataset, hookimpl

        class Chat(BaseModel):
            text: str
            label: str

        def load():
            yield Chat(text="Oh great, it broke again.", label="sarcastic")
            yield Chat(text="It broke again.", label="plain")

        @hookimpl
        def register_datasets():
            yield Dataset(name="chats", row=Chat, load=load)
        ```
        """

    @hookspec
    def register_heads(self) -> Iterable[TaskHead]:  # type: ignore[empty-body]
        """The tasks that are trained on the shared encoder.

        ```python
        from verticals import Recipe, TaskHead, hookimpl

        @hookimpl
        def register_heads():
            yield TaskHead(name="sarcasm", dataset="chats", objective="classify", recipe=Recipe(epochs=2))
        ```
        """

    @hookspec
    def register_indexes(self) -> Iterable[Index]:  # type: ignore[empty-body]
        """The searchable collections of documents.

        ```python
        from verticals import Document, Index, hookimpl

        def articles():
            yield Document(id="returns", title="Returns", text="You may return anything within 30 days.")

        @hookimpl
        def register_indexes():
            yield Index(name="knowledge", documents=articles)
        ```
        """

    @hookspec
    def register_events(self) -> Iterable[EventKind]:  # type: ignore[empty-body]
        """The kinds of event that the vertical appends to its log.

        ```python
        from verticals import EventKind, hookimpl

        @hookimpl
        def register_events():
            yield EventKind(name="message", description="One turn of a conversation")
        ```
        """

    @hookspec
    def register_endpoints(self) -> Iterable[Endpoints]:  # type: ignore[empty-body]
        """FastAPI routers, mounted under ``/v1/<plugin>``.

        ```python
        from verticals import Endpoints, hookimpl

        @hookimpl
        def register_endpoints():
            yield Endpoints(router="verticals_sarcasm.api:router")
        ```
        """

    @hookspec
    def register_pages(self) -> Iterable[Page]:  # type: ignore[empty-body]
        """NiceGUI pages, mounted under ``/<plugin>``.

        ```python
        from verticals import Page, hookimpl

        @hookimpl
        def register_pages():
            yield Page(title="Sarcasm", render="verticals_sarcasm.pages:home", icon="sentiment_neutral")
        ```
        """

    @hookspec
    def register_commands(self) -> Iterable[Command]:  # type: ignore[empty-body]
        """Click commands, reached as ``platform <plugin> <command>``.

        ```python
        from verticals import Command, hookimpl

        @hookimpl
        def register_commands():
            yield Command(name="detect", command="verticals_sarcasm.commands:detect", help="Judge one text")
        ```
        """

    @hookspec
    def lifespan(self, vertical: Any) -> AbstractAsyncContextManager[None]:  # type: ignore[empty-body]
        """Background work of a running vertical: entered when it starts to serve, left when it stops.

        ```python
        from contextlib import asynccontextmanager
        from verticals import hookimpl

        @hookimpl
        def lifespan(vertical):
            @asynccontextmanager
            async def run():
                await vertical.events.append("started", {})
                yield
            return run()
        ```
        """

    @hookspec
    def notices(self, vertical: Any) -> Iterable[Notice]:  # type: ignore[empty-body]
        """What whoever runs the vertical should know and do now, as things stand; nothing where all is well.

        Asked for after each promotion and rollback on the command line, by `platform doctor`, by
        `GET /v1/platform/verticals` and by the overview page: read what is stored, compute nothing long.

        ```python
        from verticals import Notice, hookimpl

        @hookimpl
        def notices(vertical):
            if vertical.head("sarcasm").live is None:
                yield Notice("No version of sarcasm is live.", "Run: platform train sarcasm/sarcasm --promote")
        ```
        """

    @hookspec(firstresult=True)
    def fit(self, job: FitJob) -> FitReport:  # type: ignore[empty-body]
        """Train one head. The host's own implementation comes last; a plugin wraps it or replaces it for its heads.

        Heads that are trained together (``job.recipe.together`` names them) are each a job: the hook is called for the
        first, within it for the second, and so on; the innermost trains them all, and every call returns the report of
        its own head. A wrapper therefore need not know. A plugin that trains a head in a way of its own cannot share
        its body: then the training fails, with a message that names the head.

        ```python
        from verticals import hookimpl

        @hookimpl(wrapper=True)
        def fit(job):
            report = yield
            print(job.head, report.metrics)
            return report
        ```
        """

    @hookspec(firstresult=True)
    def predict(self, batch: Batch) -> Predictions:  # type: ignore[empty-body]
        """Answer a batch of inputs for one head. The host's own implementation comes last; a plugin wraps it.

        ```python
        from verticals import hookimpl

        @hookimpl(wrapper=True)
        def predict(batch):
            batch.inputs = [text.strip() if isinstance(text, str) else text for text in batch.inputs]
            return (yield)
        ```
        """
