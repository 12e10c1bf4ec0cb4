import numpy as np
import pytest

from lmjax.music.chorale import REST
from lmjax.music.tokens import Vocabulary
from lmjax.requests.request import SILENCE, Request

TRACKS = np.zeros((8, 8), np.int32)


def test_an_open_request_gives_nothing():
    request = Request.open(TRACKS)
    assert len(request) == 8 and not request.known.any() and not request.struck.any()
    assert (request.pitch == REST).all()
    assert request.tokens(Vocabulary()) is None


@pytest.mark.parametrize("vocabulary", [
    Vocabulary(), Vocabulary(articulation=False)])
def test_allowed_pitches_become_all_tokens_that_state_them(vocabulary):
    open_request = Request.open(TRACKS)
    allowed = np.zeros((8, 4, SILENCE + 1), bool)
    allowed[:, :, [60, 62, 64, SILENCE]] = True
    allowed[3, 1, SILENCE] = False
    request = Request(TRACKS, open_request.known, open_request.pitch, open_request.struck, allowed)
    may = request.tokens(vocabulary)
    for frame, voice in ((0, 0), (3, 1)):
        found = vocabulary.pitches[voice][may[frame, voice] & vocabulary.valid[voice]]
        silent = [] if (frame, voice) == (3, 1) else [REST]
        assert sorted(set(found)) == sorted({*silent, 60, 62, 64})
        assert len(found) == len(silent) + 3 * (2 if vocabulary.articulation else 1)


def test_contradictions():
    open_request = Request.open(TRACKS)
    fields = TRACKS, open_request.known, open_request.pitch, open_request.struck
    allowed = np.ones((8, 4, SILENCE + 1), bool)
    allowed[5, 2] = False
    with pytest.raises(ValueError, match="the tenor can sing nothing that is allowed at frame 5"):
        Request(*fields, allowed)
    allowed[5, 2, 90] = True  # above its range
    with pytest.raises(ValueError, match="the tenor can sing nothing that is allowed at frame 5"):
        Request(*fields, allowed).tokens(Vocabulary())
    known = open_request.known.copy()
    known[5, 2] = True
    Request(TRACKS, known, *fields[2:], allowed).tokens(Vocabulary())
    with pytest.raises(ValueError, match=r"known has shape \(7, 4\), not \(8, 4\)"):
        Request(TRACKS, known[1:], *fields[2:])
    with pytest.raises(ValueError, match=r"allowed has shape \(8, 4, 128\), not \(8, 4, 129\)"):
        Request(*fields, allowed[..., 1:])
