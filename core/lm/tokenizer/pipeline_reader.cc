#include "core/lm/tokenizer/pipeline_reader.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/strings.h"

namespace retort {
namespace {

constexpr std::string_view kMark = "\u2581";

/// The {"String": ...} that a Replace looks for.
std::string ReplacedText(const TokenizerJson& json, const Json& component, const char* part) {
  const Json& pattern = MemberOf(component, "pattern");
  const bool is_string = pattern.is_object() && MemberOf(pattern, "String").is_string();
  std::string text = is_string ? json.Text(pattern, "String") : "";
  if (text.empty()) json.Refuse(StrCat(part, Quoted(DumpJson(pattern))), "a string");
  return text;
}

class NormalizerReader {
 public:
  explicit NormalizerReader(const TokenizerJson& json) : json_(json) {}

  std::vector<NormalizeStep> Read(const Json& component) {
    if (!component.is_null()) Add(component);
    return std::move(steps_);
  }

 private:
  void Add(const Json& component) {
    const std::string type = json_.TypeOf(component, "normalizer");
    if (type == "NFC") {
      steps_.push_back({.kind = NormalizeStep::Kind::kNfc});
    } else if (type == "Prepend") {
      steps_.push_back(
          {.kind = NormalizeStep::Kind::kPrepend, .content = json_.Text(component, "prepend")});
    } else if (type == "Replace") {
      steps_.push_back({.kind = NormalizeStep::Kind::kReplace,
                        .pattern = ReplacedText(json_, component, "normalizer Replace of "),
                        .content = json_.Text(component, "content")});
    } else if (type == "Sequence") {
      for (const Json& part : json_.List(component, "normalizers")) Add(part);
    } else {
      json_.Refuse(StrCat("normalizer ", Quoted(type)), "NFC, Prepend, Replace, Sequence");
    }
  }

  const TokenizerJson& json_;
  std::vector<NormalizeStep> steps_;
};

class PreTokenizerReader {
 public:
  /// `normalizer` tells whether a space can be left in the text. Both outlive the json.
  PreTokenizerReader(const TokenizerJson& json, const std::vector<NormalizeStep>& normalizer)
      : json_(json), normalizer_(normalizer) {}

  /// `byte_level` receives whether the pieces end as ByteLevel's characters.
  std::vector<SplitStep> Read(const Json& component, bool* byte_level) {
    if (!component.is_null()) Add(component);
    *byte_level = byte_level_;
    return std::move(steps_);
  }

 private:
  void Add(const Json& component) {
    const std::string type = json_.TypeOf(component, "pre_tokenizer");
    if (type == "Sequence") {
      for (const Json& part : json_.List(component, "pretokenizers")) Add(part);
      return;
    }
    if (byte_level_)
      json_.Refuse(StrCat("pre_tokenizer ", Quoted(type), " after ByteLevel"), "ByteLevel last");
    if (type == "ByteLevel") {
      AddByteLevel(component);
    } else if (type == "Split") {
      AddSplit(component);
    } else if (type == "Digits") {
      const bool single = json_.Flag(component, "individual_digits", false);
      steps_.push_back({.kind = single ? SplitStep::Kind::kDigits : SplitStep::Kind::kDigitRuns});
    } else if (type == "Metaspace") {
      AddMetaspace(component);
    } else {
      json_.Refuse(StrCat("pre_tokenizer ", Quoted(type)),
                   "ByteLevel, Split, Digits, Metaspace, Sequence");
    }
  }

  void AddByteLevel(const Json& component) {
    if (json_.Flag(component, "add_prefix_space", true)) {
      steps_.push_back({.kind = SplitStep::Kind::kPrefixSpace});
    }
    if (json_.Flag(component, "use_regex", true)) AddPattern(SplitPattern::kGpt2);
    byte_level_ = true;
  }

  void AddPattern(SplitPattern pattern) {
    steps_.push_back({.kind = SplitStep::Kind::kPattern, .pattern = pattern});
  }

  void AddSplit(const Json& component) {
    const std::string behavior = json_.Text(component, "behavior");
    const bool invert = json_.Flag(component, "invert", false);
    const Json& pattern = MemberOf(component, "pattern");
    // Gemma's: it cuts at spaces when the normalizer has left none.
    if (pattern == Json{{"String", " "}} && SpacesAreReplaced()) return;
    // The patterns match everywhere, so keeping the matches alone is the same as isolating them.
    const bool isolates = (behavior == "Isolated" && !invert) || (behavior == "Removed" && invert);
    if (!isolates) {
      json_.Refuse(
          StrCat("pre_tokenizer Split with behavior ", Quoted(behavior), invert ? " inverted" : ""),
          "Isolated");
    }
    const std::pair<std::string_view, SplitPattern> known[] = {
        {kGpt2Regex, SplitPattern::kGpt2},
        {kLlama3Regex, SplitPattern::kLlama3},
        {kQwen2Regex, SplitPattern::kQwen2}};
    for (const auto& [regex, id] : known) {
      if (pattern == Json{{"Regex", regex}}) return AddPattern(id);
    }
    json_.Refuse(StrCat("pre_tokenizer Split at ", DumpJson(pattern)),
                 "the regular expressions of GPT-2, Llama 3 and Qwen2");
  }

  bool SpacesAreReplaced() const {
    return std::any_of(normalizer_.begin(), normalizer_.end(), [](const NormalizeStep& step) {
      return step.kind == NormalizeStep::Kind::kReplace && step.pattern == " " &&
             step.content.find(' ') == std::string::npos;
    });
  }

  void AddMetaspace(const Json& component) {
    if (json_.Text(component, "replacement") != kMark) {
      json_.Refuse("pre_tokenizer Metaspace with another replacement", "U+2581");
    }
    if (json_.Flag(component, "split", true)) {
      json_.Refuse("pre_tokenizer Metaspace that splits", "split false");
    }
    const bool prefix = json_.Flag(component, "add_prefix_space", true);
    const Json& given = MemberOf(component, "prepend_scheme");
    const Json scheme = given.is_null() ? Json(prefix ? "always" : "never") : given;
    steps_.push_back({.kind = SplitStep::Kind::kSpacesToMarks});
    if (scheme == "first") {
      steps_.push_back({.kind = SplitStep::Kind::kMarkFirst});
    } else if (scheme == "always") {
      steps_.push_back({.kind = SplitStep::Kind::kMarkAlways});
    } else if (scheme != "never") {
      json_.Refuse(StrCat("prepend_scheme ", DumpJson(scheme)), "first, always, never");
    }
  }

  const TokenizerJson& json_;
  const std::vector<NormalizeStep>& normalizer_;
  std::vector<SplitStep> steps_;
  bool byte_level_ = false;
};

class DecoderReader {
 public:
  explicit DecoderReader(const TokenizerJson& json) : json_(json) {}

  std::vector<DecodeStep> Read(const Json& component, bool byte_level) {
    if (component.is_null()) json_.Refuse("no decoder", kSupported);
    Add(component);
    const bool to_bytes = std::any_of(steps_.begin(), steps_.end(), [](const DecodeStep& step) {
      return step.kind == DecodeStep::Kind::kByteLevel;
    });
    if (to_bytes != byte_level) {
      json_.Fail("ByteLevel is one of its pre_tokenizer and its decoder, but not of both");
    }
    return std::move(steps_);
  }

 private:
  static constexpr char kSupported[] = "ByteLevel, Replace, ByteFallback, Fuse, Strip, Sequence";

  void Add(const Json& component) {
    const std::string type = json_.TypeOf(component, "decoder");
    if (type == "ByteLevel") {
      steps_.push_back({.kind = DecodeStep::Kind::kByteLevel});
    } else if (type == "Replace") {
      steps_.push_back({.kind = DecodeStep::Kind::kReplace,
                        .pattern = ReplacedText(json_, component, "decoder Replace of "),
                        .content = json_.Text(component, "content")});
    } else if (type == "ByteFallback") {
      steps_.push_back({.kind = DecodeStep::Kind::kByteFallback});
    } else if (type == "Fuse") {
      steps_.push_back({.kind = DecodeStep::Kind::kFuse});
    } else if (type == "Strip") {
      AddStrip(component);
    } else if (type == "Sequence") {
      for (const Json& part : json_.List(component, "decoders")) Add(part);
    } else {
      json_.Refuse(StrCat("decoder ", Quoted(type)), kSupported);
    }
  }

  void AddStrip(const Json& component) {
    const std::string content = json_.Text(component, "content");
    if (content.empty()) json_.Fail("decoder Strip has no content");
    steps_.push_back({.kind = DecodeStep::Kind::kStrip,
                      .content = content,
                      .start = json_.Count(component, "start"),
                      .stop = json_.Count(component, "stop")});
  }

  const TokenizerJson& json_;
  std::vector<DecodeStep> steps_;
};

/// The special token that a TemplateProcessing puts before a single text, "" if there is none.
std::string FirstTokenOfTemplate(const TokenizerJson& json, const Json& component) {
  std::string first;
  for (const Json& item : json.List(component, "single")) {
    if (!item.is_object()) json.Fail("TemplateProcessing's single is not a list of objects");
    const Json& token = MemberOf(item, "SpecialToken");
    if (token.is_null()) return first;
    if (!first.empty()) json.Refuse("two tokens before a text", "one");
    first = token.is_object() ? json.Text(token, "id") : "";
    if (first.empty()) json.Fail("TemplateProcessing has a special token without id");
  }
  json.Fail("TemplateProcessing has no place for the text");
}

}  // namespace

std::string FirstTokenOf(const Json& post_processor, const TokenizerJson& json) {
  if (post_processor.is_null()) return "";
  const std::string type = json.TypeOf(post_processor, "post_processor");
  if (type == "ByteLevel") return "";
  if (type == "TemplateProcessing") return FirstTokenOfTemplate(json, post_processor);
  if (type != "Sequence") {
    json.Refuse(StrCat("post_processor ", Quoted(type)), "TemplateProcessing, ByteLevel, Sequence");
  }
  std::string first;
  for (const Json& part : json.List(post_processor, "processors")) {
    const std::string token = FirstTokenOf(part, json);
    if (!first.empty() && !token.empty()) json.Refuse("two tokens before a text", "one");
    if (!token.empty()) first = token;
  }
  return first;
}

Json PutFirst(const std::string& token, int64_t id) {
  const Json first = {{"SpecialToken", {{"id", token}, {"type_id", 0}}}};
  const Json text = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
  const Json second_text = {{"Sequence", {{"id", "B"}, {"type_id", 1}}}};
  const Json ids = {{"id", token}, {"ids", Json::array({id})}, {"tokens", Json::array({token})}};
  return {{"type", "TemplateProcessing"},
          {"single", Json::array({first, text})},
          {"pair", Json::array({first, text, second_text})},
          {"special_tokens", {{token, ids}}}};
}

TokenizerPipeline ReadPipeline(const Json& tokenizer, const TokenizerJson& json) {
  TokenizerPipeline pipeline;
  pipeline.normalizer = NormalizerReader(json).Read(MemberOf(tokenizer, "normalizer"));
  pipeline.pre_tokenizer = PreTokenizerReader(json, pipeline.normalizer)
                               .Read(MemberOf(tokenizer, "pre_tokenizer"), &pipeline.byte_level);
  pipeline.decoder = DecoderReader(json).Read(MemberOf(tokenizer, "decoder"), pipeline.byte_level);
  pipeline.first_token = FirstTokenOf(MemberOf(tokenizer, "post_processor"), json);
  return pipeline;
}

}  // namespace retort
