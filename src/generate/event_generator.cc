#include "generate/event_generator.h"

#include <filesystem>

#include "base/status.h"
#include "base/strings.h"
#include "generate/event_model.h"
#include "generate/event_rows.h"
#include "io/durable_file.h"

namespace millrace {
namespace {

constexpr absl::Duration kSpan = absl::Hours(24 * 30);

std::string SourcesEntry(const SampleFormat& format, std::string_view prefix) {
  return StrCat(R"(  {
    "config_id": "generated_events_)",
                format.folder, R"(",
    "source_gcs_prefix": ")",
                prefix, R"(",
    "file_type": ")",
                format.file_type, R"(",
    "mixpanel_event_name_from_field": "event_name",
    "field_mappings": [
      { "source_field": "business_ts", "mixpanel_field": "time", "type": "unix_timestamp_auto" },
      { "source_field": "user_id", "mixpanel_field": "$user_id", "type": "string" },
      { "source_field": "device_id", "mixpanel_field": "$device_id", "type": "string" },
      { "source_field": "insert_id", "mixpanel_field": "$insert_id", "type": "string_or_uuid" },
      { "source_field": "*", "mixpanel_field": "*" }
    ]
  })");
}

std::string SourcesJson(const SampleFiles& files) {
  std::string sources;
  const std::vector<const SampleFormat*> formats = SampleFormats(files);
  for (const SampleFormat* format : formats) {
    StrAppend(&sources, sources.empty() ? "[\n" : ",\n",
              SourcesEntry(*format, formats.size() == 1 ? "events-" : StrCat(format->folder, "/")));
  }
  return sources + "\n]\n";
}

}  // namespace

absl::StatusOr<GenerateReport> GenerateEvents(const GenerateEventsOptions& options,
                                              std::stop_token stop,
                                              const GenerateProgress& progress) {
  const SampleFiles files = {
      .stem = "events",
      .rows = options.rows,
      .output = options.output,
      .formats = options.formats,
      .files = options.files,
      .replace = options.replace,
  };
  const std::string sources_json =
      (std::filesystem::path(options.output) / "sources.json").string();
  RETURN_IF_ERROR(CheckSampleFiles(files));
  std::vector<std::string> paths = SamplePaths(files);
  paths.push_back(sources_json);
  RETURN_IF_ERROR(CheckReplaces(files, paths));
  EventRows rows(EventModel(options.seed, options.rows, absl::ToUnixMicros(options.end - kSpan),
                            absl::ToUnixMicros(options.end)));
  ASSIGN_OR_RETURN(GenerateReport report, WriteSampleFiles(files, rows, std::move(stop), progress));
  report.sources_json = sources_json;
  RETURN_IF_ERROR(ReplaceFile(report.sources_json, SourcesJson(files)));
  return report;
}

}  // namespace millrace
