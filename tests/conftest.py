"""What tests in several folders need."""

import multiprocessing
import os
import runpy
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
import pytest

from lmjax.data import build
from lmjax.data.dataset import Dataset

ROOT = Path(__file__).parents[1]
# Nearly all that tests wait for is compilers; without these kernels of XLA, a third as long.
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_use_fusion_emitters=false"
OPTIMIZED_LITTLE = "jax_disable_most_optimizations"
jax.config.update(OPTIMIZED_LITTLE, True)
PATIENCE = 300  # seconds

TINY_CONFIG = '''
import sys
sys.path.insert(0, {root!r})
from configs import base


def get_config():
    config = base.get_config()
    config.name = "tiny"
    config.data.update(source="jsb16", path={data!r}, transpose="")
    config.network.update(channels=2, frame_channels=2, pitch_channels=2, cell_channels=4,
                          local_width=8, layers=1, heads=1, level_width=8, reach=4, offsets=1,
                          rounds=1)
    config.optimizer.update(kind="adam", warmup=2)
    # To compile what draws it takes longer than all that is tested.
    config.condition.allowed = 0.0
    config.training.update(steps=6, batch_size=4, length=16, evaluate_every=2,
                           evaluate_windows=4, checkpoint_every=2)
    config.sampler.update(kind="ancestral", levels=3, guidance=1.0)
    config.compose.update(num=2, bars=2, window=16, formats=("mid",))
    config.evaluation.update(length=16, stride=8, draws=2, samples=2, sample_length=16,
                             wholes=0)
    return config
'''


@pytest.fixture(scope="session")
def corpus_data() -> Dataset:
    """The whole corpus, from the ordinary cache; the first time it takes about a minute."""
    return build.load(progress=False)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Path:
    """A config that trains in seconds: a tiny network on random walks."""
    folder = tmp_path_factory.mktemp("tiny")
    generator, arrays = np.random.default_rng(0), {}
    for split, count in (("train", 8), ("valid", 3)):
        pieces = []
        for beats in generator.integers(10, 22, count):
            steps = generator.integers(-2, 3, (beats * 2, 4))
            walk = np.array([70, 63, 58, 50]) + np.clip(np.cumsum(steps, axis=0), -5, 5)
            pieces.append(np.repeat(walk, 2, axis=0).astype(np.int16))
        arrays[f"{split}_pitches"] = np.concatenate(pieces)
        arrays[f"{split}_lengths"] = np.array([len(piece) for piece in pieces])
    np.savez(folder / "tiny.npz", **arrays)
    path = folder / "tiny.py"
    path.write_text(TINY_CONFIG.format(root=str(ROOT), data=str(folder / "tiny.npz")))
    return path


@pytest.fixture(scope="module")
def quick_to_run() -> Iterator[None]:
    """For what runs for longer than it takes to compile it well."""
    jax.config.update(OPTIMIZED_LITTLE, False)
    yield
    jax.config.update(OPTIMIZED_LITTLE, True)


class Ended(NamedTuple):
    """How a command ended: its exit code, and what it printed."""

    code: int
    out: str
    err: str


Command = Callable[..., Ended]


@pytest.fixture(scope="session")
def environ(tmp_path_factory) -> Mapping[str, str]:
    """Of the commands: quick to compile, and nothing of the same kind compiled twice, by whichever
    process of the tests."""
    cache = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        cache = cache.parent
    return {**os.environ, "LMJAX_CACHE": str(cache / "cache"),
            "JAX_PLATFORMS": "cpu",
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "XLA_FLAGS": f"{os.environ['XLA_FLAGS']} --xla_backend_optimization_level=0"}


@pytest.fixture(scope="session")
def command(environ, tmp_path_factory) -> Command:
    """The command line as a function of its arguments, in a process of its own.

    `before` is a program that is run in the process first, to break something there.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["lmjax.main"])
    folder = tmp_path_factory.mktemp("output")

    def run(*argv: object, before: str = "") -> Ended:
        paths = [folder / f"{len(list(folder.iterdir()))}.{name}" for name in ("out", "err")]
        arguments = {
            "argv": list(map(str, argv)), "before": before, "out": str(paths[0]),
            "err": str(paths[1]), "environ": environ,
            "options": {"jax_platforms": "cpu", "jax_persistent_cache_min_compile_time_secs": 0}}
        process = context.Process(target=runpy.run_path, args=(
            str(Path(__file__).with_name("child.py")), {"arguments": arguments}))
        process.start()
        process.join(PATIENCE)
        process.kill()
        process.join()
        return Ended(process.exitcode, *(path.read_text() for path in paths))

    return run


@pytest.fixture(scope="session")
def trained(tiny, command, tmp_path_factory) -> Path:
    """A working folder in which the tiny config was trained without interruption. Read only."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    ended = command(f"--config={tiny}", f"--workdir={folder}")
    assert ended.code == 0, ended.err
    return folder


@pytest.fixture
def copy(trained, tmp_path) -> Path:
    """A copy of the trained folder, to be spoiled."""
    return Path(shutil.copytree(trained, tmp_path / "copy"))


@pytest.fixture(scope="session")
def python() -> list[str]:
    """How `python -m lmjax.main` begins, for subprocess."""
    return [sys.executable, "-m", "lmjax.main"]


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes()
            for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(name="contents")
def contents_fixture() -> Callable[[Path], dict[str, bytes]]:
    """A function from a folder to its files."""
    return contents
