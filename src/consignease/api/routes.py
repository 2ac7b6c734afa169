"""Finding the operation for a path and a method."""

from collections.abc import Sequence
from typing import Generic, TypeVar

T = TypeVar("T")

_KNOWN_PATHS, _LONG_PATH = 1024, 256
"""How many paths are remembered: the busiest ones recur."""


class _Node(Generic[T]):
    __slots__ = ("literal", "methods", "param")

    def __init__(self) -> None:
        self.literal: dict[str, _Node[T]] = {}
        self.param: _Node[T] | None = None
        self.methods: dict[str, T] = {}


class Routes(Generic[T]):
    """A tree of path segments; a literal segment wins over a parameter."""

    def __init__(self) -> None:
        self._root: _Node[T] = _Node()
        self._known: dict[str, tuple[dict[str, T], list[str]]] = {}

    def add(self, method: str, path: str, target: T) -> tuple[str, ...]:
        """Add a path such as ``/v1/users/{user_id}``.

        Returns:
            The names of its parameters.

        Raises:
            ValueError: the method and path are there already.
        """
        node = self._root
        names: list[str] = []
        for segment in path.strip("/").split("/"):
            if segment.startswith("{"):
                names.append(segment[1:-1])
                node.param = node.param or _Node()
                node = node.param
            else:
                node = node.literal.setdefault(segment, _Node())
        if method in node.methods:
            msg = f"two operations for {method} {path}"
            raise ValueError(msg)
        node.methods[method] = target
        return tuple(names)

    def find(self, path: str) -> tuple[dict[str, T], list[str]] | None:
        """Return what is at a path, by method, and the values of its parameters.

        A slash at the end makes no difference.
        """
        known = self._known.get(path)
        if known is not None:
            return known
        segments = path.removesuffix("/").split("/")
        values: list[str] = []
        methods = _walk(self._root, segments, 1, values)
        if methods is None:
            return None
        if len(path) > _LONG_PATH:
            return methods, values
        if len(self._known) >= _KNOWN_PATHS:
            self._known.clear()
        self._known[path] = methods, values
        return methods, values


def _walk(
    node: _Node[T], segments: Sequence[str], at: int, values: list[str]
) -> dict[str, T] | None:
    if at == len(segments):
        return node.methods or None
    segment = segments[at]
    child = node.literal.get(segment)
    if child is not None:
        found = _walk(child, segments, at + 1, values)
        if found is not None:
            return found
    if node.param is None or not segment:
        return None
    values.append(segment)
    found = _walk(node.param, segments, at + 1, values)
    if found is None:
        values.pop()
    return found
