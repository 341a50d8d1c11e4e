#include "eval/svg.h"

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/base/strings.h"
#include "eval/report_format.h"

namespace retort {
namespace {

/// Average advance of a 12 px system font, a little on the safe side.
constexpr double kCharacterPixels = 6.4;

std::string Pixels(double value) { return Fixed(value, 1); }

double NiceStep(double range, int about) {
  const double raw = range / std::max(1, about);
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= raw) return factor * power;
  }
  return 10 * power;
}

}  // namespace

std::string HtmlEscape(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default: {
        const auto byte = static_cast<unsigned char>(c);
        const bool control = (byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7F;
        if (control) {
          escaped += "\xEF\xBF\xBD";
        } else {
          escaped += c;
        }
      }
    }
  }
  return escaped;
}

Scale::Scale(Kind kind, double low, double high, double pixel_low, double pixel_high)
    : kind_(kind), low_(low), high_(high), pixel_low_(pixel_low), pixel_high_(pixel_high) {
  RETORT_CHECK(low < high && (kind == Kind::kLinear || low > 0), "scale from ", low, " to ", high);
}

double Scale::Pixel(double value) const {
  const double share = kind_ == Kind::kLinear ? (value - low_) / (high_ - low_)
                                              : std::log(value / low_) / std::log(high_ / low_);
  return pixel_low_ + share * (pixel_high_ - pixel_low_);
}

std::vector<double> Scale::Ticks(int about) const {
  std::vector<double> ticks;
  // Rounding must not lose a tick at either end.
  const double slack = 1e-9;
  if (kind_ == Kind::kLinear) {
    const double step = NiceStep(high_ - low_, about);
    for (double i = std::ceil(low_ / step - slack); i * step <= high_ + slack * step; ++i) {
      ticks.push_back(i * step + 0.0);  // never "-0"
    }
    return ticks;
  }
  const double decades = std::log10(high_ / low_);
  const bool fine = decades * 3 <= about * 1.5;
  const int last_decade = static_cast<int>(std::ceil(std::log10(high_)));
  for (int e = static_cast<int>(std::floor(std::log10(low_))); e <= last_decade; ++e) {
    for (const double factor : {1.0, 2.0, 5.0}) {
      const double tick = factor * std::pow(10.0, e);
      const bool inside = tick >= low_ * (1 - slack) && tick <= high_ * (1 + slack);
      if (inside && (factor == 1.0 || fine)) ticks.push_back(tick);
    }
  }
  return ticks;
}

bool Rect::Overlaps(const Rect& other) const {
  return x < other.x + other.width && other.x < x + width && y < other.y + other.height &&
         other.y < y + height;
}

double LabelWidth(std::string_view text) {
  return kCharacterPixels * static_cast<double>(text.size());
}

bool LabelPlacer::Free(const Rect& rect) const {
  const bool inside = rect.x >= frame_.x && rect.y >= frame_.y &&
                      rect.x + rect.width <= frame_.x + frame_.width &&
                      rect.y + rect.height <= frame_.y + frame_.height;
  return inside && std::none_of(taken_.begin(), taken_.end(),
                                [&](const Rect& other) { return rect.Overlaps(other); });
}

Rect LabelPlacer::Inside(Rect rect) const {
  rect.x = std::clamp(rect.x, frame_.x, std::max(frame_.x, frame_.x + frame_.width - rect.width));
  rect.y = std::clamp(rect.y, frame_.y, std::max(frame_.y, frame_.y + frame_.height - rect.height));
  return rect;
}

Rect LabelPlacer::Place(double x, double y, double width, double height) {
  constexpr int kRings = 12;
  constexpr int kDirections = 16;
  constexpr double kFirst = 9;
  constexpr double kStep = 7;
  for (int ring = 0; ring < kRings; ++ring) {
    const double distance = kFirst + kStep * ring;
    for (int direction = 0; direction < kDirections; ++direction) {
      // Right and left of the point first, then turning away from the horizontal.
      const int side = direction % 2;
      const int turns = direction / 2;
      const double turn = turns * 3.14159265358979 / kDirections;
      const double sign = turns % 2 == 0 ? -1 : 1;
      const double dx = std::cos(turn) * distance * (side == 0 ? 1 : -1);
      const double dy = std::sin(turn) * distance * sign;
      const Rect rect{.x = side == 0 ? x + dx : x + dx - width,
                      .y = y + dy - height / 2,
                      .width = width,
                      .height = height};
      if (!Free(rect)) continue;
      Block(rect);
      return rect;
    }
  }
  const Rect rect =
      Inside({.x = x + kFirst, .y = y - height / 2, .width = width, .height = height});
  Block(rect);
  return rect;
}

std::string SvgOpen(double width, double height, std::string_view label) {
  return StrCat("<svg viewBox=\"0 0 ", Pixels(width), " ", Pixels(height),
                "\" role=\"img\" aria-label=\"", HtmlEscape(label), "\">\n");
}

std::string SvgLine(double x1, double y1, double x2, double y2, std::string_view css_class) {
  return StrCat("<line class=\"", css_class, "\" x1=\"", Pixels(x1), "\" y1=\"", Pixels(y1),
                "\" x2=\"", Pixels(x2), "\" y2=\"", Pixels(y2), "\"/>\n");
}

std::string SvgRect(const Rect& rect, std::string_view css_class) {
  return StrCat("<rect class=\"", css_class, "\" x=\"", Pixels(rect.x), "\" y=\"", Pixels(rect.y),
                "\" width=\"", Pixels(rect.width), "\" height=\"", Pixels(rect.height), "\"/>\n");
}

std::string SvgCircle(double x, double y, double radius, std::string_view css_class,
                      std::string_view title) {
  const std::string inner = title.empty() ? "" : StrCat("<title>", HtmlEscape(title), "</title>");
  return StrCat("<circle class=\"", css_class, "\" cx=\"", Pixels(x), "\" cy=\"", Pixels(y),
                "\" r=\"", Pixels(radius), "\">", inner, "</circle>\n");
}

std::string SvgText(double x, double y, std::string_view anchor, std::string_view css_class,
                    std::string_view text) {
  return StrCat("<text class=\"", css_class, "\" x=\"", Pixels(x), "\" y=\"", Pixels(y),
                "\" text-anchor=\"", anchor, "\">", HtmlEscape(text), "</text>\n");
}

std::string SvgPath(const std::vector<std::pair<double, double>>& points,
                    std::string_view css_class) {
  std::string data;
  for (size_t i = 0; i < points.size(); ++i) {
    data += StrCat(i == 0 ? "M" : " L", Pixels(points[i].first), " ", Pixels(points[i].second));
  }
  return StrCat("<path class=\"", css_class, "\" d=\"", data, "\"/>\n");
}

}  // namespace retort
