"""The text of metrics, read by the official parser."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from consignease.domain.counting import Histogram
from consignease.observe.exposition import Page


def parsed(page: Page) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for family in text_string_to_metric_families(page.text()):
        for sample in family.samples:
            labels = tuple(sorted(sample.labels.items()))
            found.setdefault(sample.name, {})[labels] = sample.value
    return found


@given(st.lists(st.integers(0, 10_000)), st.sampled_from([1, 1_000]))
def test_a_histogram_counts_each_value_at_or_below_its_bound(values: list[int], per: int) -> None:
    """What the parser reads equals counting by hand."""
    one = Histogram((1, 10, 100, 1_000))
    for value in values:
        one.add(value)
    page = Page()
    page.histograms("x_seconds", "Times.", [({"a": "b"}, one)], per_unit=per)
    found = parsed(page)
    buckets = {float(dict(labels)["le"]): n for labels, n in found["x_seconds_bucket"].items()}
    for bound in one.bounds:
        assert buckets[bound / per] == sum(value <= bound for value in values)
    assert buckets[float("inf")] == len(values)
    assert found["x_seconds_count"][(("a", "b"),)] == len(values)
    assert abs(found["x_seconds_sum"][(("a", "b"),)] - sum(values) / per) < 1e-6


@given(st.text(), st.floats(allow_nan=False, allow_infinity=False))
def test_labels_and_numbers_survive(label: str, value: float) -> None:
    """Quotes, backslashes, line breaks and any finite number."""
    page = Page()
    page.family("x", "gauge", "A number.", [({"label": label}, value)])
    if "\r" in label or "\x85" in label or len(label.splitlines()) > 1:
        return  # their parser splits lines where the format does not
    assert parsed(page)["x"] == {(("label", label),): value}
