// Runs a model's Python program against tests inside bubblewrap, or not at all.
//
// Inside: no network and no other namespace of the host's, /usr read-only and nothing else of the
// file system, a private /tmp of 64 MiB, an empty environment, no descriptor of ours, no
// capability, an unprivileged user even when this process is root, no new user namespace, and a
// seccomp filter against system calls that reach around the limits (sockets, shared memory, ptrace,
// mounts ...). It dies with the thread that runs it, and with it every process in it and /tmp.
// Limits hold for each process of the program; memory in all is at most (processes + 3) *
// memory_mib. Immutable after construction and thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/task/verifiers/code_tests.h"

namespace retort {

struct SandboxConfig {
  std::string python = "/usr/bin/python3";  // under /usr: nothing else can be seen inside
  int cpu_seconds = 5;                      // of a run of the program (of each case: one run)
  int wall_seconds = 60;                    // of everything: for programs that sleep
  int memory_mib = 512;
  int processes = 4;  // threads and processes that a program may have beside itself
};

enum class SandboxResult {
  kPass,
  kFail,      // a test failed, or the program did: wrong, crashed, out of memory, too much output
  kSyntax,    // it is no Python
  kTimeout,   // out of processor time, or of wall time
  kBadTests,  // the tests themselves cannot be carried out
  kBroken     // the sandbox failed: nothing is known about the program
};

class PythonSandbox {
 public:
  /// Tries the sandbox out. Error(kUnavailable) with the reason and the remedy when it cannot be
  /// had on this machine.
  explicit PythonSandbox(SandboxConfig config);

  /// Runs `program` against `tests`. `*trouble` says why it is kBroken.
  SandboxResult Run(const std::string& program, const CodeTests& tests, std::string* trouble) const;

  /// Of the interpreter: "3.11.2".
  const std::string& python_version() const { return python_version_; }

 private:
  SandboxResult RunOnce(const std::string& program, const CodeTests& tests, std::string* version,
                        std::string* trouble) const;

  SandboxConfig config_;
  std::vector<std::string> argv_;
  std::string seccomp_filter_;
  std::string python_version_;
};

}  // namespace retort
