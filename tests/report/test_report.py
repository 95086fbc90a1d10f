import re
import sys
from html.parser import HTMLParser

import pytest

from lpusim._report import Breakdown, CostBar, Fleet, Page, Series, Value, Verdict, render, write_report

FLEETS = (
    Fleet(
        name="LP30 x 1,536",
        values=(
            Value(name="TPOT p99", value=1.2e-3, unit="s", low=1.1e-3, high=1.4e-3, widened_by="link.hop_ps"),
            Value(name="chips", value=1536),
        ),
        note="attention charged by a bound",
    ),
    Fleet(name="H200 x 16", values=(Value(name="TPOT p99", value=19e-3, unit="s"),)),
)
PAGE = Page(
    title="Which fleet serves <this> trace?",
    summary="1,000 requests & 3 fleets",
    fleets=FLEETS,
    tradeoffs=(
        Series(
            name="LP30",
            tokens_per_second_per_user=[900, 850, 500],
            tokens_per_second_per_chip=[0.6, 4, 60],
        ),
        Series(
            name="H200", tokens_per_second_per_user=[120, 60, 25], tokens_per_second_per_chip=[8, 240, 1600]
        ),
    ),
    costs=(
        CostBar(name="LP30", reserved=14.0, used=6.0, low=4.0, high=40.0),
        CostBar(name="H200", reserved=1.2, used=0.8, low=0.9, high=1.9),
        CostBar(name="API", reserved=1.1),
    ),
    breakdowns=(
        Breakdown(name="LP30", parts_s={"weights": 2e-4, "links": 6e-4, "attention": 1e-4}),
        Breakdown(name="H200", parts_s={"weights": 9e-3, "kernel overhead": 4e-3}),
    ),
    verdicts=(
        Verdict(claim="lpu-v3-node", statement="A node.", verdict="impossible", reasons=["too small"]),
    ),
    notes=("The trace was generated.",),
    footer="lpusim 0.1.0",
)


class Outline(HTMLParser):
    """Which tags are open, which text is inside, what is loaded from elsewhere."""

    def __init__(self, text):
        super().__init__()
        self.open, self.texts, self.loaded = [], [], []
        self.feed(text)
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag, attributes):
        if tag not in ("meta", "wbr"):
            self.open.append(tag)
        self.loaded += [
            v for k, v in attributes if k in ("src", "href", "xlink:href") and not v.startswith("#")
        ]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


@pytest.fixture(scope="module")
def page():
    return render(PAGE)


def test_a_page_is_well_formed_and_loads_nothing(page):
    outline = Outline(page)
    assert outline.loaded == []
    assert "<script" not in page
    assert "url(http" not in page


def test_every_value_is_shown_with_its_bounds_and_what_widens_them(page):
    assert "1.20 ms" in page
    assert "1.10 ms to 1.40 ms · link.hop_ps" in "".join(Outline(page).texts)
    assert page.count('<td class="none">') == 1  # H200 has no "chips".


def test_text_from_outside_is_escaped(page):
    assert "<h1>Which fleet serves &lt;this&gt; trace?</h1>" in page
    assert "1,000 requests &amp; 3 fleets" in page


def test_plots_are_images_with_names_and_real_text(page):
    assert re.findall(r'<svg role="img" aria-label="([^"]*)"', page) == [
        "Speed of a user against yield of a chip",
        "Cost of a million output tokens",
        "Where a decode step&#x27;s time goes",
    ]
    texts = "".join(Outline(page).texts)
    for label in (
        "tokens/s of one user",
        "USD per million output tokens",
        "kernel overhead",
        "$14.00",
        "900 us",
    ):
        assert label in texts


def test_the_same_page_is_the_same_text(page):
    assert render(PAGE) == page


def test_an_empty_section_is_left_out_and_needs_no_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    page = render(Page(title="t", summary="s"))
    assert "<section>" not in page
    with pytest.raises(ImportError, match=r"pip install 'lpusim\[plot\]'"):
        render(PAGE)


def test_a_page_is_written_whole(tmp_path, page):
    assert write_report(tmp_path / "report.html", PAGE).read_text() == page
