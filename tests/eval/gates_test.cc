#include "eval/gates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace retort {
namespace {

using testing::HasSubstr;

Json Curve(const std::vector<double>& accuracies, int64_t steps = 100) {
  Json points = Json::array();
  size_t best = 0;
  for (size_t i = 0; i < accuracies.size(); ++i) {
    if (accuracies[i] > accuracies[best]) best = i;
    points.push_back({{"step", (i + 1) * 10}, {"accuracy", accuracies[i]}});
  }
  return {{"points", points},
          {"steps", steps},
          {"selected_step", (best + 1) * 10},
          {"best_step", (best + 1) * 10},
          {"dev_n", 500}};
}

const std::vector<double> kFlat = {0.1, 0.3, 0.4, 0.42, 0.41, 0.42, 0.40, 0.43, 0.42, 0.41};
const std::vector<double> kRising = {0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.5, 0.6};

TEST(JudgePlateau, TakesAFlatEndWithinTwoStandardErrors) {
  const PlateauResult result = JudgePlateau("train.x", Curve(kFlat));
  EXPECT_EQ(result.state, PlateauResult::State::kFlat);
  EXPECT_THAT(result.detail, HasSubstr("the last 2 of 10 dev points average 41.5 %"));
  EXPECT_THAT(result.detail, HasSubstr("the best before them is 43.0 %"));
}

TEST(JudgePlateau, SeesARisingEnd) {
  const PlateauResult result = JudgePlateau("train.x", Curve(kRising));
  EXPECT_EQ(result.state, PlateauResult::State::kRising);
  EXPECT_THAT(result.detail, HasSubstr("still rising"));
}

TEST(JudgePlateau, ComparesWithTheBestAndNotWithTheLastPointBefore) {
  std::vector<double> falling = kFlat;
  falling[2] = 0.9;
  EXPECT_EQ(JudgePlateau("x", Curve(falling)).state, PlateauResult::State::kFlat);
}

TEST(JudgePlateau, DoesNotCallTheFootOfTheJumpAPlateau) {
  const PlateauResult result = JudgePlateau("x", Curve(std::vector<double>(10, 0.0)));
  EXPECT_EQ(result.state, PlateauResult::State::kRising);
  EXPECT_THAT(result.detail, HasSubstr("before its jump"));
}

TEST(JudgePlateau, WantsTheBestDevPointTaken) {
  Json curve = Curve(kFlat);
  curve["selected_step"] = 100;
  const PlateauResult result = JudgePlateau("x", curve);
  EXPECT_EQ(result.state, PlateauResult::State::kRising);
  EXPECT_THAT(result.detail, HasSubstr("not taken at its best dev point"));
}

TEST(JudgePlateau, CannotTellFromFewPoints) {
  EXPECT_EQ(JudgePlateau("x", Curve({0.1, 0.2, 0.3, 0.3})).state, PlateauResult::State::kUnknown);
}

TEST(CurvesOfModel, KnowsSeedsAndNothingElse) {
  const Json curves = {{"train.student", 1},        {"train.student@2", 1},
                       {"train.student.seed3", 1},  {"train.student-s1", 1},
                       {"train.student_2", 1},      {"train.student-2", 1},
                       {"train.student_larger", 1}, {"data/teacher", 1}};
  EXPECT_THAT(CurvesOfModel(curves, "student"),
              testing::UnorderedElementsAre("train.student", "train.student@2",
                                            "train.student.seed3", "train.student-s1"));
  EXPECT_THAT(CurvesOfModel(curves, "data/teacher"), testing::ElementsAre("data/teacher"));
  EXPECT_TRUE(CurvesOfModel(curves, "").empty());
}

TEST(ModelOfCurve, DropsStageAndSeed) {
  EXPECT_EQ(ModelOfCurve("train.student"), "student");
  EXPECT_EQ(ModelOfCurve("train.student.seed3"), "student");
  EXPECT_EQ(ModelOfCurve("train.gold_only@12"), "gold_only");
  EXPECT_EQ(ModelOfCurve("train.gold_only-seed-1"), "gold_only");
  EXPECT_EQ(ModelOfCurve("train.gold_2"), "gold_2");
  EXPECT_EQ(ModelOfCurve("data/ring_sort/teacher"), "data/ring_sort/teacher");
}

TEST(CurvesFromStages, TakesTrainStagesAlone) {
  std::map<std::string, StageFacts> stages;
  stages["generate.g"].kind = "generate";
  StageFacts& facts = stages["train.s"];
  facts.kind = "train";
  facts.content = Curve(kFlat);
  facts.content["curve"] = facts.content["points"];
  facts.run = {{"cpu_seconds", 3.5}};
  const Json curves = CurvesFromStages(stages);
  ASSERT_EQ(curves.size(), 1u);
  EXPECT_EQ(curves["train.s"]["points"].size(), 10u);
  EXPECT_EQ(curves["train.s"]["cpu_seconds"], 3.5);
}

class GatesTest : public testing::Test {
 protected:
  GatesTest() {
    config_.student = "student";
    config_.search = "search";
    config_.gold_only = "gold";
    config_.teacher_greedy = "greedy";
    config_.blind = "blind";
    config_.heuristic = "heuristic";
    config_.upper_bound = "bound";
    Add("student", "student", 0.88);
    Add("search", "teacher", 0.95);
    Add("gold", "gold_only", 0.4);
    Add("greedy", "teacher", 0.45);
    Add("blind", "", 0.0);
    Add("heuristic", "", 0.76);
    Add("bound", "bound", 0.9);
    Arm("blind").best_of_k = {Point(1, 0), Point(64, 0.0002)};
    Arm("heuristic").best_of_k = {Point(1, 0.565), Point(64, 0.76)};
    report_.curves = {{"train.student", Curve(kRising, 50)},
                      {"train.gold_only", Curve(kFlat, 100)},
                      {"train.teacher", Curve(kFlat)}};
  }
  static SubsamplePoint Point(int64_t k, double value) {
    return {.k = k, .accuracy = {value, value, value}, .tokens_per_problem = 0};
  }
  void Add(const std::string& name, const std::string& model, double accuracy) {
    ArmResult arm;
    arm.name = name;
    arm.label = name;
    arm.model = model;
    arm.accuracy = {accuracy, accuracy - 0.02, accuracy + 0.02};
    report_.arms.push_back(arm);
  }
  ArmResult& Arm(const std::string& name) {
    for (ArmResult& arm : report_.arms) {
      if (arm.name == name) return arm;
    }
    throw std::runtime_error(name);
  }
  GateResult Gate(const std::string& name) {
    for (const GateResult& gate : JudgeGates(config_, report_)) {
      if (gate.name == name) return gate;
    }
    throw std::runtime_error(name);
  }

  VerdictConfig config_;
  EvalReport report_;
};

TEST_F(GatesTest, AllPassOnASoundExperiment) {
  for (const GateResult& gate : JudgeGates(config_, report_)) {
    EXPECT_EQ(gate.state, "passed") << gate.name << ": " << gate.detail;
  }
}

TEST_F(GatesTest, BlindPlayIsJudgedAtItsLargestN) {
  Arm("blind").best_of_k[1] = Point(64, 0.02);
  EXPECT_EQ(Gate("blind_play").state, "failed");
  EXPECT_THAT(Gate("blind_play").detail, HasSubstr("2.0 %"));
  EXPECT_THAT(Gate("blind_play").detail, HasSubstr("at 64 tries"));
  config_.blind = "";
  EXPECT_EQ(Gate("blind_play").state, "not_run");
}

TEST_F(GatesTest, TheHeuristicNeedsOneTryAndMany) {
  EXPECT_THAT(Gate("heuristic_shown").detail, HasSubstr("at 1 try and 76.0 %"));
  Arm("heuristic").best_of_k.pop_back();
  EXPECT_EQ(Gate("heuristic_shown").state, "not_run");
}

TEST_F(GatesTest, TheTeacherMustStandInItsBand) {
  Arm("greedy").accuracy.value = 0.34;
  EXPECT_EQ(Gate("teacher_band").state, "failed");
  Arm("greedy").accuracy.value = 0.60;
  EXPECT_EQ(Gate("teacher_band").state, "passed");
  Arm("search").accuracy.value = 0.89;
  EXPECT_EQ(Gate("teacher_band").state, "failed");
}

TEST_F(GatesTest, ARisingTeacherFailsAndAnUnknownOneIsNotRun) {
  report_.curves["train.teacher"] = Curve(kRising);
  EXPECT_EQ(Gate("teacher_plateau").state, "failed");
  report_.curves.erase("train.teacher");
  EXPECT_EQ(Gate("teacher_plateau").state, "not_run");
  report_.curves["teacher"] = Curve(kFlat);  // a shipped one, by its folder
  EXPECT_EQ(Gate("teacher_plateau").state, "passed");
}

TEST_F(GatesTest, EverySeedOfTheControlMustBeFlat) {
  report_.curves["train.gold_only@2"] = Curve(kRising);
  EXPECT_EQ(Gate("control_plateau").state, "failed");
}

TEST_F(GatesTest, ThePlateauListIsChecked) {
  config_.plateau_of = {"other"};
  EXPECT_EQ(Gate("control_plateau").state, "not_run");
  report_.curves["train.other"] = Curve(kRising);
  EXPECT_EQ(Gate("control_plateau").state, "failed");
}

TEST_F(GatesTest, GoldOnlyNeedsTwiceTheStudentsSteps) {
  report_.curves["train.gold_only"]["steps"] = 99;
  EXPECT_EQ(Gate("gold_only_tuned").state, "failed");
  report_.curves.erase("train.student");
  EXPECT_EQ(Gate("gold_only_tuned").state, "not_run");
}

TEST_F(GatesTest, TheUpperBoundIsNotRunWithoutItsArm) {
  config_.upper_bound = "";
  EXPECT_EQ(Gate("upper_bound_shown").state, "not_run");
}

}  // namespace
}  // namespace retort
