"""Writes the goldens of tests/core/lm/gguf_test.cc and gguf_model_test.cc: GGUF files with what they
hold as float32; and the model of tests/pipeline/own_model_test.cc.

Made once with gguf 0.19.0 and numpy 2.4.6. Values are compared bit for bit: "sha256" is that of the
values as little-endian float32, in row-major order.
Run from anywhere: python make_gguf_goldens.py [OUTPUT_FOLDER, default: gguf beside this script].
"""

import hashlib
import json
import pathlib
import sys

import gguf
import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
OUT = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "gguf"
TYPES = gguf.GGMLQuantizationType
# Where the float16 scales of a block lie, in bytes.
SCALES = {TYPES.Q4_0: [0], TYPES.Q4_1: [0, 2], TYPES.Q5_0: [0], TYPES.Q5_1: [0, 2],
          TYPES.Q8_0: [0], TYPES.Q4_K: [0, 2], TYPES.Q6_K: [208]}
# Zeros, subnormals, the ends of the range; the rest is random.
SPECIAL_HALVES = [0x0000, 0x8000, 0x0001, 0x83ff, 0x0400, 0x7bff, 0xfbff, 0x3c00]
CHATML = ("{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + "
          "message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}"
          "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}")


def values_of(array):
    flat = np.ascontiguousarray(array, dtype="<f4")
    return {"shape": list(flat.shape), "sha256": hashlib.sha256(flat.tobytes()).hexdigest()}


def write_json(name, value):
    value = {"versions": {"gguf": "0.19.0", "numpy": np.__version__}, **value}
    (OUT / name).write_text(json.dumps(value, indent=1) + "\n")


def finish(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def random_blocks(rng, ggml_type, rows, blocks_per_row):
    """Random bytes, except that every scale is finite."""
    size = gguf.GGML_QUANT_SIZES[ggml_type][1]
    blocks = rng.integers(0, 256, (rows * blocks_per_row, size), dtype=np.uint8)
    for offset in SCALES.get(ggml_type, [] if ggml_type == TYPES.F32 else [0]):
        halves = rng.integers(0, 0x10000, len(blocks)).astype(np.uint16)
        exponent = 0x7f80 if ggml_type == TYPES.BF16 else 0x7c00
        halves[(halves & exponent) == exponent] &= 0x83ff
        halves[:len(SPECIAL_HALVES)] = SPECIAL_HALVES
        rng.shuffle(halves)
        blocks[:, offset:offset + 2] = halves.view(np.uint8).reshape(-1, 2)
    if ggml_type == TYPES.F32:
        blocks = rng.standard_normal(len(blocks)).astype(np.float32).view(np.uint8)
    return blocks.reshape(rows, -1)


def all_finite_halves():
    halves = np.arange(0x10000, dtype=np.uint32).astype(np.uint16)
    return halves[(halves & 0x7c00) != 0x7c00]


def write_quants():
    rng = np.random.default_rng(19)
    writer = gguf.GGUFWriter(OUT / "quants.gguf", "none")
    expected = {}
    for ggml_type in [TYPES.F32, TYPES.F16, TYPES.BF16, *SCALES]:
        per_row = 2 if ggml_type in SCALES else 40
        blocks = random_blocks(rng, ggml_type, 7, per_row)
        with np.errstate(over="ignore"):
            values = gguf.quants.dequantize(blocks, ggml_type)
        assert np.isfinite(values).all() and values.dtype == np.float32, ggml_type
        writer.add_tensor(ggml_type.name, blocks, raw_dtype=ggml_type)
        expected[ggml_type.name] = values_of(values)
        expected[ggml_type.name]["row_1"] = [float(x) for x in values[1, :4]]
    finish(writer)
    halves = gguf.quants.dequantize(all_finite_halves().view(np.uint8), TYPES.F16)
    write_json("quants.json", {"tensors": expected, "finite_halves": values_of(halves)})


def permute(weights, heads):
    """What llama.cpp's converter does to the rows of q_proj and k_proj (weights and biases)."""
    return (weights.reshape(heads, 2, weights.shape[0] // heads // 2, *weights.shape[1:])
            .swapaxes(1, 2).reshape(weights.shape))


def parameters(shape, tied, biased, architecture="llama"):
    """(GGUF name, Hugging Face name, shape, heads to permute or 0) of every parameter."""
    permuted = int(architecture == "llama")
    d, f, v = shape["hidden_size"], shape["intermediate_size"], shape["vocab_size"]
    h, g, k = (shape[key] for key in ("num_attention_heads", "num_key_value_heads", "head_dim"))
    yield "token_embd.weight", "model.embed_tokens.weight", (v, d), 0
    for i in range(shape["num_hidden_layers"]):
        theirs, ours = f"blk.{i}.", f"model.layers.{i}."
        yield theirs + "attn_norm.weight", ours + "input_layernorm.weight", (d,), 0
        yield theirs + "ffn_norm.weight", ours + "post_attention_layernorm.weight", (d,), 0
        for name, hf_name, rows, columns, heads in [
                ("attn_q", "self_attn.q_proj", h * k, d, h * permuted),
                ("attn_k", "self_attn.k_proj", g * k, d, g * permuted),
                ("attn_v", "self_attn.v_proj", g * k, d, 0),
                ("attn_output", "self_attn.o_proj", d, h * k, 0),
                ("ffn_gate", "mlp.gate_proj", f, d, 0), ("ffn_up", "mlp.up_proj", f, d, 0),
                ("ffn_down", "mlp.down_proj", d, f, 0)]:
            yield f"{theirs}{name}.weight", f"{ours}{hf_name}.weight", (rows, columns), heads
            if biased and (architecture == "llama" or name in ("attn_q", "attn_k", "attn_v")):
                yield f"{theirs}{name}.bias", f"{ours}{hf_name}.bias", (rows,), heads
        for name in ["q_norm", "k_norm"] if architecture == "qwen3" else []:
            yield f"{theirs}attn_{name}.weight", f"{ours}self_attn.{name}.weight", (k,), 0
    yield "output_norm.weight", "model.norm.weight", (d,), 0
    if not tied:
        yield "output.weight", "lm_head.weight", (v, d), 0


def add_config(writer, shape, explicit_head_dim):
    writer.add_context_length(shape["max_position_embeddings"])
    writer.add_embedding_length(shape["hidden_size"])
    writer.add_block_count(shape["num_hidden_layers"])
    writer.add_feed_forward_length(shape["intermediate_size"])
    writer.add_head_count(shape["num_attention_heads"])
    writer.add_head_count_kv(shape["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(shape["rms_norm_eps"])
    writer.add_rope_freq_base(shape["rope_theta"])
    writer.add_vocab_size(shape["vocab_size"])
    writer.add_rope_dimension_count(shape["head_dim"])
    if explicit_head_dim:
        writer.add_key_length(shape["head_dim"])
        writer.add_value_length(shape["head_dim"])


def llama3_divisors(shape):
    """What the converter (LlamaModel.generate_extra_tensors) makes of rope_scaling."""
    scaling = shape["rope_scaling"]
    low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
    context, factor = scaling["original_max_position_embeddings"], scaling["factor"]
    k = shape["head_dim"]
    wavelengths = 2 * np.pi * shape["rope_theta"] ** (np.arange(0, k, 2, dtype=np.float32) / k)
    smooth = np.clip((context / wavelengths - low) / (high - low), 0, 1)
    return (1 / ((1 - smooth) / factor + smooth)).astype(np.float32)


def add_scaling(writer, shape):
    scaling = shape.get("rope_scaling", {"rope_type": "none"})
    if scaling["rope_type"] == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(scaling["factor"])
    if scaling["rope_type"] == "llama3":
        writer.add_tensor("rope_freqs.weight", llama3_divisors(shape))


def add_tokenizer(writer, vocab_size):
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(["<|endoftext|>", "\u0120t"] + [f"t{i}" for i in range(2, vocab_size)])
    writer.add_token_types([3] + [1] * (vocab_size - 1))
    writer.add_token_scores([-0.5 * i for i in range(vocab_size)])
    writer.add_token_merges(["\u0120 t", "t 2"])
    writer.add_bos_token_id(1)
    writer.add_add_bos_token(False)
    writer.add_chat_template("{% for message in messages %}\n{{ message }}{% endfor %}")


def write_model(name, shape, types, tied, biased, architecture="llama"):
    """Each matrix takes the next of `types`; vectors are F32. Quantised rows are permuted whole, so
    the expectation needs no inverse: it is the unpermuted matrix, quantised and back."""
    rng = np.random.default_rng(20)
    writer = gguf.GGUFWriter(OUT / f"{name}.gguf", architecture)
    add_config(writer, shape, explicit_head_dim=tied)
    add_scaling(writer, shape)
    add_tokenizer(writer, shape["vocab_size"])
    expected, matrices = {}, 0
    for gguf_name, hf_name, sizes, heads in parameters(shape, tied, biased, architecture):
        weights = rng.standard_normal(sizes).astype(np.float32)
        ggml_type = TYPES.F32
        if len(sizes) == 2:
            ggml_type = types[matrices % len(types)]
            matrices += 1
        if sizes[-1] % gguf.GGML_QUANT_SIZES[ggml_type][0] != 0:
            ggml_type = TYPES.F16
        stored = permute(weights, heads) if heads else weights
        writer.add_tensor(gguf_name, gguf.quants.quantize(stored, ggml_type), raw_dtype=ggml_type)
        back = gguf.quants.dequantize(gguf.quants.quantize(weights, ggml_type), ggml_type)
        expected[hf_name] = values_of(back)
    finish(writer)
    config = {**shape, "model_type": architecture, "tie_word_embeddings": tied}
    if architecture == "llama":
        config.update(attention_bias=biased, mlp_bias=biased)
    write_json(f"{name}.json", {"config": config, "tensors": expected})


def add_trained_tokenizer(writer, tokenizer):
    """A byte-level tokenizer.json as llama.cpp's converter writes it."""
    tokens = {i: token for token, i in tokenizer["model"]["vocab"].items()}
    types = dict.fromkeys(tokens, 1)
    for token in tokenizer["added_tokens"]:
        tokens[token["id"]] = token["content"]
        types[token["id"]] = 3 if token["special"] else 4
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list([tokens[i] for i in range(len(tokens))])
    writer.add_token_types([types[i] for i in range(len(tokens))])
    writer.add_token_merges([" ".join(merge) for merge in tokenizer["model"]["merges"]])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(False)
    writer.add_chat_template(CHATML)
    return len(tokens)


def write_chat_model():
    """A model to run whole experiments on: four layers, a tokenizer, values that float16 holds."""
    tokenizer = json.loads((HERE / "bpe_smollm2" / "tokenizer.json").read_text())
    writer = gguf.GGUFWriter(OUT / "llama_chat.gguf", "llama")
    vocab_size = add_trained_tokenizer(writer, tokenizer)
    shape = dict(num_hidden_layers=4, max_position_embeddings=128, vocab_size=vocab_size,
                 hidden_size=16, intermediate_size=24, num_attention_heads=2,
                 num_key_value_heads=1, head_dim=8, rms_norm_eps=1e-5, rope_theta=10000.0)
    add_config(writer, shape, explicit_head_dim=False)
    rng = np.random.default_rng(21)
    for gguf_name, _, sizes, heads in parameters(shape, tied=True, biased=False):
        weights = (0.3 * rng.standard_normal(sizes) + (len(sizes) == 1)).astype(np.float16)
        stored = permute(weights, heads) if heads else weights
        writer.add_tensor(gguf_name, stored if len(sizes) == 2 else stored.astype(np.float32))
    finish(writer)


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    write_quants()
    write_chat_model()
    common = dict(num_hidden_layers=2, max_position_embeddings=64, vocab_size=40)
    write_model("llama_grouped", dict(
        common, hidden_size=96, intermediate_size=64, num_attention_heads=9,
        num_key_value_heads=3, head_dim=8, rms_norm_eps=1e-5, rope_theta=100000.0),
        [TYPES.Q8_0, TYPES.Q4_0, TYPES.Q5_1, TYPES.F16, TYPES.Q4_1, TYPES.Q5_0, TYPES.BF16],
        tied=True, biased=False)
    write_model("llama_biased", dict(
        common, hidden_size=30, intermediate_size=20, num_attention_heads=5,
        num_key_value_heads=5, head_dim=6, rms_norm_eps=1e-6, rope_theta=500000.0),
        [TYPES.F32], tied=False, biased=True)
    small = dict(common, hidden_size=24, intermediate_size=16, num_attention_heads=3,
                 num_key_value_heads=1, head_dim=16, rms_norm_eps=1e-6)
    write_model("llama3_scaled", dict(
        small, rope_theta=500000.0, rope_scaling=dict(
            rope_type="llama3", factor=32.0, low_freq_factor=1.0, high_freq_factor=4.0,
            original_max_position_embeddings=8192)), [TYPES.F16], tied=True, biased=False)
    write_model("qwen2_linear", dict(
        small, head_dim=8, rope_theta=1000000.0,
        rope_scaling=dict(rope_type="linear", factor=4.0)), [TYPES.F16], tied=False, biased=True,
        architecture="qwen2")
    write_model("qwen3", dict(small, rope_theta=1000000.0), [TYPES.BF16], tied=True, biased=False,
                architecture="qwen3")


if __name__ == "__main__":
    main()
