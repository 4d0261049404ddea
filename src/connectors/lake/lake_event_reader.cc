#include "connectors/lake/lake_event_reader.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "formats/row_reader.h"

namespace millrace::lake {
namespace {

using data_files::EventRows;
using data_files::FileFormat;

constexpr char kRemedy[] =
    "restore the file, or move it out of the lake: its rows are then missing, and `millrace "
    "reconcile --repair` writes them again";

// The type of a data file, by its name.
std::optional<FileType> TypeOf(std::string_view uri) {
  for (const FileFormat format :
       {FileFormat::kParquet, FileFormat::kNdjsonGz, FileFormat::kNdjsonZst}) {
    if (!uri.ends_with(data_files::ExtensionOf(format))) continue;
    return format == FileFormat::kParquet ? FileType::kParquet : FileType::kNdjson;
  }
  return std::nullopt;
}

absl::Status CheckColumns(const std::vector<std::string>& there,
                          const std::vector<std::string>& needed) {
  for (const std::string& name : needed) {
    if (std::find(there.begin(), there.end(), name) != there.end()) continue;
    return absl::InvalidArgumentError(
        StrCat("it has no column ", name, ", so Millrace did not write it"));
  }
  return absl::OkStatus();
}

// Errors of a file that reading it again may not have: it comes or goes with those who write.
bool MayPass(const absl::Status& status) {
  return absl::IsNotFound(status) || absl::IsFailedPrecondition(status);
}

// Errors of the store, which explain themselves.
bool IsOfTheStore(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsCancelled(status) ||
         absl::IsUnauthenticated(status) || absl::IsPermissionDenied(status);
}

absl::Status Explain(const absl::Status& status, const ObjectInfo& file) {
  if (status.ok() || IsOfTheStore(status)) return status;
  const std::string why(ToStd(status.message()));
  if (MayPass(status)) {
    return absl::UnavailableError(
        StrCat("a file was removed or replaced while the lake was read: ", file.uri, ": ", why));
  }
  return absl::FailedPreconditionError(StrCat("reading ", file.uri, ": ", why, "; ", kRemedy));
}

}  // namespace

absl::Status LakeEventReader::Read(const EventQuery& query, const OnEvent& on_event,
                                   std::stop_token stop) {
  const data_files::FileStore::Stop watch = store_.Watch(stop);
  ASSIGN_OR_RETURN(const std::vector<ObjectInfo> files, FindFiles(query));
  EventRows rows(query, on_event);
  for (const ObjectInfo& file : files) {
    const absl::Status read = ReadFile(file, rows, stop);
    RETURN_IF_ERROR(rows.status());
    RETURN_IF_ERROR(Explain(read, file));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<ObjectInfo>> LakeEventReader::FindFiles(const EventQuery& query) {
  std::vector<ObjectInfo> files;
  const absl::Status listed = store_.objects().List(store_.folder(), [&](const ObjectInfo& object) {
    if (!MayHold(object.uri, query)) return absl::OkStatus();
    if (!TypeOf(object.uri)) {
      return absl::FailedPreconditionError(
          StrCat(object.uri, " is not a Parquet, .ndjson.gz or .ndjson.zst file, so the lake has ",
                 "rows that cannot be compared: move it elsewhere, or give it a name that begins ",
                 "with '_', which readers skip"));
    }
    files.push_back(object);
    return absl::OkStatus();
  });
  if (!listed.ok() && !absl::IsNotFound(listed)) return listed;
  return files;
}

bool LakeEventReader::MayHold(std::string_view uri, const EventQuery& query) const {
  if (layout_.by_arrival || !uri.starts_with(store_.folder())) return true;
  const std::string_view path = uri.substr(store_.folder().size());
  const auto days = layout_.path.DaysOf(path.substr(0, path.rfind('/') + 1));
  return !days || (days->first <= days->last && days->first <= query.last_day &&
                   query.first_day <= days->last);
}

absl::Status LakeEventReader::ReadFile(const ObjectInfo& file, EventRows& rows,
                                       const std::stop_token& stop) {
  const FileType type = *TypeOf(file.uri);
  const Form form = type == FileType::kParquet ? Form::kTable : layout_.form;
  const std::vector<std::string> columns = data_files::EventColumnsOf(form);
  ASSIGN_OR_RETURN(std::shared_ptr<ObjectReader> object, store_.objects().Open(file));
  ASSIGN_OR_RETURN(const std::unique_ptr<RowReader> reader,
                   OpenRows(object, {.type = type, .has_entry = false, .columns = columns}));
  if (type == FileType::kParquet) RETURN_IF_ERROR(CheckColumns(reader->columns(), columns));
  return rows.Read(form, *reader, *object, stop);
}

}  // namespace millrace::lake
