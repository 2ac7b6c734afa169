"""QR codes, drawn by the server as SVG inside the page: no script, no picture from elsewhere."""

import segno
from markupsafe import Markup


def svg(text: str, label: str) -> Markup:
    """Draw a text as a QR code, dark on light whatever the page looks like.

    Args:
        text: What a camera reads (ISO/IEC 18004, level M).
        label: What it is, for those who do not see it.
    """
    code = segno.make(text, error="m", micro=False)
    drawn = code.svg_inline(
        border=4, omitsize=True, svgclass=None, lineclass=None, dark="#000", light="#fff"
    )
    rest = Markup(drawn.removeprefix("<svg"))  # noqa: S704 - numbers only
    return Markup('<svg class="qr" role="img" aria-label="{}"{}').format(label, rest)
