"""Routers against those of transformers: ids equal, weights within 1e-6. Run by `make test-reference`."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from families import EXPERTS, HASH, families, random_bias, random_logits, tied_logits
from vectors import make_vectors

from lpusim.moe import RouterSpec, route

VECTORS = Path(__file__).parent.parent / "moe" / "router_vectors.json"


def theirs(family, logits, bias=None):
    """Ids and weights as transformers has them."""
    inputs = [torch.from_numpy(array) for array in (logits, bias) if array is not None]
    with torch.no_grad():
        ids, weights = family.route(*inputs)
    return ids.numpy(), weights.numpy()


def by_id(ids, weights):
    order = np.argsort(ids, axis=1)
    return np.take_along_axis(ids, order, axis=1), np.take_along_axis(weights, order, axis=1)


@pytest.mark.parametrize("family", families(), ids=lambda family: family.name)
@pytest.mark.parametrize("seed", [1, 2])
def test_random_logits_give_equal_ids_and_weights(family, seed):
    logits = random_logits(1000, seed)
    bias = random_bias(seed) if family.biased else None
    ids, weights = theirs(family, logits, bias)
    ours = route(logits, family.spec, bias)
    if family.sorted:
        assert np.array_equal(ids, ours.ids)
        np.testing.assert_allclose(ours.weights, weights, rtol=1e-6, atol=1e-6)
    else:
        ids, weights = by_id(ids, weights)
        our_ids, our_weights = by_id(ours.ids, ours.weights)
        assert np.array_equal(ids, our_ids)
        np.testing.assert_allclose(our_weights, weights, rtol=1e-6, atol=1e-6)


def groups_tie(logits, spec):
    """Tokens whose last kept and first dropped group rank alike; by logits, which rank as scores do."""
    by_group = -np.sort(-logits.reshape(len(logits), spec.groups, -1).astype(np.float64), axis=2)
    if spec.group_score == "top2_sum":
        by_group = 1 / (1 + np.exp(-by_group))
        ranks = by_group[:, :, 0] + by_group[:, :, 1]
    else:
        ranks = by_group[:, :, 0]
    ranks = -np.sort(-ranks, axis=1)
    return ranks[:, spec.groups_kept - 1] - ranks[:, spec.groups_kept] < 1e-6


@pytest.mark.parametrize("family", families(), ids=lambda family: family.name)
def test_tied_logits_give_equally_good_experts_and_equal_weights(family):
    """Which of equal experts is chosen is not defined in transformers (torch.topk): as good ones must be.

    Where whole groups tie, what they hold besides may differ: such tokens are left out.
    """
    logits, spec = tied_logits(1000, 3), family.spec
    bias = np.zeros(EXPERTS, np.float32) if family.biased else None
    ids, weights = theirs(family, logits, bias)
    ours = route(logits, spec, bias)
    told = ~groups_tie(logits, spec) if spec.groups_kept < spec.groups else np.ones(len(logits), bool)
    assert told.sum() > 300
    for chosen, their_weights, our_ids, our_weights, row in zip(
        ids[told], weights[told], ours.ids[told], ours.weights[told], logits[told], strict=True
    ):
        assert np.array_equal(np.sort(row[chosen]), np.sort(row[our_ids]))
        np.testing.assert_allclose(np.sort(our_weights), np.sort(their_weights), rtol=1e-6, atol=1e-6)
        last = row[our_ids].min()
        tied = np.flatnonzero(row == last)
        if spec.groups_kept == spec.groups:  # Ours: the lower ids of those that tie at the last place.
            assert sorted(set(our_ids) & set(tied)) == tied[: np.isin(our_ids, tied).sum()].tolist()


def test_sparsemixer_agrees_where_logits_lie_close():
    family = next(family for family in families() if family.name == "phimoe")
    for shift in (-4.0, 0.0, 4.0):
        logits = (shift + random_logits(1000, 5) / 30).astype(np.float32)
        ids, weights = theirs(family, logits)
        ours = route(logits, family.spec)
        assert np.array_equal(ids, ours.ids)
        np.testing.assert_allclose(ours.weights, weights, rtol=1e-6, atol=1e-6)
        assert (weights < 0.999).any() == (shift != 0.0)


def test_hash_layers_look_experts_up_and_weigh_them_alike():
    rng = np.random.default_rng(6)
    table = np.array([rng.permutation(EXPERTS)[:6] for _ in range(50)], np.int32)
    token_ids = rng.integers(0, 50, 1000).astype(np.int32)
    logits = random_logits(1000, 7)
    with torch.no_grad():
        ids, weights = HASH.route(
            HASH.config, *(torch.from_numpy(a) for a in (logits, token_ids.astype(np.int64), table))
        )
    assert HASH.spec.selection == "token_table"
    ours = route(logits, HASH.spec, token_ids=token_ids, table=table)
    assert np.array_equal(ids.numpy(), ours.ids)
    np.testing.assert_allclose(ours.weights, weights.numpy(), rtol=1e-6, atol=1e-6)


def test_bf16_scores_are_those_of_torch_bit_for_bit():
    """The order of operations of DeepSeek's own `Gate`: sigmoid in bf16, bias in fp32, weights in bf16."""
    spec = RouterSpec(
        experts=256,
        experts_per_token=8,
        score="sigmoid",
        groups=8,
        groups_kept=4,
        scale=2.5,
        score_type="bf16",
    )
    generator = torch.Generator().manual_seed(8)
    logits = torch.randn(2000, 256, generator=generator).bfloat16()
    bias = 0.02 * torch.randn(256, generator=generator)
    scores = logits.sigmoid()
    ranks = scores + bias
    grouped = ranks.view(2000, 8, 32)
    kept = grouped.topk(2, dim=-1)[0].sum(dim=-1).topk(4, dim=-1)[1]
    dropped = torch.ones(2000, 8, dtype=torch.bool).scatter_(1, kept, False)
    ids = grouped.masked_fill(dropped.unsqueeze(-1), float("-inf")).flatten(1).topk(8, dim=-1)[1]
    weights = scores.gather(1, ids)
    weights = weights / weights.sum(dim=-1, keepdim=True) * 2.5
    ours = route(logits.float().numpy(), spec, bias.numpy())
    same = (ids.numpy() == ours.ids).all(axis=1)
    assert same.mean() > 0.99  # Equal biased scores are rare, and torch orders them as it likes.
    assert np.array_equal(weights.float().numpy()[same], ours.weights[same])


def test_the_committed_vectors_are_those_of_this_version():
    committed, made = json.loads(VECTORS.read_text()), make_vectors()
    assert {k: v for k, v in committed.items() if k != "families"} == {
        k: v for k, v in made.items() if k != "families"
    }
    assert list(committed["families"]) == list(made["families"])
    for name, family in made["families"].items():
        assert committed["families"][name]["spec"] == family["spec"]
        for kind in ("spread", "close"):
            was = committed["families"][name][kind]
            assert was["ids"] == family[kind]["ids"]
            np.testing.assert_allclose(was["weights"], family[kind]["weights"], rtol=1e-6)


def test_every_family_has_a_spec_of_its_own_or_shares_it_knowingly():
    specs = {repr(dataclasses.replace(family.spec, shared_experts=0, scale=1.0)) for family in families()}
    assert len(specs) >= 14
