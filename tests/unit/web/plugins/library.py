"""A vertical with two indexes: one with documents, one without."""

from verticals import Document, Index, hookimpl


def articles():
    """Three articles."""
    yield Document(
        id="help/returns",
        title="How to return an item",
        text="Send it back within 30 days. The label is in the parcel. Refunds take a week.",
        source="help/returns.md",
        metadata={"topic": "returns", "year": 2025, "tags": ["money", "parcel"]},
    )
    yield Document(
        id="shipping",
        title="Delivery times",
        text="We deliver within three days. You can track the parcel online.",
        metadata={"topic": "delivery", "year": 2026},
    )
    yield Document(
        id="退货", title="退货政策", text="您可以在三十天内退货。退款需要一周。", metadata={"topic": "<b>中文</b>"}
    )


def nothing():
    """No documents."""
    return []


@hookimpl
def register_indexes():
    yield Index(name="articles", documents=articles, description="Help articles")
    yield Index(name="empty", documents=nothing)
