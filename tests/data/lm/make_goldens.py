"""Writes the goldens of tests/core/lm: tiny checkpoints with logits and greedy continuations,
tokenizers with ids.

Made once with torch 2.11.0, transformers 5.17.0, tokenizers 0.23.3, sentencepiece 0.2.3 and
safetensors 0.8.0 on a CPU, float32. Logits are compared with tolerance 1e-4 (absolute), ids exactly.
A continuation's smallest lead of the best token over the second is checked to be above 2e-4.
Run from anywhere: python make_goldens.py [OUTPUT_FOLDER, default: this script's own].
"""

import hashlib
import io
import json
import pathlib
import sys

import sentencepiece
import tokenizers
import torch
import transformers

OUT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else __file__).resolve()
OUT = OUT.parent if OUT.is_file() else OUT
SEQUENCES = [[1, 5, 9, 13, 2], [7], [1, 39, 38, 37, 36, 35, 34, 33, 32, 31, 30, 29, 28, 3, 3, 3]]
SHAPE = dict(vocab_size=40, hidden_size=48, intermediate_size=32, num_hidden_layers=2,
             num_attention_heads=3, num_key_value_heads=1, head_dim=16, rms_norm_eps=1e-6,
             max_position_embeddings=96, initializer_range=0.3, bos_token_id=1, eos_token_id=2,
             pad_token_id=0)
CONTINUATION = 64
VERSIONS = {"torch": torch.__version__, "transformers": transformers.__version__,
            "tokenizers": tokenizers.__version__, "sentencepiece": sentencepiece.__version__}


def randomize(model):
    """Norms and biases away from 1 and 0, so that dropping one changes the logits."""
    generator = torch.Generator().manual_seed(20)
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if name.endswith("norm.weight"):
            gemma = model.config.model_type == "gemma3_text"  # whose weights are stored less 1
            parameter.data = (0 if gemma else 1) + 0.2 * noise
        elif name.endswith(".bias"):
            parameter.data = 0.2 * noise


def read_back(folder):
    """Because a cast of the whole model would round its rotary table too."""
    return transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def logits_of(model):
    with torch.no_grad():
        return [model(torch.tensor([ids])).logits[0].tolist() for ids in SEQUENCES]


def greedy_of(model):
    """64 tokens after each sequence, every one from a forward of the whole text."""
    continuations = []
    for prompt in SEQUENCES:
        ids = list(prompt)
        for _ in range(CONTINUATION):
            with torch.no_grad():
                best = model(torch.tensor([ids])).logits[0, -1].topk(2)
            if best.values[0] - best.values[1] < 2e-4:
                sys.exit(f"{model.config.model_type}: a tie in a continuation; take another seed")
            ids.append(best.indices[0].item())
        continuations.append(ids[len(prompt):])
    return continuations


def write_json(path, value):
    path.write_text(json.dumps(value, indent=None, separators=(",", ":")) + "\n")


def write_model(name, model, dtype=torch.float32, **save_args):
    randomize(model)
    model.to(dtype).save_pretrained(OUT / name, **save_args)
    read = read_back(OUT / name)
    write_json(OUT / f"{name}_logits.json",
               {"versions": VERSIONS, "sequences": SEQUENCES, "greedy": greedy_of(read),
                "logits": [[[round(x, 6) for x in row] for row in rows]
                           for rows in logits_of(read)]})


def write_models():
    rope = lambda theta: {"rope_type": "default", "rope_theta": theta}
    llama = transformers.LlamaConfig
    torch.manual_seed(1)
    write_model("llama_tied", transformers.LlamaForCausalLM(
        llama(**SHAPE, tie_word_embeddings=True, rope_parameters=rope(10000.0))))
    torch.manual_seed(2)
    write_model("llama_biased_sharded", transformers.LlamaForCausalLM(
        llama(**SHAPE, tie_word_embeddings=False, attention_bias=True, mlp_bias=True,
              rope_parameters=rope(500000.0))), max_shard_size="60KB")
    torch.manual_seed(3)
    write_model("qwen3_bfloat16", transformers.Qwen3ForCausalLM(transformers.Qwen3Config(
        **SHAPE, tie_word_embeddings=True, attention_bias=False,
        rope_parameters=rope(1000000.0))), dtype=torch.bfloat16)
    # Below here: float16, shards, padded vocabularies, head widths and counts that divide nothing.
    llama3 = {**rope(10000.0), "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
              "high_freq_factor": 4.0, "original_max_position_embeddings": 32}
    torch.manual_seed(4)
    write_model("llama3_scaled_float16", transformers.LlamaForCausalLM(
        llama(**SHAPE, tie_word_embeddings=True, rope_parameters=llama3)), dtype=torch.float16)
    torch.manual_seed(5)
    write_model("qwen2_sliding", transformers.Qwen2ForCausalLM(transformers.Qwen2Config(
        **{**SHAPE, "num_attention_heads": 3, "num_key_value_heads": 3},
        tie_word_embeddings=False, use_sliding_window=True, sliding_window=7, max_window_layers=1,
        rope_parameters={**rope(1000000.0), "rope_type": "linear", "factor": 4.0})))
    torch.manual_seed(6)
    gemma = {**SHAPE, "num_hidden_layers": 3, "num_attention_heads": 5, "num_key_value_heads": 1,
             "hidden_size": 40, "head_dim": 12}
    model = transformers.Gemma3ForCausalLM(transformers.Gemma3TextConfig(
        **gemma, query_pre_attn_scalar=20, sliding_window=9,
        layer_types=["sliding_attention", "full_attention", "sliding_attention"],
        rope_parameters={"full_attention": {**rope(1000000.0), "rope_type": "linear", "factor": 8.0},
                         "sliding_attention": rope(10000.0)}))
    model.model.embed_tokens.weight.data *= 0.2  # or a tied head would repeat its input for ever
    write_model("gemma3_sharded", model, dtype=torch.bfloat16, max_shard_size="20KB")


def write_word_level():
    words = ["<pad>", "<bos>", "<eos>", "<unk>", "0", "1", "2", "ring", "Ж", ":", "->", "a"]
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(
        {w: i for i, w in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    tokenizer.add_special_tokens(words[:4])
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", bos_token="<bos>", eos_token="<eos>",
        unk_token="<unk>", clean_up_tokenization_spaces=False)
    fast.save_pretrained(OUT / "word_level")
    texts = ["ring : 0 1 2 -> 1", "", "   ", "a\tb\n2", "a<eos>2", "<bos> a <eos>", "a\u00a0a\u20031",
             "Ж ring\u3000ring", "<e os>", "ringa", "a <unk> 1"]
    write_json(OUT / "word_level_ids.json", {"versions": VERSIONS, "lines": [
        {"text": t, "ids": fast.encode(t, add_special_tokens=False),
         "decoded": fast.decode(fast.encode(t, add_special_tokens=False),
                                skip_special_tokens=True)} for t in texts]})


def corpus():
    """Sentences of a small grammar, enough to train on."""
    generator = torch.Generator().manual_seed(5)
    pick = lambda words: words[int(torch.randint(len(words), (1,), generator=generator))]
    for _ in range(2000):
        yield " ".join(["the", pick(["red", "small", "old", "quick"]), pick(["ring", "tile", "fox"]),
                        pick(["moves", "swaps", "finds"]), str(int(torch.randint(
                            100, (1,), generator=generator))), pick(["times.", "tiles, again."])])


def write_sentence_piece():
    for kind in ["unigram", "bpe"]:
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=corpus(), model_writer=model, vocab_size=340, model_type=kind,
            byte_fallback=True, normalization_rule_name="identity", pad_id=3,
            remove_extra_whitespaces=False,  # as Llama has it
            hard_vocab_limit=False, num_threads=1, minloglevel=2, seed_sentencepiece_size=2000)
        folder = OUT / f"sentencepiece_{kind}"
        folder.mkdir(exist_ok=True)
        (folder / "tokenizer.model").write_bytes(model.getvalue())
        processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
        texts = ["the red ring moves 17 times.", "", " two  spaces ", "Ж 漢字 \U0001f98a",
                 "</s> is text here", "the\tquick\nfox", "unseen words"]
        write_json(OUT / f"sentencepiece_{kind}_ids.json", {"versions": VERSIONS, "lines": [
            {"text": t, "ids": processor.encode(t), "decoded": processor.decode(processor.encode(t))}
            for t in texts]})


def print_character_maps():
    """The table behind sentencepiece_scan.cc's kKnownCharacterMaps."""
    for rule in ["nmt_nfkc", "nfkc", "nmt_nfkc_cf", "nfkc_cf"]:
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=corpus(), model_writer=model, vocab_size=60, minloglevel=2,
            normalization_rule_name=rule, hard_vocab_limit=False)
        print(rule, hashlib.sha256(character_map(model.getvalue())).hexdigest())


def fields(message):
    """(number, value) of each protobuf field; value is bytes or an int."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(message):
        tag = varint()
        width = {1: 8, 5: 4}.get(tag & 7)
        if tag & 7 == 0:
            yield tag >> 3, varint()
            continue
        width = varint() if tag & 7 == 2 else width
        yield tag >> 3, message[at:at + width]
        at += width


def character_map(model):
    normalizer = next(value for number, value in fields(model) if number == 3)
    return next((value for number, value in fields(normalizer) if number == 2), b"")


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    write_models()
    write_word_level()
    write_sentence_piece()
    print_character_maps()
