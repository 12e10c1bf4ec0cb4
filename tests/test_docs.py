"""Every block of code in README.md and docs/ is run, in small, and those of the experiments, which
take hours, are understood; and the site builds.

What is small in place of what the pages say stands in `SMALL` and `LESS`; besides, the shipped
weights are those of a training in small, and of the corpus there are a few chorales. A block of a
kind that is not known here fails.
"""

import argparse
import ast
import configparser
import importlib
import importlib.util
import json
import os
import pkgutil
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import jax
import pytest
from absl.testing import flagsaver
from jax.experimental.compilation_cache import compilation_cache
from markdown_it import MarkdownIt

import lmjax
from lmjax import main
from lmjax.data import build
from lmjax.data.cache import cache_folder
from lmjax.music.tokens import WIDE_RANGES
from lmjax.requests.reading import read_requests
from lmjax.requests.schema import asked
from lmjax.settings import from_config
from lmjax.training import checkpoints

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = {str(path.relative_to(ROOT)): path for path in [
    ROOT / "README.md", *sorted(path for path in DOCS.rglob("*.md") if "_build" not in path.parts)]}
EXPERIMENTS = sorted((ROOT / "experiments").glob("*/README.md"))
EXTENDING = [name for name in PAGES if name.startswith("docs/extend/")]

# Every config is the base config with these fields, so that little has to be compiled; but for
# those that it keeps, and what a command says itself.
SMALL = {
    "network": {"kind": "transformer", "width": 8, "layers": 1, "heads": 1, "feedforward": 8,
                "dropout": 0.1, "level": True, "tracks": True, "output": "logits"},
    "condition": {"known": 0.0, "allowed": 0.0}, "optimizer": {"kind": "adam"},
    "training": {"steps": 2, "batch_size": 2, "length": 16, "evaluate_every": 2,
                 "evaluate_windows": 2, "checkpoint_every": 2},
    "sampler": {"kind": "ancestral", "levels": 3},
    "compose": {"num": 1, "bars": 4, "window": 64, "formats": ()},
    "evaluation": {"samples": 0, "sample_length": 16, "draws": 1, "wholes": 0}}
KEPT = ("source", "path")  # of the data
OWN = {"kind": "convolution", "width": 8, "layers": 1}  # a network that has to be itself
# What commands say themselves, and what they say here.
LESS = {"--config.evaluation.samples=256": "--config.evaluation.samples=2",
        "--input": "--num_samples=1 --input"}
# The one that writes its music.
WRITING = "python -m lmjax.main --config=configs/ncsn.py --mode=sample"
FORMATS = "--config.compose.formats=('musicxml','mid','png')"
CHORALES = {"train": 12, "valid": 3, "test": 1}  # of the corpus

THIS_RUN = re.compile(r"python -m pytest( -\S.*)?")
NOT_CODE = {"toctree"}  # directives
# What a page says is there once its commands have run.
MADE = {
    "docs/guide/compose.md": ("runs/ncsn/samples/seed-0", [
        "chorale-000.musicxml", "chorale-000.mid", "chorale-000.png", "samples.npz",
        "report.html"]),
    "docs/guide/control.md": ("runs/ncsn", [
        "harmonized/scarborough", "rewritten", "varied", "continued", "asked/hymn", "asked/tune"]),
    "docs/guide/judge.md": (".", [
        "runs/ncsn/evaluation.json", "runs/ncsn/density.png", "runs/ncsn/report.html",
        "runs/comparison.md", "runs/comparison.csv"]),
    "docs/guide/train.md": ("runs/ncsn", [
        "checkpoints", "best", "metrics.jsonl", "training.png", "report.html", "samples",
        "../../weights/best"])}


class Block(NamedTuple):
    """A block of code."""

    where: str  # page and line
    kind: str  # "sh", "python", "yaml", "diff" or whatever else stands there
    path: str  # of the file that it is, "" if it is none
    content: str


def blocks(name: str, text: str) -> Iterator[Block]:
    """The blocks of a page; an indented one holds commands."""
    for token in MarkdownIt().parse(text):
        if token.type not in ("fence", "code_block"):
            continue
        where, content, path = f"{name}:{token.map[0] + 1}", token.content, ""
        kind = token.info.strip() if token.type == "fence" else "sh"
        directive = re.fullmatch(r"\{([\w-]+)\}\s*(\S*)", kind)
        if directive and directive[1] in NOT_CODE:
            continue
        if directive and directive[1] == "code-block":
            kind, options = directive[2], re.match(r"(:caption: (\S+)\n)?\n?", content)
            path, content = options[2] or "", content[options.end():]
        yield Block(where, kind, path, content)


def commands(block: Block) -> Iterator[list[str]]:
    """The commands of a block; nothing that only a shell can do."""
    for line in block.content.replace("\\\n", "").splitlines():
        words: list[str] = []
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        for word in [*lexer, "&&"]:
            if word != "&&":
                assert not re.fullmatch(r"[();<>|&]+|.*[$`].*", word), f"{block.where}: {word}"
                words.append(word)
            elif words:
                yield words
                words = []


def check_install(words: list[str], where: str) -> None:
    """An installation is of extras that there are."""
    target = re.fullmatch(r"pip install -e \.(?:\[([\w,]+)\])?", " ".join(words))
    assert target, f"{where}: {words}"
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    assert set((target[1] or "").split(",")) <= {"", *parser["options.extras_require"]}, where


def in_small(words: list[str]) -> list[str]:
    """The words of a command as they are here."""
    line = shlex.join(words)
    for said, here in LESS.items():
        line = line.replace(said, here)
    return shlex.split(line)


def make_small(*configs: Path) -> None:
    """Makes config files small; the base config, which they read, stays as it is."""
    for path in configs:
        if path.stem != "base":
            path.write_text(f"""{path.read_text()}


whole = get_config


def get_config():
    config, said = base.get_config(), whole()
    config.name = said.name
    for section, fields in {SMALL!r}.items():
        config[section] = ml_collections.ConfigDict({{**config[section], **fields}})
    config.network = ml_collections.ConfigDict({SMALL["network"]!r})
    if said.network.kind == {OWN["kind"]!r}:
        config.network = ml_collections.ConfigDict({{**said.network, **{OWN!r}}})
    for field in {KEPT!r}:
        config.data[field] = said.data[field]
    return config
""")


def edit(path: Path, content: str, where: str) -> None:
    """Carries out a diff without line numbers: what it takes away or leaves stands there once."""
    for hunk in content.split("@@\n")[1:]:
        lines = hunk.rstrip("\n").split("\n")
        before, after = ("".join(f"{line[1:]}\n" for line in lines if line[:1] != sign)
                         for sign in "+-")
        text = path.read_text()
        assert text.count(before) == 1, f"{where}: {path} has {text.count(before)} times\n{before}"
        path.write_text(text.replace(before, after))


class Workplace(NamedTuple):
    """Where pages are run, one after the other.

    Attributes:
      folder: in which commands are run; its configs are small.
      done: what has been run.
    """

    folder: Path
    done: set[str]

    def run(self, words: list[str], where: str) -> None:
        """Runs a command in this process; what is alike in small, by whatever config, once."""
        line = shlex.join(words)
        if THIS_RUN.fullmatch(line):
            return
        assert words[:2] == ["python", "-m"], f"{where}: {words[0]} is not run here"
        assert words[2].startswith("lmjax."), f"{where}: {words[2]} is not run here"
        small = in_small(words[2:]) + [FORMATS] * (line == WRITING)
        if (asked := " ".join(map(self._asked, small))) in self.done:
            return
        with flagsaver.flagsaver(), pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", small)
            try:
                if small[0] == "lmjax.main":
                    main.parse(sys.argv)
                    main.main(sys.argv)
                else:
                    importlib.import_module(small[0]).main()
            except SystemExit as end:
                pytest.fail(f"{where}: {line} ended with {end.code}")
        self.done.add(asked)

    def _asked(self, word: str) -> str:
        """A word of a command; a config as what it holds."""
        if not word.startswith("--config="):
            return word
        config = runpy.run_path(str(self.folder / word.partition("=")[2]))["get_config"]()
        return repr({**config.to_dict(), "name": ""})


@pytest.fixture(scope="module")
def workplace(corpus_data, tmp_path_factory, pytestconfig) -> Iterator[Workplace]:
    """A folder in which the score model has been trained, in small. Compiled programs are kept for
    the next run of the tests."""
    place = Workplace(tmp_path_factory.mktemp("docs"), set())
    some = tuple(piece.chorale for split, count in CHORALES.items()
                 for piece in corpus_data.split(split)[:count])
    shutil.copytree(ROOT / "configs", place.folder / "configs")
    make_small(*(place.folder / "configs").glob("*.py"))
    (place.folder / "experiments").symlink_to(ROOT / "experiments")
    before = {name: getattr(jax.config, name) for name in (
        "jax_persistent_cache_min_compile_time_secs", "jax_compilation_cache_dir")}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place.folder)
        patch.setenv("LMJAX_CACHE", str(pytestconfig.cache.mkdir("docs")))
        patch.setattr(checkpoints, "PRETRAINED", place.folder / "pretrained")
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
        compilation_cache.reset_cache()
        build._write(build.cache_path(), build.Corpus(some, ()))
        for line in ("python -m lmjax.main --config=configs/ncsn.py",
                     f"python -m lmjax.export runs/ncsn pretrained/{checkpoints.SHIPPED}"):
            place.run(line.split(), "the weights")
        yield place
    for name, value in before.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()


@pytest.mark.parametrize("name", [name for name in PAGES if name not in EXTENDING])
def test_every_block_of_a_page_runs(name, workplace):
    """In the order of the page, its Python in one namespace."""
    folder = workplace.folder
    names: dict[str, object] = {}
    found = list(blocks(name, PAGES[name].read_text()))
    for number, block in enumerate(found):
        later = "".join(one.content for one in found[number + 1:])
        assert Path(block.path).stem in later, f"{block.where}: {block.path} is not used"
        if block.kind == "sh":
            for words in commands(block):
                run = check_install if words[0] == "pip" else workplace.run
                run(words, block.where)
        elif block.kind == "yaml":
            path = folder / (block.path or "block.yaml")
            path.write_text(block.content)
            for _, fields in read_requests(path):
                asked(fields, WIDE_RANGES, folder)
        elif block.kind == "python" and block.path.startswith("configs/"):
            (folder / block.path).write_text(block.content)
            from_config(runpy.run_path(block.path)["get_config"]())
            make_small(folder / block.path)
        elif block.kind == "python" and not block.path:
            program = ast.parse(block.content)
            ast.increment_lineno(program, int(block.where.rpartition(":")[2]))
            exec(compile(program, name, "exec"), names)
        else:
            pytest.fail(f"{block.where}: there is no way to run {block.kind or 'a plain block'!r}")
    where, made = MADE.get(name, (".", []))
    assert [one for one in made if not (folder / where / one).exists()] == []


class Understood(Exception):
    """Raised once the arguments of a command are."""


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.parent.name)
def test_commands_of_an_experiment_are_understood(path, monkeypatch):
    """There are such modules, arguments, configs and fields of configs."""
    whole = argparse.ArgumentParser.parse_args

    def parse_args(*args):
        whole(*args)
        raise Understood

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse_args)
    monkeypatch.chdir(ROOT)
    for block in blocks(path.parent.name, path.read_text()):
        for python, _, module, *words in commands(block):
            assert python == "python", f"{block.where}: {python} is not known here"
            monkeypatch.setattr(sys, "argv", [module, *words])
            try:
                if module == "lmjax.main":
                    with flagsaver.flagsaver():
                        main.parse(sys.argv)
                        from_config(main._CONFIG.value)
                else:
                    with pytest.raises(Understood):
                        importlib.import_module(module).main()
            except SystemExit as end:
                pytest.fail(f"{block.where}: {module} ended with {end.code}")


# Runs tests, and then command lines, in a tree of their own.
ELSEWHERE = """
import json, os, pathlib, sys
import jax, pytest
from absl.testing import flagsaver
from lmjax import main
from lmjax.training import checkpoints

weights, tests, commands = sys.argv[1], *map(json.loads, sys.argv[2:])
if not os.fork():
    sys.exit(pytest.main(tests))
if os.wait()[1]:
    sys.exit(1)
checkpoints.PRETRAINED = pathlib.Path(weights)
os.chdir("small")
for sys.argv in commands:
    with flagsaver.flagsaver():
        main.parse(sys.argv)
        main.main(sys.argv)
"""


def test_the_pages_about_extending_say_all_that_is_needed(workplace, tmp_path):
    """All their files and changes in one copy of the tree, and then all their commands."""
    ignore = shutil.ignore_patterns("__pycache__", "pretrained")
    for folder in ("lmjax", "configs", "tests"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignore)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    tests, lines = ["-p", "no:cacheprovider"], []
    for name in EXTENDING:
        for block in blocks(name, PAGES[name].read_text()):
            if block.kind == "diff":
                edit(tmp_path / block.path, block.content, block.where)
            elif block.kind == "python" and block.path:
                (tmp_path / block.path).write_text(block.content)
            elif block.kind == "sh":
                for _, _, module, *words in commands(block):
                    if module == "pytest":
                        tests += words
                    else:
                        lines.append(in_small([module, *words]))
            else:
                pytest.fail(f"{block.where}: there is no way to run {block.kind!r}")
    small = Path(shutil.copytree(tmp_path / "configs", tmp_path / "small" / "configs"))
    make_small(*small.glob("*.py"))
    ended = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, str(workplace.folder / "pretrained"), json.dumps(tests),
         json.dumps(lines)], cwd=tmp_path,
        env={**os.environ, "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(tmp_path),
             "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
             "JAX_COMPILATION_CACHE_DIR": str(cache_folder() / "compiled"),
             "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"},
        capture_output=True, text=True, check=False)
    assert ended.returncode == 0, (ended.stdout + ended.stderr)[-4000:]


def test_what_pages_name_is_there():
    """Files, flags and fields of configs, wherever a text has them as code."""
    fields = {f"{section}.{field}" for path in (ROOT / "configs").glob("*.py")
              for section, values in runpy.run_path(str(path))["get_config"]().items()
              if hasattr(values, "keys") for field in values}
    source = "".join(path.read_text() for folder in ("lmjax", "experiments")
                     for path in (ROOT / folder).rglob("*.py"))
    flags = set(re.findall(r'(?:DEFINE_\w+\(\s*"|add_argument\(\s*"--)(\w+)"', source))
    for name, path in PAGES.items():
        tokens = [one for token in MarkdownIt().enable("table").parse(path.read_text())
                  for one in (token, *(token.children or ()))]
        for code in (token.content for token in tokens if token.type == "code_inline"):
            for field in re.findall(r"--config\.([a-z_]+\.[a-z_0-9]+)", code):
                assert field in fields, f"{name}: {code}"
            for flag in re.findall(r"(?:^|\s)--([a-z_]+)", code):
                assert flag in flags, f"{name}: {code}"
            if re.fullmatch(r"(lmjax|configs|experiments|tests)/[\w./-]+", code):
                assert (ROOT / code).exists(), f"{name}: {code}"


@pytest.mark.parametrize("text, kind", [
    ("```\nx\n```", ""), ("```rust\nx\n```", "rust"), ("~~~ text\nx\n~~~", "text"),
    ("- a list\n\n  ```js\n  x\n  ```", "js"), ("```{eval-rst}\nx\n```", "{eval-rst}"),
    ("```{code-block} c\nx\n```", "c"), ("text\n\n    x", "sh")])
def test_no_block_is_passed_over(text, kind):
    assert [block.kind for block in blocks("page", text)] == [kind]


@pytest.mark.parametrize("text", ["ls | wc", "echo $HOME", "a > b", "a; b", "echo `ls`"])
def test_what_only_a_shell_can_do_is_refused(text):
    with pytest.raises(AssertionError):
        list(commands(Block("page:1", "sh", "", text)))


def test_commands_are_read_as_a_shell_does():
    block = Block("page:1", "sh", "", "a 'b c' && d \\\n  e  # f\n\ng")
    assert list(commands(block)) == [["a", "b c"], ["d", "e"], ["g"]]


def test_a_change_is_of_what_stands_there_once(tmp_path):
    path = tmp_path / "file"
    path.write_text("one\ntwo\nthree\n")
    edit(path, "@@\n one\n-two\n+2\n@@\n three\n+four\n", "page:1")
    assert path.read_text() == "one\n2\nthree\nfour\n"
    with pytest.raises(AssertionError, match="has 0 times"):
        edit(path, "@@\n-two\n+2\n", "page:1")


def test_the_site_builds_without_a_warning(tmp_path):
    """And every module of the package is in its reference."""
    missing = [name for name in ("sphinx", "furo", "myst_parser")
               if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed; the extra `docs` has them")
    # Without copies of the sources, which take as long as all the rest.
    ended = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", str(DOCS), str(tmp_path),
         "-D", "extensions=myst_parser,sphinx.ext.autodoc,sphinx.ext.napoleon"],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    from sphinx.util.inventory import InventoryFile

    inventory = InventoryFile.loads((tmp_path / "objects.inv").read_bytes(), uri="")
    modules = {module.name for module in pkgutil.walk_packages(lmjax.__path__, "lmjax.")}
    assert modules <= set(inventory.data["py:module"])
