#include "filter/filter_stage.h"

namespace retort {

FilterConfig FilterConfig::FromConfig(ConfigSection section) {
  FilterConfig config;
  section.StringList("inputs", &config.inputs);
  for (ConfigSection& filter : section.List("filters")) {
    config.filters.push_back(MakeFilter(filter));
  }
  config.view = MakeView(section.Section("view"));
  section.String("gold_split", &config.gold_split);
  section.Bool("augment_gold", &config.augment_gold);
  section.Int("gold_repeat", &config.gold_repeat, {.min = 1, .max = 1000});
  section.Int("held_out_words", &config.held_out_words, {.min = 0, .max = 1000});
  section.Int("limit", &config.limit, {.min = 0});
  if (config.inputs.empty() && config.gold_split.empty()) {
    section.Fail("inputs", "nothing to learn from: name generate stages here, or a `gold_split`");
  }
  return config;
}

}  // namespace retort
