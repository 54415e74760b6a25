// What this SDK calls itself, to servers and user interfaces.
#pragma once

#include <string_view>

namespace perdure::detail {

inline constexpr std::string_view kSdkName = "perdure-cpp";
inline constexpr std::string_view kSdkVersion = "0.1.0";

}  // namespace perdure::detail
