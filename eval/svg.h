// Small pieces of HTML and SVG: escaping, scales with round ticks, labels that do not overlap.
// Pure functions and single-threaded values.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace retort {

/// Text for element content and quoted attributes. Control characters other than tab and newline,
/// which no XML may hold, become U+FFFD.
std::string HtmlEscape(std::string_view text);

/// Maps values to pixels, linearly or by their logarithm.
class Scale {
 public:
  enum class Kind { kLinear, kLog };
  /// `low` < `high`; both positive for kLog. Pixels may run either way.
  Scale(Kind kind, double low, double high, double pixel_low, double pixel_high);

  double Pixel(double value) const;
  /// Round values inside the range: 1-2-5 steps; powers of ten (with 2 and 5 where there is room)
  /// for kLog.
  std::vector<double> Ticks(int about) const;
  double low() const { return low_; }
  double high() const { return high_; }

 private:
  Kind kind_;
  double low_, high_, pixel_low_, pixel_high_;
};

struct Rect {
  double x = 0, y = 0, width = 0, height = 0;
  bool Overlaps(const Rect& other) const;
};

/// Pixels a text of our 12 px labels takes, estimated: there is no font here.
double LabelWidth(std::string_view text);

/// Finds free places for labels beside their points, inside a frame.
class LabelPlacer {
 public:
  explicit LabelPlacer(Rect frame) : frame_(frame) {}
  /// Nothing may cover `taken`.
  void Block(Rect taken) { taken_.push_back(taken); }
  /// A free rectangle near (x, y), nearest first; taken from now on. Where nothing is free, the
  /// nearest inside the frame.
  Rect Place(double x, double y, double width, double height);

 private:
  bool Free(const Rect& rect) const;
  Rect Inside(Rect rect) const;
  Rect frame_;
  std::vector<Rect> taken_;
};

/// An opening <svg ...> that scales with the page; `label` is read to people who cannot see it.
std::string SvgOpen(double width, double height, std::string_view label);
std::string SvgLine(double x1, double y1, double x2, double y2, std::string_view css_class);
std::string SvgRect(const Rect& rect, std::string_view css_class);
std::string SvgCircle(double x, double y, double radius, std::string_view css_class,
                      std::string_view title = "");
/// `anchor` is start, middle or end. The text is escaped.
std::string SvgText(double x, double y, std::string_view anchor, std::string_view css_class,
                    std::string_view text);
/// A line through points.
std::string SvgPath(const std::vector<std::pair<double, double>>& points,
                    std::string_view css_class);

}  // namespace retort
