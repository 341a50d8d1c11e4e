#include "eval/charts.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "core/base/strings.h"
#include "eval/gates.h"
#include "eval/report_format.h"
#include "eval/svg.h"

namespace retort {
namespace {

/// The style class of an arm's kind; anything unknown is drawn as a control, since a report.json
/// may hold any text.
std::string KindClass(const std::string& kind) {
  return kind == "student" || kind == "search" ? "kind-" + kind : "kind-control";
}

constexpr double kWidth = 960;
constexpr double kLabelHeight = 14;
constexpr int kSeriesColours = 8;

struct Frame {
  Rect plot;
  double height;  // of the whole drawing
};

std::string TickText(double value) {
  if (value >= 1000) return WithCommas(std::llround(value));
  std::string text = Fixed(value, value < 0.001 ? 5 : value < 1 ? 3 : 0);
  if (text.find('.') == std::string::npos) return text;
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

std::string VerticalGrid(const Frame& frame, const Scale& x, const std::string& title) {
  std::string svg;
  const double bottom = frame.plot.y + frame.plot.height;
  for (const double tick : x.Ticks(10)) {
    const double at = x.Pixel(tick);
    svg += SvgLine(at, frame.plot.y, at, bottom, "grid");
    svg += SvgText(at, bottom + 18, "middle", "tick", TickText(tick));
  }
  return svg + SvgText(frame.plot.x + frame.plot.width, bottom + 36, "end", "axis", title);
}

std::string AccuracyGrid(const Frame& frame, const Scale& y) {
  std::string svg;
  for (const double tick : y.Ticks(5)) {
    const double at = y.Pixel(tick);
    svg += SvgLine(frame.plot.x, at, frame.plot.x + frame.plot.width, at, "grid");
    svg += SvgText(frame.plot.x - 8, at + 4, "end", "tick", Fixed(100 * tick, 0) + " %");
  }
  return svg;
}

/// One arm's place in the cost chart.
struct CostPoint {
  std::string label;
  std::string css_class;
  double cost_ms = 0;
  Estimate accuracy;
};

std::vector<CostPoint> CostPoints(const Json& report) {
  std::vector<CostPoint> points;
  for (const Json& arm : Child(report, "arms")) {
    CostPoint point{.label = TextOf(arm, "label"),
                    .css_class = KindClass(TextOf(arm, "kind")),
                    .cost_ms = 1e3 * NumberOf(arm, "cost_seconds_per_problem"),
                    .accuracy = {}};
    if (point.cost_ms > 0 && EstimateFromJson(Child(arm, "accuracy"), &point.accuracy)) {
      points.push_back(point);
    }
  }
  // Drawn last, so that nothing covers the student.
  std::stable_partition(points.begin(), points.end(), [](const CostPoint& point) {
    return point.css_class != KindClass("student");
  });
  return points;
}

/// An arm's best-of-k curve; the cost of k samples is the run's cost in proportion to tokens (or to
/// tries, for players that have no tokens).
std::vector<std::pair<double, Json>> CurveOf(const Json& arm) {
  std::vector<std::pair<double, Json>> curve;
  const Json& points = Child(arm, "best_of_k");
  const double cost_ms = 1e3 * NumberOf(arm, "cost_seconds_per_problem");
  if (!points.is_array() || points.size() < 2 || cost_ms <= 0) return curve;
  const double all_tokens = NumberOf(arm, "tokens_per_problem");
  const double all_tries = NumberOf(points.back(), "k", 1);
  for (const Json& point : points) {
    const double share = all_tokens > 0 ? NumberOf(point, "tokens_per_problem") / all_tokens
                                        : NumberOf(point, "k") / all_tries;
    if (share > 0) curve.emplace_back(cost_ms * share, point);
  }
  return curve;
}

Scale CostScale(const Json& report, const std::vector<CostPoint>& points, const Rect& plot) {
  double low = points.front().cost_ms;
  double high = low;
  for (const CostPoint& point : points) {
    low = std::min(low, point.cost_ms);
    high = std::max(high, point.cost_ms);
  }
  for (const Json& arm : Child(report, "arms")) {
    for (const auto& [cost_ms, point] : CurveOf(arm)) low = std::min(low, cost_ms);
  }
  return Scale(Scale::Kind::kLog, low / 1.6, high * 1.6, plot.x, plot.x + plot.width);
}

/// Keeps labels off a line.
void BlockLine(const std::vector<std::pair<double, double>>& path, LabelPlacer* placer) {
  constexpr double kStep = 4;
  for (size_t i = 1; i < path.size(); ++i) {
    const auto& [x1, y1] = path[i - 1];
    const auto& [x2, y2] = path[i];
    const double length = std::hypot(x2 - x1, y2 - y1);
    const int steps = static_cast<int>(std::ceil(length / kStep));
    for (int step = 0; step < steps; ++step) {
      const double at = step * kStep;
      const double x = x1 + (x2 - x1) * at / length;
      const double y = y1 + (y2 - y1) * at / length;
      placer->Block({.x = x - 1, .y = y - 1, .width = 2, .height = 2});
    }
  }
}

std::string DrawCurve(const Json& arm, const Scale& x, const Scale& y, LabelPlacer* placer) {
  std::string svg;
  std::vector<std::pair<double, double>> path;
  const std::string css_class = KindClass(TextOf(arm, "kind"));
  for (const auto& [cost_ms, point] : CurveOf(arm)) {
    const double at_x = x.Pixel(cost_ms);
    const double at_y = y.Pixel(NumberOf(point, "value"));
    path.emplace_back(at_x, at_y);
    const std::string k = CountOf(point, "k");
    svg += SvgCircle(at_x, at_y, 2.6, css_class + " hollow",
                     StrCat(TextOf(arm, "label"), ", first ", k, ": ", PercentOf(point, "value")));
    placer->Block({.x = at_x - 3, .y = at_y - 3, .width = 6, .height = 6});
  }
  BlockLine(path, placer);
  return path.empty() ? "" : SvgPath(path, css_class + " curve") + svg;
}

std::string DrawPoint(const CostPoint& point, const Scale& x, const Scale& y) {
  const double at_x = x.Pixel(point.cost_ms);
  const double at_y = y.Pixel(point.accuracy.value);
  return SvgLine(at_x, y.Pixel(point.accuracy.low), at_x, y.Pixel(point.accuracy.high),
                 point.css_class + " error") +
         SvgCircle(at_x, at_y, 5, point.css_class + " dot",
                   StrCat(point.label, ": ", PercentInterval(point.accuracy), ", ",
                          Significant(point.cost_ms), " ms a problem"));
}

std::string DrawLabel(double x, double y, const std::string& text, const std::string& css_class,
                      LabelPlacer* placer) {
  const Rect place = placer->Place(x, y, LabelWidth(text), kLabelHeight);
  const double middle_y = place.y + place.height / 2;
  const double near_x = std::clamp(x, place.x, place.x + place.width);
  std::string svg;
  if (std::hypot(near_x - x, middle_y - y) > 22) {
    svg += SvgLine(x, y, near_x, middle_y, "leader");
  }
  return svg + SvgText(place.x, place.y + 11, "start", css_class, text);
}

std::string KindLegend(double x, double y) {
  std::string svg;
  for (const std::string kind : {"student", "search", "control"}) {
    svg += SvgCircle(x, y - 4, 5, KindClass(kind) + " dot");
    svg += SvgText(x + 10, y, "start", "tick", kind);
    x += 34 + LabelWidth(kind);
  }
  svg += SvgCircle(x, y - 4, 2.6, "kind-search hollow");
  return svg + SvgText(x + 10, y, "start", "tick", "its first k samples");
}

/// One line with its name for a chart of several.
struct Series {
  std::string name;
  int colour = 0;
  std::vector<std::pair<double, double>> values;
  std::optional<std::pair<double, double>> marked;
};

/// Lines in a frame, named once at their right ends.
std::string DrawSeries(const std::vector<Series>& all, const Frame& frame, const Scale& x,
                       const Scale& y) {
  std::string svg;
  LabelPlacer placer({.x = frame.plot.x + frame.plot.width,
                      .y = frame.plot.y - 10,
                      .width = kWidth - frame.plot.x - frame.plot.width,
                      .height = frame.plot.height + 20});
  std::set<std::string> named;
  for (const Series& series : all) {
    const std::string colour = StrCat("series-", series.colour % kSeriesColours);
    std::vector<std::pair<double, double>> path;
    for (const auto& [at, value] : series.values) path.emplace_back(x.Pixel(at), y.Pixel(value));
    svg += SvgPath(path, colour + " line");
    if (series.marked) {
      svg += SvgCircle(x.Pixel(series.marked->first), y.Pixel(series.marked->second), 4.5,
                       colour + " dot",
                       StrCat(series.name, ", selected at ", TickText(series.marked->first), ": ",
                              Percent(series.marked->second)));
    }
    if (!named.insert(series.name).second) continue;
    const auto& [end_x, end_y] = path.back();
    const double right = frame.plot.x + frame.plot.width;
    const Rect place = placer.Place(right, end_y, LabelWidth(series.name), kLabelHeight);
    svg += SvgLine(end_x + 3, end_y, place.x - 3, place.y + 7, "leader");
    svg += SvgText(place.x, place.y + 11, "start", colour + " name", series.name);
  }
  return svg;
}

std::vector<Series> LearningSeries(const Json& curves) {
  std::vector<Series> all;
  std::map<std::string, int> colours;
  if (!curves.is_object()) return all;
  for (const auto& [key, curve] : curves.items()) {
    const std::string model = ModelOfCurve(key);
    const int colour = colours.emplace(model, static_cast<int>(colours.size())).first->second;
    Series series{.name = model, .colour = colour, .values = {}, .marked = std::nullopt};
    const double selected = NumberOf(curve, "selected_step", -1);
    for (const Json& point : Child(curve, "points")) {
      series.values.emplace_back(NumberOf(point, "step"), NumberOf(point, "accuracy"));
      if (series.values.back().first == selected) series.marked = series.values.back();
    }
    if (!series.values.empty()) all.push_back(series);
  }
  return all;
}

std::vector<Series> HorizonSeries(const Json& report) {
  std::vector<Series> all;
  for (const Json& arm : Child(report, "arms")) {
    Series series{.name = TextOf(arm, "label"),
                  .colour = static_cast<int>(all.size()),
                  .values = {},
                  .marked = std::nullopt};
    for (const Json& point : Child(arm, "by_horizon")) {
      series.values.emplace_back(NumberOf(point, "horizon"), NumberOf(point, "value"));
    }
    if (series.values.size() > 1) all.push_back(series);
  }
  return all;
}

std::string SeriesChart(const std::vector<Series>& all, double first_x, const std::string& axis,
                        const std::string& title) {
  if (all.empty()) return "";
  double last_x = first_x;
  double longest = 0;
  for (const Series& series : all) {
    for (const auto& [at, value] : series.values) last_x = std::max(last_x, at);
    longest = std::max(longest, LabelWidth(series.name));
  }
  if (last_x <= first_x) return "";
  const double right = std::min(300.0, longest + 40);
  const Frame frame{.plot = {.x = 56, .y = 16, .width = kWidth - 56 - right, .height = 260},
                    .height = 330};
  const Scale x(Scale::Kind::kLinear, first_x, last_x, frame.plot.x,
                frame.plot.x + frame.plot.width);
  const Scale y(Scale::Kind::kLinear, 0, 1, frame.plot.y + frame.plot.height, frame.plot.y);
  return SvgOpen(kWidth, frame.height, title) + AccuracyGrid(frame, y) +
         VerticalGrid(frame, x, axis) + DrawSeries(all, frame, x, y) + "</svg>\n";
}

/// One row of the latency chart.
struct LatencyRow {
  std::string label;
  std::string css_class;
  std::vector<double> ms;
  double p50 = 0;
  double p95 = 0;
};

std::vector<LatencyRow> LatencyRows(const Json& report) {
  std::vector<LatencyRow> rows;
  for (const Json& arm : Child(report, "arms")) {
    LatencyRow row{.label = TextOf(arm, "label"),
                   .css_class = KindClass(TextOf(arm, "kind")),
                   .ms = {},
                   .p50 = NumberOf(Child(arm, "latency_ms"), "p50"),
                   .p95 = NumberOf(Child(arm, "latency_ms"), "p95")};
    for (const Json& ms : Child(arm, "latency_per_problem_ms")) {
      if (ms.is_number() && ms.get<double>() > 0) row.ms.push_back(ms.get<double>());
    }
    if (!row.ms.empty()) rows.push_back(row);
  }
  return rows;
}

std::string DrawLatencyRow(const LatencyRow& row, const Rect& lane, const Scale& x) {
  constexpr double kBinPixels = 5;
  std::vector<int> bins(static_cast<size_t>(lane.width / kBinPixels) + 1, 0);
  for (const double ms : row.ms) {
    const double offset = std::clamp(x.Pixel(ms) - lane.x, 0.0, lane.width);
    ++bins[static_cast<size_t>(offset / kBinPixels)];
  }
  const int highest = *std::max_element(bins.begin(), bins.end());
  const double bottom = lane.y + lane.height;
  std::string svg = SvgText(lane.x - 10, bottom - 4, "end", "name", row.label);
  svg += SvgLine(lane.x, bottom, lane.x + lane.width, bottom, "grid");
  for (size_t i = 0; i < bins.size(); ++i) {
    if (bins[i] == 0) continue;
    const double height = std::max(1.5, lane.height * 0.78 * bins[i] / highest);
    svg += SvgRect({.x = lane.x + kBinPixels * static_cast<double>(i),
                    .y = bottom - height,
                    .width = kBinPixels - 0.8,
                    .height = height},
                   row.css_class + " bar");
  }
  const double p50 = x.Pixel(row.p50);
  const double p95 = x.Pixel(row.p95);
  svg += SvgLine(p50, bottom + 3, p50, bottom - lane.height * 0.9, "mark");
  svg += SvgLine(p95, bottom + 3, p95, bottom - lane.height * 0.45, "mark thin");
  const std::string text =
      StrCat("p50 ", Significant(row.p50), "  p95 ", Significant(row.p95), " ms");
  return svg + SvgText(lane.x + lane.width + 12, bottom - 4, "start", "tick", text);
}

}  // namespace

std::string CostChart(const Json& report) {
  const std::vector<CostPoint> points = CostPoints(report);
  if (points.empty()) return "";
  const std::string clock = TextOf(report, "clock");
  const Frame frame{.plot = {.x = 56, .y = 34, .width = kWidth - 76, .height = 360}, .height = 448};
  const Scale x = CostScale(report, points, frame.plot);
  const Scale y(Scale::Kind::kLinear, 0, 1, frame.plot.y + frame.plot.height, frame.plot.y);
  LabelPlacer placer(
      {.x = frame.plot.x, .y = 20, .width = frame.plot.width, .height = frame.plot.height + 18});
  std::string svg =
      SvgOpen(kWidth, frame.height, StrCat("Accuracy against ", clock, " time a problem"));
  svg +=
      AccuracyGrid(frame, y) + VerticalGrid(frame, x, StrCat(clock, " ms a problem, logarithmic"));
  svg += KindLegend(frame.plot.x + 6, 14);
  for (const Json& arm : Child(report, "arms")) svg += DrawCurve(arm, x, y, &placer);
  for (const CostPoint& point : points) {
    const double at_x = x.Pixel(point.cost_ms);
    const double top = y.Pixel(point.accuracy.high);
    svg += DrawPoint(point, x, y);
    placer.Block({.x = at_x - 6,
                  .y = std::min(top, y.Pixel(point.accuracy.value) - 6),
                  .width = 12,
                  .height = std::max(12.0, y.Pixel(point.accuracy.low) - top)});
  }
  for (const CostPoint& point : points) {
    svg += DrawLabel(x.Pixel(point.cost_ms), y.Pixel(point.accuracy.value), point.label, "name",
                     &placer);
  }
  for (const Json& arm : Child(report, "arms")) {
    std::vector<std::pair<double, Json>> curve = CurveOf(arm);
    if (!curve.empty()) curve.pop_back();  // the last is the arm itself, named already
    for (const auto& [cost_ms, point] : curve) {
      svg += DrawLabel(x.Pixel(cost_ms), y.Pixel(NumberOf(point, "value")), CountOf(point, "k"),
                       "tick", &placer);
    }
  }
  return svg + "</svg>\n";
}

std::string CurvesChart(const Json& report) {
  return SeriesChart(LearningSeries(Child(report, "curves")), 0, "training step",
                     "Dev accuracy against training step");
}

std::string HorizonChart(const Json& report) {
  const std::vector<Series> all = HorizonSeries(report);
  double first = 0;
  for (const Series& series : all) first = series.values.front().first;
  return SeriesChart(all, first, "steps a shortest solution needs", "Accuracy against horizon");
}

std::string LatencyChart(const Json& report) {
  const std::vector<LatencyRow> rows = LatencyRows(report);
  if (rows.empty()) return "";
  double low = rows.front().ms.front();
  double high = low;
  double longest = 0;
  for (const LatencyRow& row : rows) {
    low = std::min(low, *std::min_element(row.ms.begin(), row.ms.end()));
    high = std::max(high, *std::max_element(row.ms.begin(), row.ms.end()));
    longest = std::max(longest, LabelWidth(row.label));
  }
  constexpr double kLane = 38;
  const double left = std::min(260.0, longest + 20);
  const double lanes = kLane * static_cast<double>(rows.size());
  const Frame frame{.plot = {.x = left, .y = 8, .width = kWidth - left - 170, .height = lanes},
                    .height = lanes + 56};
  const Scale x(Scale::Kind::kLog, low / 1.2, high * 1.2, frame.plot.x,
                frame.plot.x + frame.plot.width);
  std::string svg = SvgOpen(kWidth, frame.height, "Latency by arm");
  svg += VerticalGrid(frame, x, "ms a query, one at a time, logarithmic");
  for (size_t i = 0; i < rows.size(); ++i) {
    const Rect lane{.x = frame.plot.x,
                    .y = frame.plot.y + kLane * static_cast<double>(i) + 4,
                    .width = frame.plot.width,
                    .height = kLane - 4};
    svg += DrawLatencyRow(rows[i], lane, x);
  }
  return svg + "</svg>\n";
}

}  // namespace retort
