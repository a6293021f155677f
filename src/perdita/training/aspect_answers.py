"""Questions about images, asked of a multimodal language model once, and kept in a Parquet file.

Any server that speaks the chat-completions protocol with token log-probabilities can be asked (`ChatClient`), and so
can any function from an image and a question to the probability of "yes".
"""

from __future__ import annotations

import base64
import json
import math
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from perdita.core import InputError, MissingExtraError, component

if TYPE_CHECKING:
    import polars
    from jaxtyping import Bool, Float

    Ask = Callable[[bytes, str], float]  # image's file content, question → probability of "yes", or NaN

RETRIED = (408, 429, 500, 502, 503, 504)
PROPOSE = (
    "List {count} questions that can be answered with yes or no by looking at one image, and that tell these classes "
    "apart by what can be seen (colour, shape, parts, surroundings): {classes}. One question a line, nothing else."
)
SELECT = (
    "From these questions choose the {count} that tell the classes {classes} apart best and that differ most from each "
    "other. Repeat them word by word, one a line, nothing else.\n{questions}"
)
ANSWER = "{question} Answer with Yes or No."


@component("multi-aspect-kd")
def yes_no_targets(yes_logits: Float[Tensor, "n q"], no_logits: Float[Tensor, "n q"]) -> Float[Tensor, "n q"]:
    """The softmax over the two first tokens "Yes" and "No", not over the vocabulary: sigmoid(yes - no)."""
    return torch.sigmoid(yes_logits - no_logits)


@component("multi-aspect-kd")
def extend_classifier(layer: nn.Linear, aspects: int) -> nn.Linear:
    """A classifier with ``aspects`` further outputs behind its own, whose weights it keeps.

    ``logits, aspect_logits = model(x).split([classes, aspects], 1)`` takes the outputs apart.
    """
    if aspects < 0:
        raise InputError(f"aspects must be at least 0, not {aspects}")
    kind: dict[str, Any] = {"bias": layer.bias is not None, "device": layer.weight.device, "dtype": layer.weight.dtype}
    extended = nn.Linear(layer.in_features, layer.out_features + aspects, **kind)
    with torch.no_grad():
        extended.weight[: layer.out_features] = layer.weight
        if layer.bias is not None:
            extended.bias[: layer.out_features] = layer.bias
    return extended


@component("multi-aspect-kd")
@dataclass(frozen=True)
class ChatClient:
    """A language model behind the chat-completions protocol.

    Args:
        url: of the server, up to and without "/chat/completions".
        model: its name there.
        key: sent as a bearer token where given.
        timeout: seconds to wait for an answer.
        attempts: how often a request is sent at most, where the server is busy or does not answer.
        pause: seconds before the second attempt; each further pause is twice as long.
    """

    url: str
    model: str
    key: str | None = None
    timeout: float = 60.0
    attempts: int = 4
    pause: float = 1.0

    def __call__(self, image: bytes, question: str) -> float:
        """The probability of "yes" against "no" as the first token; NaN where the model says neither."""
        kind = "png" if image.startswith(b"\x89PNG") else "jpeg"
        picture = f"data:image/{kind};base64,{base64.b64encode(image).decode()}"
        content = [
            {"type": "text", "text": ANSWER.format(question=question)},
            {"type": "image_url", "image_url": {"url": picture}},
        ]
        choice = self._post(content, max_tokens=1, logprobs=True, top_logprobs=20)
        try:
            first = choice["logprobs"]["content"][0]["top_logprobs"]
        except (KeyError, IndexError, TypeError) as error:
            raise InputError(f"{self.model} at {self.url} gives no log-probabilities of its tokens") from error
        said = {entry["token"].strip(): entry["logprob"] for entry in reversed(first)}
        if "Yes" not in said and "No" not in said:
            return math.nan
        least = min(said.values())  # a token that is not listed is at most as probable as the last one that is
        return 1 / (1 + math.exp(said.get("No", least) - said.get("Yes", least)))

    def complete(self, prompt: str) -> str:
        """The answer to a prompt, as text."""
        return str(self._post(prompt)["message"]["content"])

    def _post(self, content: Any, **options: Any) -> Any:
        message = {"model": self.model, "messages": [{"role": "user", "content": content}], "temperature": 0, **options}
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {self.key}"} if self.key else {})
        url = f"{self.url.rstrip('/')}/chat/completions"
        for attempt in range(self.attempts):
            request = urllib.request.Request(url, json.dumps(message).encode(), headers)
            try:
                with urllib.request.urlopen(request, timeout=self.timeout) as answer:
                    return json.load(answer)["choices"][0]
            except urllib.error.HTTPError as error:
                with error:
                    failed = f"{error.code} {error.read(200).decode(errors='replace')}"
                if error.code not in RETRIED:
                    break
            except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
                failed = str(error)
            if attempt + 1 < self.attempts:
                time.sleep(self.pause * 2**attempt)
        raise ConnectionError(f"{url} gave no answer: {failed}")


@component("multi-aspect-kd")
def propose_questions(
    complete: Callable[[str], str], classes: Sequence[str], *, candidates: int = 100, keep: int = 50
) -> list[str]:
    """Yes/no questions about a data set: a language model proposes some, and then chooses the best of them.

    Args:
        complete: prompt → answer, as `ChatClient.complete`.
        classes: names of the classes.
        candidates: questions to propose.
        keep: questions to choose.

    Raises:
        InputError: no question came, or none of the proposed ones was chosen.
    """
    names = ", ".join(classes)
    proposed = _lines(complete(PROPOSE.format(count=candidates, classes=names)))[:candidates]
    answer = complete(SELECT.format(count=keep, classes=names, questions="\n".join(proposed))) if proposed else ""
    chosen = [question for question in _lines(answer) if question in proposed][:keep]
    if not chosen:
        raise InputError(f"the model proposed {len(proposed)} questions, and chose none of them")
    return chosen


def _lines(text: str) -> list[str]:
    """The questions of a list, without bullets and numbers, each once."""
    found = (re.sub(r"^\s*(?:\d+[.)]|[-*])?\s*", "", line).strip() for line in text.splitlines())
    return list(dict.fromkeys(line for line in found if line.endswith("?")))


@component("multi-aspect-kd")
def answer_aspects(
    images: Mapping[str, bytes | Path],
    questions: Sequence[str],
    ask: Ask,
    cache: str | Path,
    *,
    model: str = "",
    save_every: int = 100,
) -> tuple[Float[Tensor, "n q"], Bool[Tensor, "n q"]]:
    """The answers to all questions about all images; what the cache holds already is not asked again.

    Args:
        images: name → content of an image file, or its path.
        questions: asked of every image.
        ask: image and question → probability of "yes", or NaN, as a `ChatClient`.
        cache: Parquet file of (model, image, question, answer); it is replaced as a whole, so that a crash loses the
            answers since the last saving alone, and never the file.
        model: names whose answers these are: another model's are not taken for them.
        save_every: answers after which the file is saved, at the end of an image.

    Returns:
        (n, q) answers, 0.5 where there is none, and (n, q) where there is one.

    Raises:
        InputError: a cache that is no such file, questions that repeat.
        MissingExtraError: Polars is not installed.
        ConnectionError: from a `ChatClient`; what was answered until then is saved.
    """
    if len(set(questions)) != len(questions):
        raise InputError("questions must differ from each other")
    path = Path(cache)
    known = _read(path)
    saved = len(known)
    try:
        for name, image in images.items():
            missing = [question for question in questions if (model, name, question) not in known]
            content = image.read_bytes() if missing and isinstance(image, Path) else image
            for question in missing:
                known[model, name, question] = float(ask(content, question))  # type: ignore[arg-type]
            if len(known) - saved >= save_every:
                _write(path, known)
                saved = len(known)
    finally:
        if len(known) > saved:
            _write(path, known)
    answers = [[known[model, name, question] for question in questions] for name in images]
    found = torch.tensor(answers).view(len(images), len(questions))
    return found.nan_to_num(0.5), ~found.isnan()


@component("multi-aspect-kd")
def informative(answers: Float[Tensor, "n q"], *, tolerance: float = 1e-3) -> Bool[Tensor, "q"]:
    """Questions whose answers differ between images by more than the tolerance; the others say nothing."""
    return answers.amax(0) - answers.amin(0) > tolerance


def _polars() -> Any:
    try:
        import polars
    except ImportError as error:
        raise MissingExtraError("polars", "compare") from error
    return polars


def _read(path: Path) -> dict[tuple[str, str, str], float]:
    pl = _polars()
    if not path.exists():
        return {}
    try:
        frame: polars.DataFrame = pl.read_parquet(path)
        rows = frame.select("model", "image", "question", "answer").rows()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(f"cache must be a Parquet file of model, image, question and answer, not {path}") from error
    return {(model, image, question): answer for model, image, question, answer in rows}


def _write(path: Path, known: Mapping[tuple[str, str, str], float]) -> None:
    pl = _polars()
    keys = [[key[place] for key in known] for place in range(3)]
    columns = dict(zip(("model", "image", "question"), keys, strict=True)) | {"answer": list(known.values())}
    schema = {"model": pl.String, "image": pl.String, "question": pl.String, "answer": pl.Float64}
    fresh = path.with_name(f"{path.name}.new")
    pl.DataFrame(columns, schema=schema).write_parquet(fresh)
    os.replace(fresh, path)
