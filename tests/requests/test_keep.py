"""What is kept of a piece, and the piece that is made of it."""

import dataclasses

import numpy as np
import pytest

from lmjax.music import rhythm
from lmjax.music.chorale import REST, Bar, Chorale
from lmjax.music.importers import ImportingError, Part, Tune
from lmjax.requests.extend import extend
from lmjax.requests.keep import free, keep
from lmjax.requests.request import SILENCE

RANGES = ((57, 82), (50, 76), (44, 71), (34, 67))
BARS = (Bar(0, 4, 4, 12), Bar(4, 4, 4))
FRAMES = 20


def part(*pitches, fermata=()):
    """Quarter-notes."""
    pitch = np.repeat(np.array(pitches, np.int16), 4)
    struck = (np.arange(FRAMES) % 4 == 0) & (pitch != REST)
    return Part("", pitch, struck, np.isin(np.arange(FRAMES), fermata))


def tune(*parts):
    return Tune("Old tune", parts, BARS, 1, "major")


MELODY = part(67, 69, 71, REST, 67, fermata=[16])


def test_a_melody_is_kept_in_its_own_form():
    kept = keep(tune(MELODY))
    np.testing.assert_array_equal(kept.known.all(axis=0), [True, False, False, False])
    assert not kept.known[:, 1:].any()
    request = kept.request
    np.testing.assert_array_equal(request.pitch[:, 0], MELODY.pitch)
    assert (request.pitch[:, 1:] == REST).all()
    np.testing.assert_array_equal(
        request.tracks, rhythm.tracks(FRAMES, BARS, 1, "major", np.arange(FRAMES) >= 16))


@pytest.mark.parametrize(("last", "mode"), [(67, 1), (64, 2), (71, 0), (REST, 0)])
def test_a_mode_that_is_not_stated_is_that_of_the_tonic_at_the_end(last, mode):
    """One sharp: G is that of the major key, E of the minor, B of neither."""
    unstated = dataclasses.replace(tune(part(67, 69, 71, REST, last)), mode="")
    assert (keep(unstated).request.tracks[:, rhythm.MODE] == mode).all()


def test_keys_are_told_from_where_they_stand():
    changing = dataclasses.replace(tune(MELODY), keys=((8, -1, ""), (12, 2, "minor")))
    tracks = extend(keep(changing), before=1).request.tracks
    names = [rhythm.key_index(sharps) for sharps in (1, 1, -1, 2)]
    expected = np.repeat(names, [16, 8, 4, 8])
    np.testing.assert_array_equal(tracks[:, rhythm.KEY], expected)
    np.testing.assert_array_equal(
        tracks[:, rhythm.MODE], np.repeat([1, 1, 1, 2], [16, 8, 4, 8]))


def test_fermatas_are_open_where_none_is_written_but_at_the_end():
    """There one is told, and written nowhere; unless it is not known what the end is."""
    request = keep(tune(part(67, 69, 71, REST, 67))).request
    assert request.tracks[:, rhythm.FERMATA].tolist() == [0] * 16 + [2] * 4
    rests = keep(tune(part(67, 69, 71, REST, REST))).request
    assert rests.tracks[:, rhythm.FERMATA].tolist() == [0] * 8 + [2] * 4 + [0] * 8
    longer = extend(keep(tune(part(67, 69, 71, REST, 67))), after=1).request
    assert (longer.tracks[:, rhythm.FERMATA] == 0).all()


def test_the_piece_that_is_made():
    kept = keep(tune(MELODY, part(43, 42, 40, 45, 43)), ["soprano", "bass"])
    generator = np.random.default_rng(0)
    pitch = np.repeat(generator.integers(55, 65, (FRAMES // 2, 4)), 2, axis=0).astype(np.int16)
    made = kept.chorale(pitch, np.zeros(pitch.shape, bool))
    np.testing.assert_array_equal(made.pitch[:, [0, 3]], np.stack(
        [MELODY.pitch, np.repeat([43, 42, 40, 45, 43], 4)], axis=1))
    np.testing.assert_array_equal(made.struck[:, 0], MELODY.struck)
    np.testing.assert_array_equal(made.pitch[:, 1:3], pitch[:, 1:3])
    assert (made.title, made.bars, made.sharps, made.mode) == ("Old tune", BARS, 1, "major")
    # Where the soprano has its fermata, the new voices have one on what sounds at its end.
    assert np.flatnonzero(made.fermata[:, 0]).tolist() == [16]
    assert not made.fermata[:, 3].any()  # as it was given
    for voice in (1, 2):
        assert np.flatnonzero(made.fermata[:, voice]).tolist() == [
            np.flatnonzero(made.struck[:, voice])[-1]]


def test_voices_of_a_chorale():
    pitch = np.repeat([[72, 67, 64, 48]], FRAMES, axis=0)
    struck = np.zeros(pitch.shape, bool)
    struck[0] = True
    whole = Chorale(pitch, struck, np.zeros_like(struck), BARS)
    kept = keep(whole, ["alto"])
    assert kept.known.all(axis=0).tolist() == [False, True, False, False]
    assert kept.score.pitch[0].tolist() == [REST, 67, REST, REST]
    assert keep(whole).known.all()
    with pytest.raises(ImportingError, match="voices are soprano, alto, tenor, bass, and not so"):
        keep(whole, ["so"])


@pytest.mark.parametrize("pitches, advice", [
    ((90, 89, 88, 90, 90), "bar 0, beat 4: the soprano sings F#6, and its range is A3 to Bb5; "
                           r"transposed down by a minor sixth \(8 semitones\) it fits"),
    ((60, 59, 56, 60, 60),
     r"bar 1, beat 2: the soprano sings Ab3, .*; transposed up by a minor second \(1 semitone"),
    ((90, 89, 60, 90, 90), "no transposition fits: it is wider than the range"),
])
def test_notes_outside_the_range(pitches, advice):
    with pytest.raises(ImportingError, match=advice):
        keep(tune(part(*pitches)), ranges=RANGES)


def test_voices_are_transposed_together():
    struck = np.zeros((4, 4), bool)
    struck[0, [0, 3]] = True
    for bass, advice in ((35, r"down by a minor second \(1 semitone\) it fits"),
                         (34, "no transposition fits")):
        pitch = np.tile([83, REST, REST, bass], (4, 1))
        with pytest.raises(ImportingError, match=advice):
            keep(Chorale(pitch, struck, np.zeros((4, 4), bool), (Bar(0, 4, 4),)), ranges=RANGES)


class TestFree:
    """Two bars of four quarter-notes in the soprano, after an upbeat of one."""

    BARS = (Bar(0, 4, 4, 12), Bar(4, 4, 4), Bar(20, 4, 4))
    NUMBERS = ((0, 0, 4), (1, 4, 20), (2, 20, 36))

    def tune(self, struck=()):
        """Four voices that hold their notes for ever, but for where they are struck."""
        pitch = np.tile(np.array([72, 67, 60, 48], np.int16)[:, None], 36)
        at = np.zeros((4, 36), bool)
        at[:, 0] = True
        for frame, voice in struck:
            at[voice, frame] = True
        return Tune("Old", tuple(Part("", *cells, np.zeros(36, bool)) for cells in zip(
            pitch, at, strict=True)), self.BARS, 0, "major", self.NUMBERS)

    def test_what_is_held_over_is_kept(self):
        kept = free(self.tune([(8, 0), (24, 0), (4, 1)]), (1, 1), ["soprano", "alto", "tenor"])
        np.testing.assert_array_equal(np.flatnonzero(~kept.known[:, 0]), np.arange(8, 20))
        np.testing.assert_array_equal(np.flatnonzero(~kept.known[:, 1]), np.arange(4, 20))
        assert kept.known[:, 2:].all()
        # The soprano's and the alto's last note is held into bar 2.
        for voice, pitch in ((0, 72), (1, 67)):
            assert np.flatnonzero(kept.allowed[19, voice]).tolist() == [pitch]
        assert kept.allowed[:19].all() and kept.allowed[20:].all()
        request = kept.request
        assert (request.pitch[~kept.known] == REST).all() and request.allowed is kept.allowed

    def test_fermatas_are_where_they_were(self):
        old = self.tune([(frame, voice) for frame in (4, 16, 20) for voice in (0, 1)])
        at = np.arange(36) == 16
        marked = dataclasses.replace(old, parts=(dataclasses.replace(
            old.parts[0], fermata=at), *old.parts[1:]))
        kept = free(marked, (1, 1), ["soprano", "alto"])
        struck = np.zeros((36, 4), bool)
        struck[[4, 12]] = True
        made = kept.chorale(np.tile(np.array([70, 66, 60, 48], np.int16), (36, 1)), struck)
        assert np.argwhere(made.fermata).tolist() == [[12, 0]]  # the soprano's, on its new note

    def test_what_is_struck_after_them_leaves_them_free(self):
        kept = free(self.tune([(4, 3), (20, 3)]), (1, 1), ["bass"])
        assert kept.allowed.all() and kept.allowed.shape[-1] == SILENCE + 1
        assert (~kept.known[:, 3]).sum() == 16

    def test_up_to_the_end(self):
        kept = free(self.tune([(4, 3)]), (1, 2), ["bass"])
        assert kept.allowed.all() and (~kept.known[:, 3]).sum() == 32

    def test_bars_that_are_not_there(self):
        tune = self.tune([(4, 0), (20, 0)])
        for bars in ((3, 3), (2, 3), (2, 1)):
            with pytest.raises(ImportingError, match=f"there are no bars {bars[0]}-{bars[1]} in "
                                                     f"Old, only 0 to 2"):
                free(tune, bars)

    def test_bars_that_are_numbered_twice(self):
        tune = dataclasses.replace(self.tune([(4, 0), (20, 0)]), numbers=(
            (1, 0, 4), (2, 4, 20), (1, 20, 36)))
        with pytest.raises(ImportingError, match="bars 1-1 of Old are not in one place; number"):
            free(tune, (1, 1))

    def test_bars_that_lack_bar_lines(self):
        tune = dataclasses.replace(self.tune([(4, 0), (20, 0)]), numbers=((0, 0, 4), (1, 4, 36)))
        with pytest.raises(ImportingError, match="bar 1 of Old is longer than 4/4; draw the bar"):
            free(tune, (0, 1))

    def test_three_voices_and_voices_that_are_none(self):
        tune = self.tune([(4, 0)])
        with pytest.raises(ImportingError, match="there is no voice 'treble', only soprano, alto"):
            free(tune, (1, 1), ["treble"])
        three = dataclasses.replace(tune, parts=tuple(
            dataclasses.replace(one, name=name) for one, name in zip(
                tune.parts, ("soprano", "alto", "bass"), strict=False)))
        with pytest.raises(ImportingError, match="Old has 3 voices, and all four are needed"):
            free(three, (1, 1))

    def test_nothing_to_write(self):
        with pytest.raises(ImportingError, match="every note of bars 1-2 is held over"):
            free(self.tune(), (1, 2))
