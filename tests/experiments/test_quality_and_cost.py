import json
from types import SimpleNamespace

import numpy as np
import pytest

from experiments.quality_and_cost import curve, report
from experiments.quality_and_cost.cells import Cell, remember, settings_of
from experiments.quality_and_cost.curve import Protocol, measure
from experiments.quality_and_cost.measures import ROWS, Bach
from lmjax.sampling.settings import SamplerSettings

KINDS = curve.SAMPLERS.split(",")
BUDGETS = list(map(int, curve.BUDGETS.split(",")))
UNGUIDED = SamplerSettings(guidance=1.0)
QUICK = Protocol(samples=2, frames=16, graded=False, bounded=False)


@pytest.mark.parametrize("kind", KINDS)
def test_every_budget_is_spent_and_no_more(kind):
    """The calls themselves are counted where `SamplerSettings.within` is tested."""
    for budget in BUDGETS:
        settings = settings_of(Cell(kind, budget), UNGUIDED)
        assert settings.kind == kind and settings.ladder == "log_logistic"
        assert 0 <= budget - settings.evaluations <= max(1, settings.steps)
        assert settings.sigma_max == 20 and settings.sigma_min == 0.15


def test_switched_off_langevin_steps_leave_as_many_evaluations():
    for change in ("", ":steps=3", ":rate=0.1:steps=2"):
        for budget in BUDGETS:
            on, off = (settings_of(Cell(kind + change, budget), UNGUIDED)
                       for kind in ("predictor_corrector", "ancestral"))
            assert on.evaluations == off.evaluations
            assert off.levels > on.levels


def test_more_evaluations_make_more_levels_and_more_steps():
    settings = [settings_of(Cell("langevin", budget), UNGUIDED) for budget in BUDGETS]
    for field in ("levels", "steps"):
        values = [getattr(one, field) for one in settings]
        assert values == sorted(values) and values[0] < values[-1]


def test_fields_of_a_sampler_can_be_set():
    settings = settings_of(Cell("langevin:steps=2:rate=0.05", 11), UNGUIDED)
    assert (settings.steps, settings.rate, settings.levels) == (2, 0.05, 5)
    assert settings_of(Cell("consistent:eta=0.9", 9), UNGUIDED).eta == 0.9
    for name, message in (("langevin:levels=3", "not for a cell to set"),
                          ("langevin:speed=3", "'speed'"), ("langevin:steps=x", "invalid literal"),
                          ("lunar", "must be one of")):
        with pytest.raises(ValueError, match=message):
            settings_of(Cell(name, 16), UNGUIDED)


def test_what_was_made_otherwise_is_made_anew(tmp_path):
    made = []

    def make():
        made.append(1)
        return {"n": len(made)}

    path = tmp_path / "n.npz"
    assert [int(remember(path, {"seed": seed}, make)["n"]) for seed in (0, 0, 1, 1)] == [1, 1, 2, 2]


@pytest.fixture
def drawn(monkeypatch):
    """In place of the network: random notes, and a list of the evaluations asked for."""
    asked = []

    def draw(composer, key, num, tracks, batch_size):
        asked.append(composer.settings.sampler.evaluations)
        pitch = np.random.default_rng(len(asked)).integers(
            (65, 58, 53, 45), (75, 68, 63, 55), (num, len(tracks), 4)).astype(np.int16)
        return SimpleNamespace(pitch=pitch, struck=np.ones(pitch.shape, bool), seconds=0.5)

    monkeypatch.setattr(curve, "draw", draw)
    return asked


CELLS = [Cell("ode", 9), Cell("predictor_corrector", 8), Cell("ancestral", 8)]


def test_points_are_drawn_once(composer, data, tmp_path, drawn, contents, monkeypatch):
    monkeypatch.setattr(report, "picture", lambda *arguments: None)
    points = measure(composer, data, CELLS[:1], tmp_path, QUICK, progress=False)
    assert drawn == [9]
    again = measure(composer, data, CELLS, tmp_path, QUICK, progress=False)
    assert drawn == [9, 7, 7]
    np.testing.assert_equal(again[CELLS[0]].measured.table, points[CELLS[0]].measured.table)
    before = contents(tmp_path)
    measure(composer, data, CELLS, tmp_path, QUICK, progress=False)
    assert drawn == [9, 7, 7] and contents(tmp_path) == before
    measure(composer, data, CELLS, tmp_path, Protocol(3, 16, 0, False, False), progress=False)
    assert len(drawn) == 6


def test_what_is_written(composer, data, tmp_path, drawn, monkeypatch):
    asked = []

    def bound(self, sigmas=None):
        asked.append(None if sigmas is None else len(sigmas))
        return 2.0, 1.5, 2.5

    monkeypatch.setattr(Bach, "bound", bound)
    protocol = Protocol(samples=2, frames=16)
    points = measure(composer, data, CELLS, tmp_path, protocol, progress=False)
    assert asked == [None, 7]  # of the model, and of ancestral sampling
    record = json.loads((tmp_path / "curve.json").read_text())
    assert [(p["sampler"], p["budget"], p["evaluations"]) for p in record["points"]] == [
        (cell.name, cell.budget, points[cell].evaluations) for cell in CELLS]
    labels = {row.label for row in ROWS.values()}
    assert all(p["table"].keys() == labels for p in record["points"])
    assert [p["graded"] for p in record["points"]] == [
        np.isfinite(points[cell].measured.grades).sum() for cell in CELLS]
    assert record["bach"].keys() == {"Bach (valid)", "Bach (train)"}
    # The windows from which samples are told are at no distance from themselves.
    assert record["bach"]["Bach (valid)"]["table"]["separation from Bach"][0] < 0.5
    assert record["points"][0]["seconds"] == 0.25
    text = (tmp_path / "curve.md").read_text()
    for part in ("## 8 evaluations", "## 9 evaluations", "| predictor_corrector | 7 |",
                 "| 2.000 [1.500, 2.500] |", "limit of many levels"):
        assert part in text
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_langevin_steps_that_help_and_that_do_not(composer, data, tmp_path, drawn):
    points = measure(composer, data, CELLS, tmp_path, QUICK, progress=False)
    on, off = points[CELLS[1]], points[CELLS[2]]
    worse = off._replace(measured=off.measured._replace(values=off.measured.values + 1))
    row, = report._switched({CELLS[1]: on, CELLS[2]: worse})[2:]
    assert row.startswith("| predictor_corrector | 7 | 0.000 [0.000, 0.000] |")
    assert report._switched({CELLS[1]: on})[2:] == []


def test_from_a_small_network(composer, data, tmp_path):
    """Nothing replaced but the training: samples, bounds and grades."""
    cells = [Cell("ancestral", 3)]
    protocol = Protocol(samples=2, frames=16)
    point, = measure(composer, data, cells, tmp_path, protocol, progress=False).values()
    assert point.seconds > 0 and np.isfinite(point.bound).all()
    assert point.measured.grades.shape == (2,)  # NaN where noise cannot be graded
    assert point.bound[0] > json.loads((tmp_path / "curve.json").read_text())["bound"][0]


def test_mistakes_on_the_command_line(tmp_path, monkeypatch, composer):
    with pytest.raises(SystemExit, match="there is no folder"):
        curve.main([f"--workdir={tmp_path / 'none'}", f"--folder={tmp_path}"])
    monkeypatch.setattr(curve, "load", lambda path: composer)
    with pytest.raises(SystemExit, match="too few for two levels"):
        curve.main(["--samplers=ode", "--budgets=2", f"--folder={tmp_path}"])
