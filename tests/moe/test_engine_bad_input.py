"""What a caller of the engine gets wrong is refused, and the message says where and what."""

import numpy as np
import pytest

from lpusim.moe import ExpertWeights, combine, dispatch, expert_ffn, expert_gemm, plan, quantise, traffic

F32 = np.float32
DONE = plan([[1, 0], [2, 1], [0, 2]], 3)  # 3 tokens, 6 rows
X = np.ones((3, 4), F32)
ROWS = np.ones((6, 4), F32)
GATES = np.ones((3, 2), F32)


def matrices(dtype=F32, experts=3, width=4, hidden=5):
    up = np.ones((experts, width, hidden), dtype)
    return {"gate": up, "up": up, "down": np.ones((experts, hidden, width), dtype)}


WEIGHTS = ExpertWeights(**matrices())


def refused(error, message, call, *args, **kwargs):
    with pytest.raises(error, match=message):
        call(*args, **kwargs)


def test_dispatch_names_what_does_not_fit():
    refused(TypeError, "x must be a NumPy array, got list", dispatch, [[1.0]], DONE)
    refused(TypeError, "x must be an array of numbers, got object", dispatch, X.astype(object), DONE)
    refused(TypeError, "plan must be a DispatchPlan, got list", dispatch, X, [1])
    refused(ValueError, r"x must have two dimensions, got shape \(3,\)", dispatch, X[:, 0], DONE)
    wrong = r"x must have shape \(3, 4\), a row for each token of the plan; got \(2, 4\)"
    refused(ValueError, wrong, dispatch, X[:2], DONE)
    strided = r"x must be C-contiguous \(rows in order\); pass numpy.ascontiguousarray\(x\)"
    refused(ValueError, strided, dispatch, np.ones((3, 8), F32)[:, ::2], DONE)
    refused(ValueError, strided, dispatch, np.asfortranarray(X), DONE)
    refused(ValueError, "threads must be from 1 to 1024, got 0", dispatch, X, DONE, threads=0)
    refused(TypeError, "threads must be a whole number", dispatch, X, DONE, threads=1.5)
    machine = r"simd must be one that this machine has \('portable'.*\), got 'sse9'"
    refused(ValueError, machine, dispatch, X, DONE, simd="sse9")
    refused(TypeError, "simd must be a str or None, got int", dispatch, X, DONE, simd=2)


def test_scales_are_checked_by_token_and_slot():
    bad = GATES.copy()
    bad[1, 1] = np.nan
    refused(ValueError, r"scale\[token 1, slot 1\] must be finite, got -?nan", dispatch, X, DONE, scale=bad)
    shape = r"scale must have shape \(3, 2\), as the ids that were planned; got \(3, 1\)"
    refused(ValueError, shape, dispatch, X, DONE, scale=GATES[:, :1].copy())
    refused(
        TypeError, "scale must be an array of float32, got float64", dispatch, X, DONE, scale=np.ones((3, 2))
    )
    refused(TypeError, "x must be float32 or float16", dispatch, X.astype(np.int8), DONE, scale=GATES)


def test_outputs_must_fit_be_writable_and_stand_apart():
    refused(TypeError, "out must be an array of float32, got float64", dispatch, X, DONE, out=np.ones((6, 4)))
    refused(
        ValueError, r"out must have shape \(6, 4\); got \(3, 4\)", dispatch, X, DONE, out=np.ones((3, 4), F32)
    )
    locked = np.ones((6, 4), F32)
    locked.flags.writeable = False
    refused(ValueError, "out must be writable", dispatch, X, DONE, out=locked)
    both = np.ones((8, 4), F32)
    refused(ValueError, "out must not share memory with x", dispatch, both[5:], DONE, out=both[:6])
    dispatch(both[5:].copy(), DONE, out=both[:6])
    refused(ValueError, "out must not share memory with rows", combine, both[:6], DONE, out=both[5:])
    refused(ValueError, "out must not share memory with rows", expert_ffn, ROWS, DONE, WEIGHTS, out=ROWS)


def test_a_plan_of_another_routing_is_refused():
    other = plan([[1, 0]], 3)
    refused(ValueError, r"x must have shape \(1, 4\)", dispatch, X, other)
    refused(
        ValueError, r"rows must have shape \(2, 4\), a row for each row of the plan", combine, ROWS, other
    )
    refused(ValueError, r"rows must have shape \(2, 4\)", expert_ffn, ROWS, other, WEIGHTS)
    refused(
        ValueError,
        "weights must have the plan's 4 experts, got 3",
        expert_ffn,
        ROWS,
        plan([[0]] * 6, 4),
        WEIGHTS,
    )
    refused(ValueError, r"weights must have shape \(3, 2\)", combine, ROWS, DONE, GATES[:2])


def test_combine_names_token_and_slot_of_a_weight_that_is_no_number():
    for value in (np.nan, np.inf):
        bad = GATES.copy()
        bad[2, 0] = value
        refused(
            ValueError,
            r"weights\[token 2, slot 0\] must be finite, got -?(nan|inf)",
            combine,
            ROWS,
            DONE,
            bad,
        )
    refused(
        TypeError, "weights must be an array of float32, got float64", combine, ROWS, DONE, np.ones((3, 2))
    )
    refused(
        TypeError,
        "rows must be an array of float32 or float16, got int8",
        combine,
        ROWS.astype(np.int8),
        DONE,
    )
    refused(ValueError, "unknown order 'slots'; did you mean 'slot'", combine, ROWS, DONE, order="slots")
    refused(ValueError, "dtype must be 'float32' or 'float16', got 'int8'", combine, ROWS, DONE, dtype="int8")
    shared = r"shared must have shape \(3, 4\), a row for each token of the plan; got \(2, 4\)"
    refused(ValueError, shared, combine, ROWS, DONE, shared=X[:2])


def test_expert_weights_must_fit_each_other():
    def bad(error, message, **changes):
        refused(error, message, ExpertWeights, **(matrices() | changes))

    bad(ValueError, r"up must have shape \(3, 4, 5\); got \(3, 4, 4\)", up=np.ones((3, 4, 4), F32))
    bad(ValueError, r"down must have shape \(3, 5, 4\); got \(3, 4, 5\)", down=np.ones((3, 4, 5), F32))
    bad(TypeError, "up must be an array of float32, got float16", up=np.ones((3, 4, 5), np.float16))
    bad(
        TypeError,
        "gate must be an array of float32, float16, int8 or uint8.*got float64",
        gate=np.ones((3, 4, 5)),
    )
    bad(TypeError, "gate must be a NumPy array, got list", gate=[[[1.0]]])
    bad(
        ValueError,
        r"gate must have shape \(experts, depth, columns\), got \(4, 5\)",
        gate=np.ones((4, 5), F32),
    )
    bad(ValueError, "gate must have at least one expert", gate=np.ones((3, 0, 5), F32))
    bad(ValueError, "down must be C-contiguous", down=np.ones((3, 4, 5), F32).transpose(0, 2, 1))
    bad(ValueError, r"gate_bias must have shape \(3, 5\); got \(5,\)", gate_bias=np.ones(5, F32))
    bad(ValueError, "up_scale: only int8 and fp8 weights have scales", up_scale=np.ones((3, 5), F32))
    bad(ValueError, "hidden_scale: only int8 and fp8", hidden_scale=np.ones(3, F32))
    narrow = matrices(np.int8)
    for value in (0.0, -1.0, np.nan, np.inf):
        scale = np.array([1, value, 1], F32)
        refused(
            ValueError, r"hidden_scale\[1\] must be positive", ExpertWeights, **narrow, hidden_scale=scale
        )
    deep = np.zeros((1, 131_072, 1), np.int8)
    message = "a sum must have from 1 to 131071 products of int8, got 131072"
    refused(ValueError, message, ExpertWeights, gate=deep, up=deep, down=np.zeros((1, 1, 131_072), np.int8))


def test_the_ffn_names_what_does_not_fit():
    refused(TypeError, "weights must be ExpertWeights, got dict", expert_ffn, ROWS, DONE, matrices())
    refused(
        TypeError,
        "rows must be an array of float32, got int8",
        expert_ffn,
        ROWS.astype(np.int8),
        DONE,
        WEIGHTS,
    )
    refused(ValueError, r"rows must have shape \(6, 4\)", expert_ffn, np.ones((6, 5), F32), DONE, WEIGHTS)
    refused(ValueError, "unknown activation 'swigl'", expert_ffn, ROWS, DONE, WEIGHTS, activation="swigl")
    refused(ValueError, "limit must be a finite number", expert_ffn, ROWS, DONE, WEIGHTS, limit=np.nan)
    refused(
        ValueError, "row_scale: only int8 and fp8", expert_ffn, ROWS, DONE, WEIGHTS, row_scale=np.ones(6, F32)
    )
    narrow = ExpertWeights(**matrices(np.int8))
    few = r"row_scale must have shape \(6,\), one for each row of the plan; got \(3,\)"
    refused(ValueError, few, expert_ffn, ROWS.astype(np.int8), DONE, narrow, row_scale=np.ones(3, F32))


def test_products_name_what_does_not_fit():
    w = np.ones((3, 4, 5), F32)
    refused(
        ValueError,
        r"w must have shape \(3, 4, 5\), a matrix for each expert; got \(2, 4, 5\)",
        expert_gemm,
        ROWS,
        DONE,
        w[:2],
    )
    refused(ValueError, r"rows must have shape \(6, 4\)", expert_gemm, np.ones((6, 3), F32), DONE, w)
    refused(
        TypeError, "w must be an array of float32, got float16", expert_gemm, ROWS, DONE, w.astype(np.float16)
    )
    half = ROWS.astype(np.float16)
    long = "sum_length must be from 1 to 1048576 for float16, got 1048577"
    refused(ValueError, long, expert_gemm, half, DONE, w.astype(np.float16), sum_length=2**20 + 1)
    refused(
        ValueError, "sum_length must be from 1", expert_gemm, half, DONE, w.astype(np.float16), sum_length=0
    )


def test_quantise_names_what_does_not_fit():
    refused(TypeError, "x must be an array of float32, got float64", quantise, np.ones((2, 2)))
    refused(ValueError, "dtype must be 'int8' or 'fp8', got 'int4'", quantise, X, "int4")
    refused(ValueError, "x must have two dimensions", quantise, X[0])


def test_placements_that_cannot_be_are_named():
    good = {"token_chip": [0, 1, 0], "expert_chip": [0, 1, 1], "chips": 2, "row_bytes": 1, "result_bytes": 1}

    def bad(message, **changes):
        refused(ValueError, message, traffic, DONE, **(good | changes))

    bad("token_chip must name a chip for each of 3 tokens, got 2", token_chip=[0, 1])
    bad(r"token_chip\[2\] must be a chip from 0 to 1, got 2", token_chip=[0, 1, 2])
    bad("expert_chip must have a row for each of 3 experts, got 2", expert_chip=[0, 1])
    bad("expert_chip: expert 1 is on no chip", expert_chip=[0, -1, 1])
    bad(r"expert_chip\[expert 2, replica 1\] repeats chip 1", expert_chip=[[0, 1], [0, -1], [1, 1]])
    bad("chips must be from 1", chips=0)
    bad("row_bytes must be from 0", row_bytes=-1)
    bad("unknown replica rule 'token'", replica_rule="token")
    refused(
        TypeError,
        "token_chip must be integers, got float64",
        traffic,
        DONE,
        **(good | {"token_chip": [0.5] * 3}),
    )
