"""What to do about a failed check, in one sentence each."""

from __future__ import annotations

NARROW = "Compute in float32 (`input.float()`): float16 ends at 65504, and float32 passes here."
CLAIM = "Correct the claim in Traits(…) on the card, or the formula, whichever is wrong."
ADVICE: dict[str, str] = {
    "module_equals_function": "Let the module call the function's own formula; a derived class does so by itself.",
    "pickle": "Keep lambdas, local functions and open files out of the module's attributes.",
    "deepcopy": "Do not override __deepcopy__, and hold tensors as parameters or buffers.",
    "state_dict": "Register every tensor of the module as a parameter or buffer, and override no loading.",
    "config": "Give every hyper-parameter to the constructor by keyword and keep it unchanged in `options`.",
    "repr": "Do not override extra_repr, or show every hyper-parameter in it.",
    "class_mask": "Take masked classes out with perdita.core.numerics.mask_classes before any softmax or sum.",
    "class_weight": "Multiply each class's term by its weight, and nothing else.",
    "inputs_unchanged": "Replace operations that end in an underscore, and `out=`, by ones that make a new tensor.",
    "requires_grad": "Do not ask a tensor whether it requires a gradient, and do not detach the prediction.",
    "noncontiguous": "Use reshape in place of view, and never read a tensor's storage directly.",
    "gradcheck": "Look for detach, .data, rounding or a hand-written backward that differs from the formula.",
    "gradgradcheck": "Write the backward of a custom autograd function with differentiable operations.",
    "half_precision": "Compute in float32 (`input.float()`) and let the gradient come back in the input's own dtype.",
    "long_batch": "Sum, count and divide in float32: a loss that is not yours, call with `input.float()`, for float16 "
    "ends at 65504 and bfloat16 has 8 bits of digits.",
    "silent": "Change the call that warns, or the argument that it warns of.",
    "result_dtype": "Make constants with the input's dtype (`torch.full_like`, `input.new_tensor`) and cast nothing.",
    "extreme_inputs": "Use log_softmax, logsigmoid, softplus or logaddexp in place of exp, log and division.",
    "nan_is_shown": "Do not clean values with nan_to_num, clamp or a mask: a hidden NaN trains a broken model.",
    "determinism": "Draw random numbers from a `generator=` argument only.",
    "autocast": "Leave autocast inside the loss (`torch.autocast(device, enabled=False)`) before any matrix product.",
    "rowwise": "Compute each value from its own row, or register the loss with @perdita.loss(rowwise=False).",
    "weight_equals_copies": "Return values per example without weights inside; the contract multiplies and divides.",
    "masked_equals_removed": "Return values per example; keep sums, means and counts over the batch out of the loss.",
    "mask_zeroes_values": "Return values per example; where the loss takes the mask itself, give 0 to what is masked.",
    "ignore_index_equals_removed": "Leave ignored items out of the sum and out of the count that divides it.",
    "shards_equal_whole": "Divide by a number that micro-batches share (sum over the count of the whole batch), or "
    "train on whole batches: with this loss accumulated gradients differ from those of the batch.",
    "permutation": "Let no value depend on the place of its row.",
    "reductions": "Make reduction='none' give the values whose sum and mean the other reductions are.",
    "empty": "Return `values.sum()` where the batch is empty: a zero that stays in the graph, in place of 0 / 0.",
    "all_masked": "Divide by the count only where it is not 0, so that a batch of ignored items gives 0 and no NaN.",
    "extra_dims": "Write formulas along dimension 1 alone, so that further dimensions are further items.",
    "rejects_missing": "Let the contract read the arguments: annotate every tensor and override no forward.",
    "rejects_shape": "Compare the shapes and raise an error: what is broadcast trains on pairs that nobody meant.",
    "rejects_dtype": "Annotate the kind of each tensor (Float, Int, Bool), so that another one is refused.",
    "rejects_values": "Name each argument's domain, so that a label beyond the classes is an error and no number.",
    "rejects_hyperparameters": "Give each hyper-parameter a Range or Choice in @perdita.loss(ranges=…).",
    "rejects_unknown": "Take no **kwargs; let the contract refuse what the loss does not know.",
    "rejects_weight_and_mask": "Let the contract handle weight and mask, or check their shape, dtype and sign.",
    "trait_minimizer": CLAIM,
    "compile": "Replace branches and numbers read from tensors (`if`, .item(), boolean indexing) by torch.where.",
    "vmap": "Replace .item(), boolean indexing, nonzero and in-place writes by masks and torch.where.",
    "func_grad": "Give a custom autograd function a setup_context and a backward that can be differentiated.",
    **{
        f"trait_{trait}": CLAIM
        for trait in (
            "nonnegative", "bounded", "convex", "symmetric", "shift_invariant", "scale_invariant", "differentiable",
            "constant_hessian", "proper", "classification_calibrated",
        )
    },
}  # fmt: skip


def advice(check: str, message: str) -> str:
    """What to do about a failure; float32 comes first, so that a failure of float16 alone is one of its range."""
    return NARROW if check == "extreme_inputs" and "torch.float16" in message else ADVICE[check]
