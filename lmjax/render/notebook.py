"""Chorales that show themselves in a notebook: engraved, with a player below."""

import base64
import hashlib
import html
import io

from lmjax.music.chorale import Chorale
from lmjax.render.audio import mp3_of
from lmjax.render.engrave import engraving
from lmjax.render.extra import MissingExtra
from lmjax.render.roll import figure

# A white sheet with black ink, which a light and a dark theme leave as it is.
SHEET = ("background: #fff; color: #111; color-scheme: light; max-width: 60em; padding: 1em;"
         " margin: 0; border-radius: 6px")


def register() -> None:
    """Makes the IPython that runs, if one does, show every Chorale as `html_of` does."""
    from IPython import get_ipython

    shell = get_ipython()
    if shell is not None:
        shell.display_formatter.formatters["text/html"].for_type(Chorale, html_of)


def html_of(chorale: Chorale) -> str:
    """A chorale as HTML that needs nothing else: a hymn's two staves, and a player.

    Where the extra `render` is not installed it is a piano roll, and a sentence that names the
    extra.
    """
    title = html.escape(chorale.title or "Chorale", quote=True)
    # Ids of an SVG are those of the whole notebook.
    notes = hashlib.sha256(chorale.pitch.tobytes() + chorale.struck.tobytes()).hexdigest()
    try:
        picture = engraving(chorale, prefix=f"n{notes[:8]}-").svg
        below = (f'<audio controls aria-label="{title}" style="width: 100%" '
                 f'src="data:audio/mpeg;base64,{_base64(mp3_of(chorale))}"></audio>')
    except MissingExtra as missing:
        picture = (f'<img alt="Piano roll of {title}" style="max-width: 100%" '
                   f'src="data:image/png;base64,{_base64(_roll(chorale))}">')
        below = f"<p>{html.escape(str(missing))}</p>"
    return f'<figure aria-label="{title}" style="{SHEET}">{picture}{below}</figure>'


def _roll(chorale: Chorale) -> bytes:
    """A piano roll as a PNG."""
    content = io.BytesIO()
    figure(chorale).savefig(content, format="png", dpi=100)
    return content.getvalue()


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
