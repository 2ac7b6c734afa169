"""Rules about the tree itself: sizes, secrets of the workplace, locks, one version."""

import ast
import json
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import consignease

ROOT = Path(__file__).resolve().parent.parent.parent
FILE_LINES, TEST_FILE_LINES, FUNCTION_LINES = 400, 500, 60
BUILT = {".git", "node_modules", "build", "dist", "__pycache__", ".consignease"}

# Written in two halves, so that this file does not find itself.
REGISTRY_HOSTS = (
    *("py" + "pi.org", "python" + "hosted.org", "npm" + "js.org", "npm" + "js.com"),
    *("yarn" + "pkg.com", "npm" + "mirror.com", "deb." + "debian.org", "crates" + ".io"),
)
MACHINE_PATHS = re.compile(r"(?<![\w.$}/-])/(?:work|root|opt/py[p]i)/")


def tree() -> list[Path]:
    """Every file that is or would be committed; without git (an sdist), every file not built."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        out = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True).stdout.decode()
        names = [ROOT / name for name in out.split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        names = [path for path in ROOT.rglob("*") if not hidden_or_built(path.relative_to(ROOT))]
    return [path for path in names if path.is_file()]


def hidden_or_built(path: Path) -> bool:
    return any(part in BUILT or part.startswith(".venv") or ".cache" in part for part in path.parts)


def texts() -> Iterator[tuple[str, str]]:
    """The name and text of every file of the tree that is text."""
    for path in tree():
        try:
            yield path.relative_to(ROOT).as_posix(), path.read_text()
        except UnicodeDecodeError:
            continue


def python_under(folder: str) -> list[Path]:
    return [path for path in tree() if path.suffix == ".py" and path.is_relative_to(ROOT / folder)]


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for found in ast.walk(ast.parse(path.read_text())):
        if isinstance(found, ast.FunctionDef | ast.AsyncFunctionDef):
            yield found


def lines_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from ``def`` to the end, the docstring not counted: explaining must cost nothing."""
    total = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function) is None:
        return total
    return total - ((first.end_lineno or first.lineno) - first.lineno + 1)


def line_count(path: Path) -> int:
    return len(path.read_text().splitlines())


def test_no_source_file_outgrows_its_room() -> None:
    """A file of src has at most 400 lines, a test file at most 500."""
    found = {path.relative_to(ROOT).as_posix(): line_count(path) for path in python_under("src")}
    tests = {path.relative_to(ROOT).as_posix(): line_count(path) for path in python_under("tests")}
    assert {name: n for name, n in found.items() if n > FILE_LINES} == {}
    assert {name: n for name, n in tests.items() if n > TEST_FILE_LINES} == {}


def test_no_function_outgrows_a_screen() -> None:
    """A function of src has at most 60 lines beside its docstring; a migration is one list."""
    long = {
        f"{path.relative_to(ROOT)}:{function.lineno} {function.name}": lines_of(function)
        for path in python_under("src")
        if path.parent.name != "versions"
        for function in functions(path)
        if lines_of(function) > FUNCTION_LINES
    }
    assert long == {}


def test_every_test_says_what_it_proves() -> None:
    """A test function has a docstring stating the behaviour."""
    silent = [
        f"{path.relative_to(ROOT)}:{function.lineno} {function.name}"
        for path in python_under("tests")
        if path.name.startswith("test_")
        for function in functions(path)
        if function.name.startswith("test_") and not ast.get_docstring(function)
    ]
    assert silent == []


def test_the_tree_names_no_package_registry() -> None:
    """No file names a registry's host: which one is used is the machine's setting."""
    assert [name for name, text in texts() if any(host in text for host in REGISTRY_HOSTS)] == []


def test_the_tree_names_no_path_of_the_machine_it_was_written_on() -> None:
    """No file holds an absolute path of a developer's machine."""
    assert [name for name, text in texts() if MACHINE_PATHS.search(text)] == []


def test_the_python_locks_are_exact_hashed_and_without_addresses() -> None:
    """Every line of a lock is a version with ==, a hash, or blank: no address, no option."""
    pin, checksum = r"[a-z0-9._-]+==\S+( ;[^\\]+)? \\", r"    --hash=sha256:[0-9a-f]{64}( \\)?"
    line_shape = re.compile(f"{pin}|{checksum}|")
    locks = sorted((ROOT / "requirements").glob("*.txt"))
    assert [lock.name for lock in locks] == ["base.txt", "demo.txt", "server.txt", "test.txt"]
    locks.append(ROOT / "tests" / "wire_compat" / "svix1.txt")
    odd = [
        f"{lock.name}: {line}"
        for lock in locks
        for line in lock.read_text().splitlines()
        if not line_shape.fullmatch(line)
    ]
    assert odd == []


def test_the_smaller_python_locks_are_parts_of_the_full_one() -> None:
    """One version of a package is used everywhere: each lock's versions are also in test.txt."""
    pins = {
        lock.stem: set(re.findall(r"^([a-z0-9._-]+==\S+)", lock.read_text(), re.MULTILINE))
        for lock in (ROOT / "requirements").glob("*.txt")
    }
    strays = {f"{name}: {pin}" for name, pinned in pins.items() for pin in pinned - pins["test"]}
    assert strays == set()


def test_the_npm_lock_is_exact_hashed_and_without_addresses() -> None:
    """package.json pins exact versions; its lock has a hash for each package and no address."""
    folder = ROOT / "tests" / "wire_compat"
    declared = json.loads((folder / "package.json").read_text())["dependencies"]
    # A second version of a package goes by a name of its own: npm:name@version.
    wanted = {name: spec.rpartition("@")[2] for name, spec in declared.items()}
    packages = json.loads((folder / "package-lock.json").read_text())["packages"]
    installed = {name: entry for name, entry in packages.items() if name}
    assert [spec for spec in wanted.values() if not re.fullmatch(r"\d+\.\d+\.\d+", spec)] == []
    assert {name: installed[f"node_modules/{name}"]["version"] for name in wanted} == wanted
    assert [name for name, entry in installed.items() if "resolved" in entry] == []
    assert [name for name, entry in installed.items() if "integrity" not in entry] == []


def test_the_licence_is_there() -> None:
    """LICENSE is the MIT licence that pyproject.toml declares."""
    assert (ROOT / "LICENSE").read_text().startswith("MIT License")


def test_there_is_one_version() -> None:
    """pyproject.toml, the package and the newest entry of the changelog agree."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    assert declared == consignease.__version__ == newest.group(1)
