"""evaluate: measures one model on the held-out documents, beside the floors, and draws samples from it."""

from __future__ import annotations

import dataclasses

from pipeline.errors import IntegrityError, ParamsError
from pipeline.model.floors import count_tokens
from pipeline.model.inference import OpenedModel, open_model, require_tokenizer
from pipeline.model.perplexity import score, windows
from pipeline.model.sampling import Sample, Sampling, samples
from pipeline.model.scores import Bootstrap, Floors, SplitScore, floors_of, split_score
from pipeline.records import HELD_OUT
from pipeline.settings.evaluate import EvaluateParams
from pipeline.stage import Input, Work, main
from pipeline.tokens.bpe import Tokenizer
from pipeline.tokens.heldout import Heldout, Tokens, open_heldout, open_stream
from pipeline.tokens.prompts import prompt_for, stop_ids


@dataclasses.dataclass(frozen=True, slots=True)
class EvaluateMetrics:
    """One model's scores by split and its samples; the floors by split are a base model's alone."""

    model: str
    role: str
    parameters: int
    splits: dict[str, SplitScore]
    floors: dict[str, Floors]
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
    """Scores every token of the held-out documents once, and draws samples.

    ParamsError for a stride beyond the model's context; IntegrityError when inputs are of different runs.
    """
    opened, words = open_model(weights, threads=params.threads), Tokenizer.open(tokenizer)
    require_tokenizer(opened, words.sha256, name=tokenizer)
    if params.stride_tokens > opened.network.config.context_tokens:
        bounds = f"must be 1 to {opened.network.config.context_tokens}, the model's context"
        raise ParamsError(f"params.yaml: evaluate.stride_tokens: is {params.stride_tokens}; {bounds}")
    train, stream = open_stream(packed / "train")
    if train.fact("tokenizer_sha256") != words.sha256:
        raise IntegrityError(f"{packed}: packed with another tokenizer than {tokenizer}; run `dvc repro`")
    limit = params.max_documents
    held_out = {name: open_heldout(packed / name, corpus / name, max_documents=limit) for name in HELD_OUT}
    splits = {
        split: score_split(opened, heldout, params=params, label=f"evaluate {model} on {split}")
        for split, heldout in held_out.items()
    }
    floors = measure_floors(stream, held_out, words) if opened.role == "base" else {}
    work.weather["device"] = opened.network.head_VD.device.type
    drawn = draw(opened, words, params=params)
    return EvaluateMetrics(model, opened.role, opened.parameters, splits, floors, drawn)


def score_split(opened: OpenedModel, heldout: Heldout, *, params: EvaluateParams, label: str) -> SplitScore:
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
    return split_score(surprise, heldout.sources, heldout.num_bytes, bootstrap=bootstrap)


def measure_floors(stream: Tokens, held_out: dict[str, Heldout], words: Tokenizer) -> dict[str, Floors]:
    """What counting the train stream's tokens, and compressors, make of each split."""
    counted = count_tokens(stream, vocab_size=words.vocab_size, bos_id=words.bos_id)
    return {
        split: floors_of(counted, heldout.documents(), heldout.texts) for split, heldout in held_out.items()
    }


def draw(opened: OpenedModel, words: Tokenizer, *, params: EvaluateParams) -> list[Sample]:
    """One sample for each prompt that suits the model's role."""
    texts = params.prompts if opened.role == "base" else params.questions
    context = opened.network.config.context_tokens
    prompts = {text: prompt_for(words, text, role=opened.role, context_tokens=context).ids for text in texts}
    sampling = Sampling(params.sample_tokens, params.temperature, params.top_k, stop_ids(words))
    return samples(opened.network, prompts, words.decode, sampling=sampling, seed=params.seed)


if __name__ == "__main__":
    main("evaluate", run)
