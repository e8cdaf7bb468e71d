"""The contract, held by the conformance kit."""

import pytest

from verticals.testing import conformance

pytestmark = pytest.mark.usefixtures("forked")

test_conformance = conformance("financial-sentiment")
