// JSON through nlohmann: object keys are sorted, so Dump is canonical for equal values.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace retort {

using Json = nlohmann::json;

/// Parses `text`; throws Error(kData) naming `where` and the byte offset. Rejects duplicate keys,
/// depth over 64 and trailing text.
Json ParseJson(std::string_view text, const std::string& where);

/// Compact canonical text; invalid UTF-8 from a model becomes U+FFFD instead of an exception.
std::string DumpJson(const Json& value);

/// The same with two-space indentation and a final newline, for files people read.
std::string DumpJsonPretty(const Json& value);

}  // namespace retort
