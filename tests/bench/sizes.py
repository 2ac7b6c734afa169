"""How big a run is: `CONSIGNEASE_BENCH_<NAME>`, else the full or the quick number."""

import os

QUICK = os.environ.get("CONSIGNEASE_BENCH_QUICK") == "1"


def size(name: str, full: int, quick: int) -> int:
    """Return one number of this run."""
    return int(os.environ.get(f"CONSIGNEASE_BENCH_{name}", quick if QUICK else full))


def rounds() -> int:
    """How often each case is measured."""
    return size("ROUNDS", 5, 1)
