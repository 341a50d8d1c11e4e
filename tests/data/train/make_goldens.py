"""Writes the goldens of tests/train: ten training steps of a tiny Llama in PyTorch.

Made once with torch 2.11.0, transformers 5.17.0 and safetensors 0.8.0 on a CPU, float32, one
thread. Every sequence runs through LlamaForCausalLM alone, so packing is judged by something that
cannot pack. AdamW is torch.optim.AdamW (for-loop form), clipping torch's clip_grad_norm_.
Tolerances (tests/train/golden_test.cc): losses and gradient norms 1e-5 relative; gradients of the
first step 1e-5 of the largest entry of the tensor; weights after ten steps 2e-5 absolute.
Run from anywhere: python make_goldens.py [OUTPUT_FOLDER, default: this script's own].
"""

import json
import math
import pathlib
import random
import sys

import torch
import transformers
from safetensors.torch import save_file

OUT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else __file__).resolve()
OUT = (OUT.parent if OUT.is_file() else OUT) / "llama_ten_steps"
STEPS, BATCH, VOCAB = 10, 6, 24
SHAPE = dict(vocab_size=VOCAB, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
             num_attention_heads=4, num_key_value_heads=2, head_dim=8, rms_norm_eps=1e-5,
             max_position_embeddings=64, tie_word_embeddings=True, bos_token_id=1, eos_token_id=2,
             pad_token_id=0)
OPTIMIZER = dict(lr=1e-2, beta1=0.9, beta2=0.98, eps=1e-8, weight_decay=0.1, clip_norm=1.0,
                 warmup_steps=4, schedule="cosine", final_lr_ratio=0.05)


def make_model():
    torch.manual_seed(11)
    config = transformers.LlamaConfig(**SHAPE, rope_parameters={"rope_type": "default",
                                                                "rope_theta": 10000.0})
    config._attn_implementation = "eager"
    model = transformers.LlamaForCausalLM(config).float()
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape)
        parameter.data = 1 + 0.1 * noise if name.endswith("norm.weight") else 0.15 * noise
    return model


def make_examples():
    """Varied lengths and weights; prompts start with bos, completions end with eos."""
    draw = random.Random(5)
    examples = []
    for index in range(STEPS * BATCH):
        prompt = [1] + [draw.randrange(3, VOCAB) for _ in range(draw.randrange(0, 11))]
        completion = [draw.randrange(3, VOCAB) for _ in range(draw.randrange(0, 12))] + [2]
        weight = [1.0, 1.0, 0.5, 2.0][index % 4]
        examples.append(dict(prompt_ids=prompt, completion_ids=completion, weight=weight))
    return examples


def loss_sum(model, example):
    ids = example["prompt_ids"] + example["completion_ids"]
    logits = model(torch.tensor([ids[:-1]])).logits[0, len(example["prompt_ids"]) - 1:]
    targets = torch.tensor(example["completion_ids"])
    return example["weight"] * torch.nn.functional.cross_entropy(logits, targets, reduction="sum")


def learning_rate(step):
    o = OPTIMIZER
    if step < o["warmup_steps"]:
        return o["lr"] * (step + 1) / o["warmup_steps"]
    progress = (step - o["warmup_steps"]) / max(1, STEPS - o["warmup_steps"])
    ratio = o["final_lr_ratio"]
    return o["lr"] * (ratio + (1 - ratio) * 0.5 * (1 + math.cos(math.pi * progress)))


def tensors(model, pick):
    return {name: pick(p).detach().clone().contiguous() for name, p in model.named_parameters()}


def main():
    torch.set_num_threads(1)
    OUT.mkdir(parents=True, exist_ok=True)
    model, examples, steps = make_model(), make_examples(), []
    save_file(tensors(model, lambda p: p.data), OUT / "initial.safetensors")
    groups = [dict(params=[p for p in model.parameters() if p.dim() >= 2],
                   weight_decay=OPTIMIZER["weight_decay"]),
              dict(params=[p for p in model.parameters() if p.dim() < 2], weight_decay=0.0)]
    optimizer = torch.optim.AdamW(groups, betas=(OPTIMIZER["beta1"], OPTIMIZER["beta2"]),
                                  eps=OPTIMIZER["eps"], foreach=False)
    for step in range(STEPS):
        batch = examples[step * BATCH:(step + 1) * BATCH]
        supervised = sum(len(e["completion_ids"]) for e in batch)
        optimizer.zero_grad(set_to_none=True)
        loss = sum(loss_sum(model, e) for e in batch) / supervised
        loss.backward()
        norms = {n: p.grad.norm().item() for n, p in model.named_parameters()}
        if step == 0:
            save_file(tensors(model, lambda p: p.grad), OUT / "first_gradients.safetensors")
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), OPTIMIZER["clip_norm"]).item()
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step)
        optimizer.step()
        steps.append(dict(loss=loss.item(), grad_norm=norm, grad_norms=norms,
                          lr=learning_rate(step)))
    save_file(tensors(model, lambda p: p.data), OUT / "final.safetensors")
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    run = dict(versions=versions, shape=SHAPE, optimizer=OPTIMIZER, batch_size=BATCH,
               examples=examples, steps=steps)
    (OUT / "run.json").write_text(json.dumps(run, indent=1) + "\n")


if __name__ == "__main__":
    main()
