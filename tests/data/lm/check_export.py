"""Loads an exported folder in transformers and compares it with expected figures.

Usage: python check_export.py FOLDER EXPECTED.json [TOLERANCE, default 1e-4]
EXPECTED holds "sequences" with "logits", or "lines" of {"text", "ids"}, or both: the shape of the
goldens that make_goldens.py writes. To check what Retort writes:
  RETORT_EXPORT_DIR=OUT lm_test --gtest_filter='*RoundTripTest*:*ASavedTokenizer*'
  for f in *_logits.json; do python check_export.py OUT/${f%_logits.json} $f; done
Exits with 1 on the first difference. Run with transformers 5.17.0 and torch 2.11.0.
"""

import json
import sys

import torch
import transformers


def check_logits(folder, expected, tolerance):
    model, info = transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, output_loading_info=True)
    leftover = {key: names for key, names in info.items() if names}
    if leftover:
        sys.exit(f"{folder}: transformers complains: {leftover}")
    worst = 0.0
    with torch.no_grad():
        for ids, logits in zip(expected["sequences"], expected["logits"]):
            got = model.eval()(torch.tensor([ids])).logits[0]
            worst = max(worst, (got - torch.tensor(logits)).abs().max().item())
    print(f"{folder}: {type(model).__name__}, max abs difference of logits {worst:.2e}")
    if not worst <= tolerance:
        sys.exit("the logits differ")
    print(f"{folder}: generation config eos {model.generation_config.eos_token_id}, "
          f"do_sample {model.generation_config.do_sample}")


def check_ids(folder, expected):
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    for line in expected["lines"]:
        ids = tokenizer.encode(line["text"], add_special_tokens=False)
        if ids != line["ids"]:
            sys.exit(f"{folder}: {line['text']!r} gives {ids}, not {line['ids']}")
        text = tokenizer.decode(ids, skip_special_tokens=True)
        if text != line.get("decoded", text):
            sys.exit(f"{folder}: {ids} decodes to {text!r}, not {line['decoded']!r}")
    print(f"{folder}: {type(tokenizer).__name__}, {len(expected['lines'])} lines give equal ids, "
          f"bos {tokenizer.bos_token_id} eos {tokenizer.eos_token_id} pad {tokenizer.pad_token_id}")


if __name__ == "__main__":
    with open(sys.argv[2]) as file:
        wanted = json.load(file)
    if "logits" in wanted:
        check_logits(sys.argv[1], wanted, float(sys.argv[3]) if len(sys.argv) > 3 else 1e-4)
    if "lines" in wanted:
        check_ids(sys.argv[1], wanted)
