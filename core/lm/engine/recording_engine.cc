#include <mutex>
#include <utility>

#include "core/base/env.h"
#include "core/base/error.h"
#include "core/base/json.h"
#include "core/lm/engine/engine.h"

namespace retort {
namespace {

const char* FinishName(FinishReason finish) {
  switch (finish) {
    case FinishReason::kStopId:
      return "stop_id";
    case FinishReason::kStopText:
      return "stop_text";
    case FinishReason::kLength:
      break;
  }
  return "length";
}

Json UsageJson(const Usage& usage) {
  return {{"prefill_computed", usage.prefill_computed},
          {"prefill_shared", usage.prefill_shared},
          {"decoded", usage.decoded},
          {"flops", usage.flops}};
}

Json RequestJson(const GenerateRequest& request) {
  const SamplingParams& s = request.sampling;
  return {{"prompt_ids", request.prompt_ids},
          {"row_key", {request.row_key.key, request.row_key.stream}},
          {"sampling",
           {{"temperature", s.temperature},
            {"top_k", s.top_k},
            {"top_p", s.top_p},
            {"min_p", s.min_p},
            {"max_new_tokens", s.max_new_tokens},
            {"stop_ids", s.stop_ids},
            {"stop_texts", s.stop_texts}}}};
}

Json AnswerJson(const Completion& completion) {
  return {{"token_ids", completion.token_ids},
          {"log_probs", completion.log_probs},
          {"finish", FinishName(completion.finish)},
          {"usage", UsageJson(completion.usage)}};
}

Json RequestJson(const ScoreRequest& request) {
  return {{"prompt_ids", request.prompt_ids}, {"completion_ids", request.completion_ids}};
}

Json AnswerJson(const ScoreResult& result) {
  return {{"log_probs", result.log_probs}, {"usage", UsageJson(result.usage)}};
}

/// One line a row: {"call", "kind", "request", "answer"}. Times are left out, so equal runs of one
/// caller give equal files.
class RecordingEngine final : public Engine {
 public:
  RecordingEngine(Engine& inner, Env& env, const std::string& path)
      : inner_(inner), file_(env.NewFile(path)) {}

  std::vector<Completion> Generate(std::span<const GenerateRequest> requests) override {
    std::vector<Completion> answers = inner_.Generate(requests);
    Record("generate", requests, answers);
    return answers;
  }

  std::vector<ScoreResult> Score(std::span<const ScoreRequest> requests) override {
    std::vector<ScoreResult> answers = inner_.Score(requests);
    Record("score", requests, answers);
    return answers;
  }

  const EngineInfo& Info() const override { return inner_.Info(); }
  EngineStats Stats() const override { return inner_.Stats(); }

 private:
  template <typename Request, typename Answer>
  void Record(const char* kind, std::span<const Request> requests,
              const std::vector<Answer>& answers) {
    const std::lock_guard lock(mutex_);
    for (size_t i = 0; i < requests.size(); ++i) {
      const Json line = {{"call", calls_},
                         {"kind", kind},
                         {"request", RequestJson(requests[i])},
                         {"answer", AnswerJson(answers[i])}};
      file_->Append(DumpJson(line) + "\n");
    }
    ++calls_;
  }

  Engine& inner_;
  std::mutex mutex_;  // guards what follows
  std::unique_ptr<WritableFile> file_;
  int64_t calls_ = 0;
};

}  // namespace

std::unique_ptr<Engine> MakeRecordingEngine(Engine& inner, Env& env, const std::string& path) {
  return std::make_unique<RecordingEngine>(inner, env, path);
}

}  // namespace retort
