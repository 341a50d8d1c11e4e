// The parts of report.html that are neither plain tables nor drawings. Pure functions of
// report.json; "" when there is nothing to show.
#pragma once

#include <string>

#include "core/base/json.h"
#include "eval/report_tables.h"

namespace retort {

/// A coloured word: shown, passed and correct are good; failed and the wrong verdicts bad.
std::string StateChip(const std::string& state);
std::string HtmlTable(const TextTable& table);
/// Claims or gates: name, state, sentence.
std::string StatesHtml(const Json& entries, const std::string& text_key);
/// What the student's training set was made of: each filter's loss, with reasons and samples.
std::string FunnelHtml(const Json& funnel);
/// Items side by side.
std::string WorstHtml(const Json& worst);
/// A search tree to open and fold.
std::string TreeHtml(const Json& tree);

}  // namespace retort
