"""The conformance kit passes a good plugin and names what is wrong with a broken one."""

from __future__ import annotations

from pathlib import Path

import pytest

from verticals.contract import BadInput, NotFound
from verticals.testing.check import Subject, run, run_one

pytestmark = pytest.mark.usefixtures("forked")


def test_a_good_plugin_passes_every_check(broken) -> None:
    subject = broken()
    results = [result for check in ("loads", "light import", "references") for result in run_one(check, subject)]
    results += [result for check in ("starter rows", "splits are disjoint") for result in run_one(check, subject)]
    assert {result.status for result in results} == {"passed"}, results


def test_a_slow_import_is_found(broken, failures) -> None:
    (failed,) = failures("light import", broken(("# at the top", "import time; time.sleep(0.8)")))
    assert "0.5 s are allowed" in failed.detail


def test_a_heavy_import_is_found(broken, failures) -> None:
    (failed,) = failures("light import", broken(("# at the top", "import sqlalchemy")))
    assert failed.detail == "it imports sqlalchemy"


def test_heavy_work_in_a_hook_counts_as_well(broken, failures) -> None:
    hook = ("    yield Page(", "    import sqlalchemy\n    yield Page(")
    (failed,) = failures("light import", broken(hook))
    assert "sqlalchemy" in failed.detail


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("row=Wish", "row='nowhere.at_all:Wish'", "nowhere.at_all"),
        ("row=Wish", "row='verticals:hookimpl'", "must be a class of pydantic's BaseModel"),
        ('{__name__}:router"', '{__name__}:load"', "must be a fastapi.APIRouter"),
        ("render=page", "render='verticals:no_such_page'", "no_such_page"),
    ],
)
def test_a_bad_reference_is_found(broken, failures, old: str, new: str, said: str) -> None:
    (failed,) = failures("references", broken((old, new)))
    assert said in str(failed)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("{'text': '', 'drink': 'tea'}", "row 33, text: must have at least 1 character"),
        ("{'text': 'Hello'}", "drink"),
        ("{'text': 'A glass of milk', 'drink': 'milk'}", "unknown labels: 'milk' (head drink)"),
        ("1 / 0", "ZeroDivisionError"),
    ],
)
def test_an_invalid_starter_row_is_found(broken, failures, row: str, said: str) -> None:
    (failed,) = failures("starter rows", broken(("# more rows", f"yield {row}")))
    assert said in failed.detail


def test_a_leaking_split_is_found(broken, failures) -> None:
    rows = "; ".join(
        f"yield {{'text': 'The usual', 'drink': 'tea', 'split': '{split}'}}" for split in ("train", "test")
    )
    (failed,) = failures("splits are disjoint", broken(("# more rows", rows)))
    assert "The usual" in failed.detail


def test_a_misspelt_hook_is_found(broken) -> None:
    subject = broken(("def register_heads", "def register_headz"))
    (failed,) = run_one("loads", subject)
    assert failed.status == "failed"
    assert "register_headz" in failed.detail
    assert "register_heads" in failed.remedy


def test_nothing_else_is_tried_on_a_plugin_that_does_not_load(tmp_path: Path) -> None:
    path = tmp_path / "drinks.py"
    path.write_text("import nothing_of_that_name")
    results = list(run(str(path)))
    assert [(result.check, result.status) for result in results] == [("loads", "failed")]


def test_heads_survive_a_new_process(broken) -> None:
    (result,) = run_one("heads train", broken())
    assert result.status == "passed", result
    assert "equal after reloading" in result.detail


def test_a_head_that_answers_at_random_is_found(broken, failures) -> None:
    hook = """
@hookimpl(wrapper=True)
def predict(batch):
    import dataclasses, random
    answer = yield
    for at, one in enumerate(answer.predictions):
        answer.predictions[at] = dataclasses.replace(one, confidence=random.random())
    return answer
"""
    subject = broken(("@hookimpl\ndef register_pages", f"{hook}\n\n@hookimpl\ndef register_pages"))
    (failed,) = failures("heads train", subject)
    assert "after reloading" in failed.detail


def test_endpoints_and_pages_of_a_good_plugin_answer(broken) -> None:
    subject = broken()
    results = [*run_one("endpoints", subject), *run_one("pages", subject)]
    assert [(result.subject, result.status) for result in results] == [
        ("POST /v1/drinks/taste", "passed"),
        ("page /drinks", "passed"),
    ], results


def test_an_id_without_an_example_is_taken_from_an_answer_that_tells_it(broken) -> None:
    more = """
    class Receipt(BaseModel):
        receipt: str

    @router.get("/receipts/{receipt}")
    async def read(receipt: str) -> Receipt:
        if receipt != "r-1":
            raise KeyError(receipt)
        return Receipt(receipt=receipt)

    @router.post("/tables/corner/receipts/print")
    async def write(body: Asked) -> Receipt:
        return Receipt(receipt="r-1")

    return router
"""
    results = run_one("endpoints", broken(("    return router\n", more)))
    assert {result.subject: result.status for result in results} == {
        "POST /v1/drinks/taste": "passed",
        "POST /v1/drinks/tables/corner/receipts/print": "passed",
        "GET /v1/drinks/receipts/{receipt}": "passed",
    }, results


def test_endpoints_and_pages_that_break_their_promise_are_found(broken, failures) -> None:
    more = """
    class Empty(BaseModel):
        text: str

    @router.post("/wrong-shape")
    async def wrong_shape(body: Asked) -> Said:
        return dict(colour="green")

    @router.post("/own-response")
    async def own_response(body: Asked) -> Said:
        return JSONResponse({"confidence": 1})

    @router.post("/no-model")
    async def no_model(body: Asked):
        return {"drink": "tea"}

    @router.post("/no-example")
    async def no_example(body: Empty) -> Said:
        return Said(drink="tea", confidence=1)

    return router
"""
    page = ('ui.heading("Tea or coffee")', "raise LookupError('no tea left')")
    subject = broken(("    return router\n", more), page)
    said = {result.subject: result.detail for result in failures("endpoints", subject)}
    assert set(said) == {
        f"POST /v1/drinks/{name}" for name in ("wrong-shape", "own-response", "no-model", "no-example")
    }
    assert "gives 500: ResponseValidationError" in said["POST /v1/drinks/wrong-shape"]
    assert said["POST /v1/drinks/own-response"].endswith("the answer lacks drink")
    assert said["POST /v1/drinks/no-model"] == "it declares no response model"
    assert said["POST /v1/drinks/no-example"] == "its body has no example"
    (failed,) = failures("pages", subject)
    assert (failed.subject, failed.detail) == ("page /drinks", "LookupError: no tea left")


def test_one_of_a_folder_is_checked_by_name(broken, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken()  # writes it
    with Subject("drinks", tmp_path) as subject:
        assert [result.status for result in run_one("light import", subject)] == ["passed"]
    monkeypatch.setenv("PLATFORM_PLUGINS_DIR", str(tmp_path))
    with Subject("drinks") as subject:
        assert [result.status for result in run_one("light import", subject)] == ["passed"]


def test_an_unknown_plugin_is_not_found() -> None:
    with pytest.raises(NotFound, match="There is no plugin 'custmer-service'"):
        list(run("custmer-service"))


def test_a_path_that_is_no_plugin_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        Subject(str(tmp_path / "nothing.py"))
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    with pytest.raises(BadInput, match="declares no plugins"):
        Subject(str(tmp_path))
