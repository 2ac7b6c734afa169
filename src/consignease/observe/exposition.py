"""The Prometheus text format, version 0.0.4, written from numbers counted elsewhere.

The numbers live in plain lists where they are counted, so there is nothing a
client library could do but print them.
"""

from collections.abc import Iterable, Mapping

from consignease.domain.counting import Histogram

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = Mapping[str, str]


class Page:
    """A page of metrics, written family by family."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def gauge(self, name: str, help_: str, value: float) -> None:
        """Add one number that goes up and down."""
        self.family(name, "gauge", help_, [({}, value)])

    def counter(self, name: str, help_: str, value: float) -> None:
        """Add one number that only goes up."""
        self.family(name, "counter", help_, [({}, value)])

    def family(
        self, name: str, kind: str, help_: str, samples: Iterable[tuple[Labels, float]]
    ) -> None:
        """Add a family: samples that differ in their labels.

        Args:
            name: Ends in ``_total`` if it is a counter, else in its unit.
            kind: ``gauge`` or ``counter``.
            help_: One sentence.
            samples: Labels and value of each.
        """
        self._head(name, kind, help_)
        self._lines += [f"{name}{_labels(labels)} {_number(value)}" for labels, value in samples]

    def histograms(
        self,
        name: str,
        help_: str,
        samples: Iterable[tuple[Labels, Histogram]],
        *,
        per_unit: int = 1,
    ) -> None:
        """Add a family of histograms.

        Args:
            name: Ends in its unit.
            help_: One sentence.
            samples: Labels and counts of each.
            per_unit: How many of what was counted make one of the unit: 1,000 for
                milliseconds shown as seconds.
        """
        self._head(name, "histogram", help_)
        for labels, one in samples:
            counts = list(one.counts)
            below = 0
            for bound, count in zip([*one.bounds, None], counts, strict=True):
                below += count
                shown = "+Inf" if bound is None else _number(bound / per_unit)
                self._lines.append(f"{name}_bucket{_labels({**labels, 'le': shown})} {below}")
            self._lines.append(f"{name}_sum{_labels(labels)} {_number(one.total / per_unit)}")
            self._lines.append(f"{name}_count{_labels(labels)} {below}")

    def text(self) -> str:
        """Return the page."""
        return "\n".join(self._lines) + "\n"

    def _head(self, name: str, kind: str, help_: str) -> None:
        self._lines += [f"# HELP {name} {help_}", f"# TYPE {name} {kind}"]


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    shown = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{shown}}}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
