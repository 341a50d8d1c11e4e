// The style sheet of report.html: light, dark and print, no font or file from elsewhere.
#pragma once

#include <string_view>

namespace retort {

std::string_view HtmlStyle();

}  // namespace retort
