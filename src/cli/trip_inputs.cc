#include "cli/trip_inputs.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/status.h"
#include "base/strings.h"
#include "formats/time_text.h"
#include "staypoints/file_trips.h"
#include "staypoints/iceberg_trips.h"

namespace millrace::cli {
namespace {

constexpr std::string_view kIceberg = "iceberg:";

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

absl::StatusOr<SnapshotChoice> ParseChoice(const IcebergFlags& flags) {
  if (!flags.snapshot_id.empty() && !flags.as_of.empty()) {
    return absl::InvalidArgumentError("give --snapshot-id or --as-of, not both");
  }
  SnapshotChoice choice;
  if (!flags.snapshot_id.empty()) {
    int64_t id = 0;
    const char* end = flags.snapshot_id.data() + flags.snapshot_id.size();
    const auto parsed = std::from_chars(flags.snapshot_id.data(), end, id);
    if (parsed.ec != std::errc() || parsed.ptr != end) {
      return absl::InvalidArgumentError(
          StrCat("--snapshot-id must be an integer, not '", flags.snapshot_id, "'"));
    }
    choice.snapshot_id = id;
  }
  ASSIGN_OR_RETURN(const std::optional<int64_t> as_of, ParseTime("--as-of", flags.as_of));
  if (as_of) choice.as_of = absl::FromUnixMicros(*as_of);
  return choice;
}

}  // namespace

void IcebergFlags::AddTo(std::vector<Flag>& flags) {
  flags.insert(
      flags.end(),
      {{"--snapshot-id", &snapshot_id, "ID", "Iceberg: read this snapshot of the table"},
       {"--as-of", &as_of, "TIME",
        "Iceberg: read the snapshot that was current at this time, e.g. 2026-11-01T00:00:00Z"},
       {"--from", &from, "TIME", "Iceberg: only trips that start at this time or later"},
       {"--to", &to, "TIME", "Iceberg: only trips that start before this time"}});
}

absl::StatusOr<std::unique_ptr<TripSource>> OpenTripInputs(const std::vector<std::string>& inputs,
                                                           const IcebergFlags& flags,
                                                           TripColumnRefs columns,
                                                           StoreOptions stores, bool as_files) {
  const auto is_table = [](std::string_view input) { return input.starts_with(kIceberg); };
  const auto tables = std::count_if(inputs.begin(), inputs.end(), is_table);
  if (tables == 0) {
    for (const std::string* flag : {&flags.snapshot_id, &flags.as_of, &flags.from, &flags.to}) {
      if (!flag->empty()) {
        return absl::InvalidArgumentError(
            "--snapshot-id, --as-of, --from and --to need --input iceberg:TABLE");
      }
    }
    return NewFileTrips(inputs, std::move(columns), std::move(stores), as_files);
  }
  if (inputs.size() > 1) {
    return absl::InvalidArgumentError("an Iceberg table must be the only input");
  }
  IcebergTripsOptions options;
  options.table = inputs[0].substr(kIceberg.size());
  options.names = std::move(columns);
  options.stores = std::move(stores);
  ASSIGN_OR_RETURN(options.snapshot, ParseChoice(flags));
  ASSIGN_OR_RETURN(options.starts.from, ParseTime("--from", flags.from));
  ASSIGN_OR_RETURN(options.starts.to, ParseTime("--to", flags.to));
  if (options.starts.from && options.starts.to && *options.starts.from >= *options.starts.to) {
    return absl::InvalidArgumentError("--from must be before --to");
  }
  return NewIcebergTrips(std::move(options));
}

}  // namespace millrace::cli
