// Prompts against `transformers`: see tests/data/lm/make_prompt_goldens.py.
#include "core/lm/tokenizer/chat_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "core/base/commit.h"
#include "tests/core/lm/test_files.h"

namespace retort {
namespace {

using testing::HasSubstr;

Json Goldens() { return GoldenJson("prompt_goldens.json"); }

/// A golden tokenizer's folder with keys of its tokenizer_config.json replaced.
std::string FolderWith(const std::string& name, const Json& keys) {
  const std::string dir = FreshDir("chat_" + name);
  const std::string from = GoldenPath(name);
  Json config = ParseJson(RealEnv().ReadFile(JoinPath(from, "tokenizer_config.json")), name);
  config.update(keys);
  for (const auto& [file, text] :
       {std::pair{"tokenizer.json", RealEnv().ReadFile(JoinPath(from, "tokenizer.json"))},
        std::pair{"tokenizer_config.json", DumpJson(config)}}) {
    WriteFileAtomically(RealEnv(), JoinPath(dir, file), text);
  }
  return dir;
}

TEST(ChatFormat, RecognizesTheTemplatesItEqualsAndNoOther) {
  const Json goldens = Goldens();
  const auto question = goldens.at("question").get<std::string>();
  for (const Json& golden : goldens.at("chats")) {
    SCOPED_TRACE(golden.at("template"));
    std::optional<Chat> chat = RecognizeChat(golden.at("template").get<std::string>());
    ASSERT_EQ(chat ? Json(chat->format) : Json(), golden.at("format"));
    if (!chat) continue;
    EXPECT_EQ(RenderChat(*chat, question, "<bos>", "<eos>"), golden.at("plain"));
    chat->system = goldens.at("system");
    EXPECT_EQ(RenderChat(*chat, question, "<bos>", "<eos>"), golden.at("with_system"));
  }
}

TEST(ChatFormat, EveryFormatHasAGolden) {
  const Json goldens = Goldens();
  std::set<std::string> seen;
  for (const Json& golden : goldens.at("chats")) {
    if (golden.at("format").is_string()) seen.insert(golden.at("format").get<std::string>());
  }
  const std::vector<std::string> names = ChatFormatNames();
  EXPECT_EQ(seen, std::set<std::string>(names.begin(), names.end()));
}

TEST(ChatTokenizer, PromptsHaveTheReferencesIds) {
  const Json goldens = Goldens();
  const auto question = goldens.at("question").get<std::string>();
  for (const Json& golden : goldens.at("ids")) {
    const std::string dir = FolderWith(golden.at("folder"), golden.at("config"));
    Chat chat = RecognizeChat(LoadTokenizer(RealEnv(), dir)->ChatTemplate()).value();
    SCOPED_TRACE(chat.format);
    for (const char* key : {"plain", "with_system"}) {
      if (std::string(key) == "with_system") chat.system = goldens.at("system");
      const auto tokenizer = MakeChatTokenizer(LoadTokenizer(RealEnv(), dir), chat);
      EXPECT_EQ(Json(EncodePrompt(*tokenizer, question)), golden.at(key)) << key;
      EXPECT_EQ(tokenizer->Piece(tokenizer->Specials().eos), golden["config"]["eos_token"]);
    }
  }
}

TEST(ChatTokenizer, TheTurnsEndIsEosAndTheRestIsTheTokenizersOwn) {
  const auto plain = LoadTokenizer(RealEnv(), GoldenPath("bpe_smollm2"));
  const auto chat =
      MakeChatTokenizer(LoadTokenizer(RealEnv(), GoldenPath("bpe_smollm2")), {.format = "chatml"});
  EXPECT_EQ(chat->Specials().eos, chat->Encode("<|im_end|>").front());
  EXPECT_EQ(chat->Sha256(), plain->Sha256());
  EXPECT_EQ(chat->Encode("two words"), plain->Encode("two words"));
  EXPECT_EQ(plain->RenderPrompt("x"), "x");
}

TEST(ChatTokenizer, RefusesAFormatWhoseTokensItHasNot) {
  for (const char* format : {"llama3", "gemma"}) {
    const std::string message = MessageOf(
        [&] {
          MakeChatTokenizer(LoadTokenizer(RealEnv(), GoldenPath("bpe_smollm2")),
                            {.format = format});
        },
        ExitCode::kConfig);
    EXPECT_THAT(message, HasSubstr(StrCat("chat: ", format, " needs a token")));
  }
}

TEST(ChatTemplate, ComesFromEitherFileAndIsSavedBesideTheTokenizer) {
  const Json several = {{{"name", "tool_use"}, {"template", "T"}},
                        {{"name", "default"}, {"template", "D"}}};
  const std::string dir = FolderWith("bpe_gpt2", {{"chat_template", several}});
  EXPECT_EQ(LoadTokenizer(RealEnv(), dir)->ChatTemplate(), "D");
  WriteFileAtomically(RealEnv(), JoinPath(dir, "chat_template.jinja"), "{{ messages }}");
  const auto tokenizer = LoadTokenizer(RealEnv(), dir);
  EXPECT_EQ(tokenizer->ChatTemplate(), "{{ messages }}");
  const std::string saved = FreshDir("chat_saved");
  tokenizer->Save(RealEnv(), saved);
  EXPECT_EQ(LoadTokenizer(RealEnv(), saved)->ChatTemplate(), "{{ messages }}");
  EXPECT_EQ(LoadTokenizer(RealEnv(), GoldenPath("bpe_gpt2"))->ChatTemplate(), "");
}

TEST(EncodePrompt, PutsBosWhereTheReferenceDoes) {
  const Json goldens = Goldens();
  for (const Json& golden : goldens.at("prompts")) {
    const std::string folder = golden.at("folder");
    const auto tokenizer = LoadTokenizer(RealEnv(), GoldenPath(folder));
    for (size_t i = 0; i < goldens.at("texts").size(); ++i) {
      const auto text = goldens["texts"][i].get<std::string>();
      EXPECT_EQ(Json(EncodePrompt(*tokenizer, text)), golden["ids"][i]) << folder << ": " << text;
    }
  }
}

}  // namespace
}  // namespace retort
