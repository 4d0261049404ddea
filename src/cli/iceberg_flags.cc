#include "cli/iceberg_flags.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/status.h"
#include "base/strings.h"
#include "formats/time_text.h"
#include "objects/iceberg_name.h"

namespace millrace::cli {
namespace {

// Microseconds since 1970; texts without a zone are UTC.
absl::StatusOr<std::optional<int64_t>> ParseTime(std::string_view flag, const std::string& text) {
  if (text.empty()) return std::nullopt;
  const std::optional<TimeText> time = ParseTimeText(text);
  if (!time) {
    return absl::InvalidArgumentError(StrCat(
        flag, " must be a time such as 2026-11-01 or 2026-11-01T06:30:00Z, not '", text, "'"));
  }
  return (time->local_seconds - time->offset_seconds.value_or(0)) * 1'000'000 + time->nanos / 1000;
}

}  // namespace

void IcebergFlags::AddTo(std::vector<Flag>& flags) {
  AddSnapshotTo(flags);
  flags.push_back({"--since", &since, "TIME", "Iceberg: only rows of this time or later"});
  flags.push_back({"--until", &until, "TIME", "Iceberg: only rows before this time"});
}

void IcebergFlags::AddForTripsTo(std::vector<Flag>& flags) {
  AddSnapshotTo(flags);
  flags.push_back({.name = "--since",
                   .target = &since,
                   .value = "TIME",
                   .doc = "Iceberg: only trips that start at this time or later",
                   .old_name = "--from"});
  flags.push_back({.name = "--until",
                   .target = &until,
                   .value = "TIME",
                   .doc = "Iceberg: only trips that start before this time",
                   .old_name = "--to"});
}

void IcebergFlags::AddSnapshotTo(std::vector<Flag>& flags) {
  flags.push_back(
      {"--snapshot-id", &snapshot_id, "ID", "Iceberg: read this snapshot of the table"});
  flags.push_back({"--as-of", &as_of, "TIME",
                   "Iceberg: read the snapshot that was current at this time, e.g. "
                   "2026-11-01T00:00:00Z"});
}

absl::StatusOr<SnapshotChoice> IcebergFlags::Snapshot() const {
  if (!snapshot_id.empty() && !as_of.empty()) {
    return absl::InvalidArgumentError("give --snapshot-id or --as-of, not both");
  }
  SnapshotChoice choice;
  if (!snapshot_id.empty()) {
    int64_t id = 0;
    const char* end = snapshot_id.data() + snapshot_id.size();
    const auto parsed = std::from_chars(snapshot_id.data(), end, id);
    if (parsed.ec != std::errc() || parsed.ptr != end) {
      return absl::InvalidArgumentError(
          StrCat("--snapshot-id must be an integer, not '", snapshot_id, "'"));
    }
    choice.snapshot_id = id;
  }
  ASSIGN_OR_RETURN(const std::optional<int64_t> time, ParseTime("--as-of", as_of));
  if (time) choice.as_of = absl::FromUnixMicros(*time);
  return choice;
}

absl::StatusOr<TimeRange> IcebergFlags::Times() const {
  TimeRange range;
  ASSIGN_OR_RETURN(range.from, ParseTime("--since", since));
  ASSIGN_OR_RETURN(range.to, ParseTime("--until", until));
  if (range.from && range.to && *range.from >= *range.to) {
    return absl::InvalidArgumentError("--since must be before --until");
  }
  return range;
}

absl::Status IcebergFlags::CheckInputs(absl::Span<const std::string> inputs) const {
  if (snapshot_id.empty() && as_of.empty() && since.empty() && until.empty()) {
    return absl::OkStatus();
  }
  if (std::any_of(inputs.begin(), inputs.end(), IsIcebergName)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "--snapshot-id, --as-of, --since and --until need an input iceberg:TABLE");
}

absl::Status IcebergFlags::ApplyTo(ImportRequest& request) const {
  RETURN_IF_ERROR(CheckInputs(request.inputs));
  ASSIGN_OR_RETURN(request.tables.snapshot, Snapshot());
  ASSIGN_OR_RETURN(request.tables.times, Times());
  const auto is_plain = [](const std::string& input) { return !IsIcebergName(input); };
  if (!request.tables.times.is_open() &&
      std::any_of(request.inputs.begin(), request.inputs.end(), is_plain)) {
    return absl::InvalidArgumentError(
        "--since and --until select rows of Iceberg tables only: give other inputs in a run of "
        "their own");
  }
  request.tables.entry_of = [sources = request.sources](std::string_view table) {
    return sources.Match(table);
  };
  return absl::OkStatus();
}

}  // namespace millrace::cli
