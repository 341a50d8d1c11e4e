// Problems from any file of JSON records, judged against their gold answers.
//
// A problem's `answer` is the record's whole answer text (a worked solution that holds the gold
// answer, or the gold answer alone): it is the gold trace that sft may learn, and Verify takes the
// gold answer out of it. Without it nothing can be judged (Check says kUnverified), unless the
// verifier needs no gold. Layouts: core/task/jsonl_layout.h; prompts: few_shot.h; verifiers:
// answer_verifier.h.
#include <set>
#include <utility>

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/task/answer_verifier.h"
#include "core/task/few_shot.h"
#include "core/task/jsonl_layout.h"
#include "core/task/splits.h"
#include "core/task/step_rules.h"
#include "core/task/task.h"

namespace retort {
namespace {

constexpr std::string_view kDefaultMarker = "####";
constexpr size_t kIdDigits = 16;  // of the content's hash

struct JsonlConfig {
  std::string file{};  // where the splits with a share come from
  std::string on_error = "refuse";
  JsonlFieldsConfig fields{};
  PromptTemplate prompt{};
  std::string steps = "line";
  int max_completion_tokens = 512;
  std::vector<std::string> stop{};

  static JsonlConfig FromConfig(ConfigSection& section) {
    JsonlConfig config;
    section.String("file", &config.file);
    section.Choice("on_error", &config.on_error, {"refuse", "skip"});
    config.fields = JsonlFieldsConfig::FromConfig(section);
    config.prompt = PromptTemplate::FromConfig(section, config.fields);
    section.Choice("steps", &config.steps, StepRuleNames());
    section.Int("max_completion_tokens", &config.max_completion_tokens, {.min = 1, .max = 1 << 20});
    section.StringList("stop", &config.stop);
    return config;
  }
};

class JsonlVerifier final : public Verifier {
 public:
  /// The verifier's questions are those of the records, without what `prompt` puts around them.
  JsonlVerifier(JsonlFieldsConfig fields, const PromptTemplate& prompt,
                std::unique_ptr<AnswerVerifier> answers)
      : fields_(std::move(fields)), prompt_(prompt), answers_(std::move(answers)) {}

  Verdict Verify(const Problem& problem, std::string_view text) const override {
    return Judge(problem.question, GoldAnswer(problem.answer, fields_), text);
  }

  /// For most verifiers a question alone says nothing about its answer.
  Verdict Check(const Question& question, std::string_view text) const override {
    return CanCheck() ? Judge(question, "", text) : Verdict::kUnverified;
  }
  bool CanCheck() const override { return !answers_->NeedsGold(); }
  std::string AnswerKey(std::string_view text) const override {
    return answers_->AnswerKey(WithDefaultMarker(text));
  }

  int StepsBeforeError(const Question& /*question*/, std::string_view /*text*/) const override {
    return 0;
  }

  std::string Identity() const override {
    return StrCat("jsonl-", answers_->Identity(), " gold=", fields_.gold,
                  " marker=", fields_.marker);
  }

  /// Whether the verifier can judge by this gold answer; "" is one where it needs none.
  bool CanRead(std::string_view gold) const {
    return !answers_->NeedsGold() || (!gold.empty() && answers_->CanRead(gold));
  }

 private:
  Verdict Judge(const Question& question, std::string_view gold, std::string_view text) const {
    if (gold.empty() && answers_->NeedsGold()) return Verdict::kUnverified;
    const std::string_view own = prompt_.QuestionOf(question.prompt).value_or(question.prompt);
    const Question asked{.id = question.id, .prompt = std::string(own), .horizon = 0};
    return answers_->Judge(asked, gold, WithDefaultMarker(text));
  }

  /// A marker of the user's own says where the answer is, as "####" does.
  std::string WithDefaultMarker(std::string_view text) const {
    const bool own_marker =
        fields_.marker != kDefaultMarker && (fields_.gold == "marker" || fields_.gold == "auto");
    const size_t at = own_marker ? text.rfind(fields_.marker) : std::string_view::npos;
    if (at == std::string_view::npos) return std::string(text);
    return StrCat(kDefaultMarker, text.substr(at + fields_.marker.size()));
  }

  JsonlFieldsConfig fields_;
  PromptTemplate prompt_;
  std::unique_ptr<AnswerVerifier> answers_;
};

class JsonlTask final : public Task {
 public:
  JsonlTask(JsonlConfig config, std::unique_ptr<AnswerVerifier> answers)
      : config_(std::move(config)),
        verifier_(config_.fields, config_.prompt, std::move(answers)),
        step_rule_(MakeStepRule(config_.steps)) {}

  std::string Name() const override { return "jsonl"; }
  std::string Identity() const override {
    return StrCat("jsonl/1 fields=", config_.fields.Identity(), " steps=", config_.steps,
                  " max_completion_tokens=", config_.max_completion_tokens,
                  config_.stop.empty() ? "" : StrCat(" stop=", DumpJson(Json(config_.stop))),
                  " prompt=", Sha256(DumpJson(Json{config_.prompt.prefix, config_.prompt.suffix})));
  }
  TaskFacts Facts() const override;
  std::vector<std::vector<Problem>> MakeSplits(const std::vector<ProblemSplit>& splits,
                                               uint64_t seed) const override;
  std::string CanonicalKey(const Question& question) const override;
  std::string QuestionText(const Question& question) const override {
    return std::string(QuestionOf(question));
  }
  const Verifier& GetVerifier() const override { return verifier_; }
  const StepRule& GetStepRule() const override { return *step_rule_; }
  std::vector<std::string> Vocabulary() const override { return {}; }
  int MaxCompletionTokens() const override { return config_.max_completion_tokens; }
  std::vector<std::string> StopTexts() const override { return config_.stop; }

  /// The record's answer text, or its solution: there is no other.
  std::vector<std::string> GoldTraces(const Problem& problem, int count,
                                      RngKey /*key*/) const override {
    std::string trace = GoldTrace(problem.answer, config_.fields);
    return count > 0 && !trace.empty() ? std::vector{std::move(trace)} : std::vector<std::string>();
  }
  std::optional<int64_t> CountSolutions(const Question& /*question*/) const override {
    return std::nullopt;
  }
  std::optional<std::string> RandomPlay(const Question& /*question*/, Rng& /*rng*/) const override {
    return std::nullopt;
  }
  std::optional<std::string> HeuristicPlay(const Question& /*question*/,
                                           Rng& /*rng*/) const override {
    return std::nullopt;
  }
  std::optional<std::string> Solve(const Question& /*question*/, Rng& /*rng*/) const override {
    return std::nullopt;
  }
  std::vector<std::pair<std::string, std::string>> Augment(
      const Question& question, std::string_view solution) const override {
    return {{question.prompt, std::string(solution)}};
  }
  Json ToJson(const Problem& problem) const override;
  Problem FromJson(const Json& object) const override;

 private:
  std::string_view QuestionOf(const Question& question) const;
  /// Of task.file; none if it is not set.
  std::vector<Problem> ReadFile() const;
  std::set<std::string> ShownKeys() const;

  JsonlConfig config_;
  JsonlVerifier verifier_;
  std::unique_ptr<StepRule> step_rule_;
};

std::string_view JsonlTask::QuestionOf(const Question& question) const {
  const std::optional<std::string_view> text = config_.prompt.QuestionOf(question.prompt);
  if (!text) {
    throw Error(ExitCode::kData,
                StrCat("question ", question.id, ": its prompt was not made by this template - \"",
                       question.prompt.substr(0, 80), "\"; check task.prompt and task.few_shot"));
  }
  return *text;
}

std::string JsonlTask::CanonicalKey(const Question& question) const {
  return Sha256(NormalizedQuestion(QuestionOf(question)));
}

std::set<std::string> JsonlTask::ShownKeys() const {
  std::set<std::string> keys;
  for (const std::string& question : config_.prompt.shown_questions) keys.insert(Sha256(question));
  return keys;
}

std::vector<Problem> JsonlTask::ReadFile() const {
  if (config_.file.empty()) return {};
  return ReadProblemFile(RealEnv(), *this, config_.file, config_.on_error == "skip");
}

TaskFacts JsonlTask::Facts() const {
  TaskFacts facts;
  facts.description = StrCat("questions with gold answers from ",
                             config_.file.empty() ? "the files of its splits" : config_.file);
  facts.solver =
      StrCat("none; an answer is judged by ", verifier_.Identity(),
             verifier_.CanCheck() ? "" : " with the gold answer, and cannot be checked without it");
  facts.symmetry = "the same question text, apart from case, white space and the end's punctuation";
  const std::set<std::string> shown = ShownKeys();
  std::set<std::string> classes;
  for (const Problem& problem : ReadFile()) {
    const std::string key = CanonicalKey(problem.question);
    if (shown.contains(key)) continue;
    classes.insert(key);
    ++facts.problems;
  }
  facts.canonical_classes = static_cast<int64_t>(classes.size());
  return facts;
}

std::vector<std::vector<Problem>> JsonlTask::MakeSplits(const std::vector<ProblemSplit>& splits,
                                                        uint64_t seed) const {
  bool needs_file = false;
  for (const ProblemSplit& split : splits) {
    if (!split.config.file.empty()) continue;
    needs_file = true;
    if (!config_.file.empty()) continue;
    throw Error(ExitCode::kConfig,
                StrCat("problems.", split.name, ": a share of no file; set task.file, or problems.",
                       split.name, ".file"));
  }
  const std::vector<Problem> problems = needs_file ? ReadFile() : std::vector<Problem>();
  ProblemSource source;
  for (const Problem& problem : problems) {
    source.canonical_keys.push_back(CanonicalKey(problem.question));
  }
  source.make = [&](size_t index) { return problems[index]; };
  source.shown_keys = ShownKeys();
  return DealProblems(*this, splits, seed, source, StrCat(" (", config_.file, ")"));
}

Json JsonlTask::ToJson(const Problem& problem) const {
  const std::string question(QuestionOf(problem.question));
  const std::vector<std::string>& fields = config_.fields.question;
  Json object = Json::object();
  if (config_.fields.gold == "tests") {
    object = ParseJson(problem.answer, problem.question.id);
  } else if (config_.fields.gold != "none") {
    object[fields.empty() ? "answer" : config_.fields.answer] = problem.answer;
  }
  if (fields.empty()) {
    object[config_.fields.id.empty() ? "id" : config_.fields.id] = problem.question.id;
    object["question"] = question;
    return object;
  }
  for (const std::string& field : fields) object[field] = "";
  object[fields.front()] = question;
  if (!config_.fields.id.empty()) object[config_.fields.id] = problem.question.id;
  return object;
}

Problem JsonlTask::FromJson(const Json& object) const {
  JsonlRecord record = ReadJsonlRecord(object, config_.fields);
  const std::string_view gold = GoldAnswer(record.answer, config_.fields);
  if (gold.empty() && config_.fields.gold != "none") {
    throw Error(ExitCode::kData,
                StrCat("no gold answer in the answer field by task.gold: ", config_.fields.gold,
                       " (marker ", config_.fields.marker, ")"));
  }
  if (!verifier_.CanRead(gold)) {
    throw Error(ExitCode::kData,
                StrCat("the gold answer \"", gold.substr(0, 80), "\" cannot be read by ",
                       verifier_.Identity(), "; choose another task.verifier.name or task.gold"));
  }
  if (record.id.empty()) {
    const std::string content = DumpJson(Json{record.question, record.answer});
    record.id = StrCat("jsonl-", Sha256(content).substr(0, kIdDigits));
  }
  return {
      .question = {.id = record.id, .prompt = config_.prompt.Render(record.question), .horizon = 0},
      .answer = std::move(record.answer),
      .source = "",
      .split = ""};
}

}  // namespace

std::unique_ptr<Task> MakeJsonl(ConfigSection section) {
  JsonlConfig config = JsonlConfig::FromConfig(section);
  std::unique_ptr<AnswerVerifier> answers = MakeAnswerVerifier(section.Section("verifier"));
  if (answers == nullptr) return nullptr;
  if (config.fields.gold == "none" && answers->NeedsGold()) {
    section.Fail("gold", "none, but task.verifier needs a gold answer; see command's needs_gold");
  }
  return std::make_unique<JsonlTask>(std::move(config), std::move(answers));
}

}  // namespace retort
