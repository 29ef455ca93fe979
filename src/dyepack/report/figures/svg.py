"""What the figures of a report share: their style, numbers, and the form that paper needs.

Invariant: a figure is markup of our own, with every text through sinks.for_html; no script, link, image or font in it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dyepack.report.flow_graph import ROLES
from dyepack.sinks import for_html

if TYPE_CHECKING:
    from markupsafe import Markup

_LIGHT = {
    "ink": "#1c2127", "soft": "#535d68", "halo": "#fff", "line": "#d5dae0", "leg": "#d55e00", "address": "#8b929a",
    "service": "#0072b2", "mixer": "#cc79a7", "bridge": "#56b4e9", "held": "#009e73", "open": "#e69f00",
    "ended": "#30363d",
}  # fmt: skip
_DARK = {"ink": "#e8ebee", "soft": "#aab3bd", "halo": "#15191e", "line": "#3a434d", "address": "#8f98a3",
         "service": "#3d9ad6", "ended": "#c9d0d7"}  # fmt: skip

_SANS = 'system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif'


def _variables(values: dict[str, str]) -> str:
    return ";".join(f"--{name}:{value}" for name, value in values.items())


STYLE = (
    f"\n.dp-fig{{{_variables(_LIGHT)};font:11px {_SANS};fill:var(--ink)}}\n"
    f"@media screen and (prefers-color-scheme:dark){{.dp-fig{{{_variables(_DARK)}}}}}\n"
    ".dp-fig text{paint-order:stroke;stroke:var(--halo);stroke-width:3px;stroke-linejoin:round}\n"
    ".dp-fig .s{fill:var(--soft);font-size:10px}.dp-fig .b{font-weight:600}\n"
    ".dp-fig .n{stroke:var(--ink);stroke-width:.75}.dp-fig .x{stroke:var(--line);stroke-width:1;fill:none}\n"
    ".dp-fig .e{fill:none;stroke-opacity:.55}\n"
    + "".join(f".dp-fig .f-{r}{{fill:var(--{r})}}.dp-fig .s-{r}{{stroke:var(--{r})}}\n" for r in ROLES)
)


def n(value: float) -> str:
    """A coordinate, to a tenth."""
    text = f"{value:.1f}"
    return "0" if text == "-0.0" else text.removesuffix(".0")


def svg(name: str, width: float, height: float, words: tuple[str, str], parts: list[Markup]) -> Markup:
    """A figure of its parts; `words` are its title and its description."""
    from markupsafe import Markup

    return Markup(
        '<svg class="dp-fig" xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="{i}-title {i}-desc" '
        'viewBox="0 0 {w} {h}" width="{w}" height="{h}">\n<title id="{i}-title">{title}</title>\n'
        '<desc id="{i}-desc">{desc}</desc>\n<style>{style}</style>\n{parts}</svg>\n'
    ).format(
        i=name, w=n(width), h=n(height), title=for_html(words[0]), desc=for_html(words[1]),
        style=Markup(STYLE), parts=Markup("").join(parts),  # noqa: S704 - our own constant
    )  # fmt: skip


def text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> Markup:
    """A line of text."""
    from markupsafe import Markup

    return Markup('<text class="{}" x="{}" y="{}" text-anchor="{}">{}</text>\n').format(
        kind, n(x), n(y), anchor, for_html(words)
    )


_STYLE_BLOCK = re.compile(r"<style>(.*?)</style>", re.DOTALL)
_MEDIA = re.compile(r"@media[^{]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}")
_VARIABLE = re.compile(r"--([a-z]+):([^;}\s]+)")


def for_print(markup: str) -> str:
    """A figure of ours without what paper has no use for: variables resolved, one theme, the document's fonts.

    Only the style block changes, which is our own constant.
    """
    return _STYLE_BLOCK.sub(lambda found: f"<style>{_plain_style(found[1])}</style>", markup)


def _plain_style(style: str) -> str:
    style = _MEDIA.sub("", style)
    values = dict(_VARIABLE.findall(style))
    style = re.sub(r"var\(--([a-z]+)\)", lambda v: values.get(v[1], "#000"), style)
    style = re.sub(r"--[a-z]+:[^;}]*;?", "", style)
    style = re.sub(r"font:11px [^;}]*", 'font-size:11px;font-family:"Libertinus Serif"', style)
    return re.sub(r"font-family:ui-monospace[^;}]*", 'font-family:"DejaVu Sans Mono"', style)
