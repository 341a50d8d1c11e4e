"""Writes the goldens of tests/core/lm/tokenizer_lines_test.cc: tiny BPE tokenizers, ids and texts.

Made once with tokenizers 0.23.3. For each configuration NAME of CONFIGURATIONS:
  NAME/tokenizer.json, NAME/tokenizer_config.json   a vocabulary of some 700 pieces, trained here
  NAME_ids.json                                     a few texts with ids and decoded text
  NAME_hashes.json                                  SHA-256 (first 16 digits) a block of LINES lines
and once bpe_fragments.json, from which line_of makes every line by integer hashing. The C++ test
makes the same lines and compares ids and texts exactly, block by block.
Run from anywhere: python make_bpe_goldens.py [OUTPUT_FOLDER, default: this script's own].
"""

import collections
import hashlib
import itertools
import json
import pathlib
import sys

import tokenizers
from tokenizers import AddedToken, Regex, decoders, models, normalizers, pre_tokenizers, processors

OUT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else __file__).resolve()
OUT = OUT.parent if OUT.is_file() else OUT
VERSIONS = {"tokenizers": tokenizers.__version__}
LINES, BLOCK, LONG_EVERY, LONG_BYTES = 10000, 500, 1000, 100000
ID_LISTS = 2000
MASK = (1 << 64) - 1
MARK = "\u2581"
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"
          r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")

# Text pieces that lines are made of; each begins or ends in the middle of something on purpose.
WORDS = """the a of and to in is that Natalia sold clips 48 friends April then half as many May How
altogether Weng earns $12 an hour babysitting 50 minutes yesterday Betty saving wallet costs $100
remaining 1/2 0.5 3.14159 1,234,567 48/2=<<48/2=24>>24 20% #### 72 therefore x y z ring tile moves
Step step solve equation <tool> <mask> <tail> <|im_start|> <|im_end|> <s> </s> <unk> <0x41> user
don't DON'T I'm I'M we're WE'RE they've he'll She'D it's IT'S 'tis
o'clock rock'n'roll ''s 't'S""".split()
CODE = ["def f(x):\n    return x + 1\n", "for (int i = 0; i < n; ++i) {\n\t", "}\n\n",
        "// TODO\r\n", "a->b", "std::vector<int32_t>", "#include <x>", "x += 0xDEADBEEF;",
        "\"quoted\\n\"", "'c'", "if x_1 != None:", "==", "!=", "...", "``", "{}[]()", "a_b_c",
        "CamelCaseWord", "\\frac{1}{2}", "$$", "%d", "@", "~", "^", "&&", "||", "<>", ">", "<", "|",
        "<|", "|>", "--", "_"]
BLANKS = [" ", "  ", "   ", "      ", "\t", "\t\t", "\n", "\n\n", " \n", "\n ", "\r\n", "\r",
          " \n \n ", "\v", "\f", "\x85", "\xa0", "\xa0\xa0", "\u1680", "\u2003", "\u2009 ",
          "\u2028", "\u2029", "\u202f", "\u205f", "\u3000", "\u200b", "\ufeff", "\x1c", "\x1f",
          " \t \n\t", MARK, MARK + MARK]
SCRIPTS = ["na\u00efve", "caf\u00e9", "cafe\u0301", "e\u0301\u0323", "e\u0323\u0301",
           "\u0323\u0301\u0323", "\u1e9b\u0323", "\u212b", "\u2126", "\ufb01", "\ufb06", "\u017f",
           "'\u017f", "'\u212a", "\u00df", "\u0130", "\u01c5", "\u02b0", "\u24d0", "\u2160",
           "\u00bd", "\u00b2", "\u0664\u0665", "\u0967\u0968\u0969", "\u0e51", "\U0001d7d8",
           "\U00010107", "\u3007", "\u041f\u0440\u0438\u0432\u0435\u0442", "\u0439", "\u0438\u0306",
           "\u03b1\u03b2\u03b3", "\u1f80", "\u05e9\u05dc\u05d5\u05dd",
           "\u0645\u0631\u062d\u0628\u0627", "\u0645\u064f\u062d\u064e\u0645\u0651\u064e\u062f",
           "\u0628\u0640\u0640", "\u0928\u092e\u0938\u094d\u0924\u0947", "\u0915\u094d\u0937",
           "\u0929", "\u0928\u093c", "\u0bb5\u0ba3\u0b95\u0bcd",
           "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35", "\u4e2d\u6587", "\u6f22\u5b57", "\uf900",
           "\U0002f800", "\U00020000", "\u65e5\u672c\u8a9e\u3067\u3059", "\u304c", "\u304b\u3099",
           "\u30ab\u3099", "\ud55c\uad6d", "\u1112\u1161\u11ab", "\uac00\u11a8", "\u3131",
           "\uff21\uff11", "\uff0c", "\u3002", "\u300c", "\u2018s", "\u2019s", "\u2014", "\u2026",
           "\u20ac", "\u00a3", "\u2211", "\u2192", "\u2260", "\u0915\u200d\u0937", "\u0301",
           "\u20dd", "\u0903", "\U0001d15e", "\U0001109a", "\u0f73", "\u0344", "\u0958",
           "\u2add\u0338", "\u0345\u0301"]
EMOJI = ["\U0001f600", "\U0001f44d\U0001f3fd",
         "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466",
         "\U0001f3f3\ufe0f\u200d\U0001f308", "\U0001f1e9\U0001f1ea", "1\ufe0f\u20e3",
         "\u2764\ufe0f", "\u263a", "\U0001f98a\U0001f98a", "\U0001f9d1\U0001f3ff\u200d\U0001f4bb",
         "\u00a9", "\u2122"]
CONTROLS = ["\x00", "\x01", "\x07", "\x1b[0m", "\x7f", "\x80", "\u0600", "\u00ad", "\u200e",
            "\u202e", "\ue000", "\U000f0000", "\ufdd0", "\uffff", "\U0010ffff", "\ufffd", "\u0378"]
DIGITS = ["0", "1", "7", "12", "345", "6789", "31415926", "1000000", "007"]
LETTERS = ["a", "b", "e", "s", "t", "S", "T", "M", "D", "re", "ve", "ll", "L", "qu", "ing", "un",
           "XYZ", "zzzz", "aaaaaaaa", "Pneumonoultramicroscopicsilicovolcanoconiosis",
           "http://example.org/a?b=c&d=%20#e", "x@y.z", "'", "''", ".", ",", "!", "?!", "ringed",
           "ring-ring", "<tool>x", "< mask>", "cafe\u0301!"]
# Bytes that are no UTF-8: the test gives them as they are, Python replaces them by U+FFFD first.
RAW = ["ff", "c3", "c328", "e282", "e28261", "f09f98", "f09f", "eda080", "c080", "f4908080", "80",
       "8081", "e0809f", "f8a1a1a1a1", "fe", "f0808080", "edbfbf", "f09f9841", "41ff42", "e4b8"]
FRAGMENTS = [text.encode() for text in itertools.chain(
    WORDS, WORDS, WORDS, CODE, CODE, BLANKS, SCRIPTS, EMOJI, CONTROLS, DIGITS, DIGITS, LETTERS)]
FRAGMENTS += [bytes.fromhex(text) for text in RAW]


class Draws:
    """SplitMix64 (Steele, Lea and Flood 2014)."""

    def __init__(self, seed):
        self.state = seed & MASK

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return z ^ (z >> 31)


def line_of(index):
    """Bytes of one line; every LONG_EVERY-th repeats one to three fragments."""
    draws = Draws(index << 32)
    if index % LONG_EVERY == LONG_EVERY - 1:
        count = 1 + draws.next() % 3
        unit = b"".join(FRAGMENTS[draws.next() % len(FRAGMENTS)] for _ in range(count))
        return unit * (LONG_BYTES // len(unit) + 1)
    line = b""
    for _ in range(1 + draws.next() % 24):
        draw = draws.next()
        line += FRAGMENTS[draw % len(FRAGMENTS)] + (b" " if (draw >> 32) % 4 == 0 else b"")
    return line


def id_list_of(index, vocab_size):
    draws = Draws((index << 32) + 1)
    return [draws.next() % vocab_size for _ in range(1 + draws.next() % 12)]


def training_text():
    """Sentences and code that the vocabulary is learned from."""
    draws = Draws(5)
    pool = [w for w in WORDS if "<" not in w] + CODE + SCRIPTS[:2] + SCRIPTS[28:52] + DIGITS
    for _ in range(3000):
        yield "".join(pool[draws.next() % len(pool)] + ("" if draws.next() % 5 == 0 else " ")
                      for _ in range(12)) + ("\n\n" if draws.next() % 3 == 0 else "\n")


def trained(pre_tokenizer, normalizer=None, vocab_size=640, **options):
    """(vocab, merges) of a BPE model."""
    unknown = {"unk_token": options.pop("unk_token")} if "unk_token" in options else {}
    tokenizer = tokenizers.Tokenizer(models.BPE(**unknown))
    tokenizer.pre_tokenizer = pre_tokenizer
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.train_from_iterator(training_text(), tokenizers.trainers.BpeTrainer(
        vocab_size=vocab_size, show_progress=False, **options))
    model = json.loads(tokenizer.to_str())["model"]
    return model["vocab"], [tuple(merge) for merge in model["merges"]]


def byte_level(pre_tokenizer, normalizer=None, specials=(), **model_options):
    vocab, merges = trained(pre_tokenizer, normalizer, special_tokens=list(specials),
                            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()))
    if model_options.get("ignore_merges"):
        merges = [merge for i, merge in enumerate(merges) if i % 7]  # pieces no merge leads to
    tokenizer = tokenizers.Tokenizer(models.BPE(vocab=vocab, merges=merges, **model_options))
    tokenizer.pre_tokenizer = pre_tokenizer
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def marked(normalizer, pre_tokenizer, decoder, byte_fallback):
    """U+2581 for spaces; rare characters are not in the vocabulary: bytes or unknown."""
    counts = collections.Counter("".join(training_text()))
    frequent = sum(count >= 400 for count in counts.values())
    # The trainer takes the most frequent ones and leaves a tie to chance.
    assert frequent == sum(count >= 300 for count in counts.values())
    vocab, merges = trained(pre_tokenizers.Metaspace(), vocab_size=440, unk_token="<unk>",
                            special_tokens=["<unk>", "<s>", "</s>"], limit_alphabet=frequent)
    pieces = sorted(vocab, key=vocab.get)
    if byte_fallback:
        pieces[3:3] = [f"<0x{byte:02X}>" for byte in range(256)]
    tokenizer = tokenizers.Tokenizer(models.BPE(
        vocab={piece: i for i, piece in enumerate(pieces)}, merges=merges, unk_token="<unk>",
        fuse_unk=True, byte_fallback=byte_fallback))
    if normalizer:
        tokenizer.normalizer = normalizer
    if pre_tokenizer:
        tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoder
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True)
                                  for token in ["<unk>", "<s>", "</s>"]])
    return tokenizer


def add_tokens(tokenizer, *more):
    tokenizer.add_special_tokens(["<|im_start|>", "<|im_end|>"])
    tokenizer.add_tokens([AddedToken("<tool>", normalized=True),
                          AddedToken("<tool>x", normalized=True), *more])
    return tokenizer


MASK_TOKEN = AddedToken("<mask>", lstrip=True, special=True, normalized=False)
TAIL_TOKEN = AddedToken("<tail>", rstrip=True, normalized=False)
RING_TOKEN = AddedToken("ring", single_word=True, normalized=False)


def gpt2():
    tokenizer = byte_level(pre_tokenizers.ByteLevel(add_prefix_space=False))
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return add_tokens(tokenizer, RING_TOKEN, AddedToken("      ", normalized=False))


def prefix_space():
    tokenizer = byte_level(pre_tokenizers.ByteLevel(add_prefix_space=True),
                           specials=["<s>", "</s>", "<unk>"])
    return add_tokens(tokenizer, MASK_TOKEN, TAIL_TOKEN)


def llama3():
    tokenizer = byte_level(pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(LLAMA3), "isolated"),
         pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]), ignore_merges=True)
    add_tokens(tokenizer, MASK_TOKEN)
    tokenizer.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=True),
        processors.TemplateProcessing(single="<|im_start|> $A", special_tokens=[
            ("<|im_start|>", tokenizer.token_to_id("<|im_start|>"))])])
    return tokenizer


def qwen2():
    tokenizer = byte_level(pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(QWEN2), "isolated"),
         pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]), normalizers.NFC())
    return add_tokens(tokenizer, RING_TOKEN, AddedToken("cafe\u0301!", normalized=True))


def smollm2():
    tokenizer = byte_level(pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True),
         pre_tokenizers.ByteLevel(add_prefix_space=False)]),
        specials=["<s>", "<|im_start|>", "<|im_end|>"])
    return add_tokens(tokenizer, TAIL_TOKEN)


def llama2():
    return add_tokens(marked(
        normalizers.Sequence([normalizers.Prepend(MARK), normalizers.Replace(" ", MARK)]), None,
        decoders.Sequence([decoders.Replace(MARK, " "), decoders.ByteFallback(), decoders.Fuse(),
                           decoders.Strip(" ", 1, 0)]), True), RING_TOKEN)


def gemma():
    return add_tokens(marked(
        normalizers.Replace(" ", MARK), pre_tokenizers.Split(" ", "merged_with_previous"),
        decoders.Sequence([decoders.Replace(MARK, " "), decoders.ByteFallback(), decoders.Fuse()]),
        True), MASK_TOKEN, TAIL_TOKEN)


def metaspace():
    return add_tokens(marked(
        None, pre_tokenizers.Metaspace(prepend_scheme="first", split=False),
        decoders.Sequence([decoders.Replace(MARK, " "), decoders.Fuse(),
                           decoders.Strip(" ", 1, 0)]), False), RING_TOKEN)


CONFIGURATIONS = [gpt2, prefix_space, llama3, qwen2, smollm2, llama2, gemma, metaspace]
TEXTS = ["Natalia sold 48/2 = <<48/2=24>>24 clips in May.", "", " ", "  two  spaces ",
         "a\n\n b\r\n\tc   ", "I'm DON'T we'RE '\u017f", "12345 1,234 \u0664\u0665\u00bd",
         "cafe\u0301 caf\u00e9 cafe\u0301!",
         "\u4e2d\u6587 \ud55c\uad6d \u0928\u092e\u0938\u094d\u0924\u0947",
         "\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f44d\U0001f3fd",
         "<|im_start|>user <tool>x  <mask> <tail> a<|im_end|>", "ring ringed ring",
         "x\u00a0y\u3000z", "a\x00b\x1f", "def f(x):\n    return x", MARK + "a " + MARK,
         "<s>a</s> <unk>\u2603\u2603b"]


def compact(path, value):
    path.write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n")


def digest(parts):
    return hashlib.sha256(b"".join(parts)).hexdigest()[:16]


def ids_bytes(ids):
    return (" ".join(map(str, ids)) + "\n").encode()


def text_bytes(text):
    return str(len(text.encode())).encode() + b"\n" + text.encode() + b"\n"


def blocks(items):
    return [items[i:i + BLOCK] for i in range(0, len(items), BLOCK)]


def write(name, tokenizer):
    folder = OUT / name
    folder.mkdir(exist_ok=True)
    definition = json.loads(tokenizer.to_str())
    if name == "bpe_gpt2":  # as files from before tokenizers 0.20 have them
        definition["model"]["merges"] = [" ".join(merge) for merge in definition["model"]["merges"]]
    compact(folder / "tokenizer.json", definition)
    compact(folder / "tokenizer_config.json", {
        "tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|im_end|>",
        "clean_up_tokenization_spaces": False})
    tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    encode = lambda text: tokenizer.encode(text, add_special_tokens=False).ids
    decode = lambda ids: tokenizer.decode(ids, skip_special_tokens=True)
    compact(OUT / f"{name}_ids.json", {"versions": VERSIONS, "lines": [
        {"text": text, "ids": encode(text), "decoded": decode(encode(text))} for text in TEXTS]})
    lines = [encode(line_of(i).decode("utf-8", "replace")) for i in range(LINES)]
    lists = [id_list_of(i, tokenizer.get_vocab_size()) for i in range(ID_LISTS)]
    compact(OUT / f"{name}_hashes.json", {
        "versions": VERSIONS, "vocab_size": tokenizer.get_vocab_size(),
        "ids": [digest(map(ids_bytes, block)) for block in blocks(lines)],
        "texts": [digest(text_bytes(decode(ids)) for ids in block) for block in blocks(lines)],
        "id_lists": [digest(text_bytes(decode(ids)) for ids in block) for block in blocks(lists)]})


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    compact(OUT / "bpe_fragments.json", {
        "lines": LINES, "block": BLOCK, "long_every": LONG_EVERY, "long_bytes": LONG_BYTES,
        "id_lists": ID_LISTS, "fragments_hex": [fragment.hex() for fragment in FRAGMENTS]})
    for configuration in CONFIGURATIONS:
        write(f"bpe_{configuration.__name__}", configuration())
