#include "generate/event_generator.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <system_error>

#include "base/status.h"
#include "base/strings.h"
#include "generate/event_model.h"
#include "generate/event_writer.h"
#include "io/durable_file.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kProgressRows = 10'000;
constexpr absl::Duration kSpan = absl::Hours(24 * 30);

struct FormatFiles {
  FileType type;
  std::string_view folder;
  std::string_view extension;
  std::string_view file_type;  // in sources.json
  absl::StatusOr<std::unique_ptr<EventWriter>> (*open)(const std::string& path);
};

constexpr FormatFiles kFormats[] = {
    {FileType::kParquet, "parquet", ".parquet", "PARQUET", NewParquetEventWriter},
    {FileType::kNdjson, "ndjson", ".ndjson.gz", "NDJSON", NewNdjsonGzEventWriter},
    {FileType::kCsv, "csv", ".csv", "CSV", NewCsvEventWriter},
};

absl::Status MakeFolder(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  return error ? ErrnoStatus(error.value(), StrCat("making folder ", path.string()))
               : absl::OkStatus();
}

std::string SourcesEntry(const FormatFiles& format, std::string_view prefix) {
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

// One run: the files of each format, one after another.
class Generation {
 public:
  Generation(const GenerateEventsOptions& options, std::stop_token stop,
             const GenerateProgress& progress)
      : options_(options),
        stop_(std::move(stop)),
        progress_(progress),
        model_(options.seed, options.rows, absl::ToUnixMicros(options.end - kSpan),
               absl::ToUnixMicros(options.end)) {
    for (const FormatFiles& format : kFormats) {
      if (options.formats.empty() ||
          std::count(options.formats.begin(), options.formats.end(), format.type) > 0) {
        formats_.push_back(&format);
      }
    }
    total_ = options.rows * formats_.size();
  }

  absl::StatusOr<GenerateReport> Run() {
    const fs::path output = options_.output;
    std::string sources;
    for (const FormatFiles* format : formats_) {
      const bool alone = formats_.size() == 1;
      const fs::path folder = alone ? output : output / format->folder;
      RETURN_IF_ERROR(MakeFolder(folder));
      for (int file = 0; file < options_.files; ++file) {
        RETURN_IF_ERROR(WriteFile(*format, folder, static_cast<uint64_t>(file)));
      }
      StrAppend(&sources, sources.empty() ? "[\n" : ",\n",
                SourcesEntry(*format, alone ? "events-" : StrCat(format->folder, "/")));
    }
    report_.rows = options_.rows;
    report_.sources_json = (output / "sources.json").string();
    RETURN_IF_ERROR(ReplaceFile(report_.sources_json, sources + "\n]\n"));
    return std::move(report_);
  }

 private:
  absl::Status WriteFile(const FormatFiles& format, const fs::path& folder, uint64_t file) {
    char name[32];
    std::snprintf(name, sizeof name, "events-%05d", static_cast<int>(file));
    const fs::path path = folder / StrCat(name, format.extension);
    // A leading dot keeps the unfinished file out of listings.
    const fs::path unfinished = folder / StrCat(".", name, format.extension);
    const auto files = static_cast<uint64_t>(options_.files);
    absl::Status status = WriteRows(format, unfinished.string(), options_.rows * file / files,
                                    options_.rows * (file + 1) / files);
    std::error_code error;
    if (status.ok()) {
      report_.bytes += fs::file_size(unfinished, error);
      if (!error) fs::rename(unfinished, path, error);
      if (error) status = ErrnoStatus(error.value(), StrCat("finishing ", path.string()));
    }
    if (!status.ok()) {
      fs::remove(unfinished, error);
      return status;
    }
    report_.files.push_back(path.string());
    return absl::OkStatus();
  }

  absl::Status WriteRows(const FormatFiles& format, const std::string& path, uint64_t begin,
                         uint64_t end) {
    ASSIGN_OR_RETURN(const std::unique_ptr<EventWriter> writer, format.open(path));
    for (uint64_t row = begin; row < end; ++row) {
      model_.Make(row, event_);
      RETURN_IF_ERROR(writer->Write(event_));
      if (++done_ % kProgressRows != 0) continue;
      if (stop_.stop_requested()) return absl::CancelledError("stopped");
      if (progress_) progress_(done_, total_);
    }
    RETURN_IF_ERROR(writer->Finish());
    if (progress_) progress_(done_, total_);
    return absl::OkStatus();
  }

  const GenerateEventsOptions& options_;
  const std::stop_token stop_;
  const GenerateProgress& progress_;
  const EventModel model_;
  std::vector<const FormatFiles*> formats_;
  GeneratedEvent event_;
  GenerateReport report_;
  uint64_t done_ = 0;
  uint64_t total_ = 0;
};

absl::Status Check(const GenerateEventsOptions& options) {
  if (options.output.empty()) return absl::InvalidArgumentError("no output folder is given");
  if (options.rows == 0) return absl::InvalidArgumentError("rows must be at least 1");
  if (options.files < 1 || options.files > 99'999 ||
      static_cast<uint64_t>(options.files) > options.rows) {
    return absl::InvalidArgumentError(
        StrCat("files must be from 1 to 99999 and not above rows, not ", options.files));
  }
  for (const FileType type : options.formats) {
    const auto writes = [type](const FormatFiles& format) { return format.type == type; };
    if (std::none_of(std::begin(kFormats), std::end(kFormats), writes)) {
      return absl::InvalidArgumentError("events are written as parquet, ndjson or csv only");
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<GenerateReport> GenerateEvents(const GenerateEventsOptions& options,
                                              std::stop_token stop,
                                              const GenerateProgress& progress) {
  RETURN_IF_ERROR(Check(options));
  return Generation(options, std::move(stop), progress).Run();
}

}  // namespace millrace
