"""Perplexity: every token once, through windows of any stride, whatever shares its batch."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch

from pipeline.errors import NumericsError
from pipeline.model.perplexity import Surprise, Window, batches, score, score_batch, windows
from tests.model.exports import VOCAB_SIZE, small_model

LENGTHS = [2, 3, 17, 40, 64, 65, 66, 129, 200]
FIRSTS = [sum(LENGTHS[:place]) for place in range(len(LENGTHS))]


def stream() -> npt.NDArray[np.uint16]:
    return np.random.default_rng(3).integers(7, VOCAB_SIZE, sum(LENGTHS)).astype(np.uint16)


def surprise(*, stride_tokens: int) -> Surprise:
    waiting = list(windows(FIRSTS, LENGTHS, context_tokens=64, stride_tokens=stride_tokens))
    return score(small_model("llama"), stream(), waiting, label="test")


def directly(first: int, count: int) -> float:
    """The negative log-likelihood of a document that fits the context, in one plain pass."""
    tokens = torch.from_numpy(stream()[first : first + count].astype(np.int64))
    with torch.no_grad():
        logs_TV = small_model("llama")(tokens[None, :-1])[0].log_softmax(-1)
    return -float(logs_TV.gather(1, tokens[1:, None]).sum())


@pytest.mark.parametrize("stride_tokens", [1, 7, 64])
def test_every_token_but_the_first_is_scored_once(stride_tokens: int) -> None:
    found = list(windows(FIRSTS, LENGTHS, context_tokens=64, stride_tokens=stride_tokens))
    scored = [place for window in found for place in range(window.scored_from + 1, window.end + 1)]
    wanted = [
        first + place for first, count in zip(FIRSTS, LENGTHS, strict=True) for place in range(1, count)
    ]
    assert sorted(scored) == wanted


def test_the_account_of_scored_tokens_is_kept_by_document() -> None:
    assert (surprise(stride_tokens=32).tokens == np.array(LENGTHS) - 1).all()


def test_a_window_holds_as_much_of_the_past_as_the_context_allows() -> None:
    assert list(windows([10], [150], context_tokens=64, stride_tokens=48)) == [
        Window(0, 10, 10, 74),
        Window(0, 58, 74, 122),
        Window(0, 95, 122, 159),
    ]


def test_documents_that_fit_the_context_cost_what_one_plain_pass_says() -> None:
    found = surprise(stride_tokens=64)
    for place, count in enumerate(LENGTHS):
        if count <= 65:
            assert found.nll[place] == pytest.approx(directly(FIRSTS[place], count), rel=1e-5)


def test_what_shares_the_batch_does_not_matter() -> None:
    model = small_model("llama")
    waiting = list(windows(FIRSTS, LENGTHS, context_tokens=64, stride_tokens=32))
    alone = np.concatenate([score_batch(model, stream(), [window]) for window in waiting])
    np.testing.assert_allclose(score_batch(model, stream(), waiting), alone, rtol=1e-5)


def test_the_same_run_gives_the_same_bits() -> None:
    assert surprise(stride_tokens=48).nll.tobytes() == surprise(stride_tokens=48).nll.tobytes()


def test_a_smaller_stride_changes_long_documents_only() -> None:
    coarse, fine = surprise(stride_tokens=64), surprise(stride_tokens=8)
    one_window = np.array(LENGTHS) <= 65
    np.testing.assert_allclose(coarse.nll[one_window], fine.nll[one_window], rtol=1e-5)
    assert (coarse.nll[-2:] != fine.nll[-2:]).all()


def test_a_batch_never_holds_more_tokens_than_asked() -> None:
    waiting = list(windows(FIRSTS, LENGTHS, context_tokens=64, stride_tokens=16))
    found = list(batches(waiting, batch_tokens=200))
    assert all(len(batch) * max(window.num_inputs for window in batch) <= 200 for batch in found)
    assert sorted((window.document, window.end) for batch in found for window in batch) == [
        (window.document, window.end) for window in waiting
    ]


def test_a_stride_longer_than_the_context_is_refused() -> None:
    with pytest.raises(ValueError, match="stride of 65 tokens"):
        list(windows([0], [10], context_tokens=64, stride_tokens=65))


def test_a_model_that_says_nan_is_refused() -> None:
    model = small_model("llama")
    with torch.no_grad():
        model.model.norm.weight.fill_(float("nan"))
    with pytest.raises(NumericsError, match="zero or NaN"):
        score(model, stream(), [Window(0, 0, 0, 5)], label="test")
