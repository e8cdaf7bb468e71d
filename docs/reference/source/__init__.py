"""What the reference pages are made of; `docs/reference/generate.py` writes them."""
