"""Retort on a GPU against transformers' `generate` on the same one: the same Hugging Face folder in
bfloat16, interleaved rounds of one run, medians. Prefill of one prompt, and sampling for 1, 16, 64
and 256 rows that share a prompt of 128 tokens. Needs torch and transformers; asserts nothing.

    python3 bench/transformers_peer.py FOLDER LLAMA_BENCH [ROUNDS, default 5]

LLAMA_BENCH is the program that a CUDA build makes: ninja -C build-cuda llama_bench. `composite` is
Retort with LibTorch's operators in place of its kernels and graphs. transformers runs eagerly, as
`generate` does by default, with scaled dot-product attention.
"""
import os
import statistics
import subprocess
import sys
import time

import torch
import transformers

PROMPT, NEW = 128, 64


def ours(bench, folder, device, *mode):
    run = [bench, folder, str(os.cpu_count()), "bfloat16", device, *map(str, mode), "1"]
    return float(subprocess.run(run, check=True, capture_output=True, text=True).stdout.split()[1])


@torch.inference_mode()
def theirs(model, batch, prompt, new):
    ids = torch.randint(model.config.vocab_size, (1, prompt), device="cuda").expand(batch, prompt)
    torch.cuda.synchronize()
    start = time.perf_counter()
    model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=new, min_new_tokens=new,
                   do_sample=True, top_k=0, pad_token_id=0)
    torch.cuda.synchronize()
    return time.perf_counter() - start


def compare(name, rounds, mine, composite, peer):
    peer()  # warms up; a run of llama_bench does so itself
    rates = [(mine(), composite(), peer()) for _ in range(rounds)]
    a, b, c = (statistics.median(column) for column in zip(*rates))
    print(f"{name:12} retort {a:9.0f}  composite {b:8.0f}  transformers {c:8.0f}  "
          f"ratio {statistics.median(r[0] / r[2] for r in rates):5.2f}  ({rounds} rounds)", flush=True)


def main():
    folder, bench = sys.argv[1], sys.argv[2]
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 5
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16).cuda()
    model.generation_config.eos_token_id = None
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, transformers "
          f"{transformers.__version__}, bfloat16, tokens a second of wall time")
    compare("prefill 512", rounds, lambda: ours(bench, folder, "cuda", "prefill", 512),
            lambda: ours(bench, folder, "composite", "prefill", 512),
            lambda: 512 / theirs(model, 1, 512, 1))
    for batch in (1, 16, 64, 256):
        compare(f"decode {batch}", rounds,
                lambda: ours(bench, folder, "cuda", "decode", batch, PROMPT, NEW),
                lambda: ours(bench, folder, "composite", "decode", batch, PROMPT, NEW),
                # The prompt's forward is not timed, as it is not in llama_bench.
                lambda: batch * NEW / (theirs(model, batch, PROMPT, NEW + 1) -
                                       theirs(model, batch, PROMPT, 1)))


main()
