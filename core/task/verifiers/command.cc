// A program of the user's own as the judge: `argv`, started once for each of `concurrency` workers
// and asked in lines. No shell; the user's environment and folder; trusted, so not in a sandbox.
//
// In: {"request": 7, "id", "question", "text", "gold"}, one JSON object a line; `gold` only where
// needs_gold says so. Out: {"request": 7, "verdict": "correct"} for each, in one line: correct,
// incorrect, unparsed (no answer in the text) or unverified (the program cannot tell). It answers
// before it is asked again, and ends when its input does. Whatever else it does (no answer within
// `seconds`, an end, other bytes, a line over 64 KiB) is its failure: the item is kUnverified,
// never kIncorrect, and the next item gets a new worker. The program must judge equal items alike.
//
// Files that argv names (argv[0] only with a slash in it) and `files` are hashed into the identity:
// changing the program judges anew.
#include <algorithm>
#include <atomic>
#include <bit>
#include <mutex>
#include <semaphore>
#include <thread>
#include <utility>

#include "core/base/commit.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/base/subprocess.h"
#include "core/task/answer_verifier.h"
#include "core/task/verifiers/answer_text.h"

namespace retort {
namespace {

constexpr size_t kMaxReplyBytes = size_t{1} << 16;

struct CommandConfig {
  std::vector<std::string> argv{};
  std::vector<std::string> files{};  // others that the verdict depends on
  double seconds = 30;               // wall time for one item
  bool needs_gold = true;  // false: it judges by the question alone, so a search may use it too
  int concurrency = 1;
};

/// One running program.
class Worker {
 public:
  explicit Worker(const std::vector<std::string>& argv) : process_({.argv = argv}) {}

  /// nullopt, with `*trouble`, when the program failed; then it must not be asked again.
  std::optional<Verdict> Ask(Json item, double seconds, std::string* trouble) {
    item["request"] = ++requests_;
    const Subprocess::Reply reply =
        process_.Exchange(DumpJson(item) + "\n", kMaxReplyBytes, seconds);
    switch (reply.end) {
      case Subprocess::End::kTimeout:
        *trouble = StrCat("no answer within ", DoubleText(seconds), " s");
        return std::nullopt;
      case Subprocess::End::kTooLong:
        *trouble = StrCat("a line over ", WithCommas(kMaxReplyBytes), " bytes");
        return std::nullopt;
      case Subprocess::End::kClosed:
        *trouble = StrCat("it ended without an answer: ", process_.ErrorTail());
        return std::nullopt;
      default:
        return ReadReply(reply.line, trouble);
    }
  }

 private:
  std::optional<Verdict> ReadReply(const std::string& line, std::string* trouble) const {
    *trouble = StrCat("not an answer to request ", requests_, ": ", line.substr(0, 80));
    try {
      const Json reply = ParseJson(line, "reply");
      if (!reply.is_object() || !reply.contains("request") || !reply.contains("verdict") ||
          reply.at("request") != Json(requests_) || !reply.at("verdict").is_string()) {
        return std::nullopt;
      }
      const std::optional<Verdict> verdict =
          VerdictFromName(reply.at("verdict").get<std::string>());
      const bool known = verdict == Verdict::kCorrect || verdict == Verdict::kIncorrect ||
                         verdict == Verdict::kUnparsed || verdict == Verdict::kUnverified;
      return known ? verdict : std::nullopt;
    } catch (const Error&) {
      return std::nullopt;
    }
  }

  Subprocess process_;
  int64_t requests_ = 0;
};

class CommandVerifier final : public AnswerVerifier {
 public:
  CommandVerifier(CommandConfig config, std::string identity)
      : config_(std::move(config)), identity_(std::move(identity)), slots_(config_.concurrency) {}

  Verdict Compare(std::string_view gold, std::string_view text) const override {
    return Judge({}, gold, text);
  }

  Verdict Judge(const Question& question, std::string_view gold,
                std::string_view text) const override {
    if (config_.needs_gold && Trim(gold).empty()) return Verdict::kUnverified;
    if (Trim(text).empty()) return Verdict::kUnparsed;
    Json item = {{"id", question.id}, {"question", question.prompt}, {"text", std::string(text)}};
    if (config_.needs_gold) item["gold"] = std::string(gold);
    std::string trouble;
    slots_.acquire();
    const std::optional<Verdict> verdict = Ask(item, &trouble);
    slots_.release();
    if (!verdict) Warn(question.id, trouble);
    return verdict.value_or(Verdict::kUnverified);
  }

  bool NeedsGold() const override { return config_.needs_gold; }
  /// What is a gold answer is for the program to say, and asking costs a run for each problem.
  bool CanRead(std::string_view gold) const override { return !Trim(gold).empty(); }
  std::string Identity() const override { return identity_; }

 private:
  std::optional<Verdict> Ask(const Json& item, std::string* trouble) const {
    try {
      std::unique_ptr<Worker> worker = Take();
      const std::optional<Verdict> verdict = worker->Ask(item, config_.seconds, trouble);
      if (verdict) Return(std::move(worker));
      return verdict;
    } catch (const Error& error) {
      *trouble = error.what();
      return std::nullopt;
    }
  }

  std::unique_ptr<Worker> Take() const {
    {
      const std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        std::unique_ptr<Worker> worker = std::move(idle_.back());
        idle_.pop_back();
        return worker;
      }
    }
    return std::make_unique<Worker>(config_.argv);
  }

  void Return(std::unique_ptr<Worker> worker) const {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(worker));
  }

  /// The 1st, 2nd, 4th, 8th ... failure: enough to be seen, too few to flood.
  void Warn(const std::string& id, const std::string& trouble) const {
    const uint64_t count = ++failures_;
    if (!std::has_single_bit(count)) return;
    LogWarning(StrCat("verifier command ", config_.argv.front(), " failed",
                      id.empty() ? "" : " on ", id, " (", count,
                      " failures so far; the trace is unverified): ", trouble));
  }

  CommandConfig config_;
  std::string identity_;
  mutable std::counting_semaphore<> slots_;
  mutable std::mutex mutex_;  // guards idle_
  mutable std::vector<std::unique_ptr<Worker>> idle_;
  mutable std::atomic<uint64_t> failures_ = 0;
};

/// Name, argv, limits that decide verdicts, and the content of the program's own files.
std::string IdentityOf(const CommandConfig& config) {
  std::vector<std::string> files = config.files;
  for (size_t i = 0; i < config.argv.size(); ++i) {
    const std::string& path = config.argv[i];
    const bool looked_up = i == 0 && path.find('/') == std::string::npos;
    const Env& env = RealEnv();
    if (!looked_up && env.Exists(path) && !env.IsDirectory(path)) files.push_back(path);
  }
  Json hashes = Json::array();
  for (const std::string& path : files) hashes.push_back({path, Sha256OfFile(RealEnv(), path)});
  return StrCat("command/1 ", DumpJson(Json{config.argv, hashes, config.seconds}),
                config.needs_gold ? "" : " without gold");
}

}  // namespace

std::unique_ptr<AnswerVerifier> MakeCommandVerifier(ConfigSection section) {
  CommandConfig config;
  section.StringList("argv", &config.argv);
  section.StringList("files", &config.files);
  section.Float("seconds", &config.seconds, {.min = 0, .max = 86400, .exclusive_min = true});
  section.Bool("needs_gold", &config.needs_gold);
  section.Int("concurrency", &config.concurrency, {.min = 1, .max = 1024});
  if (config.argv.empty()) {
    section.Fail("argv", "the program to ask and its arguments, as a list: [python3, check.py]");
    return nullptr;
  }
  for (const std::string& path : config.files) {
    if (!RealEnv().Exists(path)) section.Fail("files", StrCat(path, ": not found"));
  }
  try {
    const Subprocess trial({.argv = config.argv});
    return std::make_unique<CommandVerifier>(config, IdentityOf(config));
  } catch (const Error& error) {
    section.Fail("argv", error.what());
    return nullptr;
  }
}

}  // namespace retort
