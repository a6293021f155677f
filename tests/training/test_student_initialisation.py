"""Students that start as some of their teacher's layers, on tiny models built here."""

from __future__ import annotations

import sys

import pytest
import torch
from torch import nn

import perdita
import perdita.functional as P
from perdita.core import InputError, MissingExtraError
from perdita.training.student_initialisation import (
    copy_layers,
    distilbert_of,
    layer_subset,
    longest_stack,
    student_of,
)


def bert(layers: int = 4):
    from transformers import BertConfig, BertForMaskedLM

    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=31, hidden_size=16, num_hidden_layers=layers, num_attention_heads=2, intermediate_size=24,
        max_position_embeddings=12,
    )  # fmt: skip
    model = BertForMaskedLM(config).eval()
    for parameter in model.parameters():  # biases and norms too
        nn.init.normal_(parameter, std=0.2)
    return model


TOKENS = torch.tensor([[3, 5, 7, 9, 2, 0], [4, 4, 8, 1, 6, 30]])
REAL = torch.tensor([[1, 1, 1, 1, 1, 0], [1, 1, 1, 1, 1, 1]])


def test_a_student_of_all_layers_is_its_teacher() -> None:
    teacher = bert()
    student = student_of(teacher, (0, 1, 2, 3)).eval()
    with torch.no_grad():
        torch.testing.assert_close(
            student(TOKENS, attention_mask=REAL).logits, teacher(TOKENS, attention_mask=REAL).logits
        )


def test_a_student_has_the_chosen_layers_in_order() -> None:
    teacher = bert()
    student = student_of(teacher, (0, 2))
    assert type(student) is type(teacher)
    assert student.config.num_hidden_layers == 2
    assert teacher.config.num_hidden_layers == 4
    own = student.bert.encoder.layer[1].state_dict()
    for name, tensor in teacher.bert.encoder.layer[2].state_dict().items():
        assert torch.equal(own[name], tensor)
        assert own[name].data_ptr() != tensor.data_ptr()  # a copy: training it leaves the teacher alone


def test_a_distilbert_of_all_layers_is_the_teacher_without_token_types() -> None:
    teacher = bert()
    nn.init.zeros_(teacher.bert.embeddings.token_type_embeddings.weight)
    student = distilbert_of(teacher, (0, 1, 2, 3)).eval()
    with torch.no_grad():
        expected = teacher(TOKENS, attention_mask=REAL).logits
        found = student(TOKENS, attention_mask=REAL).logits
    torch.testing.assert_close(found[REAL.bool()], expected[REAL.bool()], rtol=1e-4, atol=1e-4)


def test_a_distilled_step_with_a_teacher_from_the_library() -> None:
    """The whole recipe on one batch: the student's loss falls, the teacher stays as it is."""
    teacher = bert()
    before = {name: tensor.clone() for name, tensor in teacher.state_dict().items()}
    student = distilbert_of(teacher, (0, 2))
    labels = torch.where(torch.arange(6) % 3 == 1, TOKENS, -100)
    optimizer = torch.optim.Adam(student.parameters(), lr=1e-2)
    criterion = perdita.MaskedLanguageDistillation()
    with torch.no_grad():
        taught = teacher(TOKENS, attention_mask=REAL, output_hidden_states=True)
    values = []
    for _ in range(5):
        own = student(TOKENS, attention_mask=REAL, output_hidden_states=True)
        value = criterion(
            own.logits, taught.logits, labels, own.hidden_states[-1], taught.hidden_states[-1], mask=REAL.bool()
        )
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        values.append(value.item())
    assert values[-1] < values[0]
    assert all(torch.equal(tensor, before[name]) for name, tensor in teacher.state_dict().items())


def test_any_module_with_a_stack() -> None:
    def make(layers: int, width: int = 3) -> nn.ModuleDict:
        return nn.ModuleDict({
            "blocks": nn.ModuleList(nn.Linear(width, width) for _ in range(layers)), "head": nn.Linear(width, 2)
        })  # fmt: skip

    teacher, student = make(3), make(2)
    assert longest_stack(teacher) == "blocks"
    copy_layers(student, teacher, (2, 0))
    assert torch.equal(student["blocks"][0].weight, teacher["blocks"][2].weight)
    assert torch.equal(student["blocks"][1].weight, teacher["blocks"][0].weight)
    assert torch.equal(student["head"].weight, teacher["head"].weight)
    with pytest.raises(InputError, match=r"blocks\.1\.weight"):
        copy_layers(student, teacher, (2,))
    with pytest.raises(InputError, match=r"\(4, 4\) in the student and \(3, 3\) in the teacher"):
        copy_layers(make(2, 4), teacher, (0, 2))


@pytest.mark.parametrize("layers", [(), (0, 4), (-1,)])
def test_layers_that_the_teacher_lacks(layers: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="layers must be some of the 4"):
        layer_subset(bert().state_dict(), "bert.encoder.layer", layers)


def test_teachers_of_another_kind() -> None:
    with pytest.raises(InputError, match="num_hidden_layers"):
        student_of(nn.Linear(2, 2), (0,))
    with pytest.raises(InputError, match="must be a BertForMaskedLM, not Linear"):
        distilbert_of(nn.Linear(2, 2), (0,))
    with pytest.raises(InputError, match=r"no nn\.ModuleList"):
        longest_stack(nn.Linear(2, 2))


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtraError, match=r"perdita\[hf\]"):
        distilbert_of(nn.Linear(2, 2), (0,))


def test_the_public_function_agrees_with_its_class() -> None:
    logits, hidden = torch.randn(2, 3, 5), torch.randn(2, 3, 4)
    labels = torch.tensor([[0, -100, 2], [1, 1, -100]])
    given = (logits, logits.flip(0), labels, hidden, hidden.flip(0))
    assert perdita.MaskedLanguageDistillation()(*given).equal(P.masked_language_distillation(*given))
