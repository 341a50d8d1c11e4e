"""Writes NAME_hashes.json of the SentencePiece and WordLevel tokenizers that make_goldens.py made:
ids and texts of the 10,000 lines of make_bpe_goldens.py.

Made once with sentencepiece 0.2.3 and tokenizers 0.23.3. SentencePiece gets the bytes of each line,
UTF-8 or not. Run from anywhere: python make_line_goldens.py [OUTPUT_FOLDER, default: this script's
own].
"""

import pathlib
import sys

import sentencepiece
import tokenizers

import make_bpe_goldens as lines

HERE = pathlib.Path(__file__).resolve().parent
OUT = pathlib.Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else HERE


def write(name, vocab_size, encode, decode):
    ids = [encode(lines.line_of(i)) for i in range(lines.LINES)]
    lines.compact(OUT / f"{name}_hashes.json", {
        "versions": {"sentencepiece": sentencepiece.__version__, **lines.VERSIONS},
        "vocab_size": vocab_size,
        "ids": [lines.digest(lines.ids_bytes(i) for i in block) for block in lines.blocks(ids)],
        "texts": [lines.digest(lines.text_bytes(decode(i)) for i in block)
                  for block in lines.blocks(ids)]})


def main():
    for kind in ["unigram", "bpe"]:
        name = f"sentencepiece_{kind}"
        processor = sentencepiece.SentencePieceProcessor(
            model_file=str(HERE / name / "tokenizer.model"))
        write(name, processor.get_piece_size(), processor.encode, processor.decode)
    tokenizer = tokenizers.Tokenizer.from_file(str(HERE / "word_level" / "tokenizer.json"))
    write("word_level", tokenizer.get_vocab_size(),
          lambda line: tokenizer.encode(line.decode("utf-8", "replace"),
                                        add_special_tokens=False).ids,
          lambda ids: tokenizer.decode(ids, skip_special_tokens=True))


if __name__ == "__main__":
    main()
