"""Writes prompt_goldens.json: prompts as transformers makes them, with and without chat templates.

Made once with transformers 5.17.0 and tokenizers 0.23.3, which execute the templates; Retort only
recognises them. Three lists:
  chats    templates, the format each is (null: one Retort must refuse), and the text of a question
           with and without a system text
  ids      apply_chat_template of tokenizers of this folder
  prompts  ids of plain prompts: whether bos comes first
Run from anywhere: python make_prompt_goldens.py [OUTPUT_FOLDER, default: this script's own].
"""

import json
import pathlib
import shutil
import sys
import tempfile

import tokenizers
import transformers
from transformers.utils.chat_template_utils import render_jinja_template

HERE = pathlib.Path(__file__).resolve().parent
OUT = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
QUESTION, SYSTEM = "  What is {user} 2 + 2?\n", "Be terse. "
TEXTS = [QUESTION, "naïve café\n\n48/2 = 24", "x", " "]

CHATML = ("{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + "
          "message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}"
          "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}")
DEFAULT_SYSTEM = ("{% for message in messages %}{% if loop.first and messages[0]['role'] != "
                  "'system' %}{{ '<|im_start|>system\nYou are helpful, and brief.<|im_end|>\n' }}"
                  "{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + "
                  "'<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}"
                  "{{ '<|im_start|>assistant\n' }}{% endif %}")
BOXED = DEFAULT_SYSTEM.replace("You are helpful, and brief.",
                               "Put the answer within \\\\boxed{}.")
APOSTROPHE = DEFAULT_SYSTEM.replace("'<|im_start|>system\nYou are helpful, and brief.<|im_end|>\n'",
                                    "\"<|im_start|>system\nYou're brief.<|im_end|>\n\"")
VARIABLE = "{% set default = 'You are helpful.' %}" + CHATML
THOUGHTS = CHATML.replace("{% endif %}", "{%- if enable_thinking is defined and enable_thinking is "
                          "false %}{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}{% endif %}")
ALWAYS_THINKS = CHATML.replace("assistant\\n'", "assistant\\n<think>\\n'")
THINKS_LATER = THOUGHTS.replace("{%- endif %}{% endif %}",
                                "{%- else %}{{ '<think>\\n' }}{%- endif %}{% endif %}")
TRIMS = CHATML.replace("message['content'] +", "message['content'] | trim +")
BOS_FIRST = "{{ bos_token }}" + CHATML
CLOCK = "{{ '<|im_start|>system\\n' + strftime_now('%Y') + '<|im_end|>\\n' }}" + CHATML
PHI4 = CHATML.replace("\\n' + message", "<|im_sep|>' + message").replace("assistant\\n",
                                                                         "assistant<|im_sep|>")
LLAMA3 = ("{% for message in messages %}{% set content = '<|start_header_id|>' + message['role'] + "
          "'<|end_header_id|>\n\n' + message['content'] | trim + '<|eot_id|>' %}"
          "{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}"
          "{{ content }}{% endfor %}{% if add_generation_prompt %}"
          "{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}")
LLAMA31 = ("{{- bos_token }}\n{%- if not date_string is defined %}\n"
           "    {%- set date_string = \"26 Jul 2024\" %}\n{%- endif %}\n"
           "{%- if messages[0]['role'] == 'system' %}\n"
           "    {%- set system_message = messages[0]['content']|trim %}\n"
           "    {%- set messages = messages[1:] %}\n{%- else %}\n"
           "    {%- set system_message = \"\" %}\n{%- endif %}\n"
           "{{- \"<|start_header_id|>system<|end_header_id|>\\n\\n\" }}\n"
           "{{- \"Cutting Knowledge Date: December 2023\\n\" }}\n"
           "{{- \"Today Date: \" + date_string + \"\\n\\n\" }}\n"
           "{{- system_message }}\n{{- \"<|eot_id|>\" }}\n{%- for message in messages %}\n"
           "    {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ "
           "message['content'] | trim + '<|eot_id|>' }}\n{%- endfor %}\n"
           "{%- if add_generation_prompt %}\n"
           "    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}\n{%- endif %}\n")
OWN_SYSTEM3 = ("{{ bos_token + '<|start_header_id|>system<|end_header_id|>\\n\\nCall functions."
               "<|eot_id|>' }}" + LLAMA3)
GEMMA = ("{{ bos_token }}{% if messages[0]['role'] == 'system' %}"
         "{% set first = messages[0]['content'] + '\n\n' %}{% set loop_messages = messages[1:] %}"
         "{% else %}{% set first = '' %}{% set loop_messages = messages %}{% endif %}"
         "{% for message in loop_messages %}{{ '<start_of_turn>' + message['role'] + '\n' + "
         "(first if loop.first else '') + message['content'] | trim + '<end_of_turn>\n' }}"
         "{% endfor %}{% if add_generation_prompt %}{{'<start_of_turn>model\n'}}{% endif %}")
LLAMA2 = ("{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}"
          "{% set system_message = messages[0]['content'] %}{% else %}"
          "{% set loop_messages = messages %}{% set system_message = false %}{% endif %}"
          "{% for message in loop_messages %}"
          "{% if loop.index0 == 0 and system_message != false %}{% set content = '<<SYS>>\\n' + "
          "system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}{% else %}"
          "{% set content = message['content'] %}{% endif %}{% if message['role'] == 'user' %}"
          "{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}{% else %}"
          "{{ ' '  + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}")
INST = LLAMA2.replace("bos_token + '[INST] '", "'[INST] '")
ZEPHYR = ("{% for message in messages %}\n{% if message['role'] == 'user' %}\n"
          "{{ '<|user|>\n' + message['content'] + eos_token }}\n"
          "{% elif message['role'] == 'system' %}\n"
          "{{ '<|system|>\n' + message['content'] + eos_token }}\n{% endif %}\n"
          "{% if loop.last and add_generation_prompt %}\n{{ '<|assistant|>' }}\n{% endif %}\n"
          "{% endfor %}")
PHI3 = ZEPHYR.replace("+ eos_token", "+ '<|end|>\n'")

CHATS = [(CHATML, "chatml"), (DEFAULT_SYSTEM, "chatml"), (BOXED, "chatml"), (THOUGHTS, "chatml"),
         (LLAMA3, "llama3"), (LLAMA31, "llama3.1"), (GEMMA, "gemma"), (LLAMA2, "llama2"),
         (ZEPHYR, "zephyr"), *((template, None) for template in (
             ALWAYS_THINKS, THINKS_LATER, TRIMS, BOS_FIRST, CLOCK, APOSTROPHE, VARIABLE, PHI4,
             OWN_SYSTEM3, INST, PHI3, "{{ messages[0]['content'] }}", ""))]
# Folder, template, tokens the config names.
TOKENIZERS = [("bpe_smollm2", CHATML, {"eos_token": "<|im_end|>"}),
              ("bpe_smollm2", DEFAULT_SYSTEM, {"eos_token": "<|im_end|>"}),
              ("bpe_llama2", LLAMA2, {"bos_token": "<s>", "eos_token": "</s>"}),
              ("bpe_llama2", ZEPHYR, {"bos_token": "<s>", "eos_token": "</s>"})]
PROMPTS = ["bpe_gpt2", "bpe_smollm2", "bpe_qwen2", "bpe_llama3", "bpe_llama2", "bpe_gemma",
           "word_level"]


def conversations():
    user = {"role": "user", "content": QUESTION}
    return {"plain": [user], "with_system": [{"role": "system", "content": SYSTEM}, user]}


def rendered(template):
    options = {"chat_template": template, "add_generation_prompt": True, "bos_token": "<bos>",
               "eos_token": "<eos>"}
    return {key: render_jinja_template([chat], **options)[0][0]
            for key, chat in conversations().items()}


def load(folder, **config):
    """transformers' tokenizer of a folder, with keys of tokenizer_config.json replaced."""
    with tempfile.TemporaryDirectory() as copy:
        shutil.copytree(HERE / folder, copy, dirs_exist_ok=True)
        path = pathlib.Path(copy) / "tokenizer_config.json"
        named = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps({**named, **config}))
        return transformers.AutoTokenizer.from_pretrained(copy)


def chat_ids(folder, template, tokens):
    tokenizer = load(folder, chat_template=template, **tokens)
    options = {"add_generation_prompt": True, "return_dict": False}
    return {"folder": folder, "config": {**tokens, "chat_template": template},
            **{key: tokenizer.apply_chat_template(chat, **options)
               for key, chat in conversations().items()}}


def main():
    chats = [{"template": template, "format": name, **(rendered(template) if name else {})}
             for template, name in CHATS]
    prompts = [{"folder": folder, "ids": [load(folder)(text)["input_ids"] for text in TEXTS]}
               for folder in PROMPTS]
    golden = {"versions": {"transformers": transformers.__version__,
                           "tokenizers": tokenizers.__version__},
              "question": QUESTION, "system": SYSTEM, "texts": TEXTS, "chats": chats,
              "ids": [chat_ids(*entry) for entry in TOKENIZERS], "prompts": prompts}
    (OUT / "prompt_goldens.json").write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
