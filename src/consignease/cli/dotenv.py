"""Reading and changing a ``.env`` file, as far as its lines are assignments."""

from collections.abc import Mapping
from pathlib import Path


def read_dotenv(path: Path) -> dict[str, str]:
    """Read ``NAME=value`` lines; an absent file has none.

    ``export`` before the name, quotation marks around the value and comments
    are dropped; nothing is expanded.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except (FileNotFoundError, IsADirectoryError):
        return {}
    assignments = (_assignment(line) for line in lines)
    return dict(pair for pair in assignments if pair)


def _assignment(line: str) -> tuple[str, str] | None:
    name, equals, value = line.strip().removeprefix("export ").partition("=")
    name, value = name.strip(), value.strip()
    if not equals or not name or name.startswith("#"):
        return None
    quote = value[:1]
    if quote and quote in "\"'" and (end := value.find(quote, 1)) > 0:
        return name, value[1:end]
    return name, value.partition(" #")[0].rstrip()


def merge_dotenv(file: Path, values: Mapping[str, str]) -> None:
    """Set the values in a ``.env`` file and leave its other lines as they are."""
    left = dict(values)
    lines: list[str] = []
    for line in file.read_text(encoding="utf-8").splitlines() if file.exists() else []:
        name = line.partition("=")[0].removeprefix("export ").strip()
        lines.append(f"{name}={left.pop(name)}" if name in left else line)
    lines += [f"{name}={value}" for name, value in left.items()]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
