"""A plugin that cannot be imported."""

import irony  # noqa: F401
