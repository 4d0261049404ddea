#include "sdk/record_splitter.h"

#include "base/strings.h"

namespace millrace::sdk {
namespace {

// The end of the string that begins at `quote`: after its closing quote, or the end of text.
size_t SkipString(std::string_view text, size_t quote) {
  for (size_t i = quote + 1; i < text.size();) {
    const size_t end = text.find('"', i);
    if (end == std::string_view::npos) return text.size();
    size_t backslashes = 0;
    while (text[end - 1 - backslashes] == '\\') ++backslashes;
    if (backslashes % 2 == 0) return end + 1;
    i = end + 1;
  }
  return text.size();
}

absl::Status TooMany(size_t max) {
  return absl::ResourceExhaustedError(StrCat("more than ", max, " records"));
}

absl::Status SplitArray(std::string_view text, std::vector<std::string_view>* records, size_t max) {
  size_t begin = 1;
  int depth = 1;
  for (size_t i = 1; i < text.size();) {
    const char c = text[i];
    if (c == '"') {
      i = SkipString(text, i);
      continue;
    }
    if (c == '[' || c == '{') ++depth;
    if (c == ']' || c == '}') --depth;
    if (depth == 0 || (depth == 1 && c == ',')) {
      const std::string_view element = TrimBlanks(text.substr(begin, i - begin));
      const bool empty_array = depth == 0 && records->empty() && element.empty();
      if (!empty_array && records->size() == max) return TooMany(max);
      if (!empty_array) records->push_back(element);
      begin = i + 1;
    }
    if (depth == 0) {
      if (c == ']' && TrimBlanks(text.substr(begin)).empty()) return absl::OkStatus();
      return absl::InvalidArgumentError("malformed JSON: unexpected text after the array");
    }
    ++i;
  }
  return absl::InvalidArgumentError("malformed JSON: the array is not closed");
}

// True if the object that begins `text` continues after its first line.
bool SpansLines(std::string_view text) {
  const size_t end = text.find('\n');
  if (end == std::string_view::npos) return true;
  return !TrimBlanks(text.substr(0, end)).ends_with('}') &&
         !TrimBlanks(text.substr(end)).starts_with('{');
}

}  // namespace

absl::Status SplitRecords(std::string_view text, std::vector<std::string_view>* records,
                          size_t max) {
  text = TrimBlanks(text);
  if (text.starts_with('[')) return SplitArray(text, records, max);
  if (SpansLines(text)) {
    if (!text.empty()) records->push_back(text);
    return absl::OkStatus();
  }
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view line = TrimBlanks(text.substr(0, end));
    if (!line.empty() && records->size() == max) return TooMany(max);
    if (!line.empty()) records->push_back(line);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return absl::OkStatus();
}

}  // namespace millrace::sdk
