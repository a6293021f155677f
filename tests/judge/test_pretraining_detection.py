"""Pretraining-data detection: scores by hand, ties to their definitions, and the whole on tiny Hugging Face models."""

from __future__ import annotations

import math
import zlib

import numpy as np
import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from perdita.core import InputError
from perdita.judge.detection_report import DetectionReport, detection_report, detection_table, detector_scores
from perdita.judge.pretraining_detection import (
    dc_pdd,
    first_occurrences,
    log_perplexity_ratio,
    mean_log_probability,
    min_k,
    min_k_plus_plus,
    smoothed_frequencies,
    token_frequencies,
    token_log_probabilities,
    zlib_ratio,
)

GENERATOR = torch.Generator().manual_seed(0)


def test_frequencies_count_the_beginning_of_each_document():
    documents = ([1, 1, 2, 3], iter([3, 3]), torch.tensor([0]), [])
    assert token_frequencies(documents, 5, max_tokens=3).tolist() == [1, 2, 1, 2, 0]
    assert token_frequencies(documents[:1], 5, max_tokens=None).tolist() == [0, 2, 1, 1, 0]


@pytest.mark.parametrize("bad", [[5], [-1]])
def test_a_token_outside_the_vocabulary_is_named(bad):
    with pytest.raises(InputError, match="documents must hold token ids from 0 to 4; document 1"):
        token_frequencies([[0], bad], 5)


def test_smoothing_leaves_no_token_at_zero():
    assert smoothed_frequencies(torch.tensor([3, 0])).tolist() == [4 / 5, 1 / 5]
    assert smoothed_frequencies(torch.zeros(4, dtype=torch.int64)).tolist() == [0.25] * 4


@pytest.mark.parametrize("seed", range(3))
def test_first_occurrences_are_those_of_a_loop(seed):
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(0, 6, (4, 12), generator=generator)
    mask = torch.rand(4, 12, generator=generator) > 0.3
    expected = [
        [bool(mask[r, i]) and tokens[r, i] not in tokens[r, :i][mask[r, :i]] for i in range(12)] for r in range(4)
    ]
    assert first_occurrences(tokens, mask).tolist() == expected


def test_dc_pdd_by_hand():
    probs, tokens = torch.tensor([[0.5, 0.25, 0.5]], dtype=torch.float64), torch.tensor([[0, 1, 0]])
    counts = torch.tensor([2, 0, 0])  # smoothed: 3/5, 1/5, 1/5
    common, rare = 0.5 * math.log(5 / 3), 0.25 * math.log(5)
    assert dc_pdd(probs.log(), tokens, counts, cap=None).item() == pytest.approx((common + rare) / 2)
    assert dc_pdd(probs.log(), tokens, counts, cap=0.3).item() == pytest.approx((common + 0.3) / 2)
    every = dc_pdd(probs.log(), tokens, counts, cap=None, first_occurrence=False)
    assert every.item() == pytest.approx((2 * common + rare) / 3)


def test_dc_pdd_of_texts_without_tokens_is_zero_and_ids_beyond_the_counts_are_named():
    log_probs, tokens = torch.zeros(1, 2), torch.tensor([[0, 4]])
    assert dc_pdd(log_probs, tokens, torch.ones(5), mask=torch.zeros(1, 2, dtype=torch.bool)).item() == 0
    assert dc_pdd(log_probs[:, :0], tokens[:, :0], torch.ones(5)).item() == 0
    with pytest.raises(InputError, match="tokens must hold ids from 0 to 3"):
        dc_pdd(log_probs, tokens, torch.ones(4))
    with pytest.raises(InputError, match="cap"):
        dc_pdd(log_probs, tokens, torch.ones(5), cap=0.0)


def test_min_k_takes_the_share_rounded_down_and_one_at_least():
    log_probs = -torch.arange(1.0, 11.0).unsqueeze(0)
    assert min_k(log_probs, share=0.2).item() == -9.5
    assert min_k(log_probs, share=0.29).item() == -9.5
    assert min_k(log_probs[:, :3], share=0.2).item() == -3.0
    assert min_k(log_probs, share=1.0).item() == -5.5
    with pytest.raises(InputError, match="share"):
        min_k(log_probs, share=0.0)


def test_an_impossible_token_gives_the_lowest_score():
    assert min_k(torch.tensor([[-1.0, -torch.inf, -2.0]])).item() == -math.inf


def test_min_k_plus_plus_is_the_standardised_log_probability():
    logits = torch.randn(1, 5, 7, generator=GENERATOR, dtype=torch.float64)
    tokens = torch.randint(0, 7, (1, 5), generator=GENERATOR)
    found = []
    for row, token in zip(logits[0].numpy(), tokens[0].tolist(), strict=True):
        log_p = row - np.log(np.exp(row).sum())
        mean = (np.exp(log_p) * log_p).sum()
        found.append((log_p[token] - mean) / math.sqrt((np.exp(log_p) * log_p**2).sum() - mean**2))
    assert min_k_plus_plus(logits, tokens, share=0.4).item() == pytest.approx(sum(sorted(found)[:2]) / 2)
    assert min_k_plus_plus(torch.zeros(1, 3, 4), torch.zeros(1, 3, dtype=torch.int64)).item() == 0.0


def _text_scores(log_probs, logits, tokens, counts, mask):
    return {
        "loss": mean_log_probability(log_probs, mask=mask),
        "min_k": min_k(log_probs, mask=mask),
        "min_k_plus_plus": min_k_plus_plus(logits, tokens, mask=mask),
        "dc_pdd": dc_pdd(log_probs, tokens, counts, mask=mask),
    }


def test_padding_counts_nothing():
    logits = torch.randn(1, 9, 7, generator=GENERATOR)
    tokens, counts = torch.randint(0, 7, (1, 9), generator=GENERATOR), torch.arange(7)
    mask = torch.arange(9).unsqueeze(0) < 6
    whole = _text_scores(token_log_probabilities(logits, tokens), logits, tokens, counts, mask)
    cut = (logits[:, :6], tokens[:, :6])
    alone = _text_scores(token_log_probabilities(*cut), *cut, counts, None)
    for name, score in whole.items():
        torch.testing.assert_close(score, alone[name])


def test_half_precision_is_scored_in_float32():
    logits = torch.randn(2, 5, 50, generator=GENERATOR).bfloat16()
    tokens = torch.randint(0, 50, (2, 5), generator=GENERATOR)
    found = token_log_probabilities(logits, tokens)
    assert found.dtype is torch.float32
    torch.testing.assert_close(found, token_log_probabilities(logits.float(), tokens))


def test_ratios():
    log_probs, texts = torch.tensor([[-1.0, -3.0]]), ["a text"]
    assert zlib_ratio(log_probs, texts).item() == pytest.approx(-2 / len(zlib.compress(b"a text")))
    assert log_perplexity_ratio(log_probs, torch.tensor([[-4.0]])).item() == -0.5


def test_the_report_of_known_scores():
    assert detection_report([3.0, 2.0, 1.0, 0.0], [1, 1, 0, 0]) == DetectionReport(1.0, 1.0, 1.0)
    assert detection_report([1.0, 1.0], torch.tensor([True, False])) == DetectionReport(0.5, 0.5, 0.0)
    found = detection_report([4.0, 3.0, 2.0, 1.0], [1, 0, 1, 0])
    assert found == DetectionReport(0.75, 0.75, 0.5)
    assert detection_report([4.0, 3.0, 2.0, 1.0], [1, 0, 1, 0], false_positive_rate=0.6).tpr_at_fpr == 1.0


@pytest.mark.parametrize(
    ("scores", "members", "message"),
    [
        ([1.0, math.nan], [0, 1], r"scores\[1\]"),
        ([1.0, 2.0], [1, 1], "members must hold"),
        ([1.0, 2.0], [1, 2], "members must hold"),
        ([1.0], [1, 0], "one shape"),
    ],
)
def test_reports_of_bad_scores_are_refused(scores, members, message):
    with pytest.raises(InputError, match=message):
        detection_report(scores, members)


def letters(text):
    """A tokenizer of Hugging Face's form: a token for each of 128 characters."""
    return {"input_ids": [min(ord(letter), 127) for letter in text]}


def tiny(seed):
    torch.manual_seed(seed)
    return GPT2LMHeadModel(GPT2Config(vocab_size=128, n_positions=64, n_embd=32, n_layer=1, n_head=2)).eval()


def test_detectors_on_a_model_are_those_of_single_texts():
    model, other = tiny(0), tiny(1)
    texts = ["The cat sat.", "Colourless green ideas", "sleep", "Furiously, they say"]
    counts = token_frequencies([letters(text)["input_ids"] for text in texts], 128)
    found = detector_scores(
        model, letters, texts, counts, max_tokens=16, batch_size=3, reference_model=other, lowercase=True
    )
    assert set(found) == {"loss", "zlib", "min_k", "min_k_plus_plus", "dc_pdd", "reference", "lowercase"}
    for index, text in enumerate(texts):
        ids = torch.tensor([letters(text)["input_ids"][:16]])
        with torch.no_grad():
            nll, other_nll = model(ids, labels=ids).loss, other(ids, labels=ids).loss
            lower = torch.tensor([letters(text.lower())["input_ids"][:16]])
            lower_nll = model(lower, labels=lower).loss
            log_probs = token_log_probabilities(model(ids).logits[:, :-1], ids[:, 1:])
        expected = {
            "loss": -nll,
            "zlib": -nll / len(zlib.compress(text.encode())),
            "min_k": min_k(log_probs)[0],
            "dc_pdd": dc_pdd(log_probs, ids[:, 1:], counts)[0],
            "reference": -nll / other_nll,
            "lowercase": -nll / lower_nll,
        }
        for name, score in expected.items():
            torch.testing.assert_close(found[name][index], score, rtol=1e-4, atol=1e-5)


def test_a_text_of_one_token_is_named():
    with pytest.raises(InputError, match="'x' has 1"):
        detector_scores(tiny(0), letters, ["many", "x"])


def test_a_model_that_learnt_its_texts_is_found_out():
    words = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu"]
    order = torch.Generator().manual_seed(3)
    texts = [" ".join(words[int(i)] for i in torch.randint(0, 12, (6,), generator=order)) for _ in range(32)]
    members, model = [1] * 16 + [0] * 16, tiny(4)
    rows = torch.tensor([(letters(text)["input_ids"] + [0] * 48)[:48] for text in texts[:16]])
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(120):
        optimizer.zero_grad()
        model(rows, labels=rows.masked_fill(rows == 0, -100)).loss.backward()
        optimizer.step()
    counts = token_frequencies([letters(text)["input_ids"] for text in texts[16:]], 128)
    table = detection_table(detector_scores(model, letters, texts, counts, max_tokens=48), members)
    assert set(table) == {"loss", "zlib", "min_k", "min_k_plus_plus", "dc_pdd"}
    aucs = [report.auc for report in table.values()]
    assert aucs == sorted(aucs, reverse=True)
    assert table["loss"].auc > 0.9
    assert table["dc_pdd"].auc > 0.7
