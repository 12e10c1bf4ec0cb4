"""What tests in several folders need."""

import pytest

from lmjax.data import build
from lmjax.data.dataset import Dataset


@pytest.fixture(scope="session")
def corpus_data() -> Dataset:
    """The whole corpus, from the ordinary cache; the first time it takes about a minute."""
    return build.load(progress=False)
