import numpy as np
import pytest

from lmjax.data.dataset import Piece
from lmjax.data.windows import beats, cut, stack
from lmjax.music import rhythm
from lmjax.music.chorale import Bar
from lmjax.music.tokens import Vocabulary

SOUNDING, HOLD, PADDED = Vocabulary(), Vocabulary("hold"), Vocabulary("hold", padding=True)


def piece_of(frames, bars=(), sharps=0):
    """Quarter notes; the soprano's go up a semitone each, and the tenor rests."""
    time = np.arange(frames)
    pitch = np.stack([62 + time // 4 % 12, np.full(frames, 60), np.full(frames, -1),
                      np.full(frames, 45)], axis=1).astype(np.int16)
    struck = np.repeat((time % 4 == 0)[:, None], 4, axis=1) & (pitch >= 0)
    return Piece(pitch, struck, rhythm.tracks(frames, bars, sharps, "major"), "a piece")


def test_beats_of_a_piece_without_metre():
    np.testing.assert_array_equal(beats(piece_of(14).tracks), [0, 4, 8, 12])


def test_beats_after_an_upbeat_of_an_eighth():
    # The bar's last two sixteenths come first, so the beats are at 2, 6, 10, ...
    piece = piece_of(20, (Bar(0, 4, 4, 14), Bar(2, 4, 4)))
    np.testing.assert_array_equal(beats(piece.tracks), [2, 6, 10, 14, 18])


@pytest.mark.parametrize("vocabulary", [SOUNDING, HOLD])
def test_a_window_inside_is_what_the_piece_says(vocabulary):
    piece = piece_of(48)
    window = cut(piece, 8, 16, vocabulary)
    pitch, struck = vocabulary.decode(window.tokens)
    np.testing.assert_array_equal(pitch, piece.pitch[8:24])
    np.testing.assert_array_equal(struck, piece.struck[8:24])
    assert window.frames.all()
    inside = [rhythm.BEAT, rhythm.KEY, rhythm.MODE]
    np.testing.assert_array_equal(window.tracks[:, inside], piece.tracks[8:24][:, inside])


def test_a_window_that_begins_inside_a_note_strikes_it():
    pitch, struck = HOLD.decode(cut(piece_of(48), 10, 8, HOLD).tokens)
    np.testing.assert_array_equal(pitch[:, 0], [64, 64, 65, 65, 65, 65, 66, 66])
    np.testing.assert_array_equal(struck[:, 0], np.isin(np.arange(8), [0, 2, 6]))


def test_start_and_end_are_known_where_they_lie_in_the_window():
    piece = piece_of(48)
    for start, ends in [(0, (True, False)), (16, (False, False)), (32, (False, True))]:
        tracks = cut(piece, start, 16, SOUNDING).tracks
        assert (tracks[:, rhythm.START].any(), tracks[:, rhythm.END].any()) == ends
    assert cut(piece, 0, 16, SOUNDING).tracks[3, rhythm.START] == 1 + 3
    assert cut(piece, 32, 16, SOUNDING).tracks[15, rhythm.END] == 1


@pytest.mark.parametrize("semitones", [-3, 0, 4])
def test_a_transposed_window(semitones):
    piece = piece_of(32, sharps=2)
    window = cut(piece, 0, 16, SOUNDING, semitones)
    pitch, _ = SOUNDING.decode(window.tokens)
    np.testing.assert_array_equal(pitch[:, [0, 1, 3]], piece.pitch[:16, [0, 1, 3]] + semitones)
    assert (pitch[:, 2] == -1).all(), "rests stay rests"
    assert (window.tracks[:, rhythm.KEY] == 1 + (2 + semitones) % 12).all(), "D major, moved"


def test_a_short_piece_ends_before_the_window_does():
    window = cut(piece_of(12), 4, 16, SOUNDING)
    np.testing.assert_array_equal(window.frames, np.arange(16) < 8)
    assert window.tokens[:8].any()
    assert not window.tokens[8:].any()
    assert not window.tracks[8:].any()


def test_a_short_piece_ends_in_padding_tokens():
    tokens = cut(piece_of(12), 4, 16, PADDED).tokens
    padding = np.array(PADDED.sizes) - 1
    np.testing.assert_array_equal(tokens[8:], np.tile(padding, (8, 1)))
    assert (tokens[:8] != padding).all()
    np.testing.assert_array_equal(tokens[:8], cut(piece_of(12), 4, 16, HOLD).tokens[:8])


def test_a_pitch_without_a_token_is_named():
    with pytest.raises(ValueError, match=r"alto has pitch 80 at frame 0, outside .* 50 to 76"):
        cut(piece_of(16), 0, 16, SOUNDING, 20)


def test_windows_are_stacked_in_order():
    windows = [cut(piece_of(32), start, 16, SOUNDING) for start in (0, 8, 24)]
    batch = stack(windows)
    assert batch.tokens.shape == (3, 16, 4)
    assert batch.tracks.shape == (3, 16, len(rhythm.SIZES))
    assert batch.frames.shape == (3, 16)
    for i, window in enumerate(windows):
        for whole, part in zip(batch, window, strict=True):
            np.testing.assert_array_equal(whole[i], part)
