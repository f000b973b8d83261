"""Fixtures that tests of several modules share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.snmpd import Snmpd, run_snmpd


@pytest.fixture(scope="session")
def snmpd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snmpd]:
    """One real snmpd for the whole run: it keeps nothing of who asks."""
    with run_snmpd(tmp_path_factory.mktemp("snmpd")) as running:
        yield running
