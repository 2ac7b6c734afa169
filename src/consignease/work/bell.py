"""The bell of the background: who commits work for it rings, and the loop of tasks wakes up."""

from collections.abc import Callable


class Bell:
    """The part of a process's hand that passes on that there is work for the background.

    Attributes:
        ring: Called for each commit that leaves such work; None while nobody works.
    """

    ring: Callable[[], None] | None = None

    def begun(self) -> None:
        """Ring; in the thread that writes."""
        if self.ring is not None:
            self.ring()
