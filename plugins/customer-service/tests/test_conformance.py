import pytest

from verticals.testing import conformance

pytestmark = pytest.mark.usefixtures("forked")

test_conformance = conformance("customer-service")
