"""Writes the goldens of tests/train: ten training steps in PyTorch, of a tiny Llama with all its
weights, and of each checkpoint of tests/data/lm with losses and gradient norms alone.

Made once with torch 2.11.0, transformers 5.17.0 and safetensors 0.8.0 on a CPU, float32, one
thread. Every sequence runs through the model alone, so packing is judged by something that cannot
pack. AdamW is torch.optim.AdamW (for-loop form), clipping torch's clip_grad_norm_.
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
OUT = OUT.parent if OUT.is_file() else OUT
CHECKPOINTS = pathlib.Path(__file__).resolve().parent.parent / "lm"
STEPS, BATCH, VOCAB = 10, 6, 24
SHAPE = dict(vocab_size=VOCAB, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
             num_attention_heads=4, num_key_value_heads=2, head_dim=8, rms_norm_eps=1e-5,
             max_position_embeddings=64, tie_word_embeddings=True, bos_token_id=1, eos_token_id=2,
             pad_token_id=0)
OPTIMIZER = dict(lr=1e-2, beta1=0.9, beta2=0.98, eps=1e-8, weight_decay=0.1, clip_norm=1.0,
                 warmup_steps=4, schedule="cosine", final_lr_ratio=0.05)
VERSIONS = {"torch": torch.__version__, "transformers": transformers.__version__}


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


def make_examples(vocab, batch, longest):
    """Varied lengths and weights; prompts start with bos, completions end with eos."""
    draw = random.Random(5)
    examples = []
    for index in range(STEPS * batch):
        prompt = [1] + [draw.randrange(3, vocab) for _ in range(draw.randrange(0, longest))]
        completion = [draw.randrange(3, vocab) for _ in range(draw.randrange(0, longest + 1))] + [2]
        weight = [1.0, 1.0, 0.5, 2.0][index % 4]
        examples.append(dict(prompt_ids=prompt, completion_ids=completion, weight=weight))
    return examples


def loss_sum(model, example):
    ids = example["prompt_ids"] + example["completion_ids"]
    logits = model(torch.tensor([ids[:-1]])).logits[0, len(example["prompt_ids"]) - 1:]
    targets = torch.tensor(example["completion_ids"])
    return example["weight"] * torch.nn.functional.cross_entropy(logits, targets, reduction="sum")


def learning_rate(o, step):
    if step < o["warmup_steps"]:
        return o["lr"] * (step + 1) / o["warmup_steps"]
    progress = (step - o["warmup_steps"]) / max(1, STEPS - o["warmup_steps"])
    ratio = o["final_lr_ratio"]
    return o["lr"] * (ratio + (1 - ratio) * 0.5 * (1 + math.cos(math.pi * progress)))


def tensors(model, pick):
    return {name: pick(p).detach().clone().contiguous() for name, p in model.named_parameters()}


def train(model, examples, optimization, after_first_backward=lambda: None):
    """The losses, norms and rates of each of STEPS steps over equal parts of `examples`."""
    groups = [dict(params=[p for p in model.parameters() if p.dim() >= 2],
                   weight_decay=optimization["weight_decay"]),
              dict(params=[p for p in model.parameters() if p.dim() < 2], weight_decay=0.0)]
    optimizer = torch.optim.AdamW(groups, betas=(optimization["beta1"], optimization["beta2"]),
                                  eps=optimization["eps"], foreach=False)
    size, steps = len(examples) // STEPS, []
    for step in range(STEPS):
        batch = examples[step * size:(step + 1) * size]
        supervised = sum(len(e["completion_ids"]) for e in batch)
        optimizer.zero_grad(set_to_none=True)
        loss = sum(loss_sum(model, e) for e in batch) / supervised
        loss.backward()
        norms = {n: p.grad.norm().item() for n, p in model.named_parameters()}
        if step == 0:
            after_first_backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), optimization["clip_norm"]).item()
        lr = learning_rate(optimization, step)
        for group in optimizer.param_groups:
            group["lr"] = lr
        optimizer.step()
        steps.append(dict(loss=loss.item(), grad_norm=norm, grad_norms=norms, lr=lr))
    return steps


def write_llama():
    """All weights before and after, and the first gradients."""
    out = OUT / "llama_ten_steps"
    out.mkdir(parents=True, exist_ok=True)
    model, examples = make_model(), make_examples(VOCAB, BATCH, 11)
    save_file(tensors(model, lambda p: p.data), out / "initial.safetensors")
    steps = train(model, examples, OPTIMIZER, lambda: save_file(
        tensors(model, lambda p: p.grad), out / "first_gradients.safetensors"))
    save_file(tensors(model, lambda p: p.data), out / "final.safetensors")
    run = dict(versions=VERSIONS, shape=SHAPE, optimizer=OPTIMIZER, batch_size=BATCH,
               examples=examples, steps=steps)
    (out / "run.json").write_text(json.dumps(run, indent=1) + "\n")


def write_checkpoints():
    """Sequences reach past sliding windows and the length that rope scaling starts from."""
    batch = 4
    examples, models = make_examples(40, batch, 24), {}
    optimizer = {**OPTIMIZER, "lr": 1e-3}
    for config in sorted(CHECKPOINTS.glob("*/config.json")):
        model = transformers.AutoModelForCausalLM.from_pretrained(
            config.parent, dtype=torch.float32, attn_implementation="eager")
        models[config.parent.name] = train(model, examples, optimizer)
    run = dict(versions=VERSIONS, optimizer=optimizer, batch_size=batch, examples=examples)
    text = json.dumps(run, separators=(",", ":"))[:-1] + ',"models":{\n' + ",\n".join(
        f'"{name}":' + json.dumps([{**rounded(step), "lr": step["lr"]} for step in steps],
                                  separators=(",", ":"))
        for name, steps in models.items())
    (OUT / "checkpoints_ten_steps.json").write_text(text + "}}\n")


def rounded(value):
    """Eight digits say more than float32 does."""
    if isinstance(value, float):
        return float(f"{value:.8g}")
    return {key: rounded(part) for key, part in value.items()}


def main():
    torch.set_num_threads(1)
    write_llama()
    write_checkpoints()


if __name__ == "__main__":
    main()
