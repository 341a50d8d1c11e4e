// Planted held-out questions under five disguises, against fresh ones; short questions; traces.
#include "filter/decontaminate.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/base/rng.h"
#include "core/base/strings.h"
#include "filter/word_overlap.h"
#include "tests/filter/filter_fixture.h"

namespace retort {
namespace {

constexpr int kRun = 8;
constexpr uint64_t kWords = 5000;

std::vector<std::string> RandomWords(Rng& rng, size_t count) {
  std::vector<std::string> words;
  for (size_t i = 0; i < count; ++i) words.push_back(StrCat("w", rng.NextBelow(kWords)));
  return words;
}

std::string Shouted(std::string text) {
  for (char& c : text) c = c == 'w' ? 'W' : c;
  return text;
}

/// A question as it might come back: louder, punctuated, on several lines, inside another text,
/// with a word changed at its end.
std::vector<std::string> Disguises(std::vector<std::string> words) {
  const std::string text = Join(words, " ");
  words.back() = "other";
  return {Shouted(text), Join(Split(text, ' '), ", ") + "!", Join(Split(text, ' '), " \n "),
          "They asked: " + text + " Think first.", Join(words, " ")};
}

TEST(WordOverlap, FindsEveryPlantedQuestionUnderEveryDisguiseAndNoOther) {
  Rng rng(Rng::DeriveKey({"planted"}));
  WordOverlap held_out(kRun);
  std::vector<std::vector<std::string>> planted;
  for (size_t i = 0; i < 1000; ++i) {
    planted.push_back(RandomWords(rng, 9 + i % 30));
    held_out.Add(StrCat("t", i), Join(planted.back(), " "));
  }
  for (size_t i = 0; i < planted.size(); ++i) {
    for (const std::string& text : Disguises(planted[i])) {
      const auto hit = held_out.Find(text);
      ASSERT_TRUE(hit.has_value()) << text;
      EXPECT_EQ(hit->id, StrCat("t", i));
      EXPECT_EQ(SplitWords(hit->words).size(), 8U);
    }
    EXPECT_FALSE(held_out.Find(Join(RandomWords(rng, 40), " ")).has_value());
  }
}

TEST(WordOverlap, ARunThatIsOneWordShortIsNoOverlap) {
  WordOverlap held_out(kRun);
  held_out.Add("t", "a b c d e f g h i j");
  EXPECT_FALSE(held_out.Find("a b c d e f g x h i j").has_value());
  EXPECT_EQ(held_out.Find("x B c, d e f g h (i) x")->words, "b c d e f g h i");
}

TEST(WordOverlap, AShortTextIsMetByTheSameWordsAlone) {
  WordOverlap held_out(kRun);
  held_out.Add("t", "What is 2 + 3?");
  EXPECT_EQ(held_out.Find("what IS 2 3")->id, "t");
  EXPECT_FALSE(held_out.Find("What is 2 + 3 + 4?").has_value());
  EXPECT_FALSE(held_out.Find("What is").has_value());
  held_out.Add("nothing", "?!");
  EXPECT_FALSE(held_out.Find("...").has_value());
}

TEST(WordOverlap, WordsBeyondAsciiAreWords) {
  WordOverlap held_out(4);
  held_out.Add("t", "\xC3\xA9t\xC3\xA9 na\xC3\xAFve \xE6\x97\xA5 x y");
  EXPECT_TRUE(held_out.Find("NA\xC3\xAFVE \xE6\x97\xA5, x y").has_value());
}

/// A task whose questions are texts.
class TextTask final : public testing::FakeTask {
 public:
  std::string QuestionText(const Question& question) const override { return question.prompt; }
};

class DecontaminateTest : public testing::FilterTest {
 protected:
  std::vector<std::string> ReasonsOf(int shared_words, const std::vector<testing::Trace>& traces) {
    const std::vector<Problem> test = {
        Problem{.question = {.id = "test-1", .prompt = "9 8 7 6 5 4"}}};
    const HeldOut held_out(task_, {test}, shared_words);
    ProblemCandidates problem = Problem123(traces);
    MakeDecontaminate(held_out)->Apply(problem);
    std::vector<std::string> reasons;
    for (const Candidate& candidate : problem.candidates) reasons.push_back(candidate.reason);
    return reasons;
  }

  TextTask task_;
};

TEST_F(DecontaminateTest, ATraceThatTellsAHeldOutQuestionIsDroppedAlone) {
  EXPECT_EQ(ReasonsOf(4, {{"1 2 3"}, {"1 9 8 7 6"}}),
            (std::vector<std::string>{"", "shared words: \"9 8 7 6\" with test-1"}));
  EXPECT_EQ(ReasonsOf(0, {{"1 2 3"}, {"1 9 8 7 6"}}), (std::vector<std::string>{"", ""}));
}

}  // namespace
}  // namespace retort
