"""Best of 8 on GSM8K with a real llama.cpp server as the teacher. Skips (exit 77) unless told where
everything is: RETORT_LLAMA_SERVER (the program), RETORT_LLAMA_MODEL (a GGUF file), RETORT_GSM8K
(train.jsonl) and RETORT_LLAMA_TOKENIZER (the model's tokenizer folder). RETORT_GSM8K_PROBLEMS: how
many problems, 4 if not set.

llama_server.py RETORT checks: doctor agrees with the server; a run that is killed and begun again
files every problem once; prompts go as ids and as text; a wrong key, a long prompt and another
model are one line each.
"""
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

NEEDED = ["RETORT_LLAMA_SERVER", "RETORT_LLAMA_MODEL", "RETORT_GSM8K", "RETORT_LLAMA_TOKENIZER"]
KEY = "sk-llama-server-test"
SAMPLES = 8
EXPERIMENT = """name: gsm8k-served
seed: 5
threads: 2
tokenizer: {tokenizer}
task:
  name: jsonl
  file: {gsm8k}
  prompt: "Q: {{question}}\\nA:"
  few_shot: {{count: 2, file: {gsm8k}}}
  max_completion_tokens: 64
  stop: ["\\nQ:"]
  verifier: {{name: math}}
problems:
  search: {{count: {problems}, share: 1}}
generate:
  search:
    server:
      url: {url}
      model: {model}
      api_key_env: RETORT_LLAMA_KEY
      concurrency: 4
      price: {{input_per_million: 0.1, output_per_million: 0.4}}
    problems: search
    in_flight: 2
    strategy: {{name: best_of_n, n: 8, select: vote, temperature: 0.6}}
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(url, server):
    for _ in range(600):
        if server.poll() is not None:
            sys.exit("llama-server ended while loading")
        try:
            with urllib.request.urlopen(url + "/health", timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    sys.exit("llama-server did not answer within two minutes")


def retort(program, arguments, key=KEY):
    result = subprocess.run([program, *arguments], capture_output=True, text=True,
                            env={**os.environ, "RETORT_LLAMA_KEY": key})
    print("$ retort", " ".join(arguments), "->", result.returncode)
    print(result.stdout[-2000:] + result.stderr[-2000:], flush=True)
    return result


def check(what, holds):
    print("ok  " if holds else "FAIL", what, flush=True)
    if not holds:
        sys.exit(1)


def find(folder, name):
    return [os.path.join(at, name) for at, _, files in os.walk(folder) if name in files]


def kill_in_the_middle(program, arguments, runs):
    """Kills a run once a problem is in its journal."""
    child = subprocess.Popen([program, *arguments], stderr=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL,
                             env={**os.environ, "RETORT_LLAMA_KEY": KEY})
    while child.poll() is None:
        status = find(runs, "status.json")
        if status:
            with open(status[0], encoding="utf-8") as file:
                if json.load(file)["done"] >= 1:
                    break
        time.sleep(0.05)
    child.send_signal(signal.SIGKILL)
    check("killed in the middle", child.wait() == -signal.SIGKILL)


def main(program):
    missing = [name for name in NEEDED if not os.environ.get(name)]
    if missing:
        print("skipped: set", ", ".join(missing))
        return 77
    binary, model, gsm8k, tokenizer = (os.environ[name] for name in NEEDED)
    problems = int(os.environ.get("RETORT_GSM8K_PROBLEMS", "4"))
    url = f"http://127.0.0.1:{free_port()}"
    with tempfile.TemporaryDirectory() as folder:
        log = open(os.path.join(folder, "server.log"), "w", encoding="utf-8")
        server = subprocess.Popen([binary, "-m", model, "--alias", "smollm2", "--port",
                                   url.rsplit(":", 1)[1], "-np", "4", "-c", "4096", "-t", "1", "--poll", "0",
                                   "--api-key", KEY, "--no-webui"], stdout=log, stderr=log)
        try:
            wait_for(url, server)
            config, runs = os.path.join(folder, "gsm8k.yaml"), os.path.join(folder, "runs")
            with open(config, "w", encoding="utf-8") as file:
                file.write(EXPERIMENT.format(url=url, model="smollm2", gsm8k=gsm8k,
                                             tokenizer=tokenizer, problems=problems))
            run(program, config, runs, problems)
        finally:
            server.terminate()
            server.wait()
    return 0


def run(program, config, runs, problems):
    check("doctor agrees", retort(program, ["doctor", config, "--runs", runs]).returncode == 0)
    arguments = ["generate", config, "--runs", runs]
    kill_in_the_middle(program, arguments, runs)
    check("run again", retort(program, arguments).returncode == 0)
    with open(find(runs, "MANIFEST.json")[0], encoding="utf-8") as file:
        manifest = json.load(file)
    content, served = manifest["content"], manifest["run"]["served"]
    print(json.dumps({"solved": content["solved"], "verdicts": content["verdicts"],
                      "counts": content["counts"], "served": served,
                      "seconds": manifest["run"]["seconds"]}))
    check("every problem once", content["problems"] == problems)
    check("every sample", sum(content["verdicts"].values()) == SAMPLES * problems)
    check("a kill repeats only what was in flight",
          SAMPLES * problems <= served["requests"] <= SAMPLES * (problems + 4))
    check("money", served["money"] > 0)
    trees = retort(program, ["export", os.path.dirname(find(runs, "MANIFEST.json")[0]),
                             "--to", "jsonl"]).stdout.splitlines()
    check("exported", len(trees) == problems)
    check("complete: nothing is asked again", "skipped" in retort(program, arguments).stderr)
    leaks = [path for at, _, files in os.walk(runs) for path in (os.path.join(at, f) for f in files)
             if KEY.encode() in open(path, "rb").read()]
    check("the key is in no file", not leaks)
    text = retort(program, ["generate", config, "--runs", runs + "1", "generate.search.limit=1",
                            "generate.search.server.prompt=text",
                            "generate.search.server.samples_per_request=4"])
    check("text prompts, four samples a request",
          text.returncode == 0 and "served: 2 requests in 2 attempts" in text.stderr)
    other = ["generate", config, "--runs", runs + "2"]
    wrong = retort(program, other, key="sk-wrong")
    check("a wrong key", wrong.returncode == 69 and "RETORT_LLAMA_KEY" in wrong.stderr)
    long = retort(program, other + ["task.few_shot.count=40"])
    check("a long prompt", long.returncode == 65 and "context" in long.stderr)
    unknown = retort(program, other + ["generate.search.server.model=gpt-9"])
    check("another model", unknown.returncode == 69 and "smollm2" in unknown.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
