"""evaluate: measures one model on the held-out documents, beside the floors, and draws samples from it."""

from __future__ import annotations

import dataclasses

from pipeline.errors import IntegrityError, ParamsError
from pipeline.model.floors import TokenFloors, count_tokens
from pipeline.model.inference import OpenedModel, open_model, require_tokenizer
from pipeline.model.perplexity import score, windows
from pipeline.model.sampling import Sample, Sampling, samples
from pipeline.model.scores import Bootstrap, SplitScore, floors_of, score_of, scores_by_source
from pipeline.settings.evaluate import EvaluateParams
from pipeline.stage import Input, Work, main
from pipeline.tokens.bpe import Tokenizer
from pipeline.tokens.heldout import Heldout, open_heldout, open_stream
from pipeline.tokens.prompts import prompt_for, stop_ids

SPLITS = ("val", "test")


@dataclasses.dataclass(frozen=True, slots=True)
class EvaluateMetrics:
    """One model's scores by split, and samples: a base model continues prompts, a tuned one answers."""

    model: str
    role: str
    parameters: int
    splits: dict[str, SplitScore]
    samples: list[Sample]


def run(
    weights: Input,
    packed: Input,
    corpus: Input,
    tokenizer: Input,
    *,
    model: str,
    params: EvaluateParams,
    work: Work,
) -> EvaluateMetrics:
    """Scores every token of the held-out documents once, next to what the floors make of the same text."""
    opened, words = open_model(weights, threads=params.threads), Tokenizer.open(tokenizer)
    require_tokenizer(opened, words.sha256, name=tokenizer)
    if params.stride_tokens > opened.network.config.context_tokens:
        limit = f"must be 1 to {opened.network.config.context_tokens}, the model's context"
        raise ParamsError(f"params.yaml: evaluate.stride_tokens: is {params.stride_tokens}; {limit}")
    train, stream = open_stream(packed / "train")
    if train.fact("tokenizer_sha256") != words.sha256:
        raise IntegrityError(f"{packed}: packed with another tokenizer than {tokenizer}; run `dvc repro`")
    counted = count_tokens(stream, vocab_size=words.vocab_size, bos_id=words.bos_id)
    splits = {}
    for split in SPLITS:
        heldout = open_heldout(packed / split, corpus / split, max_documents=params.max_documents)
        label = f"evaluate {model} on {split}"
        splits[split] = score_split(opened, heldout, counted, params=params, label=label)
    work.weather["device"] = opened.network.head_VD.device.type
    drawn = draw(opened, words, params=params)
    return EvaluateMetrics(model, opened.role, opened.parameters, splits, drawn)


def score_split(
    opened: OpenedModel, heldout: Heldout, counted: TokenFloors, *, params: EvaluateParams, label: str
) -> SplitScore:
    """The scores of one split; IntegrityError unless every token but `<s>` was scored once."""
    waiting = windows(
        heldout.first_tokens.tolist(),
        heldout.num_tokens.tolist(),
        context_tokens=opened.network.config.context_tokens,
        stride_tokens=params.stride_tokens,
    )
    surprise = score(opened.network, heldout.stream, list(waiting), label=label)
    if (surprise.tokens != heldout.num_tokens - 1).any():
        raise IntegrityError(f"{label}: {surprise.tokens.sum()} tokens scored of {heldout.num_tokens.sum()}")
    bootstrap = Bootstrap(params.bootstrap_samples, params.confidence, params.seed)
    return SplitScore(
        total=score_of(surprise, heldout.num_bytes, bootstrap=bootstrap),
        by_source=scores_by_source(surprise, heldout.sources, heldout.num_bytes, bootstrap=bootstrap),
        floors=floors_of(counted, heldout.documents(), heldout.texts),
    )


def draw(opened: OpenedModel, words: Tokenizer, *, params: EvaluateParams) -> list[Sample]:
    """One sample for each prompt that suits the model's role."""
    texts = params.prompts if opened.role == "base" else params.questions
    context = opened.network.config.context_tokens
    prompts = {text: prompt_for(words, text, role=opened.role, context_tokens=context).ids for text in texts}
    sampling = Sampling(params.sample_tokens, params.temperature, params.top_k, stop_ids(words))
    return samples(opened.network, prompts, words.decode, sampling=sampling, seed=params.seed)


if __name__ == "__main__":
    main("evaluate", run)
