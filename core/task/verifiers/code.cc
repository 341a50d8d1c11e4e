// Python programs against unit tests, in a sandbox (python_sandbox.h).
//
// The gold answer holds the tests (code_tests.h). The program is the last ```python (or unnamed)
// fenced block after the thought, one that does not end included, else all of the text; where the
// tests have a prefix, it continues that. The tests run in a process that the program cannot reach,
// so that leaving early, printing, or patching what tests use gains nothing; values of builtin
// types travel between the two, other objects as references that never see an expected value. Tests
// that hand a program something else (a function of their own), that compute with one of its
// objects and a value, or that compare its values of other library types (Fraction, arrays), cannot
// be carried out: kUnverified, never kIncorrect. Both have the standard library and what is
// installed under /usr.
//
// Pure but for kTimeout: that one depends on the machine. It is decided by processor time
// (RLIMIT_CPU), not by a clock, except for programs that sleep or are starved. No negative label.
#include <algorithm>
#include <atomic>
#include <bit>
#include <semaphore>
#include <thread>
#include <utility>

#include "core/base/error.h"
#include "core/base/log.h"
#include "core/task/answer_verifier.h"
#include "core/task/verifiers/answer_text.h"
#include "core/task/verifiers/code_tests.h"
#include "core/task/verifiers/python_sandbox.h"

namespace retort {
namespace {

constexpr size_t kMaxProgramBytes = size_t{1} << 16;

struct Program {
  std::string_view text;
  bool fenced = false;
};

/// The last fenced block whose language is Python's, or not said.
std::optional<std::string_view> LastPythonBlock(std::string_view text) {
  std::optional<std::string_view> found;
  constexpr std::string_view kFence = "```";
  for (size_t at = text.find(kFence); at != std::string_view::npos;) {
    const size_t line_end = text.find('\n', at);
    if (line_end == std::string_view::npos) break;
    const std::string_view language = Trim(text.substr(at + kFence.size(), line_end - at - 3));
    const size_t end = text.find("\n```", line_end);  // may be the opening line's own end
    const bool ended = end != std::string_view::npos;
    const std::string_view block =
        end == line_end ? "" : text.substr(line_end + 1, ended ? end - line_end : end);
    if (language.empty() || language == "python" || language == "py" || language == "python3") {
      found = block;
    }
    at = ended ? text.find(kFence, end + 1 + kFence.size()) : end;
  }
  return found;
}

/// nullopt when the text holds no program: blank, too long, or a thought without an end.
std::optional<Program> FindProgram(std::string_view text) {
  const size_t thought = text.rfind("</think>");
  if (thought != std::string_view::npos) text.remove_prefix(thought + 8);
  if (text.find("<think>") != std::string_view::npos) return std::nullopt;
  const std::optional<std::string_view> block = LastPythonBlock(text);
  const Program program{.text = block.value_or(text), .fenced = block.has_value()};
  if (Trim(program.text).empty() || program.text.size() > kMaxProgramBytes) return std::nullopt;
  return program;
}

/// As if it had been typed on below the prefix.
std::string Continued(const std::string& prefix, std::string_view program) {
  if (prefix.empty()) return std::string(program);
  return StrCat(prefix, prefix.back() == '\n' ? "" : "\n", program);
}

class CodeVerifier final : public AnswerVerifier {
 public:
  CodeVerifier(const SandboxConfig& config, int concurrency)
      : sandbox_(config),
        identity_(StrCat("code/1 python=", sandbox_.python_version(),
                         " cpu_seconds=", config.cpu_seconds, " wall_seconds=", config.wall_seconds,
                         " memory_mib=", config.memory_mib, " processes=", config.processes)),
        slots_(concurrency) {}

  Verdict Compare(std::string_view gold, std::string_view text) const override {
    const std::optional<CodeTests> tests = ReadCodeTests(gold);
    if (!tests) return Verdict::kUnverified;
    const std::optional<Program> program = FindProgram(text);
    if (!program) return Verdict::kUnparsed;
    std::string trouble;
    slots_.acquire();
    const SandboxResult result =
        sandbox_.Run(Continued(tests->prefix, program->text), *tests, &trouble);
    slots_.release();
    if (result == SandboxResult::kBroken) Warn(trouble);
    return VerdictOf(result, *program);
  }

  bool CanRead(std::string_view gold) const override { return ReadCodeTests(gold).has_value(); }

  std::string AnswerKey(std::string_view text) const override {
    const std::optional<Program> program = FindProgram(text);
    return program ? std::string(Trim(program->text)) : "";
  }

  std::string Identity() const override { return identity_; }

 private:
  static Verdict VerdictOf(SandboxResult result, const Program& program) {
    switch (result) {
      case SandboxResult::kPass:
        return Verdict::kCorrect;
      case SandboxResult::kFail:
        return Verdict::kIncorrect;
      case SandboxResult::kSyntax:
        return program.fenced ? Verdict::kIncorrect : Verdict::kUnparsed;
      case SandboxResult::kTimeout:
        return Verdict::kTimeout;
      default:
        return Verdict::kUnverified;
    }
  }

  /// The 1st, 2nd, 4th, 8th ... failure: enough to be seen, too few to flood.
  void Warn(const std::string& trouble) const {
    const uint64_t count = ++failures_;
    if (!std::has_single_bit(count)) return;
    LogWarning(StrCat("verifier code: the sandbox failed (", count, " so far), the trace is ",
                      "unverified: ", trouble));
  }

  PythonSandbox sandbox_;
  std::string identity_;
  mutable std::counting_semaphore<> slots_;
  mutable std::atomic<uint64_t> failures_ = 0;
};

}  // namespace

std::unique_ptr<AnswerVerifier> MakeCodeVerifier(ConfigSection section) {
  SandboxConfig config;
  int concurrency = 0;
  section.String("python", &config.python);
  section.Int("cpu_seconds", &config.cpu_seconds, {.min = 1, .max = 3600});
  section.Int("wall_seconds", &config.wall_seconds, {.min = 1, .max = 86400});
  section.Int("memory_mib", &config.memory_mib, {.min = 64, .max = 1 << 20});
  section.Int("processes", &config.processes, {.min = 0, .max = 1024});
  section.Int("concurrency", &concurrency, {.min = 0, .max = 1024});  // 0: one a processor
  if (!config.python.starts_with("/usr/")) {
    section.Fail("python", "must lie under /usr: the sandbox shows nothing else");
    return nullptr;
  }
  if (concurrency == 0) concurrency = static_cast<int>(std::thread::hardware_concurrency());
  return std::make_unique<CodeVerifier>(config, std::max(concurrency, 1));
}

}  // namespace retort
