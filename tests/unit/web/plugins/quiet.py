"""A vertical that declares nothing but a kind of event."""

from verticals import EventKind, hookimpl


@hookimpl
def register_events():
    yield EventKind(name="message")
