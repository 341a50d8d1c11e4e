"""Checks that GGUF files as llama.cpp's own converter writes them give back the model they were
made of: Hugging Face folder -> convert_hf_to_gguf -> `retort export --to hf` -> equal logits.

Usage: RETORT_LLAMA_CPP=SOURCES python check_gguf_converter.py RETORT_PROGRAM
The models are tiny and random: Llama with Llama 3's rotary scaling, Qwen2 with linear scaling, Qwen3.
Exits with 1 on the first difference, and with 77 (skipped, and why) where the sources or a package are
missing.
Last run with the sources in PyPI's llama-cpp-python 0.3.36, transformers 5.17.0, torch 2.11.0.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
SEQUENCES = [[1, 5, 9, 13, 2], list(range(39, 3, -1)) * 2]
TOKENIZER = json.loads((HERE / "bpe_smollm2" / "tokenizer.json").read_text())
VOCABULARY = len({**TOKENIZER["model"]["vocab"],
                  **{token["content"]: token["id"] for token in TOKENIZER["added_tokens"]}})
SHAPE = dict(vocab_size=VOCABULARY, hidden_size=48, intermediate_size=32, num_hidden_layers=2,
             num_attention_heads=3, num_key_value_heads=1, head_dim=16, rms_norm_eps=1e-6,
             max_position_embeddings=96, initializer_range=0.3)

sources = os.environ.get("RETORT_LLAMA_CPP", "")
if not os.path.exists(sources):
    print("skipped: RETORT_LLAMA_CPP names no folder")
    sys.exit(77)
sys.path[:0] = [str(HERE), str(pathlib.Path(sources) / "gguf-py"), sources]
try:
    import torch
    import transformers
    import gguf
    from conversion import get_model_class
    import make_gguf_goldens
except ImportError as error:
    print("skipped:", error)
    sys.exit(77)


def models():
    rope = {"rope_theta": 10000.0}
    llama3 = {**rope, "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
              "high_freq_factor": 4.0, "original_max_position_embeddings": 32}
    yield "llama", transformers.LlamaForCausalLM(transformers.LlamaConfig(
        **SHAPE, tie_word_embeddings=True, rope_parameters=llama3))
    yield "qwen2", transformers.Qwen2ForCausalLM(transformers.Qwen2Config(
        **{**SHAPE, "num_key_value_heads": 3}, tie_word_embeddings=False,
        rope_parameters={**rope, "rope_type": "linear", "factor": 4.0}))
    yield "qwen3", transformers.Qwen3ForCausalLM(transformers.Qwen3Config(
        **SHAPE, tie_word_embeddings=True, rope_parameters={**rope, "rope_type": "default"}))


def convert(model, folder, path):
    model.save_pretrained(folder)
    converter = get_model_class(type(model).__name__)(
        folder, gguf.LlamaFileType.ALL_F32, path, model_name="tiny")
    # Random models have no words of their own.
    converter.set_vocab = lambda: make_gguf_goldens.add_trained_tokenizer(
        converter.gguf_writer, TOKENIZER)
    converter.write()


def logits(folder):
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.no_grad():
        return [model(torch.tensor([ids])).logits for ids in SEQUENCES]


def main():
    torch.manual_seed(7)
    with tempfile.TemporaryDirectory() as name:
        for architecture, model in models():
            for key, parameter in model.named_parameters():  # away from 1 and 0
                if parameter.dim() == 1:
                    parameter.data = ("norm" in key) + 0.2 * torch.randn(parameter.shape)
            folder = pathlib.Path(name) / architecture
            file, back = folder.with_suffix(".gguf"), folder.with_suffix(".back")
            with torch.inference_mode():
                convert(model, folder, file)
            subprocess.run([sys.argv[1], "export", file, "--to", "hf", "-o", back], check=True)
            worst = max((a - b).abs().max().item() for a, b in zip(logits(folder), logits(back)))
            print(f"{architecture}: max abs difference of logits {worst:.2e}")
            if not worst <= 1e-5:
                sys.exit(f"{architecture}: the logits differ")


if __name__ == "__main__":
    main()
