// Checked access to the parts of a tokenizer.json of model type BPE. Immutable and thread-safe.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/base/json.h"

namespace retort {

/// The member of an object, null if it is absent.
const Json& MemberOf(const Json& object, const char* key);

/// `text` as JSON spells it, on one line, cut after 100 bytes: for messages.
std::string Quoted(std::string_view text);

/// Every complaint is an Error(kData) that names the file.
class TokenizerJson final {
 public:
  /// `where` outlives the object.
  explicit TokenizerJson(const std::string& where) : where_(where) {}

  [[noreturn]] void Fail(const std::string& why) const;
  /// For something well formed that this version does not do.
  [[noreturn]] void Refuse(const std::string& part, const std::string& supported) const;

  /// The `type` of a component; `part` names it in the message.
  std::string TypeOf(const Json& component, const char* part) const;
  /// A member of `object`: true or false (`if_absent` if there is none), a text, a count from 0, a
  /// list.
  bool Flag(const Json& object, const char* key, bool if_absent) const;
  std::string Text(const Json& object, const char* key) const;
  size_t Count(const Json& object, const char* key) const;
  const Json& List(const Json& object, const char* key) const;

 private:
  const std::string& where_;
};

}  // namespace retort
