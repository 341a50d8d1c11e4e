// The Python program that judges a solution inside the sandbox of the `code` verifier.
//
// Standard input: two messages, each eight hexadecimal digits of length and that many bytes of
// JSON: the job {"program", "mode": "functions"|"programs", "cpu_seconds", "wall_seconds",
// "memory_bytes", "processes"}, then the tests {"nonce", "prefix", "setup", "entry_point",
// "tests": [text], "cases": [{"input","output"}]}. Standard output: "NONCE ready VERSION", then
// "NONCE pass|fail|syntax|timeout|tests"; `tests` says that the tests cannot be carried out.
#pragma once

#include <string_view>

namespace retort {

extern const std::string_view kCodeHarness;

}  // namespace retort
