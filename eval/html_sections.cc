#include "eval/html_sections.h"

#include <algorithm>
#include <vector>

#include "core/base/strings.h"
#include "eval/report_format.h"
#include "eval/svg.h"

namespace retort {
namespace {

std::string Element(const std::string& tag, const std::string& css_class,
                    const std::string& inner_html) {
  const std::string attribute =
      css_class.empty() ? "" : StrCat(" class=\"", HtmlEscape(css_class), "\"");
  return StrCat("<", tag, attribute, ">", inner_html, "</", tag, ">");
}

std::string Plain(const Json& value) {
  return value.is_string() ? value.get<std::string>() : DumpJson(value);
}

std::string Row(const std::string& name, double count, double largest, const std::string& fill) {
  const double share = largest > 0 ? std::clamp(count / largest, 0.0, 1.0) : 0;
  return StrCat(
      "<tr><td class=\"words\">", HtmlEscape(name), "</td><td>",
      WithCommas(static_cast<int64_t>(count)),
      "</td><td class=\"words\" style=\"width:55%\"><div class=\"bar-track\"><div class=\"", fill,
      "\" style=\"width:", Fixed(100 * share, 2), "%\"></div></div></td></tr>\n");
}

std::string ReasonsHtml(const Json& filter) {
  std::string html;
  const Json& reasons = Child(filter, "reasons");
  if (reasons.is_object()) {
    for (const auto& [reason, count] : reasons.items()) {
      html += Element("li", "", HtmlEscape(StrCat(reason, ": ", Plain(count))));
    }
  }
  const Json& samples = Child(filter, "samples");
  if (!samples.empty()) {
    html += Element("li", "", Element("pre", "", HtmlEscape(DumpJsonPretty(samples))));
  }
  return html.empty() ? "" : Element("ul", "notes", html);
}

std::string DroppedHtml(const Json& filters) {
  std::string html;
  for (const Json& filter : filters) {
    const double dropped = NumberOf(filter, "in") - NumberOf(filter, "out");
    if (dropped <= 0) continue;
    html += StrCat("<details><summary>", HtmlEscape(TextOf(filter, "name")), " dropped ",
                   WithCommas(static_cast<int64_t>(dropped)), "</summary>", ReasonsHtml(filter),
                   "</details>\n");
  }
  return html;
}

std::string AnswerRow(const Json& answer) {
  return StrCat("<tr><td class=\"words\">", HtmlEscape(TextOf(answer, "arm")), "</td><td>",
                StateChip(TextOf(answer, "verdict")), "</td><td>",
                CountOf(answer, "steps_before_error"), "</td><td class=\"mono\">",
                HtmlEscape(TextOf(answer, "text")), "</td></tr>\n");
}

std::string CountText(const Json& node) {
  const double correct = NumberOf(node, "correct");
  const double count = NumberOf(node, "count");
  return StrCat(Fixed(count, 0), count == 1 ? " trace, " : " traces, ", Fixed(correct, 0),
                " correct");
}

std::string LeafVerdicts(const Json& node) {
  std::string html;
  const Json& verdicts = Child(node, "verdicts");
  if (!verdicts.is_object()) return html;
  for (const auto& [verdict, count] : verdicts.items()) html += " " + StateChip(verdict);
  return html;
}

/// Steps of a chain without branches are one line: "3 · 5 · 1".
const Json* EndOfChain(const Json& node, std::string* steps) {
  const Json* end = &node;
  *steps = TextOf(node, "step");
  while (Child(*end, "children").size() == 1 &&
         Child(Child(*end, "children")[0], "count") == Child(*end, "count")) {
    end = &Child(*end, "children")[0];
    *steps += " · " + TextOf(*end, "step");
  }
  return end;
}

std::string TreeNodeHtml(const Json& node) {
  std::string steps;
  const Json* end = EndOfChain(node, &steps);
  const bool selected = Child(node, "selected") == Json(true);
  const std::string name = Element("span", "mono", HtmlEscape(steps));
  const std::string star = selected ? " <span class=\"chip\">selected</span>" : "";
  const std::string count = Element("span", "count", CountText(node));
  const Json& children = Child(*end, "children");
  if (children.empty()) {
    return StrCat("<div class=\"leaf\">", name, LeafVerdicts(*end), star,
                  NumberOf(node, "count") > 1 ? count : "", "</div>\n");
  }
  std::string html = StrCat("<details", selected ? " open=\"open\"" : "", "><summary>", name, star,
                            count, "</summary>\n");
  for (const Json& child : children) html += TreeNodeHtml(child);
  return html + "</details>\n";
}

}  // namespace

std::string StateChip(const std::string& state) {
  const bool good = state == "shown" || state == "passed" || state == "correct";
  const bool bad = state == "failed" || state == "incorrect" || state == "not_shown";
  return Element("span",
                 good  ? "chip good"
                 : bad ? "chip bad"
                       : "chip",
                 HtmlEscape(StateText(state)));
}

std::string HtmlTable(const TextTable& table) {
  std::string html = "<div class=\"scroll\"><table>\n<thead><tr>";
  const auto css_class = [&](size_t column) { return column < table.left_columns ? "words" : ""; };
  for (size_t i = 0; i < table.header.size(); ++i) {
    html += Element("th", css_class(i), HtmlEscape(table.header[i]));
  }
  html += "</tr></thead>\n<tbody>\n";
  for (const std::vector<std::string>& row : table.rows) {
    html += "<tr>";
    for (size_t i = 0; i < row.size(); ++i) {
      html += Element("td", css_class(i), HtmlEscape(row[i]));
    }
    html += "</tr>\n";
  }
  return html + "</tbody></table></div>\n";
}

std::string StatesHtml(const Json& entries, const std::string& text_key) {
  if (entries.empty()) return "";
  std::string html = "<div class=\"panel scroll\"><table><tbody>\n";
  for (const Json& entry : entries) {
    html += StrCat("<tr><td class=\"words\">", HtmlEscape(TextOf(entry, "name")),
                   "</td><td class=\"words\">", StateChip(TextOf(entry, "state")),
                   "</td><td class=\"wrap\">", HtmlEscape(TextOf(entry, text_key)), "</td></tr>\n");
  }
  return html + "</tbody></table></div>\n";
}

std::string FunnelHtml(const Json& funnel) {
  const Json& filters = Child(funnel, "filters");
  if (!filters.is_array()) return "";
  const double input = NumberOf(funnel, "input");
  const double gold = NumberOf(funnel, "gold");
  const double largest = std::max(input, gold);
  std::string html = "<div class=\"panel\"><table><tbody>\n";
  html += Row("traces of the search", input, largest, "bar-fill");
  for (const Json& filter : filters) {
    html += Row("after " + TextOf(filter, "name"), NumberOf(filter, "out"), largest, "bar-fill");
  }
  html += Row("kept", NumberOf(funnel, "kept"), largest, "bar-fill");
  if (gold > 0) html += Row("gold examples mixed in", gold, largest, "bar-fill gold");
  return html + "</tbody></table>\n" + DroppedHtml(filters) + "</div>\n";
}

std::string WorstHtml(const Json& worst) {
  std::string html;
  for (const Json& item : worst) {
    html +=
        StrCat("<div class=\"panel\"><p class=\"note\">", HtmlEscape(TextOf(item, "problem_id")),
               ", ", CountOf(item, "horizon"), " steps</p>\n<p>question <code>",
               HtmlEscape(TextOf(item, "question")), "</code><br/>gold answer <code>",
               HtmlEscape(TextOf(item, "answer")), "</code></p>\n<div class=\"scroll\"><table>",
               "<thead><tr><th class=\"words\">arm</th><th>verdict</th><th>steps before the "
               "first error</th><th class=\"words\">answer</th></tr></thead>\n<tbody>\n");
    for (const Json& answer : Child(item, "answers")) html += AnswerRow(answer);
    html += "</tbody></table></div></div>\n";
  }
  return html;
}

std::string TreeHtml(const Json& tree) {
  if (!Child(tree, "root").is_object()) return "";
  std::string html =
      StrCat("<div class=\"panel\"><p class=\"note\">", HtmlEscape(TextOf(tree, "arm")), " (",
             HtmlEscape(TextOf(tree, "algorithm")), ") on ", HtmlEscape(TextOf(tree, "problem_id")),
             ": ", CountOf(tree, "samples"), " traces, ", CountOf(tree, "correct"),
             " correct, folded where they share their first steps.</p>\n<p>question "
             "<code>",
             HtmlEscape(TextOf(tree, "question")), "</code></p>\n");
  for (const Json& child : Child(Child(tree, "root"), "children")) html += TreeNodeHtml(child);
  return html + "</div>\n";
}

}  // namespace retort
