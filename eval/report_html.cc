#include <string>
#include <vector>

#include "core/base/strings.h"
#include "eval/charts.h"
#include "eval/eval_stage.h"
#include "eval/html_sections.h"
#include "eval/html_style.h"
#include "eval/report_format.h"
#include "eval/report_tables.h"
#include "eval/svg.h"

namespace retort {
namespace {

std::string Section(const std::string& title, const std::string& html) {
  return html.empty() ? ""
                      : StrCat("<section><h2>", HtmlEscape(title), "</h2>\n", html, "</section>\n");
}

std::string Figure(const std::string& svg, const std::string& caption) {
  if (svg.empty()) return "";
  return StrCat("<figure>\n", svg, "<figcaption>", HtmlEscape(caption), "</figcaption></figure>\n");
}

std::string TablePanel(const TextTable& table) {
  return table.rows.empty() ? "" : StrCat("<div class=\"panel\">", HtmlTable(table), "</div>\n");
}

std::string Head(const Json& report) {
  return StrCat(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<title>",
      HtmlEscape(TextOf(report, "experiment")), " – verdict</title>\n<style>", HtmlStyle(),
      "</style>\n</head>\n");
}

std::string Notes(const Json& report) {
  std::string html = "<ul class=\"notes\">\n";
  for (const Json& note : Child(report, "notes")) {
    if (note.is_string()) html += StrCat("<li>", HtmlEscape(note.get<std::string>()), "</li>\n");
  }
  return html + "</ul>\n<details><summary>machine</summary><pre>" +
         HtmlEscape(DumpJsonPretty(Child(report, "machine"))) + "</pre></details>\n";
}

std::string Config(const Json& report) {
  return StrCat("<details><summary>every key, defaults filled in</summary><pre>",
                HtmlEscape(DumpJsonPretty(Child(report, "config"))), "</pre></details>\n");
}

/// The verdict's parts as paragraphs, what is shown first and largest.
std::string VerdictParts(const std::string& verdict) {
  std::vector<std::string> parts = {verdict};
  for (const std::string start : {" Not shown: ", " Without a model, ", " One query at a time "}) {
    const size_t at = parts.back().find(start);
    if (at == std::string::npos) continue;
    const std::string rest = parts.back().substr(at + 1);
    parts.back().resize(at);
    parts.push_back(rest);
  }
  std::string html = StrCat("<h1>", HtmlEscape(parts.front()), "</h1>\n");
  for (size_t i = 1; i < parts.size(); ++i) {
    html += StrCat("<p class=\"verdict\">", HtmlEscape(parts[i]), "</p>\n");
  }
  return html;
}

std::string VerdictHeader(const Json& report) {
  return StrCat("<header><p class=\"experiment\">", HtmlEscape(TextOf(report, "experiment")), ", ",
                CountOf(report, "n"), " ", HtmlEscape(TextOf(report, "problems")),
                " problems</p>\n", VerdictParts(TextOf(report, "verdict")), "</header>\n");
}

std::string Comparison(const Json& report) {
  return TablePanel(ArmsTable(report)) +
         Figure(
             CostChart(report),
             "Error bars are 95 % intervals. Small circles take the first k samples of a search; "
             "their cost is the arm's own in proportion to tokens or tries.");
}

}  // namespace

std::string RenderHtml(const Json& report) {
  return Head(report) + "<body><main>\n" + VerdictHeader(report) +
         Section("Claims", StatesHtml(Child(report, "claims"), "sentence")) +
         Section("Gates", StatesHtml(Child(report, "gates"), "detail")) +
         Section("Arms", Comparison(report)) +
         Section("Derived figures", TablePanel(DerivedTable(report))) +
         Section("Pairs on the same problems", TablePanel(PairsTable(report))) +
         Section("First k samples", TablePanel(SubsampleTable(report))) +
         Section("Latency", Figure(LatencyChart(report),
                                   "Each row counts problems; tall mark p50, short mark p95.")) +
         Section("Learning curves", Figure(CurvesChart(report),
                                           "Accuracy on the dev set; the dot is the step whose "
                                           "weights were taken. Seeds share a colour.")) +
         Section("Accuracy by horizon",
                 Figure(HorizonChart(report), "By number of steps needed.")) +
         Section("What the student learned from", FunnelHtml(Child(report, "funnel"))) +
         Section("Worst items of the student", WorstHtml(Child(report, "worst"))) +
         Section("One search tree", TreeHtml(Child(report, "tree"))) +
         Section("How it was measured", Notes(report)) + Section("Config", Config(report)) +
         "</main></body>\n</html>\n";
}

}  // namespace retort
