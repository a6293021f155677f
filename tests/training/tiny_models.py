"""Causal language models of Hugging Face with random weights, built from configurations in a moment."""

from __future__ import annotations

import torch

TOKENS = 23


def tiny(family="llama", layers=3, seed=0):
    """In float64 and evaluation mode."""
    import transformers

    sizes = {"vocab_size": TOKENS, "hidden_size": 16, "num_hidden_layers": layers, "num_attention_heads": 2}
    config = {
        "llama": lambda: transformers.LlamaConfig(**sizes, intermediate_size=24, max_position_embeddings=64),
        "gpt2": lambda: transformers.GPT2Config(vocab_size=TOKENS, n_embd=16, n_layer=layers, n_head=2, n_positions=64),
        "neox": lambda: transformers.GPTNeoXConfig(**sizes, intermediate_size=24, max_position_embeddings=64),
        "opt": lambda: transformers.OPTConfig(
            **sizes, ffn_dim=24, word_embed_proj_dim=16, max_position_embeddings=64, bos_token_id=1, eos_token_id=2
        ),
    }[family]()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = transformers.AutoModelForCausalLM.from_config(config).double().eval()
        for (
            parameter
        ) in model.parameters():  # larger than at initialisation, so that predictions differ from place to place
            if parameter.ndim > 1:
                parameter.data.mul_(12.0)
    return model
