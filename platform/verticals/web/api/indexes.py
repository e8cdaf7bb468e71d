"""Indexes: what is in them, and what a search finds."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Body
from pydantic import BaseModel, ConfigDict, Field

from verticals.contract import BadInput, Hit, NotFound, suggest
from verticals.web.site import CurrentSite, Site

if TYPE_CHECKING:
    from verticals.retrieval import Compared, Reembedding

router = APIRouter()

Mode = Literal["hybrid", "dense", "lexical"]
MOST_HITS = 1000
MOST_OFFSET = 10_000
_Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class IndexFigures(BaseModel):
    """How well one model finds the documents that answer."""

    recall: float = Field(description="Share of them among the first ten hits")
    mrr: float = Field(description="One over the place of the first of them, 0 behind the tenth")


class IndexComparison(BaseModel):
    """Two models' answers to the same questions, by hybrid search."""

    before: str = Field(description="Names what made the vectors before")
    after: str
    questions: int
    same: float = Field(description="Share of the ten best hits that both give")
    old: IndexFigures | None = Field(description="None where it is not known what answers the questions")
    new: IndexFigures | None
    at: str
    told: str = Field(description="All of it in words")


class IndexReembedding(BaseModel):
    """Another model's vectors in the making."""

    embedding: str = Field(description="Names the model")
    done: int = Field(description="Documents that have their vector")
    total: int
    held_back: IndexComparison | None = Field(description="Why it does not take over: it answers worse")


class IndexSummary(BaseModel):
    """One index, as it is now."""

    vertical: str
    index: str = Field(examples=["knowledge"])
    description: str
    language: str = Field(examples=["en"], description="ISO 639-1 code that chooses the stemmer")
    documents: int
    change: int = Field(description="Number of the last commit that changed it")
    embedding: str = Field(description="Names what made its vectors")
    embedding_kind: Literal["encoder", "head"] = Field(description="The shared encoder, or a version of a head")
    dimension: int | None = Field(description="Of the vectors; none while there are none", examples=[384])
    reembedding: IndexReembedding | None = Field(None, description="Another model's vectors in the making")
    compared: IndexComparison | None = Field(None, description="How the present model did when it took over")
    writable: bool = Field(description="False while another process writes to it; then a change is a 409")


class SearchOrder(BaseModel):
    """What to look for. Only what is given reaches the index, so its own defaults hold for the rest."""

    # Not "forbid": an option that the index does not take is answered with the nearest one that it does.
    model_config = ConfigDict(extra="allow")

    text: str = Field(max_length=100_000, description="Any text: it has no syntax. An empty one finds nothing")
    k: int = Field(10, ge=1, le=MOST_HITS, description="How many hits at most")
    offset: int = Field(0, ge=0, le=MOST_OFFSET, description="How many of the best to pass over, to turn pages")
    mode: Mode = Field("hybrid", description="By words and meaning, by meaning (dense) or by words (lexical)")
    where: dict[str, Any] | None = Field(
        None,
        description="Metadata that hits must have: per key a value, a list of those allowed, or comparisons "
        "($gt $gte $lt $lte $ne $in $nin $exists); $and, $or and $not combine filters",
    )
    minimum_similarity: float | None = Field(
        None, ge=-1, le=1, description="Leave out hits whose cosine with the query is lower"
    )
    fusion: Literal["scores", "ranks"] | None = Field(None, description="What a hybrid search joins the two lists by")
    weights: tuple[_Weight, _Weight] | None = Field(
        None,
        description="How much meaning and words count in a hybrid search; what the index declares unless given",
        examples=[[0.6, 0.4]],
    )
    diversity: float = Field(0.0, ge=0, le=1, description="How much hits are to differ from those before them")
    fold: bool = Field(False, description="Only the best of documents with the same title and text")
    rerank: bool = Field(False, description="Let the index's head order the best hits anew")
    rerank_weight: float = Field(1.0, ge=0, le=1, description="How much that head counts beside the score of a hit")
    rerank_depth: int = Field(50, ge=1, le=MOST_HITS, description="How many of the best hits that head sees")


class ReembedOrder(BaseModel):
    """How the documents are to be embedded anew."""

    model_config = ConfigDict(extra="forbid")

    force: bool = Field(False, description="Let the new vectors take over even if they answer worse")


class SearchAnswer(BaseModel):
    """Hits, best first."""

    hits: Sequence[Hit]


_EXAMPLES: dict[str, Any] = {
    "question": {"summary": "A question", "value": {"text": "how long do refunds take", "k": 3}},
    "filter": {
        "summary": "Among some documents, by words only",
        "value": {"text": "refund", "mode": "lexical", "where": {"topic": ["returns", "refunds"]}},
    },
}


@router.get("/indexes", summary="All indexes, with what is in them")
async def list_indexes(site: CurrentSite, vertical: str | None = None) -> list[IndexSummary]:
    """Every index of the served verticals, or of one."""
    chosen = site.verticals if vertical is None else [site.vertical(vertical)]
    return [await summarise(site, one.name, index) for one in chosen for index in one.indexes]


@router.get("/indexes/{vertical}/{index}", summary="One index")
async def get_index(vertical: str, index: str, site: CurrentSite) -> IndexSummary:
    """How many documents it holds, at which change, and what makes their vectors."""
    return await summarise(site, vertical, index)


@router.post("/indexes/{vertical}/{index}/search", summary="Search an index")
async def search(
    vertical: str,
    index: str,
    site: CurrentSite,
    body: Annotated[SearchOrder, Body(openapi_examples=_EXAMPLES)],
) -> SearchAnswer:
    """The best documents, each with its place in either list and the passage that matches best.

    `score` orders the hits of one search and means nothing beyond it; `similarity` is the cosine of query and document,
    absent in a search by words only; `dense_rank` and `lexical_rank` are the places by meaning and by words, from 1;
    `span` is where in its text the best passage begins and ends, `marks` where the query's words stand in it.
    """
    return SearchAnswer(hits=await found(site, vertical, index, body))


@router.post("/indexes/{vertical}/{index}/reembed", status_code=202, summary="Embed the documents anew")
async def reembed(vertical: str, index: str, site: CurrentSite, body: ReembedOrder) -> IndexSummary:
    """Look now whether another version of the index's head is live, and embed all documents by it in the background.

    This happens by itself a second after a promotion or rollback. Here a version that was held back, for it answers
    worse, can be made to take over. How far it is, the index's `reembedding` says.
    """
    await site.running(vertical).index(index).begin_reembedding(force=body.force)
    return await summarise(site, vertical, index)


async def found(site: Site, vertical: str, index: str, order: SearchOrder) -> list[Hit]:
    """The hits of one search; the one place where what was asked becomes what an index is asked.

    Raises:
        NotFound: no such vertical, or it has no such index.
        BadInput: an option that the search does not take, or a value that it cannot use.
    """
    given = order.model_dump(exclude={"text"}, exclude_unset=True)
    options = {name: value for name, value in given.items() if value is not None}
    _check_options(options)
    return await site.running(vertical).index(index).search(order.text, **options)


def _check_options(options: dict[str, Any]) -> None:
    from verticals.retrieval import DocumentIndex

    known = [name for name in inspect.signature(DocumentIndex.search).parameters if name not in ("self", "text")]
    for name in options:
        if name not in known:
            raise BadInput(f"A search has no option {name!r}.", suggest(name, known))


async def summarise(site: Site, vertical: str, index: str) -> IndexSummary:
    """One index, as lists show it.

    Raises:
        NotFound: no such vertical, or it has no such index.
    """
    declared = site.vertical(vertical).indexes
    if index not in declared:
        raise NotFound.named("index", index, declared, of=vertical)
    noun = declared[index]
    facts = await site.running(vertical).index(index).facts()
    by_head = bool(noun.head) and facts.embedding.startswith(f"{vertical}/{noun.head}@")
    return IndexSummary(
        vertical=vertical,
        index=index,
        description=noun.description,
        language=noun.language,
        documents=facts.documents,
        change=facts.change,
        embedding=facts.embedding,
        embedding_kind="head" if by_head else "encoder",
        dimension=facts.dimension,
        writable=facts.writable,
        reembedding=None if facts.reembedding is None else _anew(facts.reembedding),
        compared=_comparison(facts.compared),
    )


def _anew(anew: Reembedding) -> IndexReembedding:
    return IndexReembedding(
        embedding=anew.embedding, done=anew.done, total=anew.total, held_back=_comparison(anew.held_back)
    )


def _comparison(found: Compared | None) -> IndexComparison | None:
    return None if found is None else IndexComparison.model_validate({**asdict(found), "told": found.told()})
