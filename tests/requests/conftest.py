from collections.abc import Callable

import numpy as np
import pytest

from lmjax.music.chorale import Chorale
from lmjax.requests.form import Form


@pytest.fixture(scope="session")
def sounding() -> Callable[[Form], Chorale]:
    """A function from a form to a chorale in it.

    C major all along, struck anew where a chord under a fermata begins and where it has ended.
    """
    def chorale(form: Form) -> Chorale:
        edges = np.ravel(form.fermata_spans()).astype(int)
        struck = np.zeros((len(form), 4), bool)
        struck[[0, *edges[edges < len(form)]]] = True
        return form.chorale(np.tile([72, 67, 64, 48], (len(form), 1)), struck)

    return chorale
