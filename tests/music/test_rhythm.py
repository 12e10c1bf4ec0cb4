"""The conditioning tracks of pieces whose tracks are known."""

import numpy as np
import pytest

from lmjax.music import rhythm
from lmjax.music.chorale import REST, Bar, Chorale


def test_an_upbeat_in_three_four():
    tracks = rhythm.tracks(20, (Bar(0, 3, 4, 8), Bar(4, 3, 4), Bar(16, 3, 4)), sharps=-2,
                           mode="minor", fermata=np.arange(20) >= 16)
    assert tracks[:, rhythm.POSITION].tolist() == [
        *range(9, 13), *range(1, 13), *range(1, 5)]
    assert set(tracks[:, rhythm.BAR]) == {13}
    assert tracks[:, rhythm.BEAT].tolist() == [1, 2, 3, 4] * 5
    assert tracks[:, rhythm.FERMATA].tolist() == [1] * 16 + [2] * 4
    assert tracks[:, rhythm.START].tolist() == list(range(1, 21))
    assert tracks[:, rhythm.END].tolist() == list(range(20, 0, -1))
    assert set(tracks[:, rhythm.KEY]) == {1 + 10}  # two flats, B flat major
    assert set(tracks[:, rhythm.MODE]) == {2}


def test_nothing_known_but_the_length():
    tracks = rhythm.tracks(8)
    for track in (rhythm.POSITION, rhythm.BAR, rhythm.FERMATA, rhythm.KEY, rhythm.MODE):
        assert not tracks[:, track].any()
    assert tracks[:, rhythm.BEAT].tolist() == [1, 2, 3, 4] * 2


@pytest.mark.parametrize(("sharps", "pitch_class"), [
    (0, 0), (1, 7), (2, 2), (4, 4), (-1, 5), (-3, 3), (6, 6), (-6, 6)])
def test_key_is_the_major_tonic(sharps, pitch_class):
    assert rhythm.key_index(sharps) == 1 + pitch_class


def test_a_fermata_sounds_as_long_as_its_note():
    pitch = np.tile(np.int16([72, 67, 64, REST]), (12, 1))
    struck, fermata = np.zeros((2, 12, 4), bool)
    struck[[0, 4, 8], :3] = True
    fermata[4, 1] = True
    chorale = Chorale(pitch, struck, fermata, (Bar(0, 3, 4),))
    assert np.flatnonzero(rhythm.fermata_frames(chorale)).tolist() == [4, 5, 6, 7]


def test_a_window_does_not_know_ends_that_lie_outside():
    whole = rhythm.tracks(16, (Bar(0, 4, 4),))
    window = rhythm.crop(whole, 4, 12)
    assert not window[:, rhythm.START].any()
    assert not window[:, rhythm.END].any()
    np.testing.assert_array_equal(window[:, rhythm.POSITION], whole[4:12, rhythm.POSITION])
    np.testing.assert_array_equal(rhythm.crop(whole, 0, 16), whole)


def test_transposed_tracks():
    whole = rhythm.tracks(4, sharps=0)  # C major
    assert set(rhythm.transpose(whole, 2)[:, rhythm.KEY]) == {rhythm.key_index(2)}
    assert set(rhythm.transpose(whole, -1)[:, rhythm.KEY]) == {rhythm.key_index(5)}
    assert not rhythm.transpose(rhythm.tracks(4), 3)[:, rhythm.KEY].any()


def test_every_value_has_its_place(corpus_data):
    sizes = np.array(rhythm.SIZES)
    for pieces in corpus_data.splits.values():
        for piece in pieces:
            assert (piece.tracks >= 0).all()
            assert (piece.tracks < sizes).all()
            assert (piece.tracks[:, rhythm.POSITION] > 0).all()
