from types import SimpleNamespace

import jax
import numpy as np
import pytest

import lmjax
from lmjax import judge
from lmjax.data import jsb
from lmjax.data.dataset import piece_of
from lmjax.metrics import theory
from lmjax.music import rhythm
from lmjax.music.chorale import Bar, Chorale

TRIAD, TRITONE = (72, 67, 64, 48), (73, 67, 60, 48)


def held(*chords, frames=4):
    """A piece of chords, each struck once and held."""
    return jsb.piece_of_pitches(np.repeat(np.array(chords), frames, axis=0), "held")


def windows(*pieces):
    return [judge.notes_of(piece.pitch, piece.struck) for piece in pieces]


def test_a_window_that_begins_inside_a_note_strikes_it():
    piece = held(TRIAD, frames=8)
    window = judge.notes_of(piece.pitch[2:], piece.struck[2:])
    assert window.struck[0].all() and not window.struck[1:].any()


def test_windows_of_bach_start_on_beats_and_are_of_one_length():
    steps = np.arange(40)[:, None] % 12 + np.array([60, 55, 50, 40])
    pieces = [jsb.piece_of_pitches(steps, "long"), jsb.piece_of_pitches(steps[:12], "short")]
    (window,) = judge.bach_windows(pieces, 16, seed=3)
    assert window.pitch.shape == (16, 4)
    start = int(np.flatnonzero((steps == window.pitch[0]).all(1))[0])
    assert start % 4 == 0
    with pytest.raises(ValueError, match=r"lasts 400 sixteenths; lower evaluation\.sample_length"):
        judge.bach_windows(pieces, 400)


def test_samples_are_windows_from_anywhere_in_any_key(tiny, trained, monkeypatch):
    asked = []

    def drawn(composer, key, num, tracks, batch_size, progress):
        asked.append((num, tracks))
        pitch = np.tile(np.array(TRITONE, np.int16), (len(tracks[0]), 1))
        return SimpleNamespace(notes=lambda n: (pitch, np.zeros(pitch.shape, bool)), seconds=1.0)

    monkeypatch.setattr(judge, "draw", drawn)
    samples, _ = judge.sample_windows(lmjax.load(trained), 2, 16)
    (num, asked_for), = asked
    assert num == len(samples) == len(asked_for) == 2
    for tracks in asked_for:
        assert len(tracks) == 16
        for name in ("start", "end", "fermata", "key", "mode"):
            assert (tracks[:, rhythm.NAMES.index(name)] == 0).all()
    # Nothing moves, so there are no parallels to count: those rows are not a number.
    bach = judge.bach_windows([held(TRIAD, frames=40)], 16)
    np.testing.assert_equal(judge.counterpoint({"samples": samples, "Bach": bach}), {
        "samples": theory.table([np.tile(TRITONE, (16, 1))] * 2),
        "Bach": theory.table([np.tile(TRIAD, (16, 1))])})


def test_samples_of_a_composer_that_knows_forms_are_windows_of_them():
    composer = lmjax.load("pretrained/ncsn")
    windows = judge.window_tracks(composer, 24, 128, ("4/4",))
    for tracks in windows:
        assert tracks.shape == (128, len(rhythm.NAMES))
        assert (tracks[:, rhythm.BAR] == 1 + 16).all() and (tracks[:, rhythm.KEY] > 0).all()
        np.testing.assert_array_equal(tracks[:, rhythm.BEAT], 1 + np.arange(128) % 4)
    # Of as many fermatas as Bach has, 0.19 of all frames; some begin, and some end, a piece.
    assert 0.1 < np.mean([tracks[:, rhythm.FERMATA] == 2 for tracks in windows]) < 0.3
    for edge in (rhythm.START, rhythm.END):
        assert 0 < sum(tracks[:, edge].any() for tracks in windows) < 12
    assert len({tracks.tobytes() for tracks in windows}) == 24
    np.testing.assert_equal(judge.window_tracks(composer, 3, 128, ("4/4",)), windows[:3])
    triple = judge.window_tracks(composer, 4, 64, ("3/4",), seed=1)
    assert all((tracks[:, rhythm.BAR] == 1 + 12).all() for tracks in triple)
    with pytest.raises(ValueError, match=r"none lasts 4000 sixteenths in any metre; lower "):
        judge.window_tracks(composer, 1, 4000)


def test_copies_are_found_and_mocks_are_graded_worse():
    generator = np.random.default_rng(0)
    # Chords of one scale, moved about; noise is the mock.
    scale = np.array([0, 2, 4, 5, 7, 9, 11])

    def music(count):
        rows = scale[generator.integers(0, 7, (count, 4))] + np.array([72, 65, 57, 45])
        return held(*rows)

    def noise(count):
        return held(*(generator.integers(0, 12, (count, 4)) + np.array([72, 65, 57, 45])),
                    frames=1)

    training, bach = [music(16) for _ in range(4)], [music(16) for _ in range(3)]
    copies = [jsb.piece_of_pitches(piece.pitch + 2, "copy") for piece in training[:3]]
    found = judge.figures(windows(*copies), windows(*bach), training, merged=True)
    copied = found["longest run shared with training, sixteenths"]
    assert copied.samples == (64, 64, 64)
    assert copied.bach[0] < 20 and copied.auc[0] == 1
    mocks = judge.figures(windows(*(noise(64) for _ in range(3))), windows(*bach), training,
                          merged=True)
    assert mocks["Bach-or-Mock grade"].auc[0] == 1
    text = judge.format_figures(found)
    (row,) = (line for line in text.splitlines() if "shared with training" in line)
    assert "64.00 [64.00, 64.00]" in row
    assert "within the set, sixteenths: 3 of each" in text


def test_whole_chorales_stand_beside_whole_chorales():
    """Two bars that end on the tonic, and the same ending on the dominant."""
    def chorale(*chords):
        pitch = np.repeat(np.array(chords), 16, axis=0)
        struck = np.arange(len(pitch))[:, None] % 16 == np.zeros(4)
        fermata = np.zeros_like(struck)
        fermata[-16] = True
        bars = tuple(Bar(16 * i, 4, 4) for i in range(len(chords)))
        return Chorale(pitch, struck, fermata, bars, 0, "major")

    tonic, dominant = (72, 67, 64, 48), (71, 67, 62, 43)
    ends, repeats = judge.whole_tables({
        "samples": [chorale(tonic, dominant)], "Bach": [chorale(dominant, tonic)]})
    (row,) = (label for label in ends["Bach"] if "tonic" in label)
    assert (ends["samples"][row][0], ends["Bach"][row][0]) == (0, 100)
    text = judge.format_wholes((ends, repeats))
    assert "melody" in text and row in text


def test_a_composer_without_forms_draws_no_wholes(trained):
    with pytest.raises(ValueError, match="has no prior of forms"):
        judge.wholes(lmjax.load(trained), 1)


def test_pieces_of_the_corpus_can_be_windows(corpus_data):
    pieces = corpus_data.split("valid")[:3]
    (first, *_) = judge.bach_windows(pieces, 32, seed=1)
    assert len(first) == 32 and piece_of(first).pitch.shape == (32, 4)
    assert jax.tree.all(jax.tree.map(lambda w: len(w) == 32, judge.bach_windows(pieces, 32)))
