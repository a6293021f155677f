"""Versions of a response that lack more and more of its key phrases, and the head that tells them apart.

What `perdita.functional.spo` and `preference_degree` are trained on. The method is a reconstruction: Li et al.,
"Self-supervised Preference Optimization", Findings of EMNLP 2024, arXiv 2409.17791, of which the abstract and digests
were read, and no code is published. Key phrases are found by RAKE: Rose, Engel, Cramer, Cowley, "Automatic Keyword
Extraction from Individual Documents", in Text Mining, Wiley, 2010.

Versions are shorter the more they lack: a head may learn their length alone. Compare it with one that sees only that.
"""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter, defaultdict
from collections.abc import Collection
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from perdita.core import InputError, component

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_ENGLISH = """
a about above after again against all also although always am among an and another any are aren't as at be because
been before being below between both but by can can't cannot could couldn't did didn't do does doesn't doing don't
done down during each either else ever every few for from further get gets got had hadn't has hasn't have haven't
having he her here hers herself him himself his how however i i'm i've if in into is isn't it it's its itself just
least less let like made make many may me might more most much must my myself neither never no nor not now of off
often on once one only onto or other others ought our ours ourselves out over own per perhaps please quite rather
really same shall she should shouldn't since so some such than that that's the their theirs them themselves then
there there's these they they're this those though through thus to too toward under until up upon us use used using
very was wasn't we we're were weren't what what's when where whether which while who whom whose why will with within
without won't would wouldn't yes yet you you're your yours yourself yourselves
"""
ENGLISH = frozenset(_ENGLISH.split())  # stop words
ROUNDING = 1e-9  # 7/10 of 45 comes as a little less than 31.5
Span = tuple[str, int, int]  # a phrase in lower case, its beginning and its end in the text


@component("spo")
def rake(text: str, stop_words: Collection[str] = ENGLISH) -> list[tuple[str, float]]:
    """Key phrases of a text with their scores, the best first; equal scores in the order of the text.

    Candidates are the longest runs of words without a stop word or punctuation between. A word's score is the summed
    length of the phrases that hold it over the number of times that it occurs; a phrase's is the sum over its words.

    Args:
        text: in a language that parts its words.
        stop_words: in lower case; those of the text's language.

    Example:
        >>> rake("Loss functions and loss curves.")
        [('loss functions', 4.0), ('loss curves', 4.0)]
    """
    phrases = [phrase.split() for phrase, _, _ in _candidates(text, stop_words)]
    frequency = Counter(itertools.chain(*phrases))
    degree: defaultdict[str, int] = defaultdict(int)
    for words in phrases:
        for word in words:
            degree[word] += len(words)
    scores = {" ".join(words): sum(degree[word] / frequency[word] for word in words) for words in phrases}
    return sorted(scores.items(), key=lambda item: -item[1])


@component("spo")
def degrade(text: str, share: float, stop_words: Collection[str] = ENGLISH) -> str:
    """The text without the best share of its key phrases, by `rake`, at every place where they stand.

    Args:
        text: before tokenisation, for phrases end at no token.
        share: of the phrases, in [0, 1]; their number is rounded half up. 0 gives the text as it is.
        stop_words: as in `rake`.

    Returns:
        The rest with its spaces put right; the first word where nothing else would be left.

    Raises:
        InputError: a share outside [0, 1].
    """
    if not 0 <= share <= 1:
        raise InputError(f"share must be in [0, 1], not {share!r}")
    ranked = [phrase for phrase, _ in rake(text, stop_words)]
    dropped = set(ranked[: math.floor(share * len(ranked) + 0.5 + ROUNDING)])
    if not dropped:
        return text
    kept, end = [], 0
    for phrase, start, stop in _candidates(text, stop_words):
        if phrase in dropped:
            kept.append(text[end:start])
            end = stop
    rest = re.sub(r"[ \t]+", " ", "".join([*kept, text[end:]]))
    rest = re.sub(r" (?=[,.;:!?)\]])", "", rest).strip()
    return rest if WORD.search(rest) else WORD.search(text)[0]  # type: ignore[index]


@component("spo")
def degree_versions(text: str, degrees: int = 3, stop_words: Collection[str] = ENGLISH) -> tuple[list[str], bool]:
    """The versions of a response of degree 0 (as it is), 1, …: degree k lacks the share k / degrees of its phrases.

    Args:
        text: a response.
        degrees: number of versions, at least 2.
        stop_words: as in `rake`.

    Returns:
        The versions, and whether they all differ: where they do not, ``degree_mask`` is to be False.

    Raises:
        InputError: fewer than two degrees.
    """
    if degrees < 2:
        raise InputError(f"degrees must be at least 2, not {degrees}")
    versions = [degrade(text, degree / degrees, stop_words) for degree in range(degrees)]
    return versions, len(set(versions)) == degrees


@component("spo")
class PreferenceDegreeHead(nn.Module):
    """A linear classifier of a response's degree from the policy's last hidden state at its last token.

    It is trained with the policy, has no part in the reference, and is left behind when training is done.

    Args:
        width: of the hidden state.
        degrees: number of versions.
    """

    def __init__(self, width: int, degrees: int = 3) -> None:
        super().__init__()
        self.linear = nn.Linear(width, degrees)

    def forward(self, hidden: Float[Tensor, "n t d"], mask: Bool[Tensor, "n t"] | None = None) -> Float[Tensor, "n k"]:
        """(n, degrees) logits; mask is False at padding, on whichever side."""
        if mask is None:
            return self.linear(hidden[:, -1])
        places = torch.arange(mask.shape[1], device=mask.device)
        last = torch.where(mask, places, 0).amax(1)
        return self.linear(hidden.take_along_dim(last[:, None, None], 1).squeeze(1))


def _candidates(text: str, stop_words: Collection[str]) -> list[Span]:
    found: list[Span] = []
    open_ = False  # whether the last phrase may still grow
    for match in WORD.finditer(text):
        word = match[0].lower().replace("’", "'")
        if word in stop_words:
            open_ = False
        elif open_ and text[found[-1][2] : match.start()].isspace():
            found[-1] = (f"{found[-1][0]} {word}", found[-1][1], match.end())
        else:
            found.append((word, match.start(), match.end()))
            open_ = True
    return found
