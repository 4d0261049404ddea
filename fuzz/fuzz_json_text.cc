// The inside of JSON strings, and whole values, against nlohmann-json as the judge.
#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/json_writer.h"
#include "formats/json_text.h"
#include "formats/json_value.h"
#include "formats/row_reader.h"
#include "require.h"

namespace millrace {
namespace {

std::string Unescaped(std::string_view inside) {
  ByteBuffer out;
  AppendUnescaped(out, inside);
  return std::string(out.view());
}

void CheckInside(std::string inside) {
  const std::string quoted = '"' + inside + '"';
  const auto judged = nlohmann::json::parse(quoted, nullptr, /*allow_exceptions=*/false);
  if (judged.is_string()) {
    Require(FindBadEscape(inside) == std::string_view::npos);
    Require(Unescaped(inside) == judged.get_ref<const std::string&>());
  }
  if (FindBadEscape(inside) != std::string_view::npos) {
    Require(!judged.is_string());
    return;
  }
  // The judge rejects surrogates without a partner; we replace them, and then it agrees.
  const std::string text = Unescaped(inside);
  ReplaceLoneSurrogates(inside.data(), inside.size());
  Require(Unescaped(inside) == text);
}

void CheckWritten(std::string_view text) {
  ByteBuffer out;
  AppendJsonString(out, text);
  const std::string_view written = out.view();
  Require(written.size() >= 2 && written.front() == '"' && written.back() == '"');
  Require(Unescaped(written.substr(1, written.size() - 2)) == text);
}

// An accepted value is valid on a line of its own, and the same when it is read again; whatever the
// judge accepts is accepted, except for depth, and for a byte order mark and zeros, which it skips.
void CheckValue(std::string_view text) {
  static JsonValueParser parser;
  Value value;
  const auto judged = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!parser.Parse(text, &value)) {
    Require(judged.is_discarded() || text.starts_with('\xef') ||
            text.find('\0') != std::string_view::npos ||
            std::count(text.begin(), text.end(), '[') + std::count(text.begin(), text.end(), '{') >
                kMaxJsonDepth);
    return;
  }
  ByteBuffer shown;
  AppendJsonValue(shown, value);
  const std::string line(shown.view());
  Require(line.find('\n') == std::string::npos);
  Value again;
  Require(parser.Parse(line, &again));
  shown.clear();
  AppendJsonValue(shown, again);
  Require(shown.view() == line);
}

}  // namespace
}  // namespace millrace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  millrace::CheckWritten(text);
  millrace::CheckValue(text);
  // Quotes and control characters never occur inside a string.
  for (const char c : text) {
    if (c == '\n' || static_cast<unsigned char>(c) < 0x20) return 0;
  }
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      return 0;
    }
  }
  millrace::CheckInside(text);
  return 0;
}
