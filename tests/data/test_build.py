"""The corpus as a data set: the tally, the cache, its damage and its repair."""

import csv
import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lmjax.data import build
from lmjax.data.cache import cache_folder
from lmjax.data.dataset import LeftOut, fingerprint, load_dataset
from lmjax.music.chorale import Bar, Chorale


def chorale_named(bwv: str, top: int) -> Chorale:
    pitch = np.tile(np.int16([top, 67, 60, 48]), (16, 1))
    pitch[8:, 0] += 1
    pitch[12:, 3] = -1
    struck = np.zeros((16, 4), bool)
    struck[0] = struck[8] = True
    fermata = np.zeros((16, 4), bool)
    fermata[8, :2] = True
    return Chorale(pitch, struck, fermata, (Bar(0, 3, 4, 8), Bar(4, 3, 4)), -2, "minor",
                   "Größe", bwv)


READ = build.Corpus((chorale_named("254", 70), chorale_named("269", 72)),
                    (LeftOut("bwv0.mxl", "parts", "5 parts"),))


@pytest.fixture
def reads(monkeypatch, tmp_path) -> list[bool]:
    """A cache of its own and a corpus that is quickly read; counts how often it is."""
    counted: list[bool] = []

    def read_corpus(progress: bool) -> build.Corpus:
        counted.append(progress)
        return READ

    monkeypatch.setenv("LMJAX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(build, "read_corpus", read_corpus)
    return counted


def test_tally_of_the_corpus(corpus_data):
    reasons = [entry.reason for entry in corpus_data.rejections]
    kept = sum(map(len, corpus_data.splits.values()))
    assert kept + len(reasons) == 433
    assert kept >= 340
    assert reasons.count("unclear rights") == 3
    assert set(reasons) <= {"parts", "not a score", "off-grid notes", "duplicate",
                            "unclear rights", "not in the written split"}
    text = build.tally(corpus_data)
    assert f"kept: {kept} chorales" in text
    assert "  unclear rights: 3" in text


def test_duplicates_name_the_one_that_is_kept(corpus_data):
    kept = {f"bwv{piece.name}" for pieces in corpus_data.splits.values() for piece in pieces}
    for entry in corpus_data.rejections:
        if entry.reason == "duplicate":
            assert Path(entry.detail.removeprefix("of ")).stem in kept


def test_the_list_has_a_row_for_every_file(corpus_data):
    rows = list(csv.DictReader(io.StringIO(build.table(corpus_data))))
    assert len(rows) == 433
    row = next(row for row in rows if row["name"] == "bwv269")
    assert (row["metre"], row["sharps"], row["mode"]) == ("3/4", "1", "major")
    assert next(row for row in rows if row["name"] == "bwv277.krn")["reason"] == "unclear rights"


def test_second_load_is_from_the_cache(reads):
    first = build.load_corpus(progress=False)
    second = build.load_corpus(progress=False)
    assert len(reads) == 1
    assert first.chorales == second.chorales == READ.chorales
    assert second.rejections == READ.rejections
    assert [path.name for path in cache_folder().iterdir()] == [build.cache_path().name]


def test_the_cache_is_named_after_both_versions(reads, monkeypatch):
    before = build.cache_path()
    monkeypatch.setattr(build, "BUILDER_VERSION", 999)
    assert build.cache_path() != before
    monkeypatch.setattr("importlib.metadata.version", lambda name: f"{name}-next")
    assert "music21-next" in build.cache_path().name


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1:]


@pytest.mark.parametrize("damage", [
    lambda content: content[:-200], lambda content: b"", lambda content: b"not a cache",
    lambda content: content[:300], flipped])
def test_a_damaged_cache_is_read_anew(reads, capsys, damage):
    build.load_corpus(progress=False)
    path = build.cache_path()
    path.write_bytes(damage(path.read_bytes()))
    assert build.load_corpus(progress=False).chorales == READ.chorales
    assert len(reads) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "damaged" in said
    build.load_corpus(progress=False)
    assert len(reads) == 2


def test_a_changed_note_is_noticed(reads, capsys):
    build.load_corpus(progress=False)
    path = build.cache_path()
    with np.load(path) as file:
        arrays = dict(file)
    arrays["pitch"][3, 2] += 1
    with open(path, "wb") as file:
        np.savez(file, **arrays)
    assert build.load_corpus(progress=False).chorales == READ.chorales
    assert "checksum" in capsys.readouterr().err


def test_loading_does_not_import_music21(corpus_data):
    code = ("import sys; from lmjax.data import build; build.load(False); "
            "sys.exit(bool({'music21', 'jax'} & set(sys.modules)))")
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_files_are_read_in_order_by_workers():
    from lmjax.music.corpus import corpus_paths

    wanted = {"bwv269.mxl", "bwv277.krn", "bwv846.mxl"}
    paths = [path for path in corpus_paths() if path.name in wanted]
    chorale, krn, prelude = build._read_files(paths)
    assert chorale.bwv == "269"
    assert krn.reason == "unclear rights"
    assert prelude == LeftOut("bwv846.mxl", "parts", "2 parts")


def test_a_file_that_cannot_be_parsed_is_left_out(tmp_path):
    path = tmp_path / "broken.musicxml"
    path.write_text("<score-partwise>")
    left_out = build.read_file(path)
    assert left_out.path == "broken.musicxml" and left_out.reason == "unreadable"


def test_fingerprint_tells_splits_and_notes_apart():
    from lmjax.data.dataset import piece_of

    one, other = map(piece_of, READ.chorales)
    prints = {fingerprint(split) for split in (
        {"train": [one], "valid": [other]}, {"train": [other], "valid": [one]},
        {"train": [one, other], "valid": []}, {"train": [one], "valid": [one]})}
    assert len(prints) == 4
    assert fingerprint({"train": [one]}) == fingerprint({"train": (one,)})


@pytest.mark.parametrize(("variables", "folder"), [
    ({"LMJAX_CACHE": "here"}, "here"), ({"XDG_CACHE_HOME": "xdg"}, "xdg/lmjax"),
    ({"HOME": "home"}, "home/.cache/lmjax")])
def test_where_the_cache_lies(monkeypatch, tmp_path, variables, folder):
    for name in ("LMJAX_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, str(tmp_path / value))
    assert cache_folder() == tmp_path / folder
    assert cache_folder().is_dir()


def test_a_cache_folder_that_cannot_be_made(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LMJAX_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(ValueError, match="LMJAX_CACHE"):
        cache_folder()


def test_a_full_disk_is_said(reads, monkeypatch):
    def full(path: Path, content: bytes) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(ValueError, match=r"No space left.*LMJAX_CACHE"):
        build.load_corpus(progress=False)


def test_load_dataset_names_the_sources():
    with pytest.raises(ValueError, match="corpus, jsb16, not 'midi'"):
        load_dataset("midi")


def test_an_unknown_split(corpus_data):
    with pytest.raises(ValueError, match="no split 'dev', only train, valid, test"):
        corpus_data.split("dev")
