import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lmjax.music.chorale import REST
from lmjax.music.key import KRUMHANSL, estimate_key

# A cadence in C major and in A minor, a chord a row: I IV ii V I and i iv V i.
MAJOR = np.array([[72, 67, 64, 48], [72, 69, 65, 53], [74, 69, 65, 50], [74, 67, 59, 55],
                  [72, 67, 64, 48]])
MINOR = np.array([[69, 64, 60, 57], [69, 65, 62, 50], [68, 64, 59, 52], [69, 64, 60, 57]])
# Sharps of the major keys from C up by semitones; F sharp, not G flat.
SHARPS = [0, -5, 2, -3, 4, -1, 6, 1, -4, 3, -2, 5]


@pytest.mark.parametrize("semitones", range(12))
def test_a_cadence_states_its_key(semitones):
    assert estimate_key(MAJOR + semitones) == (SHARPS[semitones], "major")
    assert estimate_key(MINOR + semitones) == (SHARPS[semitones], "minor")


def test_of_silence_c_major():
    assert estimate_key(np.full((8, 4), REST)) == (0, "major")


def test_rests_say_nothing():
    with_rests = np.concatenate([MAJOR, np.full((9, 4), REST)])
    assert estimate_key(with_rests) == (0, "major")


# Two keys fit them equally.
ROWS = [[40, 40, 40, 57], [41, 46, 48, 55], [44, 50, 53, 56], [46, 50, 58, 60]]
pitches = st.lists(st.lists(st.integers(40, 60), min_size=4, max_size=4), min_size=1, max_size=9)


def fits_one_key_best(rows):
    """Whether no other key fits as well: notes that are as far from two may be read as either."""
    counts = np.bincount(np.array(rows).ravel() % 12, minlength=12)
    if counts.min() == counts.max():
        return False
    fits = [np.corrcoef(np.roll(profile, tonic), counts)[0, 1] for profile in KRUMHANSL
            for tonic in range(12)]
    second, first = np.sort(fits)[-2:]
    return first - second > 1e-9


@given(pitches, st.integers(0, 24))
@example(ROWS, 1)
@settings(deadline=None)
def test_the_signature_moves_with_the_notes(rows, semitones):
    sharps, mode = estimate_key(np.array(rows))
    moved, same_mode = estimate_key(np.array(rows) + semitones)
    assert -5 <= sharps <= 6 and mode in ("major", "minor")
    if fits_one_key_best(rows):
        assert same_mode == mode and (moved - sharps - 7 * semitones) % 12 == 0


def test_the_keys_of_the_corpus_are_mostly_found(corpus_data):
    # A signature may be one off (modes, old minor signatures); the written one is the commonest.
    chorales = [piece.chorale for piece in corpus_data.split("valid")]
    found = [estimate_key(chorale.pitch)[0] == chorale.sharps for chorale in chorales]
    assert np.mean(found) > 0.6
