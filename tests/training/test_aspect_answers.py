"""Questions asked of a server that speaks the chat-completions protocol, here on the loopback interface."""

from __future__ import annotations

import base64
import json
import math
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import polars as pl
import pytest
import torch
from torch import nn

import perdita.functional as P
from perdita import InputError
from perdita.training.aspect_answers import (
    ChatClient,
    answer_aspects,
    extend_classifier,
    informative,
    propose_questions,
    yes_no_targets,
)

IMAGES = {"cat": b"\x89PNG cat", "dog": b"dog"}
QUESTIONS = ["Is it small?", "Does it bark?"]
TOKENS = {  # (file content, question) → the first token's log-probabilities
    (b"\x89PNG cat", QUESTIONS[0]): {"Yes": -0.1, "No": -2.5, "yes": -4.0},
    (b"\x89PNG cat", QUESTIONS[1]): {"No": -0.01, "Perhaps": -6.0},
    (b"dog", QUESTIONS[0]): {"Perhaps": -0.2, "I": -3.0},
    (b"dog", QUESTIONS[1]): {" Yes": -0.3, "No": -1.3},
}
EXPECTED = [[1 / (1 + math.exp(-2.4)), 1 / (1 + math.exp(5.99))], [0.5, 1 / (1 + math.exp(-1.0))]]


class Model(BaseHTTPRequestHandler):
    """Answers from the table above, after the failures that the server holds."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append((self.path, self.headers.get("Authorization"), asked))
        if self.server.failures:
            return self.reply(self.server.failures.pop(0), {"error": "busy"})
        content = asked["messages"][0]["content"]
        choice: dict[str, Any] = {"message": {"content": "1. Is it red?\n- Is it big?\nHere you are."}}
        if isinstance(content, list):
            head, _, coded = content[1]["image_url"]["url"].partition(";base64,")
            image = base64.b64decode(coded)
            assert head == ("data:image/png" if image.startswith(b"\x89PNG") else "data:image/jpeg")
            found = TOKENS[image, content[0]["text"].removesuffix(" Answer with Yes or No.")]
            listed = [{"token": token, "logprob": value} for token, value in found.items()]
            choice = {"logprobs": {"content": [{"top_logprobs": listed}]} if self.server.logprobs else None}
        return self.reply(200, {"choices": [choice]})

    def reply(self, status: int, body: Any) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: Any) -> None:
        """Nothing is printed."""


@pytest.fixture
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Model) as served:
        served.requests, served.failures, served.logprobs = [], [], True
        thread = threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield served
        served.shutdown()
        thread.join()


def client(server, **options):
    return ChatClient(f"http://127.0.0.1:{server.server_port}/v1/", "tiny", pause=0.001, timeout=5.0, **options)


def test_answers_come_from_the_first_token_and_are_asked_once(server, tmp_path):
    cache = tmp_path / "answers.parquet"
    ask = client(server, key="secret")
    answers, known = answer_aspects(IMAGES, QUESTIONS, ask, cache, model="tiny")
    assert answers.tolist() == [pytest.approx(row, rel=1e-6) for row in EXPECTED]
    assert known.tolist() == [[True, True], [False, True]]
    path, key, asked = server.requests[0]
    assert (path, key) == ("/v1/chat/completions", "Bearer secret")
    assert (asked["model"], asked["max_tokens"], asked["logprobs"]) == ("tiny", 1, True)
    assert len(server.requests) == 4
    again, same = answer_aspects(IMAGES, QUESTIONS, ask, cache, model="tiny")
    assert torch.equal(again, answers)
    assert torch.equal(same, known)
    assert len(server.requests) == 4
    answer_aspects(IMAGES, QUESTIONS[:1], ask, cache, model="another")  # its answers are its own
    assert len(server.requests) == 6
    assert pl.read_parquet(cache).columns == ["model", "image", "question", "answer"]
    assert len(pl.read_parquet(cache)) == 6


def test_an_image_may_be_a_file(server, tmp_path):
    (tmp_path / "dog.jpg").write_bytes(IMAGES["dog"])
    answers, _ = answer_aspects({"d": tmp_path / "dog.jpg"}, QUESTIONS[1:], client(server), tmp_path / "a.parquet")
    assert answers.tolist() == [[pytest.approx(EXPECTED[1][1])]]


def test_a_busy_server_is_asked_again(server):
    server.failures = [503, 429]
    assert client(server)(IMAGES["dog"], QUESTIONS[1]) == pytest.approx(EXPECTED[1][1])
    assert len(server.requests) == 3


@pytest.mark.parametrize(("failures", "requests"), [([500] * 4, 4), ([401], 1)])
def test_a_server_that_refuses_is_an_error_that_says_so(server, failures, requests):
    server.failures = list(failures)
    with pytest.raises(ConnectionError, match=f"{failures[0]} .*busy"):
        client(server)(IMAGES["dog"], QUESTIONS[1])
    assert len(server.requests) == requests


def test_nobody_there_is_an_error():
    with pytest.raises(ConnectionError, match="no answer"):
        ChatClient("http://127.0.0.1:1/v1", "tiny", attempts=2, pause=0.001)(b"", "?")


def test_a_server_without_log_probabilities_is_refused(server):
    server.logprobs = False
    with pytest.raises(InputError, match="log-probabilities"):
        client(server)(IMAGES["dog"], QUESTIONS[1])


def test_what_was_answered_before_a_failure_is_kept(server, tmp_path):
    cache, asked = tmp_path / "answers.parquet", []

    def ask(image: bytes, question: str) -> float:
        if len(asked) == 3:
            raise ConnectionError("gone")
        asked.append(question)
        return 0.25

    with pytest.raises(ConnectionError, match="gone"):
        answer_aspects(IMAGES, QUESTIONS, ask, cache)
    assert len(pl.read_parquet(cache)) == 3
    answers, _ = answer_aspects(IMAGES, QUESTIONS, lambda *_: 0.75, cache)
    assert answers.tolist() == [[0.25, 0.25], [0.25, 0.75]]
    assert [path.name for path in tmp_path.iterdir()] == ["answers.parquet"]


def test_questions_are_proposed_and_chosen(server):
    asked = []

    def complete(prompt: str) -> str:
        asked.append(prompt)
        return "1. Is it red?\n2) Is it big?\n* Is it red?\nDone." if len(asked) == 1 else "- Is it big?\nIs it new?"

    assert propose_questions(complete, ["cat", "dog"], candidates=5, keep=1) == ["Is it big?"]
    assert "5 questions" in asked[0]
    assert "cat, dog" in asked[0]
    assert "Is it red?\nIs it big?" in asked[1]
    assert propose_questions(client(server).complete, ["cat"]) == ["Is it red?", "Is it big?"]
    with pytest.raises(InputError, match="0 questions"):
        propose_questions(lambda _: "no", ["cat"])


def test_answers_train_the_extended_outputs_alone():
    layer = nn.Linear(3, 2)
    extended = extend_classifier(layer, 4)
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    logits, aspects = extended(x).split([2, 4], 1)
    assert torch.allclose(logits, layer(x))
    label, answers = torch.zeros(5, dtype=torch.long), torch.full((5, 4), 0.3)
    known = torch.zeros(5, 4, dtype=torch.bool)
    unanswered = P.multi_aspect_distillation(logits, aspects, label, answers, aspect_mask=known)
    assert unanswered.item() == pytest.approx(P.cross_entropy(logits, label).item())
    none = P.multi_aspect_distillation(logits, aspects[:, :0], label, answers[:, :0])
    assert none.item() == pytest.approx(unanswered.item())
    assert extend_classifier(nn.Linear(3, 2, bias=False), 1).bias is None


def test_targets_are_a_softmax_over_two_tokens():
    yes, no = torch.tensor([[2.0, -3.0]]), torch.tensor([[1.0, 4.0]])
    assert torch.allclose(yes_no_targets(yes, no), torch.stack([yes, no]).softmax(0)[0])


def test_questions_with_one_answer_say_nothing():
    assert informative(torch.tensor([[0.2, 0.9], [0.7, 0.9]])).tolist() == [True, False]


def test_bad_input_is_refused(tmp_path):
    (tmp_path / "text").write_text("no table")
    with pytest.raises(InputError, match="cache"):
        answer_aspects(IMAGES, QUESTIONS, lambda *_: 0.5, tmp_path / "text")
    with pytest.raises(InputError, match="differ"):
        answer_aspects(IMAGES, QUESTIONS * 2, lambda *_: 0.5, tmp_path / "a")
    with pytest.raises(InputError, match="aspects"):
        extend_classifier(nn.Linear(2, 2), -1)
