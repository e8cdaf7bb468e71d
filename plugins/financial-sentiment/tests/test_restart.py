"""What is kept when the application stops and starts again."""

DOCUMENT = {"id": "kept", "date": "2024-05-06", "text": "Quarrying group wins a marble contract"}


def test_documents_outlive_a_restart_and_starters_are_seeded_once(start):
    with start() as api:
        assert api.post("documents", json=DOCUMENT).json()["added"] == 1
        total = api.get("documents").json()["total"]
    with start() as api:
        assert api.get("documents").json()["total"] == total == 663
        assert api.post("documents", json=DOCUMENT).json()["added"] == 0
        assert api.get("documents", params={"q": "marble"}).json()["documents"][0]["id"] == "kept"
