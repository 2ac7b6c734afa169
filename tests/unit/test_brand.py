"""The colours of the portal can be read, whatever accent somebody chose."""

import re

from hypothesis import example, given
from hypothesis import strategies as st

from consignease.dashboard.render import STATIC
from consignease.domain.brand import Brand, contrast, readable, style

GROUNDS = {"light": ("#ffffff", "#f1f1f4"), "dark": ("#16181c", "#1d1f25")}
"""The panel, and what is furthest from it that text stands on (static/app.css, dark.css)."""
COLOURS = st.integers(0, 0xFFFFFF).map("#{:06x}".format)


def rgb(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return red, green, blue


@given(colour=COLOURS)
@example(colour="#ffff00")
@example(colour="#000000")
@example(colour="#ffffff")
@example(colour="#808080")
def test_an_accent_can_be_read_on_every_ground(colour: str) -> None:
    """At least 4.5 to 1 (WCAG 2.2, 1.4.3), as text and as the ground of a button's words."""
    for theme, words in (("light", "#ffffff"), ("dark", "#0c0b1f")):
        found = re.search(r"--accent: (#\w{6})", style(Brand(accent=colour, theme=theme)))
        assert found
        for ground in (*GROUNDS[theme], words):
            assert contrast(rgb(found[1]), rgb(ground)) >= 4.5, (theme, ground, found[1])


def test_an_accent_that_can_be_read_stays_as_it_is() -> None:
    """Nobody's colour is changed without need."""
    assert readable("#4a43d8", rgb("#ffffff")) == "#4a43d8"
    assert readable("#7d9dff", rgb("#1d1f25")) == "#7d9dff"


def test_contrast_is_that_of_the_guidelines() -> None:
    """Known ratios: black and white, and the grey that just passes."""
    assert round(contrast(rgb("#000000"), rgb("#ffffff")), 2) == 21
    assert round(contrast(rgb("#767676"), rgb("#ffffff")), 2) == 4.54


def test_the_grounds_are_those_of_the_style_sheets() -> None:
    """What is checked above is what pages have."""
    for theme, name in (("light", "app.css"), ("dark", "dark.css")):
        text = (STATIC / name).read_text(encoding="utf-8")
        for ground in GROUNDS[theme]:
            assert ground in text or (ground == "#ffffff" and "--panel: #fff;" in text)


def test_the_edge_of_a_field_is_seen() -> None:
    """At least 3 to 1 against what is on either side of it (WCAG 2.2, 1.4.11)."""
    for theme, name in (("light", "app.css"), ("dark", "dark.css")):
        found = re.search(r"--field: (#\w{6})", (STATIC / name).read_text(encoding="utf-8"))
        assert found
        assert contrast(rgb(found[1]), rgb(GROUNDS[theme][0])) >= 3, theme


def test_a_theme_is_kept_to() -> None:
    """Light and dark are without conditions, auto follows the reader's system."""
    assert "@media" not in style(Brand(accent="#0b7a75", theme="dark"))
    assert "@media (prefers-color-scheme: dark)" in style(Brand(accent="#0b7a75"))
    assert style(Brand(theme="light")) == ":root { color-scheme: light; }\n"
