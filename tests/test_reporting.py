import pytest

from lmjax.reporting import command_of


@pytest.mark.parametrize("words, expected", [
    (["--config=a.py"], "--config=a.py --mode=sample"),
    (["--mode=train", "--config=a.py"], "--mode=sample --config=a.py"),
    (["-mode", "train", "--workdir", "model"], "--mode=sample --workdir model"),
    (["--workdir", "model"], "--workdir model --mode=sample"),
])
def test_a_command_in_another_mode(words, expected):
    assert command_of(["main.py", *words], "sample") == f"python -m lmjax.main {expected}"
