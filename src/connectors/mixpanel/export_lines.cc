#include "connectors/mixpanel/export_lines.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/ascii.h"
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

absl::Status ExportLines::TakeLine(std::string_view line) {
  line = ToStd(absl::StripAsciiWhitespace(ToAbsl(line)));
  if (line.empty()) return absl::OkStatus();
  if (line == "terminated early" || line == "export terminated early") {
    return absl::UnavailableError("Mixpanel broke the export off: \"terminated early\"");
  }
  const bool begins_record = line.front() == '{';
  if (record_.empty() && !begins_record) {
    return absl::UnavailableError(StrCat("not a record of an export: ", CleanText(line, 100)));
  }
  if (!record_.empty() && begins_record && record_.back() == '}') RETURN_IF_ERROR(Deliver());
  if (record_.size() + line.size() > max_line_bytes_) {
    return absl::DataLossError(
        StrCat("a record of the export is longer than ", max_line_bytes_, " bytes"));
  }
  record_is_joined_ = !record_.empty();
  record_.append(line);
  return absl::OkStatus();
}

absl::Status ExportLines::Deliver() {
  if (record_is_joined_ && !IsObject(record_)) {
    return absl::UnavailableError(StrCat("not a record of an export: ", CleanText(record_, 100)));
  }
  const absl::Status status = on_line_(record_);
  record_.clear();
  record_is_joined_ = false;
  return status;
}

absl::Status ExportLines::Finish() {
  RETURN_IF_ERROR(TakeLine(unfinished_));
  unfinished_.clear();
  if (record_.empty()) return absl::OkStatus();
  if (!IsObject(record_)) {
    return absl::UnavailableError(
        StrCat("the export ends inside a record: ", CleanText(record_, 100)));
  }
  return Deliver();
}

}  // namespace millrace::mixpanel
