#include "eval/verdict.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "eval/report_format.h"

namespace retort {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class VerdictTest : public testing::Test {
 protected:
  VerdictTest() {
    config_.student = "student";
    config_.search = "search";
    config_.gold_only = "gold";
    report_.problems = "test";
    report_.n = 1000;
    report_.arms = {Arm("student", 152384, 0.881), Arm("search", 794496, 0.872),
                    Arm("gold", 152384, 0.434)};
    report_.pairs = {{.a = "student",
                      .b = "gold",
                      .difference = {0.447, 0.41, 0.48},
                      .mcnemar_p = 1e-40,
                      .only_a = 460,
                      .only_b = 13}};
    report_.derived = {{"retention", EstimateToJson({1.01, 0.98, 1.04})},
                       {"cost_ratio", EstimateToJson({180, 170, 190})},
                       {"flop_ratio", EstimateToJson({330, 329, 331})},
                       {"size_ratio", EstimateToJson({5.21, 5.21, 5.21})},
                       {"speedup", Json::object()}};
    for (const char* gate : {"blind_play", "heuristic_shown", "teacher_band", "teacher_plateau",
                             "control_plateau", "gold_only_tuned"}) {
      report_.gates.push_back({.name = gate, .state = "passed", .detail = ""});
    }
  }
  static ArmResult Arm(const std::string& name, int64_t parameters, double accuracy) {
    ArmResult arm;
    arm.name = name;
    arm.label = name;
    arm.parameters = parameters;
    arm.accuracy = {accuracy, accuracy - 0.02, accuracy + 0.02};
    return arm;
  }
  void SetGate(const std::string& name, const std::string& state) {
    for (GateResult& gate : report_.gates) {
      if (gate.name == name) gate.state = state;
    }
  }
  ClaimResult Claim(const std::string& name) {
    for (const ClaimResult& claim : JudgeClaims(config_, report_)) {
      if (claim.name == name) return claim;
    }
    throw std::runtime_error(name);
  }
  std::string Sentence() {
    report_.claims = JudgeClaims(config_, report_);
    return VerdictSentence(config_, report_);
  }

  VerdictConfig config_;
  EvalReport report_;
};

TEST_F(VerdictTest, ShowsEveryClaimOfASoundExperiment) {
  const std::string sentence = Sentence();
  EXPECT_THAT(
      sentence,
      StartsWith("Shown: one pass of student answers 88.1 % [86.1, 90.1] of "
                 "1,000 test problems, 1.01x [0.980, 1.04] of what search answers (87.2 %)"));
  EXPECT_THAT(sentence, HasSubstr("180x [170, 190]"));
  EXPECT_THAT(sentence, HasSubstr("5.21x smaller"));
  EXPECT_THAT(sentence, HasSubstr("+44.7 points [41.0, 48.0]"));
  EXPECT_THAT(sentence, Not(HasSubstr("Not shown")));
}

TEST_F(VerdictTest, DoesNotShowAClaimWhoseGateFailedOrWasNotRun) {
  SetGate("teacher_plateau", "not_run");
  SetGate("control_plateau", "failed");
  EXPECT_EQ(Claim("gain_over_gold").state, "not_shown");
  EXPECT_EQ(Claim("retention").state, "shown");
  EXPECT_THAT(Sentence(), HasSubstr("Not shown: gold answers 43.4 %"));
  EXPECT_THAT(Sentence(),
              HasSubstr("(gate teacher_plateau was not run, gate control_plateau failed)"));
}

TEST_F(VerdictTest, ShowsNothingWhenBlindPlaySolvesTheTask) {
  SetGate("blind_play", "failed");
  report_.derived["size_ratio"] = EstimateToJson({2, 2, 2});
  EXPECT_THAT(Sentence(), StartsWith("Nothing is shown. Not shown: "));
  EXPECT_THAT(Sentence(), HasSubstr("below the asked 5.00x"));
}

TEST_F(VerdictTest, HoldsEachThreshold) {
  report_.derived["retention"] = EstimateToJson({0.89, 0.88, 0.95});
  report_.derived["cost_ratio"] = EstimateToJson({99, 98, 120});
  EXPECT_EQ(Claim("retention").state, "not_shown");
  EXPECT_EQ(Claim("cost").state, "not_shown");
  EXPECT_THAT(Claim("cost").sentence, HasSubstr("below the asked 100x"));
}

TEST_F(VerdictTest, WantsTheGainAboveZeroAndLargeEnough) {
  report_.pairs[0].difference = {0.25, -0.01, 0.5};
  EXPECT_EQ(Claim("gain_over_gold").state, "not_shown");
  EXPECT_THAT(Claim("gain_over_gold").sentence, HasSubstr("includes zero"));
  report_.pairs[0].difference = {0.15, 0.1, 0.2};
  EXPECT_EQ(Claim("gain_over_gold").state, "not_shown");
  EXPECT_THAT(Claim("gain_over_gold").sentence, HasSubstr("below the asked 20 points"));
}

TEST_F(VerdictTest, SaysWhyAFigureIsUnknown) {
  report_.derived["cost_ratio"] = {{"value", nullptr}, {"reason", "CPU time was too short"}};
  EXPECT_EQ(Claim("cost").state, "not_shown");
  EXPECT_THAT(Claim("cost").sentence, HasSubstr("CPU time was too short"));
}

TEST_F(VerdictTest, NamesTheDenominatorOfEachSpeedup) {
  LatencyResult latency;
  latency.ms.p50 = 0.41;
  report_.arms[0].latency = latency;
  Json speedup = EstimateToJson({7.1, 6.9, 7.4});
  speedup["baseline"] = "one batch";
  report_.derived["speedup"] = {{"search", speedup}};
  EXPECT_THAT(Sentence(), HasSubstr("takes student 0.410 ms (p50)"));
  EXPECT_THAT(Sentence(), HasSubstr("search (one batch) 7.10x [6.90, 7.40]"));
}

TEST_F(VerdictTest, SaysTheBaselineOnceAndQuotesLabelsWithCommas) {
  LatencyResult latency;
  latency.ms.p50 = 0.41;
  report_.arms[0].latency = latency;
  report_.arms[1].label = "teacher, one batch";
  Json speedup = EstimateToJson({7.1, 6.9, 7.4});
  speedup["baseline"] = "one batch";
  report_.derived["speedup"] = {{"search", speedup}};
  EXPECT_THAT(Sentence(), HasSubstr("against it: \"teacher, one batch\" 7.10x [6.90, 7.40]."));
}

TEST_F(VerdictTest, SaysWhatTheHeuristicSolvesWithoutAModel) {
  config_.heuristic = "heuristic";
  report_.arms.push_back(Arm("heuristic", 0, 0.886));
  report_.arms.back().best_of_k = {
      {.k = 1, .accuracy = {0.457, 0.426, 0.488}, .tokens_per_problem = 0},
      {.k = 64, .accuracy = {0.886, 0.865, 0.904}, .tokens_per_problem = 0}};
  EXPECT_THAT(Sentence(), HasSubstr("Without a model, heuristic with the same checker solves "
                                    "45.7 % [42.6, 48.8] at 1 try and 88.6 % [86.5, 90.4] at 64 "
                                    "tries."));
}

TEST_F(VerdictTest, JudgesNothingWithoutAStudent) {
  config_.student = "";
  EXPECT_THAT(Sentence(), StartsWith("Accuracies only"));
}

}  // namespace
}  // namespace retort
