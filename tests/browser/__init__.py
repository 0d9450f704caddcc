"""Tests in a real browser."""

import pytest

ONE_DATABASE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
"""What is drawn, typed and dragged does not depend on the database; test_journey goes through both."""
