"""Names every function body over 60 lines (GUIDE 25). Exits 1 if there is one."""
import os
import re
import sys

LIMIT = 60
FOLDERS = ["core", "generate", "filter", "train", "eval", "pipeline", "bench", "tests"]
NOT_A_FUNCTION = re.compile(
    r"^\s*(namespace|class|struct|enum|union|extern|if|for|while|switch|else|do|try|catch|return)\b")


def blank(match):
    """Keeps line breaks, so that numbers stay right."""
    return re.sub(r"[^\n]", " ", match.group(0))


def without_comments_and_texts(text):
    text = re.sub(r'R"([^(\s]*)\(.*?\)\1"', blank, text, flags=re.S)
    return re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', blank, text,
                  flags=re.S)


def is_function_head(head):
    if NOT_A_FUNCTION.match(head) or "(" not in head:
        return False
    # "= {", "return {", "x{": initialisers, not bodies.
    return re.search(r"\)\s*(const|noexcept|override|final|mutable|->[^;{}]*|:[^;]*|\s)*$", head) is not None


def long_functions(path):
    with open(path, encoding="utf-8") as file:
        text = without_comments_and_texts(file.read())
    stack, head_start = [], 0
    for i, character in enumerate(text):
        if character == "{":
            inside = any(kind == "function" for kind, _ in stack)
            head = text[head_start:i].strip()
            head = re.sub(r"^\s*#[^\n]*$", "", head, flags=re.M).strip()
            is_function = not inside and is_function_head(head)
            stack.append(("function" if is_function else "other", i))
            head_start = i + 1
        elif character == "}":
            if stack:
                kind, start = stack.pop()
                lines = text.count("\n", start, i) + 1
                if kind == "function" and lines > LIMIT:
                    yield text.count("\n", 0, start) + 1, lines
            head_start = i + 1
        elif character == ";":
            head_start = i + 1


def main(root):
    found, count = [], 0
    for folder in FOLDERS:
        for base, _, names in os.walk(os.path.join(root, folder)):
            for name in sorted(names):
                if name.endswith((".cc", ".h", ".cu")):
                    path = os.path.join(base, name)
                    count += 1
                    for line, lines in long_functions(path):
                        found.append(f"{os.path.relpath(path, root)}:{line}: a function of {lines} lines"
                                     f" (at most {LIMIT}) - split it into named steps")
    print("\n".join(found) if found else f"functions: none over {LIMIT} lines in {count} files")
    return 1 if found or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
