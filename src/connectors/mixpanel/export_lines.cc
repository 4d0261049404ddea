#include "connectors/mixpanel/export_lines.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "connectors/mixpanel/response_text.h"

namespace millrace::mixpanel {
namespace {

bool IsObject(std::string_view text) { return text.front() == '{' && nlohmann::json::accept(text); }

}  // namespace

ExportLines::ExportLines(OnLine on_line, size_t max_line_bytes)
    : on_line_(std::move(on_line)), max_line_bytes_(max_line_bytes) {}

absl::Status ExportLines::Push(std::string_view bytes) {
  for (;;) {
    const size_t end = bytes.find('\n');
    const std::string_view piece = bytes.substr(0, end);
    if (unfinished_.size() + piece.size() > max_line_bytes_) {
      return absl::DataLossError(
          StrCat("a line of the export is longer than ", max_line_bytes_, " bytes"));
    }
    if (end == std::string_view::npos) {
      unfinished_.append(piece);
      return absl::OkStatus();
    }
    if (unfinished_.empty()) {
      RETURN_IF_ERROR(TakeLine(piece));
    } else {
      unfinished_.append(piece);
      RETURN_IF_ERROR(TakeLine(unfinished_));
      unfinished_.clear();
    }
    bytes.remove_prefix(end + 1);
  }
}

absl::Status ExportLines::TakeLine(std::string_view text) {
  if (text.ends_with('\r')) text.remove_suffix(1);
  const std::string_view line = TrimBlanks(text);
  // Between records. Blanks at the end of a piece of a record may be part of a string.
  if (line.empty() && (text.empty() || record_.empty())) return absl::OkStatus();
  if (line == "terminated early" || line == "export terminated early") {
    return absl::UnavailableError("Mixpanel broke the export off: \"terminated early\"");
  }
  const bool begins_record = line.starts_with('{');
  if (record_.empty() && !begins_record) {
    return absl::UnavailableError(StrCat("not a record of an export: ", CleanText(line, 100)));
  }
  if (begins_record && TrimBlanks(record_).ends_with('}')) RETURN_IF_ERROR(Deliver());
  if (record_.size() + text.size() > max_line_bytes_) {
    return absl::DataLossError(
        StrCat("a record of the export is longer than ", max_line_bytes_, " bytes"));
  }
  record_is_joined_ = !record_.empty();
  record_.append(text);
  return absl::OkStatus();
}

absl::Status ExportLines::Deliver() {
  const std::string_view record = TrimBlanks(record_);
  if (record_is_joined_ && !IsObject(record)) {
    return absl::UnavailableError(StrCat("not a record of an export: ", CleanText(record_, 100)));
  }
  const absl::Status status = on_line_(record);
  record_.clear();
  record_is_joined_ = false;
  return status;
}

absl::Status ExportLines::Finish() {
  RETURN_IF_ERROR(TakeLine(unfinished_));
  unfinished_.clear();
  if (record_.empty()) return absl::OkStatus();
  if (!IsObject(TrimBlanks(record_))) {
    return absl::UnavailableError(
        StrCat("the export ends inside a record: ", CleanText(record_, 100)));
  }
  return Deliver();
}

}  // namespace millrace::mixpanel
