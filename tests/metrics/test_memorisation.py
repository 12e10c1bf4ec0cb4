import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmjax.metrics.memorisation import Run, shared_runs, training_runs

REST = -1


def noise(seed: int, frames: int = 200) -> np.ndarray:
    """Four voices with nothing in common with other seeds."""
    return np.random.default_rng(seed).integers(40, 80, (frames, 4))


def shift(pitch: np.ndarray, semitones: int) -> np.ndarray:
    return np.where(pitch == REST, REST, pitch + semitones)


def matches(piece: np.ndarray, run: Run, other: np.ndarray) -> bool:
    """Whether a run is what it says it is."""
    return np.array_equal(piece[run.start:run.start + run.frames],
                          shift(other[run.at:run.at + run.frames], run.semitones))


def brute_force(piece: np.ndarray, other: np.ndarray) -> int:
    """The longest run of two pieces by trying every pair of places and every transposition."""
    longest = 0
    for semitones in range(-4, 5):
        moved = shift(other, semitones)
        for i in range(len(piece)):
            for j in range(len(other)):
                n, start = 0, (piece[i] != REST).any()
                while (start and i + n < len(piece) and j + n < len(other)
                       and np.array_equal(piece[i + n], moved[j + n])):
                    n += 1
                    if (piece[i + n - 1] != REST).any():
                        longest = max(longest, n)
    return longest


def test_a_planted_copy_is_found() -> None:
    training = [noise(seed) for seed in range(3)]
    piece = noise(9)
    piece[50:87] = training[1][20:57] + 5
    assert training_runs([piece], training) == [Run(37, 50, 1, 20, 5)]


def test_a_rest_is_transposed_to_a_rest() -> None:
    training = noise(0)
    training[30:40, 1] = REST
    piece = noise(9)
    piece[10:50] = shift(training[25:65], -7)
    assert training_runs([piece], [training]) == [Run(40, 10, 0, 25, -7)]
    piece[20, 1] = 60  # where the training piece has notes again: frame 35
    assert training_runs([piece], [training]) == [Run(29, 21, 0, 36, -7)]


def test_one_wrong_note_ends_a_run() -> None:
    training, piece = noise(0), noise(9)
    piece[:60] = training[:60]
    piece[25, 3] += 1
    assert training_runs([piece], [training]) == [Run(34, 26, 0, 26, 0)]


def test_a_change_of_transposition_ends_a_run() -> None:
    training, piece = noise(0), noise(9)
    piece[:20] = training[:20] + 2
    piece[20:50] = training[20:50] + 3
    assert training_runs([piece], [training]) == [Run(30, 20, 0, 20, 3)]


def test_the_transposition_is_kept_through_silence() -> None:
    training = noise(0)
    training[40:44] = REST
    same, other = noise(9), noise(9)
    same[:80] = shift(training[:80], 2)
    other[:80] = shift(training[:80], 2)
    other[44:80] += 1
    assert training_runs([same, other], [training]) == [
        Run(80, 0, 0, 0, 2), Run(40, 0, 0, 0, 2)]


def test_silence_is_no_copy() -> None:
    silence = np.full((60, 4), REST)
    padded = np.concatenate([silence, noise(9, 5), silence])
    training = np.concatenate([silence, noise(9, 5), silence])
    assert training_runs([silence, padded], [training]) == [Run(0), Run(5, 60, 0, 60, 0)]
    assert training_runs([silence], [silence]) == [Run(0)]


def test_no_run_goes_from_piece_to_piece() -> None:
    whole = noise(0)
    assert [run.frames for run in training_runs([whole], [whole[:120], whole[120:]])] == [120]
    parts = [whole[:90], whole[90:]]
    assert [run.frames for run in training_runs(parts, [whole])] == [90, 110]
    assert [run.frames for run in training_runs(parts, parts)] == [90, 110]


def test_one_frame() -> None:
    chord = np.array([[72, 67, 64, 48]])
    assert training_runs([chord + 3, chord * 2], [chord]) == [Run(1, 0, 0, 0, 3), Run(0)]


def test_pieces_are_compared_with_the_training_set_alone() -> None:
    piece = noise(1)
    assert training_runs([piece, piece], [noise(0)])[0].frames <= 1
    assert training_runs([piece], []) == [Run(0)]
    assert training_runs([], [piece]) == []
    assert training_runs([piece[:0], piece], [piece[:0], piece])[0] == Run(0)


def test_pieces_are_compared_with_each_other_and_not_themselves() -> None:
    pieces = [noise(seed) for seed in range(3)]
    pieces[2][100:130] = pieces[0][10:40] - 4
    pieces[1][:50] = pieces[1][50:100]
    runs = shared_runs(pieces)
    assert runs[0] == Run(30, 10, 2, 100, 4) and runs[2] == Run(30, 100, 0, 10, -4)
    assert runs[1].frames <= 1


phrases = st.lists(st.lists(st.sampled_from([REST, 60, 61]), min_size=4, max_size=4),
                   max_size=9).map(lambda rows: np.array(rows, int).reshape(-1, 4))
# Two voices that only move together make matches longer than chance does.
thin = st.lists(st.sampled_from([REST, 60, 61, 62]), max_size=12).map(
    lambda row: np.stack([row, row, [REST] * len(row), row], axis=1).reshape(-1, 4).astype(int))


@settings(deadline=None, max_examples=150)
@given(st.lists(st.one_of(phrases, thin), min_size=1, max_size=3),
       st.lists(st.one_of(phrases, thin), min_size=1, max_size=3))
def test_runs_are_those_of_brute_force(pieces: list[np.ndarray],
                                       training: list[np.ndarray]) -> None:
    for piece, run in zip(pieces, training_runs(pieces, training), strict=True):
        assert run.frames == max(brute_force(piece, other) for other in training)
        assert matches(piece, run, training[run.other])
    for i, run in enumerate(shared_runs(pieces)):
        others = pieces[:i] + pieces[i + 1:]
        assert run.frames == max((brute_force(pieces[i], other) for other in others), default=0)
        assert run.frames == 0 or (run.other != i and matches(pieces[i], run, pieces[run.other]))


def test_bach_does_not_copy_himself(corpus_data) -> None:
    training = [piece.pitch for piece in corpus_data.split("train")]
    held_out = [piece.pitch for piece in corpus_data.split("valid")]
    runs = training_runs(held_out, training)
    for piece, run in zip(held_out, runs, strict=True):
        assert matches(piece, run, training[run.other])
    assert 12 <= np.median([run.frames for run in runs]) <= 20
    assert max(run.frames for run in runs) < 32


def test_mistakes() -> None:
    with pytest.raises(ValueError, match="frames, 4"):
        shared_runs([np.zeros((4, 3))])
