// The drawings of report.html as inline SVG. Colours come from the page's style sheet, so light,
// dark and print need nothing here. Pure functions of report.json; "" when there is nothing to
// draw.
#pragma once

#include <string>

#include "core/base/json.h"

namespace retort {

/// Accuracy against CPU or GPU time a problem (logarithmic), with error bars, and best-of-k curves.
std::string CostChart(const Json& report);
/// Dev accuracy against training step, one line a train stage, the selected step marked.
std::string CurvesChart(const Json& report);
/// Distribution of latency by arm on one logarithmic axis, p50 and p95 marked.
std::string LatencyChart(const Json& report);
/// Accuracy against horizon, one line an arm; "" where all problems have the same horizon.
std::string HorizonChart(const Json& report);

}  // namespace retort
