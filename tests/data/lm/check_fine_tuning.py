"""Fine-tunes a tiny random model of each architecture with Retort and compares the saved student with
transformers: it loads as it is, and every greedy token of Retort's engine is the likeliest there.

Usage: python check_fine_tuning.py RETORT_PROGRAM. Exits with 1 on the first difference, and with 77
(skipped, and why) where a package is missing. Last run with transformers 5.17.0, torch 2.11.0.
"""

import importlib.util
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
TOKENS = 24
EXPERIMENT = """name: tiny
threads: 2
chat: chatml
task: {{name: jsonl, file: {folder}/sums.jsonl, prompt: "{{question}}", steps: none,
       max_completion_tokens: {tokens}, verifier: {{name: numeric}}}}
problems: {{search: {{share: 0.2}}, gold: {{share: 0.8, traces: 1}}}}
generate:
  search: {{model: {model}, problems: search, strategy: {{name: best_of_n, n: 2, select: vote}}}}
  greedy: {{model: student, problems: search, strategy: {{name: greedy}}}}
filter:
  gold: {{view: {{name: completion}}, gold_split: gold}}
train:
  student:
    data: gold
    init_from: {model}
    keep_layers: [0, 2]
    optimizer: {{lr: 0.003, warmup_steps: 0}}
    steps: 12
    batch_size: 8
    eval_problems: 0
    select: last
"""


def models(transformers, vocabulary):
    shape = dict(vocab_size=vocabulary, hidden_size=48, intermediate_size=32, num_hidden_layers=3,
                 num_attention_heads=3, num_key_value_heads=1, head_dim=16,
                 max_position_embeddings=128, initializer_range=0.2)
    rope = {"rope_type": "default", "rope_theta": 10000.0}
    yield transformers.LlamaForCausalLM(transformers.LlamaConfig(
        **shape, attention_bias=True, rope_parameters=rope))
    yield transformers.Qwen2ForCausalLM(transformers.Qwen2Config(
        **shape, use_sliding_window=True, sliding_window=12, max_window_layers=1,
        rope_parameters=rope))
    yield transformers.Qwen3ForCausalLM(transformers.Qwen3Config(
        **shape, tie_word_embeddings=True, rope_parameters=rope))
    yield transformers.Gemma3ForCausalLM(transformers.Gemma3TextConfig(
        **shape, query_pre_attn_scalar=20, sliding_window=9,
        layer_types=["sliding_attention", "sliding_attention", "full_attention"],
        rope_parameters={"full_attention": rope, "sliding_attention": rope}))


def retort(program, *arguments):
    return subprocess.run([program, *map(str, arguments)], check=True, stdout=subprocess.PIPE,
                          text=True).stdout


def check(program, transformers, torch, model, folder):
    name = model.config.model_type
    shutil.copytree(HERE / "bpe_smollm2", folder / "model")
    model.save_pretrained(folder / "model")
    (folder / "sums.jsonl").write_text("".join(
        json.dumps({"question": f"What is {i} + 1?", "answer": f"{i} + 1 = {i + 1}"}) + "\n"
        for i in range(100)))
    config = folder / "tiny.yaml"
    config.write_text(EXPERIMENT.format(folder=folder, tokens=TOKENS, model=folder / "model"))
    retort(program, "run", config, "--runs", folder / "runs")
    stages = {path.name.rsplit("-", 1)[0]: path for kind in ("generate", "train")
              for path in (folder / "runs" / "tiny" / kind).iterdir()}
    student, info = transformers.AutoModelForCausalLM.from_pretrained(
        stages["student"] / "model", dtype=torch.float32, output_loading_info=True)
    if any(info.values()) or type(student) is not type(model):
        sys.exit(f"{name}: transformers complains: {info}")
    tokens = 0
    for tree in map(json.loads, retort(program, "export", stages["greedy"]).splitlines()):
        prompt, got = tree["prompt_ids"], tree["nodes"][1]["tokens"]
        with torch.no_grad():
            logits = student.eval()(torch.tensor([prompt + got])).logits[0, len(prompt) - 1:-1]
        if logits.argmax(-1).tolist() != got:
            sys.exit(f"{name}: {got} instead of {logits.argmax(-1).tolist()}")
        tokens += len(got)
    print(f"{name}: {student.config.num_hidden_layers} of {model.config.num_hidden_layers} layers "
          f"kept, fine-tuned, {tokens} greedy tokens are those of transformers")


def main():
    for package in ("torch", "transformers"):
        if importlib.util.find_spec(package) is None:
            print(f"skipped: this Python has no {package}")
            sys.exit(77)
    import torch
    import transformers
    torch.manual_seed(3)
    tokenizer = json.loads((HERE / "bpe_smollm2" / "tokenizer.json").read_text())
    tokens = {**tokenizer["model"]["vocab"], **{t["content"]: 0 for t in tokenizer["added_tokens"]}}
    for model in models(transformers, len(tokens)):
        with tempfile.TemporaryDirectory() as name:
            check(sys.argv[1], transformers, torch, model, pathlib.Path(name))


if __name__ == "__main__":
    main()
