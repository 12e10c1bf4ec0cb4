import json

import numpy as np

from lmjax.training.writers import METRICS, MetricsWriter, read_metrics


def steps(folder):
    return [row["step"] for row in read_metrics(folder)]


def test_a_line_is_one_object(tmp_path):
    writer = MetricsWriter(tmp_path)
    writer.write(10, {"loss": 1.5, "valid": 2})
    writer.close()
    assert (tmp_path / METRICS).read_text() == '{"step": 10, "loss": 1.5, "valid": 2.0}\n'
    assert read_metrics(tmp_path) == [{"step": 10, "loss": 1.5, "valid": 2.0}]


def test_values_can_be_arrays(tmp_path):
    MetricsWriter(tmp_path).write(10, {"density": np.array([0.5, 1.0])})
    assert read_metrics(tmp_path) == [{"step": 10, "density": [0.5, 1.0]}]


def test_a_folder_without_metrics_has_none(tmp_path):
    assert read_metrics(tmp_path) == []


def test_a_resumed_run_forgets_later_lines(tmp_path):
    writer = MetricsWriter(tmp_path)
    for step in (10, 20, 30):
        writer.write(step, {"loss": step})
    resumed = MetricsWriter(tmp_path, 20)
    assert steps(tmp_path) == [10, 20]
    resumed.write(30, {"loss": 0.5})
    assert [row["loss"] for row in read_metrics(tmp_path)] == [10, 20, 0.5]


def test_a_new_run_forgets_all(tmp_path):
    MetricsWriter(tmp_path).write(10, {"loss": 1})
    MetricsWriter(tmp_path)
    assert steps(tmp_path) == []


def test_half_a_line_is_no_line(tmp_path):
    MetricsWriter(tmp_path).write(10, {"loss": 1})
    with open(tmp_path / METRICS, "a") as file:
        file.write('{"step": 20, "lo')
    assert steps(tmp_path) == [10]
    MetricsWriter(tmp_path, 15).write(20, {"loss": 2})
    lines = (tmp_path / METRICS).read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [10, 20]
