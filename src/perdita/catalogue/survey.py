"""The checklist of a survey of losses and metrics: what serves each of its items, here or in another library.

A served name without a dot is a loss of the catalogue; one with dots is imported. Items that occur in several tasks
stand in each.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

from perdita.core import component
from perdita.core.catalogue import card

KINDS = ("loss", "metric")


@dataclass(frozen=True)
class Item:
    """A loss or metric of the survey."""

    task: str
    kind: str  # of KINDS
    name: str  # as the survey has it
    served: tuple[str, ...]  # by all of these together
    needs: str = ""  # a trained model or a judge that whoever measures must bring


def _items(task: str, kind: str, *rows: tuple[str, str] | tuple[str, str, str]) -> list[Item]:
    return [Item(task, kind, row[0], tuple(row[1].split()), row[2] if len(row) > 2 else "") for row in rows]


CLASSIFYING = (
    ("confusion matrix", "sklearn.metrics.confusion_matrix"),
    ("accuracy", "sklearn.metrics.accuracy_score"),
    ("precision", "sklearn.metrics.precision_score"),
    ("recall", "sklearn.metrics.recall_score"),
    ("F1", "sklearn.metrics.f1_score"),
    ("specificity", "torchmetrics.Specificity"),
    ("false positive rate", "sklearn.metrics.roc_curve"),
    ("negative predictive value", "torchmetrics.classification.NegativePredictiveValue"),
    ("false discovery rate", "sklearn.metrics.precision_score"),
    ("precision-recall curve", "sklearn.metrics.precision_recall_curve"),
    ("AUC-ROC", "sklearn.metrics.roc_auc_score"),
)
JUDGE = "a judge"
ENCODER = "an encoder of texts"
NETWORK = "a trained network"

SURVEY: tuple[Item, ...] = (
    *_items(
        "regression", "loss",
        ("MSE", "mse"), ("MAE", "l1"), ("Huber", "huber"), ("log-cosh", "log_cosh"), ("quantile", "quantile"),
        ("Poisson", "poisson_nll"),
    ),
    *_items(
        "regression", "metric",
        ("RMSE", "torchmetrics.MeanSquaredError"), ("NRMSE", "torchmetrics.NormalizedRootMeanSquaredError"),
        ("MAPE", "torchmetrics.MeanAbsolutePercentageError"),
        ("SMAPE", "torchmetrics.SymmetricMeanAbsolutePercentageError"), ("R2", "sklearn.metrics.r2_score"),
        ("adjusted R2", "torchmetrics.R2Score"),
    ),
    *_items(
        "classification", "loss",
        ("binary cross-entropy", "binary_cross_entropy"), ("categorical cross-entropy", "cross_entropy"),
        ("sparse categorical cross-entropy", "cross_entropy"), ("weighted cross-entropy", "cross_entropy"),
        ("label smoothing", "cross_entropy"), ("negative log-likelihood", "nll"), ("PolyLoss", "poly_cross_entropy"),
        ("hinge", "binary_hinge multi_margin"),
    ),
    *_items("classification", "metric", *CLASSIFYING),
    *_items(
        "image classification", "loss",
        ("cross-entropy", "cross_entropy"), ("weighted cross-entropy", "cross_entropy"), ("focal", "focal"),
    ),
    *_items("image classification", "metric", *CLASSIFYING),
    *_items(
        "detection", "loss",
        ("smooth L1", "smooth_l1"), ("balanced L1", "balanced_l1"), ("IoU", "box_iou"), ("GIoU", "generalized_box_iou"),
        ("DIoU", "distance_box_iou"), ("CIoU", "complete_box_iou"), ("focal", "focal binary_focal"),
        ("YOLO", "mse cross_entropy"), ("wing", "wing"),
    ),
    *_items(
        "detection", "metric",
        ("average precision", "torchmetrics.detection.mean_ap.MeanAveragePrecision"),
        ("mean average precision", "torchmetrics.detection.mean_ap.MeanAveragePrecision"),
        ("average recall", "torchmetrics.detection.mean_ap.MeanAveragePrecision"),
    ),
    *_items(
        "segmentation", "loss",
        ("pixel cross-entropy", "cross_entropy"), ("Dice", "dice binary_dice"), ("soft IoU", "jaccard binary_jaccard"),
        ("Tversky", "tversky binary_tversky"), ("Lovasz", "lovasz_hinge lovasz_softmax"), ("focal", "focal"),
    ),
    *_items(
        "segmentation", "metric",
        ("pixel accuracy", "sklearn.metrics.accuracy_score"), ("mean IoU", "torchmetrics.segmentation.MeanIoU"),
        ("boundary F1", "perdita.judge.boundaries.boundary_f1"),
        ("mask average precision", "torchmetrics.detection.mean_ap.MeanAveragePrecision"),
        ("panoptic quality", "torchmetrics.detection.PanopticQuality"),
    ),
    *_items(
        "metric learning", "loss",
        ("softmax", "cross_entropy"), ("A-Softmax", "sphere_face"),
        ("center", "center"), ("CosFace", "cos_face"),
        ("ArcFace", "arc_face"), ("triplet", "triplet_margin"),
        ("contrastive", "contrastive"),
        ("circle", "circle"), ("Barlow Twins", "barlow_twins"),
        ("SimSiam", "simsiam"),
    ),
    *_items(
        "depth", "loss",
        ("point-wise error", "l1 mse"), ("scale invariant", "scale_invariant_depth"),
        ("SSIM", "structural_similarity"), ("photometric", "photometric"), ("smoothness", "depth_smoothness"),
        ("appearance matching", "photometric"), ("left-right consistency", "left_right_consistency"),
        ("BerHu", "berhu"), ("edge", "gradient_matching"), ("minimum reprojection", "minimum_photometric"),
        ("scale and shift invariant", "scale_shift_invariant_depth median_aligned_depth gradient_matching"),
    ),
    *_items(
        "depth", "metric",
        ("absolute relative error", "perdita.judge.depth.depth_errors"),
        ("RMSE", "perdita.judge.depth.depth_errors"), ("RMSE of logarithms", "perdita.judge.depth.depth_errors"),
        ("threshold accuracy", "perdita.judge.depth.threshold_accuracy"),
        ("mean log10 error", "perdita.judge.depth.depth_errors"),
        ("pixels with large relative error", "perdita.judge.depth.outlier_share"),
        ("WHDR", "perdita.judge.depth.ordinal_disagreement"),
        ("scale-invariant error", "perdita.judge.depth.depth_errors"),
    ),
    *_items(
        "generation", "loss",
        ("reconstruction", "mse l1 binary_cross_entropy"), ("KL divergence", "standard_normal_kl kl_div"),
        ("perceptual", "mse", NETWORK), ("adversarial, minimax and non-saturating", "binary_cross_entropy"),
        ("adversarial, least squares", "mse"), ("Wasserstein", "wasserstein_critic gradient_penalty"),
        ("negative log-likelihood of flows", "flow_nll"), ("contrastive divergence", "contrastive_divergence"),
    ),
    *_items(
        "generation", "metric",
        ("PSNR", "torchmetrics.image.PeakSignalNoiseRatio"),
        ("SSIM", "torchmetrics.image.StructuralSimilarityIndexMeasure"),
        ("Inception score", "torchmetrics.image.inception.InceptionScore", NETWORK),
        ("FID", "torchmetrics.image.fid.FrechetInceptionDistance", NETWORK),
    ),
    *_items(
        "language", "loss",
        ("token cross-entropy", "cross_entropy"), ("hinge", "binary_hinge"), ("cosine similarity", "cosine_embedding"),
        ("marginal ranking", "margin_ranking"), ("CTC", "ctc"), ("minimum risk training", "minimum_risk"),
        ("REINFORCE", "reinforce"),
    ),
    *_items(
        "language", "metric",
        *[row for row in CLASSIFYING if row[0] in ("accuracy", "precision", "recall", "F1", "AUC-ROC")],
        ("BLEU", "torchmetrics.text.BLEUScore"), ("METEOR", "perdita.judge.answers.meteor"),
        ("ROUGE-N", "perdita.judge.answers.rouge_ngram"), ("ROUGE-L", "perdita.judge.answers.rouge_weighted"),
        ("ROUGE-W", "perdita.judge.answers.rouge_weighted"), ("ROUGE-S", "perdita.judge.answers.rouge_skip"),
        ("perplexity", "torchmetrics.text.Perplexity"), ("exact match", "torchmetrics.text.SQuAD"),
        ("WER", "torchmetrics.text.WordErrorRate"), ("CER", "torchmetrics.text.CharErrorRate"),
    ),
    *_items(
        "retrieval-augmented generation", "loss",
        ("cross-entropy", "cross_entropy"), ("contrastive", "info_nce"),
        ("marginal ranking", "margin_ranking"), ("negative log-likelihood", "nll"), ("KL divergence", "kl_div"),
    ),
    *_items(
        "retrieval-augmented generation", "metric",
        ("answer semantic similarity", "torchmetrics.functional.pairwise_cosine_similarity", ENCODER),
        ("answer correctness", "perdita.judge.answers.answer_correctness", ENCODER),
        ("answer relevance", "torchmetrics.functional.pairwise_cosine_similarity", ENCODER),
        ("context precision", "perdita.judge.answers.context_precision"),
        ("context recall", "perdita.judge.answers.judged_share", JUDGE),
        ("faithfulness", "perdita.judge.answers.judged_share", JUDGE),
        ("summarization score", "perdita.judge.answers.judged_share", JUDGE),
        ("context entity recall", "perdita.judge.answers.entity_recall", "a finder of entities"),
        ("aspect critique", "perdita.judge.answers.judged_share", JUDGE),
        ("context relevance (ARES)", "perdita.judge.answers.judged_share", JUDGE),
        ("answer faithfulness (ARES)", "perdita.judge.answers.judged_share", JUDGE),
        ("answer relevance (ARES)", "perdita.judge.answers.judged_share", JUDGE),
    ),
)  # fmt: skip


@component("loss-metric-survey", name="survey_checklist")
def checklist(task: str | None = None, kind: str | None = None) -> list[Item]:
    """Items of Terven et al., Artificial Intelligence Review 2025, arXiv 2307.02694; all, or of a task and kind."""
    return [item for item in SURVEY if task in (None, item.task) and kind in (None, item.kind)]


def resolve(name: str) -> Any:
    """What a served name stands for: the public function or class of a loss, or what is imported.

    Raises:
        InputError: no such loss.
        ImportError, AttributeError: the library is not installed, or has no such name.
    """
    if "." not in name:
        import perdita.losses  # noqa: F401 (fills the catalogue)

        found = card(name)
        return found.function or found.criterion
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute)
