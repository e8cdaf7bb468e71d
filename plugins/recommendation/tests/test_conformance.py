"""The plugin is a good guest."""

import pytest

from verticals.testing import conformance

pytestmark = pytest.mark.usefixtures("forked")

test_conformance = conformance("recommendation")
