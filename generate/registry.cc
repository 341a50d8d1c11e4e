#include "core/base/strings.h"
#include "generate/strategy.h"

namespace retort {

#define RETORT_STRATEGY(name, factory) \
  std::unique_ptr<SearchStrategy> factory(ConfigSection& section);
#include "generate/strategies.def"
#undef RETORT_STRATEGY

namespace {

struct Entry {
  const char* name;
  std::unique_ptr<SearchStrategy> (*factory)(ConfigSection&);
};

constexpr Entry kEntries[] = {
#define RETORT_STRATEGY(name, factory) {#name, factory},
#include "generate/strategies.def"
#undef RETORT_STRATEGY
};

}  // namespace

std::vector<std::string> StrategyNames() {
  std::vector<std::string> names;
  for (const Entry& entry : kEntries) names.emplace_back(entry.name);
  return names;
}

std::unique_ptr<SearchStrategy> MakeStrategy(ConfigSection section) {
  if (!section.Has("name")) {
    section.Fail("name", "missing: one of " + Join(StrategyNames(), ", "));
    return nullptr;
  }
  std::string name;
  section.Choice("name", &name, StrategyNames());
  for (const Entry& entry : kEntries) {
    if (name == entry.name) return entry.factory(section);
  }
  return nullptr;
}

}  // namespace retort
