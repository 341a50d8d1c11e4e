#include "core/task/answer_verifier.h"

#include "core/base/error.h"
#include "core/task/verifiers/answer_text.h"

namespace retort {

#define RETORT_VERIFIER(name, factory) \
  std::unique_ptr<AnswerVerifier> factory(ConfigSection section);
#include "core/task/verifiers.def"
#undef RETORT_VERIFIER

namespace {

struct VerifierEntry {
  const char* name;
  std::unique_ptr<AnswerVerifier> (*make)(ConfigSection section);
};

constexpr VerifierEntry kVerifiers[] = {
#define RETORT_VERIFIER(name, factory) {#name, &(factory)},
#include "core/task/verifiers.def"
#undef RETORT_VERIFIER
};

}  // namespace

std::string AnswerVerifier::AnswerKey(std::string_view text) const {
  const std::optional<FoundAnswer> found = FindAnswer(text);
  if (!found) return "";
  return NormalizedText(found->marked ? found->text : LastLine(found->text));
}

std::vector<std::string> AnswerVerifierNames() {
  std::vector<std::string> names;
  for (const VerifierEntry& entry : kVerifiers) names.emplace_back(entry.name);
  return names;
}

std::unique_ptr<AnswerVerifier> MakeAnswerVerifier(ConfigSection section) {
  std::string name = "math";
  section.Choice("name", &name, AnswerVerifierNames());
  for (const VerifierEntry& entry : kVerifiers) {
    if (name == entry.name) return entry.make(section);
  }
  return nullptr;
}

std::unique_ptr<AnswerVerifier> DefaultAnswerVerifier(const std::string& name) {
  const std::vector<std::string> names = AnswerVerifierNames();
  for (const std::string& known : names) {
    if (name != known) continue;
    const auto document = ConfigDocument::Parse(StrCat("name: ", name, "\n"), "verifier", {});
    std::unique_ptr<AnswerVerifier> verifier = MakeAnswerVerifier(document->Root());
    if (verifier != nullptr) return verifier;
    throw Error(ExitCode::kUsage, StrCat("verifier ", name,
                                         " has a key without a default - name an experiment file "
                                         "whose task.verifier sets it"));
  }
  throw Error(ExitCode::kUsage,
              StrCat("no verifier is named \"", name, "\" - there is: ", Join(names, ", ")));
}

}  // namespace retort
