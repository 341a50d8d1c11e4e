#include "core/lm/tokenizer/tokenizer_json.h"

#include "core/base/strings.h"
#include "core/lm/tokenizer/formats.h"

namespace retort {

const Json& MemberOf(const Json& object, const char* key) {
  static const Json null;
  const auto it = object.find(key);
  return it == object.end() ? null : *it;
}

std::string Quoted(std::string_view text) {
  constexpr size_t kShownBytes = 100;
  const std::string shown = DumpJson(Json(text.substr(0, kShownBytes)));
  return text.size() > kShownBytes ? shown + "..." : shown;
}

void TokenizerJson::Fail(const std::string& why) const { FailTokenizer(where_, why); }

void TokenizerJson::Refuse(const std::string& part, const std::string& supported) const {
  Fail(StrCat("not supported with model type BPE: ", part, "; supported: ", supported));
}

std::string TokenizerJson::TypeOf(const Json& component, const char* part) const {
  if (!component.is_object() || !MemberOf(component, "type").is_string()) {
    Fail(StrCat(part, " does not say its type"));
  }
  return MemberOf(component, "type").get<std::string>();
}

bool TokenizerJson::Flag(const Json& object, const char* key, bool if_absent) const {
  const Json& value = MemberOf(object, key);
  if (value.is_null()) return if_absent;
  if (!value.is_boolean()) Fail(StrCat(key, " is not true or false"));
  return value.get<bool>();
}

std::string TokenizerJson::Text(const Json& object, const char* key) const {
  const Json& value = MemberOf(object, key);
  if (!value.is_string()) Fail(StrCat(key, " is missing or not a text"));
  return value.get<std::string>();
}

size_t TokenizerJson::Count(const Json& object, const char* key) const {
  const Json& value = MemberOf(object, key);
  if (!value.is_number_unsigned()) Fail(StrCat(key, " is missing or not a count"));
  return value.get<size_t>();
}

const Json& TokenizerJson::List(const Json& object, const char* key) const {
  const Json& value = MemberOf(object, key);
  if (!value.is_array()) Fail(StrCat(key, " is missing or not a list"));
  return value;
}

}  // namespace retort
