#include "records/snowflake_name.h"

#include <algorithm>

#include "absl/strings/ascii.h"

namespace millrace {
namespace {

bool IsPlain(std::string_view name) {
  if (name.empty() || absl::ascii_isdigit(static_cast<unsigned char>(name[0])) || name[0] == '$') {
    return false;
  }
  return std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '$';
  });
}

}  // namespace

std::string FoldSnowflakeName(std::string_view name) {
  std::string folded;
  if (name.size() > 2 && name.front() == '"' && name.back() == '"') {
    for (size_t i = 1; i + 1 < name.size(); ++i) {
      if (name[i] == '"' && name[i + 1] == '"' && i + 2 < name.size()) ++i;
      folded += name[i];
    }
    return folded;
  }
  folded = name;
  if (IsPlain(name)) absl::AsciiStrToUpper(&folded);
  return folded;
}

}  // namespace millrace
