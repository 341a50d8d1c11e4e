// The tables of a report as text cells, the same for terminal, Markdown and HTML. Pure functions of
// report.json.
#pragma once

#include <string>
#include <vector>

#include "core/base/json.h"

namespace retort {

/// Cells are text; a row has as many as the header. The first `left_columns` columns are words and
/// go to the left, the rest are figures and go to the right.
struct TextTable {
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;
  size_t left_columns = 1;
};

/// "CPU ms" or "GPU ms": the header of the column that says what a problem costs.
std::string CostColumn(const Json& report);
/// One row an arm: accuracy, latency, tokens, FLOPs, cost in time and money.
TextTable ArmsTable(const Json& report);
/// One row a pair: difference with interval, discordant counts, McNemar.
TextTable PairsTable(const Json& report);
/// One row an arm with a curve over the first k samples: k, pass@k, best-of-k, maj@k.
TextTable SubsampleTable(const Json& report);
/// One row a derived figure.
TextTable DerivedTable(const Json& report);

/// "shown" or "not shown"; "passed", "failed", "not run".
std::string StateText(const std::string& state);

}  // namespace retort
