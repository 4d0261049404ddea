#include "connectors/mixpanel/json_array_rows.h"

#include <utility>

#include "base/status.h"
#include "base/strings.h"

namespace millrace::mixpanel {
namespace {

absl::Status NoArray() { return absl::UnavailableError("the response is not a JSON array"); }

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

}  // namespace

JsonArrayRows::JsonArrayRows(OnRow on_row, size_t max_row_bytes)
    : on_row_(std::move(on_row)), max_row_bytes_(max_row_bytes) {}

absl::Status JsonArrayRows::Push(std::string_view bytes) {
  for (const char c : bytes) RETURN_IF_ERROR(Take(c));
  return absl::OkStatus();
}

absl::Status JsonArrayRows::Take(char c) {
  if (in_text_) {
    if (static_cast<unsigned char>(c) < 0x20) return NoArray();  // JSON escapes these
    in_text_ = escaped_ || c != '"';
    escaped_ = !escaped_ && c == '\\';
  } else if (IsBlank(c)) {
    return absl::OkStatus();
  } else if (depth_ == 0) {
    if (is_complete_ || c != '[') return NoArray();
    depth_ = 1;
    return absl::OkStatus();
  } else if (depth_ == 1 && (c == ',' || c == ']')) {
    if (c == ',' || !row_.empty() || needs_row_) RETURN_IF_ERROR(Deliver());
    needs_row_ = c == ',';
    is_complete_ = c == ']';
    depth_ = is_complete_ ? 0 : 1;
    return absl::OkStatus();
  } else if (c == '[' || c == '{') {
    ++depth_;
  } else if (c == ']' || c == '}') {
    if (--depth_ == 0) return NoArray();
  } else if (c == '"') {
    in_text_ = true;
  }
  if (row_.size() >= max_row_bytes_) {
    return absl::ResourceExhaustedError(
        StrCat("an element of the response is longer than ", max_row_bytes_, " bytes"));
  }
  row_ += c;
  return absl::OkStatus();
}

absl::Status JsonArrayRows::Deliver() {
  if (row_.empty()) return NoArray();
  RETURN_IF_ERROR(on_row_(row_));
  row_.clear();
  return absl::OkStatus();
}

absl::Status JsonArrayRows::Finish() const {
  if (is_complete_) return absl::OkStatus();
  return absl::UnavailableError("the response ends before the end of its JSON array");
}

}  // namespace millrace::mixpanel
