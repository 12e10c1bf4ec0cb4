import dataclasses
import json

import pytest

from experiments.speed import speed
from experiments.speed.speed import Time, measure, report
from lmjax.sampling.settings import SamplerSettings


def test_the_time_of_all_evaluations_is_reckoned_from_those_made(composer, monkeypatch):
    asked = []

    def draw(composer, key, num, tracks, batch_size):
        evaluations = composer.settings.sampler.build().evaluations
        asked.append((evaluations, num, len(tracks)))
        return dataclasses.make_dataclass("Drawn", ["evaluations", "compile_seconds", "seconds"])(
            evaluations, 7.0 if len(asked) == 1 else 0.0, 0.5 * num * evaluations)

    monkeypatch.setattr(speed, "draw", draw)
    whole = SamplerSettings(kind="langevin", ladder="geometric", levels=20, steps=100, rate=0.01,
                            guidance=1.0)
    composer = dataclasses.replace(
        composer, settings=dataclasses.replace(composer.settings, sampler=whole))
    time = measure(composer, 2, 4, 3, dataclasses.replace(whole, steps=5))
    assert asked == [(101, 4, 32)] * 4
    assert (time.windows, time.evaluations, time.measured) == (3, 2001, 101)
    assert time.compile_seconds == 7 and time.seconds == pytest.approx([0.5 * 2001] * 3)


def test_the_table_says_what_was_reckoned():
    times = {"ours": Time(3, 156, 156, 9.0, (1.0, 2.0, 4.0)),
             "left to right": Time(1, 256, 256, 3.0, (0.25,)),
             "paper": Time(1, 2001, 101, 8.0, (30.0, 20.0, 10.0))}
    text = report(times, 16, 8, 2)
    assert "16 bars of 4/4, 8 chorales at once, 2 CPU core(s)" in text
    assert "| ours | 3 | 156 | 2 | 1 to 4 | 9.0 |" in text
    assert "| paper | 1 | 2,001, reckoned from 101 | 20 | 10 to 30 | 8.0 |" in text
    assert ("The paper's takes 10.0 times as long as ours, and ours 8.0 times as long as our "
            "left-to-right Transformer.") in text


def test_what_is_written(composer, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(speed, "ours", lambda workdir: (composer, "fresh weights"))
    monkeypatch.setattr(speed, "configured", lambda config: composer)
    speed.main([f"--folder={tmp_path}", "--bars=1", "--batch=2", "--repeats=1", "--steps=1"])
    printed = capsys.readouterr().out
    assert printed == "ours: fresh weights\n" + (tmp_path / "speed.md").read_text()
    record = json.loads((tmp_path / "speed.json").read_text())
    assert record["times"].keys() == {"ours", "left to right", "paper"} and record["cores"] >= 1
    assert all(time["seconds"][0] > 0 for time in record["times"].values())


def test_the_paper_s_network_is_that_of_its_config():
    paper = speed.configured(speed.ncsn_paper.get_config())
    assert paper.settings.sampler.build().evaluations == 2001
    assert not paper.model.states_logits
