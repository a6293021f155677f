"""Cross-entropy of a linear layer on an accelerator: two Triton kernels, neither of which stores a logit.

`sums` reads every tile of logits once and keeps a log-sum-exp and the target's logit of each row. `slopes` makes each
tile again, turns it into the gradient of the logits, and multiplies that into the gradients of hidden and weight.
Products and sums are in float32; nothing is widened before it is in a tile.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def _tanh(x):
    """Out of exponentials, and of its series where they would cancel."""
    small = x * x
    series = x * (1 + small * (-1 / 3 + small * (2 / 15 + small * (-17 / 315 + small * (62 / 2835)))))
    shrink = tl.exp(-2 * tl.abs(x))
    far = (1 - shrink) / (1 + shrink)
    return tl.where(small < 0.0625, series, tl.where(x < 0, -far, far))


@triton.jit
def _dot(left, right, so_far, PRECISION: tl.constexpr, WIDEN: tl.constexpr):
    """so_far + left @ right in float32; Triton's interpreter, which has no bfloat16 product, is given wide factors."""
    if WIDEN:
        left, right = left.to(tl.float32), right.to(tl.float32)
    return tl.dot(left, right, so_far, input_precision=PRECISION)


@triton.jit
def _tile(
    hidden, weight, bias, rows, kept, classes, real, features, softcap,
    ROWS: tl.constexpr, CLASSES: tl.constexpr, FEATURES: tl.constexpr,
    BIAS: tl.constexpr, CAP: tl.constexpr, PRECISION: tl.constexpr, WIDEN: tl.constexpr,
):  # fmt: skip
    """Logits of some rows and classes (ROWS, CLASSES): capped, -inf where there is no class."""
    logits = tl.zeros((ROWS, CLASSES), tl.float32)
    for start in range(0, features, FEATURES):
        at = start + tl.arange(0, FEATURES)
        inside = at < features
        own = tl.load(hidden + rows[:, None] * features + at[None, :], mask=kept[:, None] & inside[None, :], other=0.0)
        other = tl.load(
            weight + classes[None, :] * features + at[:, None], mask=real[None, :] & inside[:, None], other=0.0
        )
        logits = _dot(own, other, logits, PRECISION, WIDEN)
    if BIAS:
        logits += tl.load(bias + classes, mask=real, other=0.0).to(tl.float32)[None, :]
    if CAP:
        logits = softcap * _tanh(logits / softcap)
    return tl.where(real[None, :], logits, float("-inf"))


@triton.jit
def sums(
    hidden, weight, bias, target, order, count, partial, picked, totals, by_class,
    all_rows, all_classes, features, softcap, span,
    ROWS: tl.constexpr, CLASSES: tl.constexpr, FEATURES: tl.constexpr, BIAS: tl.constexpr, CAP: tl.constexpr,
    TOTALS: tl.constexpr, BY_CLASS: tl.constexpr, PRECISION: tl.constexpr, WIDEN: tl.constexpr,
):  # fmt: skip
    """Program (i, s): rows of tile i over the classes of span s, with a running maximum and sum.

    Writes partial (s, row), the log-sum-exp of the span; picked (row), the target's logit, in the span that has it;
    totals (s, row), the sum of the logits; and adds to by_class (v), the sum of each class's logits over rows.
    """
    many = tl.load(count)
    span_index = tl.program_id(1)
    place = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    kept = place < many
    if tl.program_id(0) * ROWS < many:
        rows = tl.load(order + place, mask=kept, other=0)
        own = tl.load(target + rows, mask=kept, other=-1)
        highest = tl.full((ROWS,), float("-inf"), tl.float32)
        total = tl.zeros((ROWS,), tl.float32)
        found = tl.zeros((ROWS,), tl.float32)
        plain = tl.zeros((ROWS,), tl.float32)
        first = span_index * span
        last = tl.minimum(first + span, all_classes)
        for start in range(first, last, CLASSES):
            classes = (start + tl.arange(0, CLASSES)).to(tl.int64)
            real = classes < all_classes
            logits = _tile(
                hidden, weight, bias, rows, kept, classes, real, features, softcap,
                ROWS, CLASSES, FEATURES, BIAS, CAP, PRECISION, WIDEN,
            )  # fmt: skip
            peak = tl.maximum(highest, tl.max(logits, 1))
            base = tl.where(peak == float("-inf"), 0.0, peak)
            total = total * tl.exp(highest - base) + tl.sum(tl.exp(logits - base[:, None]), 1)
            highest = peak
            found += tl.sum(tl.where(classes[None, :] == own[:, None], logits, 0.0), 1)
            finite = tl.where(real[None, :], logits, 0.0)
            if TOTALS:
                plain += tl.sum(finite, 1)
            if BY_CLASS:
                tl.atomic_add(by_class + classes, tl.sum(tl.where(kept[:, None], finite, 0.0), 0), mask=real)
        tl.store(partial + span_index * all_rows + rows, highest + tl.log(total), mask=kept)
        tl.store(picked + rows, found, mask=kept & (own >= first) & (own < last))
        if TOTALS:
            tl.store(totals + span_index * all_rows + rows, plain, mask=kept)


@triton.jit
def _tile_slope(
    logits, lse, own, classes, kept, real, all_classes, smoothing,
    ROWS: tl.constexpr, CLASSES: tl.constexpr,
):  # fmt: skip
    """Softmax minus what is wished for, and what is wished for, (ROWS, CLASSES) each; 0 outside."""
    inside = kept[:, None] & real[None, :]
    wish = tl.where(classes[None, :] == own[:, None], 1 - smoothing, 0.0) + smoothing / all_classes
    wish = tl.where(inside, wish, 0.0)
    return tl.where(inside, tl.exp(logits - lse[:, None]), 0.0) - wish, wish


@triton.jit
def _add_to_hidden(
    by_hidden, slope, weight, rows, kept, classes, real, features,
    ROWS: tl.constexpr, FEATURES: tl.constexpr, PRECISION: tl.constexpr, WIDEN: tl.constexpr,
):  # fmt: skip
    """by_hidden[rows] += slope @ weight[classes], atomically."""
    for start in range(0, features, FEATURES):
        at = start + tl.arange(0, FEATURES)
        inside = (at < features)[None, :]
        block = tl.load(weight + classes[:, None] * features + at[None, :], mask=real[:, None] & inside, other=0.0)
        part = _dot(slope, block, tl.zeros((ROWS, FEATURES), tl.float32), PRECISION, WIDEN)
        tl.atomic_add(by_hidden + rows[:, None] * features + at[None, :], part, mask=kept[:, None] & inside)


@triton.jit
def _add_to_scratch(
    mine, slope, hidden, rows, kept, features,
    FEATURES: tl.constexpr, PRECISION: tl.constexpr, WIDEN: tl.constexpr,
):  # fmt: skip
    """mine += slope.T @ hidden[rows]; nobody else writes there."""
    turned = tl.trans(slope)
    for start in range(0, features, FEATURES):
        at = start + tl.arange(0, FEATURES)
        inside = (at < features)[None, :]
        block = tl.load(hidden + rows[:, None] * features + at[None, :], mask=kept[:, None] & inside, other=0.0)
        so_far = tl.load(mine + at[None, :], mask=inside, other=0.0)
        tl.store(mine + at[None, :], _dot(turned, block, so_far, PRECISION, WIDEN), mask=inside)
    tl.debug_barrier()  # other threads of the program read it next


@triton.jit
def _clear(mine, features, CLASSES: tl.constexpr, FEATURES: tl.constexpr):
    for start in range(0, features, FEATURES):
        at = start + tl.arange(0, FEATURES)
        tl.store(mine + at[None, :], tl.zeros((CLASSES, FEATURES), tl.float32), mask=(at < features)[None, :])
    tl.debug_barrier()


@triton.jit
def _hand_out(by_weight, mine, factor, classes, real, features, FEATURES: tl.constexpr):
    """by_weight[classes] = factor * mine, in the dtype of the weight."""
    for start in range(0, features, FEATURES):
        at = start + tl.arange(0, FEATURES)
        inside = (at < features)[None, :]
        done = (tl.load(mine + at[None, :], mask=inside, other=0.0) * factor).to(by_weight.dtype.element_ty)
        tl.store(by_weight + classes[:, None] * features + at[None, :], done, mask=real[:, None] & inside)
    tl.debug_barrier()


@triton.jit
def slopes(
    hidden, weight, bias, target, order, count, class_order, lse, by_value, by_lse, factor,
    by_hidden, by_weight, by_bias, scratch, all_classes, features, softcap, smoothing, threshold,
    ROWS: tl.constexpr, CLASSES: tl.constexpr, FEATURES: tl.constexpr, BIAS: tl.constexpr, CAP: tl.constexpr,
    SORTED: tl.constexpr, HIDDEN: tl.constexpr, WEIGHT: tl.constexpr, BY_BIAS: tl.constexpr,
    CUT_HIDDEN: tl.constexpr, CUT_WEIGHT: tl.constexpr, PRECISION: tl.constexpr, WIDEN: tl.constexpr,
):  # fmt: skip
    """Program p: every class tile that is p modulo the number of programs, over all rows.

    One program owns a class tile, so the gradient of its weight needs no lock: it grows in float32 in the program's
    own scratch (CLASSES, features), and is written once, times the factor. Hidden's gradient is added atomically, in
    float32. Programs begin at different rows, so that they meet seldom; the last class tiles, in which a sorted filter
    leaves most, come first.
    """
    many, program = tl.load(count), tl.program_id(0)
    row_tiles, tiles = tl.cdiv(many, ROWS), tl.cdiv(all_classes, CLASSES)
    local = tl.arange(0, CLASSES)
    mine = scratch + program.to(tl.int64) * CLASSES * features + local[:, None] * features
    for turn in range(program, tiles, tl.num_programs(0)):
        position = (tiles - 1 - turn) * CLASSES + local
        real = position < all_classes
        classes = tl.load(class_order + position, mask=real, other=0) if SORTED else position.to(tl.int64)
        bias_sums = tl.zeros((CLASSES,), tl.float32)
        if WEIGHT:
            _clear(mine, features, CLASSES, FEATURES)
        for step in range(row_tiles):
            place = (step + program) % row_tiles * ROWS + tl.arange(0, ROWS)
            kept = place < many
            rows = tl.load(order + place, mask=kept, other=0)
            own = tl.load(target + rows, mask=kept, other=-1)
            logits = _tile(
                hidden, weight, bias, rows, kept, classes, real, features, softcap,
                ROWS, CLASSES, FEATURES, BIAS, CAP, PRECISION, WIDEN,
            )  # fmt: skip
            sums_here = tl.load(lse + rows, mask=kept, other=0.0)
            slope, wish = _tile_slope(
                logits, sums_here, own, classes, kept, real, all_classes, smoothing, ROWS, CLASSES
            )  # fmt: skip
            to_hidden = 1  # whether this tile counts for hidden's gradient, and for the weight's
            to_weight = 1
            if CUT_HIDDEN or CUT_WEIGHT:
                counts = (tl.abs(slope) >= threshold) | (slope != slope)  # a NaN stays
                high = tl.max(tl.max(counts.to(tl.int32), 1), 0)
                to_hidden = high if CUT_HIDDEN else 1
                to_weight = high if CUT_WEIGHT else 1
            if to_hidden + to_weight > 0:
                to_value = tl.load(by_value + rows, mask=kept, other=0.0)
                to_lse = tl.load(by_lse + rows, mask=kept, other=0.0)
                slope = slope * (to_value + to_lse)[:, None] + wish * to_lse[:, None]  # the wish has the value's alone
                if CAP:
                    share = tl.where(real[None, :], logits, 0.0) / softcap
                    slope *= 1 - share * share
                bias_sums += tl.sum(slope, 0)
                narrow = slope.to(hidden.dtype.element_ty)
                if HIDDEN and to_hidden > 0:
                    _add_to_hidden(
                        by_hidden, narrow, weight, rows, kept, classes, real, features, ROWS, FEATURES, PRECISION, WIDEN
                    )
                if WEIGHT and to_weight > 0:
                    _add_to_scratch(mine, narrow, hidden, rows, kept, features, FEATURES, PRECISION, WIDEN)
        if WEIGHT:
            _hand_out(by_weight, mine, tl.load(factor), classes, real, features, FEATURES)
        if BY_BIAS:
            done = (bias_sums * tl.load(factor)).to(by_bias.dtype.element_ty)
            tl.store(by_bias + classes, done, mask=real)
