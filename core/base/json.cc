#include "core/base/json.h"

#include <set>
#include <vector>

#include "core/base/error.h"

namespace retort {
namespace {

constexpr int kMaxDepth = 64;

// Sees every parse event before the value is built, so that depth and duplicate keys are refused
// while they are still cheap.
class StrictChecks {
 public:
  explicit StrictChecks(const std::string& where) : where_(where) {}

  bool operator()(int depth, Json::parse_event_t event, const Json& value) {
    using Event = Json::parse_event_t;
    if (event == Event::object_start || event == Event::array_start) {
      if (depth >= kMaxDepth) Refuse(StrCat("nested deeper than ", kMaxDepth, " levels"));
    }
    if (event == Event::object_start) keys_.emplace_back();
    if (event == Event::object_end) keys_.pop_back();
    if (event == Event::key && !keys_.back().insert(value.get<std::string>()).second) {
      Refuse(StrCat("duplicate key ", DumpJson(value)));
    }
    return true;
  }

 private:
  [[noreturn]] void Refuse(const std::string& why) const {
    throw Error(ExitCode::kData, StrCat(where_, ": invalid JSON - ", why));
  }

  const std::string& where_;
  std::vector<std::set<std::string>> keys_;
};

std::string WithoutLibraryPrefix(const std::string& what) {
  const size_t bracket = what.find("] ");
  return bracket == std::string::npos ? what : what.substr(bracket + 2);
}

}  // namespace

Json ParseJson(std::string_view text, const std::string& where) {
  StrictChecks checks(where);
  try {
    return Json::parse(text.begin(), text.end(), std::ref(checks));
  } catch (const Json::parse_error& e) {
    throw Error(ExitCode::kData, StrCat(where, ": invalid JSON at byte ", e.byte, " - ",
                                        WithoutLibraryPrefix(e.what())));
  } catch (const Json::exception& e) {
    throw Error(ExitCode::kData,
                StrCat(where, ": invalid JSON - ", WithoutLibraryPrefix(e.what())));
  }
}

std::string DumpJson(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string DumpJsonPretty(const Json& value) {
  return value.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace retort
