// What a user does who brings a checkpoint: tests/data/lm/gguf/llama_chat.gguf.
#include <gmock/gmock.h>

#include "core/base/error.h"
#include "pipeline_testing.h"

namespace retort::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class OwnModelTest : public PipelineTest {
 protected:
  void SetUp() override {
    PipelineTest::SetUp();
    std::string lines;
    for (int i = 0; i < 24; ++i) {
      lines += StrCat("{\"question\":\"What is ", i, " + 1?\",\"answer\":\"", i + 1, "\"}\n");
    }
    Write("sums.jsonl", lines);
    Write("own.yaml", StrCat(R"(name: own
threads: 1
chat: auto
task: {name: jsonl, file: ")",
                             Path("sums.jsonl"), R"(", prompt: "{question}", steps: none,
       max_completion_tokens: 4, verifier: {name: numeric}}
problems: {search: {share: 0.5}, gold: {share: 0.5, traces: 1}}
generate:
  search: {model: ")",
                             kModel, R"(", problems: search, limit: 2, strategy: {name: greedy}}
filter:
  gold: {view: {name: completion}, gold_split: gold}
train:
  student:
    data: gold
    init_from: ")",
                             kModel, R"("
    keep_layers: [0, 2]
    objective: {name: sft}
    optimizer: {lr: 0.001, warmup_steps: 0}
    steps: 2
    batch_size: 2
    eval_problems: 0
    select: last
)"));
  }
  Result Own(const std::string& command, std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {command, Path("own.yaml"), "--runs", Path("runs")});
    return Retort(more);
  }
  std::string StageDir(const std::string& kind) const {
    const std::string parent = Path("runs/own/" + kind);
    return parent + "/" + RealEnv().List(parent).front();
  }

  const std::string kModel = StrCat(RETORT_TEST_DATA, "/lm/gguf/llama_chat.gguf");
};

TEST_F(OwnModelTest, AGgufSearchesAndItsLayersBecomeAStudentWithItsTemplate) {
  const Result run = Own("run");
  ASSERT_EQ(run.code, 0) << run.err;
  const Result trees = Retort({"export", StageDir("generate")});
  EXPECT_THAT(trees.out, HasSubstr("\"prompt_ids\":[1,"));  // <|im_start|>
  const Result student = Retort({"inspect", StageDir("train") + "/model"});
  EXPECT_THAT(student.out, HasSubstr(", 2 layers, hidden 16, "));
  EXPECT_THAT(Read(StageDir("train") + "/model/tokenizer_config.json"),
              HasSubstr("add_generation_prompt"));
  const Result again = Own("status");
  EXPECT_THAT(again.out, Not(HasSubstr("to do")));
}

TEST_F(OwnModelTest, OverridesOfTheChatChangeTheStagesThatSeeIt) {
  ASSERT_EQ(Own("generate").code, 0);
  const Result other = Own("status", {"--why", "system_prompt=Be brief."});
  EXPECT_THAT(other.out, HasSubstr("chat.system: \"\" before, now \"Be brief.\""));
}

TEST_F(OwnModelTest, ThePromptIsShownAsTheModelReadsItWithWhatIsLearned) {
  const Result shown = Retort({"inspect", "--prompt", Path("own.yaml")});
  ASSERT_EQ(shown.code, 0) << shown.err;
  EXPECT_THAT(shown.out, HasSubstr("<|im_start|>user\nWhat is "));
  EXPECT_THAT(shown.out, HasSubstr("<|im_start|>assistant\n"));
  EXPECT_THAT(shown.out, HasSubstr("    ids: 1=<|im_start|> "));
  EXPECT_THAT(shown.out, HasSubstr("learned"));
  EXPECT_THAT(shown.out, HasSubstr(" 2=<|im_end|>\n"));
}

TEST_F(OwnModelTest, ModelsAreExportedInAsFewBitsAsHoldThem) {
  const std::string dir = Path("hf");
  const Result exported = Retort({"export", kModel, "--to", "hf", "-o", dir});
  ASSERT_EQ(exported.code, 0) << exported.err;
  EXPECT_THAT(Read(dir + "/config.json"), HasSubstr("\"dtype\": \"float16\""));
  EXPECT_THAT(Read(dir + "/generation_config.json"), HasSubstr("\"eos_token_id\": 2"));
  EXPECT_LT(std::filesystem::file_size(dir + "/model.safetensors"), 60000U);
  const auto after_path = [](const std::string& out) {
    return out.substr(out.find(" parameters"));
  };
  const std::string of_file = Retort({"inspect", kModel}).out,
                    of_folder = Retort({"inspect", dir}).out;
  EXPECT_EQ(after_path(of_file).substr(0, 60), after_path(of_folder).substr(0, 60));
  EXPECT_THAT(of_file, HasSubstr("chat template: chatml\n"));
  EXPECT_EQ(Retort({"export", kModel, "--to", "hf"}).code, 64);
  EXPECT_EQ(Retort({"export", kModel, "--to", "hf", "--shape", "messages", "-o", dir}).code, 64);
  const Result twice = Retort({"export", kModel, "--to", "hf", "-o", dir});
  EXPECT_EQ(twice.code, 65);
  EXPECT_THAT(twice.err, HasSubstr("exists already"));
  EXPECT_EQ(Own("generate", {"generate.search.model=" + dir, "tokenizer=" + dir}).code, 0);
}

TEST_F(OwnModelTest, MistakesAreNamedBeforeAnythingRuns) {
  const auto refused = [this](const std::string& override, const std::string& message) {
    const Result result = Own("run", {override});
    EXPECT_EQ(result.code, 78) << override;
    EXPECT_THAT(result.err, HasSubstr(message));
  };
  refused("train.student.keep_layers=[0, 4]", "train.student.keep_layers: there is no layer 4");
  refused("train.student.keep_layers=[2, 0]", "ascending, each once");
  refused("train.student.keep_layers=[]", "ascending, each once");
  refused("train.student.init_from=random", "of which model?");
  refused("chat=gemma", "chat: gemma needs a token");
  refused("chat=chatlm", "chatml");
  refused("task.max_completion_tokens=120", "generate.search: 2 of 2 prompts are too long for ");
  EXPECT_FALSE(RealEnv().Exists(Path("runs/own/generate")));
  EXPECT_EQ(Own("generate",
                {"task.max_completion_tokens=120", "generate.search.strategy.max_new_tokens=4"})
                .code,
            0);
}

TEST_F(OwnModelTest, ADeviceThatIsNotThereIsNamedBeforeAnythingRuns) {
  for (const std::string key : {"generate.search.engine", "train.student"}) {
    const Result result = Own("run", {key + ".device=cuda"});
    if (result.code == 0) GTEST_SKIP() << "there is a CUDA device";
    EXPECT_EQ(result.code, 69) << key;
    EXPECT_THAT(result.err, HasSubstr("retort: " + key.substr(0, key.find(".engine")) +
                                      ": device: cuda - no CUDA device is visible"));
    EXPECT_FALSE(RealEnv().Exists(Path("runs/own/generate")));
    EXPECT_EQ(Own("run", {key + ".device=cuda", "--dry-run"}).code, 0);  // for another machine
  }
}

TEST_F(OwnModelTest, AModelThatIsNotThereIsNamed) {
  for (const char* path : {"./nowhere", "./nowhere.gguf", "nowhere.gguf"}) {
    const Result result = Own("generate", {StrCat("generate.search.model=", path)});
    EXPECT_EQ(result.code, 65);
    EXPECT_THAT(result.err, HasSubstr(StrCat("retort: ", path, ": no such model - ")));
  }
}

TEST_F(OwnModelTest, AChatThatNobodyKnowsIsRefusedWithItsKey) {
  const std::string dir = Path("hf");
  ASSERT_EQ(Retort({"export", kModel, "--to", "hf", "-o", dir}).code, 0);
  const std::vector<std::string> on_folder = {"generate.search.model=" + dir, "tokenizer=" + dir,
                                              "train.student.init_from=" + dir};
  std::ofstream(dir + "/chat_template.jinja") << "{{ messages | tojson }}";
  const Result unknown = Own("generate", on_folder);
  EXPECT_EQ(unknown.code, 78);
  EXPECT_THAT(unknown.err, HasSubstr("is none Retort knows"));
  EXPECT_THAT(unknown.err, HasSubstr("set chat: to chatml, llama3, "));
  std::vector<std::string> named = on_folder;
  named.push_back("chat=chatml");
  EXPECT_EQ(Own("generate", named).code, 0);
}

TEST_F(OwnModelTest, WithoutAChatPromptsGoInAsTheyAre) {
  ASSERT_EQ(Own("generate", {"chat=none"}).code, 0);
  const Result trees = Retort({"export", StageDir("generate")});
  EXPECT_THAT(trees.out, Not(HasSubstr("\"prompt_ids\":[1,")));
  const Result idle = Own("run", {"chat=none", "system_prompt=x"});
  EXPECT_EQ(idle.code, 78);
  EXPECT_THAT(idle.err, HasSubstr("a system text belongs to a chat"));
}

}  // namespace
}  // namespace retort::testing
