// An experiment file, with an override from the first NUL to the next (an argument holds none).
#include "core/base/config.h"
#include "tests/fuzz/fuzzing.h"

namespace {

/// Reads keys of every kind, as components do.
void ReadKeys(retort::ConfigSection section, int depth) {
  int64_t whole = 3;
  double number = 0.5;
  bool flag = true;
  std::string text = "x", choice = "a";
  std::vector<int64_t> ints;
  std::vector<double> numbers;
  std::vector<std::string> texts;
  section.Int("i", &whole, {.min = -5, .max = 5});
  section.Float("f", &number);
  section.Bool("b", &flag);
  section.String("s", &text);
  section.Choice("name", &choice, {"a", "b"});
  section.IntList("il", &ints);
  section.FloatList("fl", &numbers);
  section.StringList("sl", &texts);
  if (depth == 3) return;
  ReadKeys(section.Section("m"), depth + 1);
  for (retort::ConfigSection item : section.List("l")) ReadKeys(item, depth + 1);
  for (auto& [name, item] : section.Named("n")) ReadKeys(item, depth + 1);
}

std::string Resolve(const std::string& text, const std::vector<std::string>& overrides) {
  const auto document = retort::ConfigDocument::Parse(text, "x.yaml", overrides);
  ReadKeys(document->Root(), 0);
  document->Finish();
  document->ResolvedJson();
  return document->ResolvedYaml();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace retort;
  const std::string_view bytes = FuzzText(data, size);
  const size_t end = std::min(bytes.find('\0'), size);
  std::vector<std::string> overrides;
  if (end < size) overrides.emplace_back(std::string(bytes.substr(end + 1)).c_str());
  OrRefuse([&] {
    const std::string resolved = Resolve(std::string(bytes.substr(0, end)), overrides);
    std::string again;
    try {
      again = Resolve(resolved, {});
    } catch (const Error&) {
    }
    Expect(again == resolved);  // what is printed reads back to the same
  });
  return 0;
}
