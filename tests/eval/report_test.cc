#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>

#include "eval/eval_stage.h"
#include "eval/report_tables.h"
#include "tests/eval/eval_fixture.h"
#include "tests/eval/fake_report.h"

namespace retort {
namespace {

using testing::HasSubstr;
using testing::Not;

Json FakeReportJson() { return ReportToJson(FakeEvalReport()); }

/// What is wrong with the tags of an HTML text, "" if every tag is closed in order.
std::string TagTrouble(const std::string& html) {
  std::vector<std::string> open;
  for (size_t at = html.find('<'); at != std::string::npos; at = html.find('<', at + 1)) {
    if (html[at + 1] == '!') continue;
    const size_t end = html.find('>', at);
    if (end == std::string::npos) return "a tag is not closed";
    const std::string tag = html.substr(at + 1, end - at - 1);
    if (tag.find('<') != std::string::npos) return "a bare < before " + tag;
    if (tag.back() == '/') continue;
    const bool closes = tag.front() == '/';
    const std::string name = tag.substr(closes ? 1 : 0, tag.find(' ') - (closes ? 1 : 0));
    if (!closes) {
      open.push_back(name);
    } else if (open.empty() || open.back() != name) {
      return "</" + name + "> closes " + (open.empty() ? "nothing" : open.back());
    } else {
      open.pop_back();
    }
  }
  return open.empty() ? "" : "never closed: " + open.back();
}

TEST(ReportToJson, KeepsTheStableFieldNames) {
  const Json report = FakeReportJson();
  EXPECT_EQ(report.at("schema_version"), 2);
  const Json& arm = report.at("arms").at(0);
  for (const char* field : {"name", "kind", "n", "correct", "accuracy", "latency_ms", "ttft_ms",
                            "tokens_per_problem", "flops_per_problem", "cost_per_1k"}) {
    EXPECT_TRUE(arm.contains(field)) << field;
  }
  for (const char* field : {"p50", "p95", "p99"}) {
    EXPECT_TRUE(arm.at("latency_ms").at(field).is_number()) << field;
  }
  for (const char* field : {"value", "low", "high"}) {
    EXPECT_TRUE(arm.at("accuracy").at(field).is_number()) << field;
    EXPECT_TRUE(report.at("pairs").at(0).at("difference").at(field).is_number()) << field;
  }
  EXPECT_EQ(arm.at("kind"), "student");
  EXPECT_TRUE(report.at("pairs").at(0).at("mcnemar_p").is_number());
  for (const char* field :
       {"retention", "speedup", "cost_ratio", "search_equivalent_n", "break_even_queries"}) {
    EXPECT_TRUE(report.at("derived").contains(field)) << field;
  }
  for (const char* field : {"clock", "gates", "claims", "verdict", "funnel", "curves", "worst",
                            "tree", "machine", "config"}) {
    EXPECT_TRUE(report.contains(field)) << field;
  }
}

TEST(Reports, NameTheClockThatCostsWereTakenBy) {
  EvalReport report = FakeEvalReport();
  for (const CostClock clock : {CostClock::kCpu, CostClock::kGpu}) {
    report.clock = clock;
    report.claims = JudgeClaims(FakeVerdictConfig(), report);
    report.verdict = VerdictSentence(FakeVerdictConfig(), report);
    const Json json = ReportToJson(report);
    const std::string column = StrCat(ClockName(clock), " ms");
    for (const std::string& text : {RenderTerminal(json), RenderMarkdown(json), RenderHtml(json)}) {
      EXPECT_NE(text.find(column), std::string::npos);
    }
    EXPECT_NE(report.verdict.find(StrCat("the ", ClockName(clock), " time of")), std::string::npos);
  }
}

TEST(ReportToJson, GivesNullForUnmeasuredLatency) {
  EvalReport report = FakeEvalReport();
  report.arms[0].latency.reset();
  const Json json = ReportToJson(report);
  EXPECT_TRUE(json["arms"][0]["latency_ms"].is_null());
  EXPECT_TRUE(json["arms"][0]["ttft_ms"].is_null());
}

TEST(RenderHtml, IsWellFormed) {
  const std::string html = RenderHtml(FakeReportJson());
  EXPECT_EQ(TagTrouble(html), "");
  // For a look at the page in a browser.
  if (const char* path = std::getenv("RETORT_WRITE_FAKE_REPORT")) std::ofstream(path) << html;
}

TEST(RenderHtml, FetchesNothingFromElsewhere) {
  const std::string html = RenderHtml(FakeReportJson());
  for (const char* reference :
       {"http:", "https:", "//cdn", "src=", "href=", "url(", "@import", "<script", "<link"}) {
    EXPECT_EQ(html.find(reference), std::string::npos) << reference;
  }
}

TEST(RenderHtml, EscapesWhateverAModelWrote) {
  Json report = FakeReportJson();
  const std::string hostile = "</pre><script>x</script>&\"'\x01";
  report["experiment"] = hostile;
  report["verdict"] = hostile;
  report["arms"][0]["label"] = hostile;
  report["arms"][0]["name"] = hostile;
  report["arms"][0]["kind"] = hostile;
  report["worst"][0]["question"] = hostile;
  report["worst"][0]["answers"][0]["verdict"] = hostile;
  report["tree"]["root"]["children"][0]["step"] = hostile;
  report["curves"][hostile] = report["curves"]["train.student"];
  report["funnel"]["filters"][0]["name"] = hostile;
  report["config"][hostile] = hostile;
  const std::string html = RenderHtml(report);
  EXPECT_EQ(TagTrouble(html), "");
  EXPECT_EQ(html.find("<script>"), std::string::npos);
  EXPECT_EQ(html.find('\x01'), std::string::npos);
}

TEST(RenderHtml, PutsTheVerdictFirst) {
  const Json report = FakeReportJson();
  const std::string html = RenderHtml(report);
  const size_t verdict = html.find("<h1>Shown: one pass of student");
  ASSERT_NE(verdict, std::string::npos);
  EXPECT_LT(verdict, html.find("<h2>"));
  EXPECT_THAT(html, HasSubstr("<p class=\"verdict\">Not shown: "));
  EXPECT_THAT(html, HasSubstr("<p class=\"verdict\">One query at a time "));
  EXPECT_THAT(html, HasSubstr("prefers-color-scheme: dark"));
  EXPECT_THAT(html, HasSubstr("@media print"));
}

TEST(RenderHtml, ShowsEverySectionOfAFullReport) {
  const std::string html = RenderHtml(FakeReportJson());
  for (const char* title :
       {"Claims", "Gates", "Arms", "Derived figures", "Pairs on the same problems",
        "First k samples", "Latency", "Learning curves", "What the student learned from",
        "Worst items of the student", "One search tree", "How it was measured", "Config"}) {
    EXPECT_THAT(html, HasSubstr(std::string("<h2>") + title + "</h2>"));
  }
  EXPECT_THAT(html, Not(HasSubstr("Accuracy by horizon")));  // all problems have one horizon
}

TEST(RenderHtml, DrawsHorizonsWhereThereAreSeveral) {
  Json report = FakeReportJson();
  for (Json& arm : report["arms"]) {
    Json second = arm["by_horizon"][0];
    second["horizon"] = 12;
    arm["by_horizon"].push_back(second);
  }
  EXPECT_THAT(RenderHtml(report), HasSubstr("<h2>Accuracy by horizon</h2>"));
}

TEST(RenderHtml, RendersAnEmptyReport) {
  EXPECT_EQ(TagTrouble(RenderHtml(ReportToJson(EvalReport{}))), "");
  EXPECT_EQ(TagTrouble(RenderHtml(Json::object())), "");
}

TEST(RenderMarkdown, HasOneRowAnArmAndNoBrokenCells) {
  Json report = FakeReportJson();
  report["arms"][0]["label"] = "a|b\nc";
  const std::string markdown = RenderMarkdown(report);
  EXPECT_THAT(markdown, HasSubstr("| a\\|b c | student |"));
  EXPECT_THAT(markdown, HasSubstr("| teacher greedy | control | 794,496 | 1 | 46.0 % ["));
  EXPECT_THAT(markdown, HasSubstr("**Shown: "));
  EXPECT_THAT(markdown, HasSubstr("| search equivalent (N of best-of-N) | 22 [17, 31] |"));
}

TEST(RenderTerminal, AlignsColumnsAndWrapsTheVerdict) {
  const std::string text = RenderTerminal(FakeReportJson());
  std::set<size_t> accuracy_ends;
  for (const std::string& line : Split(text, '\n')) {
    EXPECT_LE(line.size(), 110u) << line;
    const size_t end = line.find("]  ");
    if (end != std::string::npos && line.find("control") != std::string::npos) {
      accuracy_ends.insert(end);
    }
  }
  EXPECT_EQ(accuracy_ends.size(), 1u);
  EXPECT_THAT(text, HasSubstr("shown      retention"));
  EXPECT_THAT(text, HasSubstr("not shown  gain_over_gold"));
  EXPECT_THAT(text, HasSubstr("gates: blind_play passed"));
}

TEST(ReportFormat, WritesFiguresForPeople) {
  EXPECT_EQ(Significant(0.0032149), "0.00321");
  EXPECT_EQ(Significant(9.996), "10.0");
  EXPECT_EQ(Significant(99.96), "100");
  EXPECT_EQ(Significant(1234567), "1,234,567");
  EXPECT_EQ(Significant(0), "0");
  EXPECT_EQ(Significant(3e14), "3.00e+14");
  EXPECT_EQ(Significant(9.95e-6), "9.95e-06");
  EXPECT_EQ(PrefixedOf(Json{{"a", 1136129280.0}}, "a"), "1.14 G");
  EXPECT_EQ(PrefixedOf(Json{{"a", 999.6}}, "a"), "1.00 k");
  EXPECT_EQ(PrefixedOf(Json{{"a", 0}}, "a"), "0");
  EXPECT_EQ(PrefixedOf(Json::object(), "a"), "–");
  EXPECT_EQ(Significant(std::nan("")), "–");
  EXPECT_EQ(Percent(0.8812), "88.1 %");
  EXPECT_EQ(PointsInterval({-0.05, -0.1, 0.001}), "-5.0 points [-10.0, 0.1]");
  EXPECT_EQ(PValue(1e-30), "< 1e-10");
  EXPECT_EQ(PValue(0.0321), "0.032");
  EXPECT_EQ(CountOf(Json{{"a", 1234.6}}, "a"), "1,235");
  EXPECT_EQ(CountOf(Json{{"a", nullptr}}, "a"), "–");
}

}  // namespace
}  // namespace retort
