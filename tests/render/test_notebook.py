"""A chorale in a notebook: what it shows, with the extra and without."""

import base64
import dataclasses
import re
import sys
from types import SimpleNamespace

import pytest

from lmjax.music.chorale import Chorale
from lmjax.render.notebook import html_of, register


def embedded(html: str, kind: str) -> bytes:
    """What a data URI of some kind holds."""
    content, = re.findall(f'"data:{kind};base64,([^"]*)"', html)
    return base64.b64decode(content)


def ids(html: str) -> set[str]:
    return set(re.findall(r'\bid="([^"]*)"', html))


def test_engraved_and_with_a_player(chorale: Chorale) -> None:
    html = html_of(dataclasses.replace(chorale, title='"Quoted" & <marked>'))
    assert html.count("<svg") == 1 and html.count('class="note"') == 54
    assert 'aria-label="&quot;Quoted&quot; &amp; &lt;marked&gt;"' in html and "<marked>" not in html
    assert embedded(html, "audio/mpeg")[:2] in (b"\xff\xfb", b"\xff\xf3", b"ID")
    assert not re.search(r'(href|src)="(?!#|data:)', html)  # it asks for nothing else


def test_chorales_of_one_notebook_share_no_ids(chorale: Chorale) -> None:
    pitch = chorale.pitch.copy()
    pitch[:4, 0] += 1
    one, other = html_of(chorale), html_of(dataclasses.replace(chorale, pitch=pitch))
    assert ids(one) and not ids(one) & ids(other)
    assert html_of(chorale) == one


@pytest.mark.parametrize("library", ["verovio", "soundfile"])
def test_a_piano_roll_without_the_extra(chorale: Chorale, library: str,
                                        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    html = html_of(chorale)
    assert embedded(html, "image/png").startswith(b"\x89PNG")
    assert f"needs {library}" in html and "[render]&quot;" in html and "<audio" not in html


def test_registered_where_ipython_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: dict[type, object] = {}
    formatters = {"text/html": SimpleNamespace(for_type=shown.__setitem__)}
    shell = SimpleNamespace(display_formatter=SimpleNamespace(formatters=formatters))
    found = iter((None, shell))
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: next(found)))
    register()
    assert shown == {}
    register()
    assert shown == {Chorale: html_of}
