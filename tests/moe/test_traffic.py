"""Rows on chips and bytes on links add up, for every placement."""

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lpusim.moe import plan, traffic


@st.composite
def placements(draw):
    experts, chips = draw(st.integers(1, 8)), draw(st.integers(1, 5))
    k, tokens = draw(st.integers(1, experts)), draw(st.integers(0, 10))
    ids = np.array([draw(st.permutations(range(experts)))[:k] for _ in range(tokens)], np.int32)
    replicas = draw(st.integers(1, chips))
    homes = [draw(st.permutations(range(chips)))[:replicas] for _ in range(experts)]
    for home in homes:
        for i in range(draw(st.integers(0, replicas - 1))):
            home[i] = -1
    token_chip = draw(st.lists(st.integers(0, chips - 1), min_size=tokens, max_size=tokens))
    return ids.reshape(tokens, k), experts, homes, token_chip, chips


def laid_out(case, rule):
    ids, experts, homes, token_chip, chips = case
    done = plan(ids, experts)
    how = {"row_bytes": 3, "result_bytes": 7, "replica_rule": rule}
    return done, traffic(done, token_chip=token_chip, expert_chip=homes, chips=chips, **how)


rules = st.sampled_from(["token_mod", "source_local"])


@given(placements(), rules)
def test_every_row_is_on_a_chip_of_its_expert_in_the_plans_order(case, rule):
    _, experts, homes, _, chips = case
    done, placed = laid_out(case, rule)
    owners = np.repeat(np.arange(experts), done.load)
    assert all(chip in homes[e] for chip, e in zip(placed.row_chip.tolist(), owners.tolist(), strict=True))
    for chip in range(chips):
        slots = placed.row_slot[placed.row_chip == chip]
        assert slots.tolist() == list(range(placed.chip_rows[chip]))


@given(placements())
def test_replicas_of_an_expert_take_equally_many_rows_but_one(case):
    _, experts, homes, _, _ = case
    done, placed = laid_out(case, "token_mod")
    for e in range(experts):
        counts = Counter(placed.row_chip[done.offsets[e] : done.offsets[e + 1]].tolist())
        shares = [counts[chip] for chip in homes[e] if chip >= 0]
        assert max(shares) - min(shares) <= 1


@given(placements())
def test_a_replica_at_home_is_taken_where_the_rule_says_so(case):
    _, experts, homes, token_chip, _ = case
    done, placed = laid_out(case, "source_local")
    owners = np.repeat(np.arange(experts), done.load)
    for row, assignment in enumerate(done.permutation.tolist()):
        home = token_chip[assignment // done.experts_per_token]
        if home in homes[owners[row]]:
            assert placed.row_chip[row] == home


@given(placements(), rules)
def test_links_carry_what_is_not_at_home_once_for_each_chip(case, rule):
    _, _, _, token_chip, _ = case
    done, placed = laid_out(case, rule)
    rows, copies = Counter(), set()
    for row, assignment in enumerate(done.permutation.tolist()):
        token = assignment // done.experts_per_token
        link = token_chip[token], int(placed.row_chip[row])
        if link[0] != link[1]:
            rows[link] += 1
            copies.add((*link, token))
    links = list(zip(placed.source.tolist(), placed.target.tolist(), strict=True))
    assert links == sorted(rows)
    assert placed.rows.tolist() == [rows[link] for link in links]
    assert placed.copies.tolist() == [sum(copy[:2] == link for copy in copies) for link in links]
    assert placed.dispatch_bytes.tolist() == (3 * placed.copies).tolist()
    assert placed.combine_bytes.tolist() == (7 * placed.rows).tolist()
    assert list(placed.to_columns()) == [
        "source",
        "target",
        "rows",
        "copies",
        "dispatch_bytes",
        "combine_bytes",
    ]
