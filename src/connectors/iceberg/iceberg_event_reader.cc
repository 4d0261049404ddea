#include "connectors/iceberg/iceberg_event_reader.h"

#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/strings.h"
#include "formats/table_rows.h"
#include "iceberg/file_describer.h"
#include "iceberg/table.h"

namespace millrace::iceberg {
namespace {

constexpr int64_t kDayMicros = int64_t{86'400} * 1'000'000;
// Days whose microseconds fit.
constexpr int64_t kMinDay = -100'000'000, kMaxDay = 100'000'000;

TimeRange RangeOf(const EventQuery& query) {
  TimeRange range;
  if (query.first_day > kMinDay) range.from = query.first_day * kDayMicros;
  if (query.last_day < kMaxDay) range.to = (query.last_day + 1) * kDayMicros;
  return range;
}

bool IsPermanent(const absl::Status& status) {
  return absl::IsNotFound(status) || absl::IsDataLoss(status) || absl::IsInvalidArgument(status) ||
         absl::IsFailedPrecondition(status);
}

}  // namespace

absl::Status IcebergEventReader::Read(const EventQuery& query, const OnEvent& on_event,
                                      std::stop_token stop) {
  const absl::StatusOr<LoadedTable> loaded = catalog_.Load(stop);
  if (absl::IsNotFound(loaded.status())) return absl::OkStatus();  // nothing was written yet
  RETURN_IF_ERROR(loaded.status());
  data_files::EventRows rows(query, on_event);
  const absl::Status read = ReadTable(*loaded, rows, query, stop);
  RETURN_IF_ERROR(rows.status());
  if (!IsPermanent(read)) return read;
  // Files of snapshots that expired are removed.
  const absl::StatusOr<LoadedTable> now = catalog_.Load(stop);
  if (now.ok() && now->file != loaded->file) {
    return absl::UnavailableError(
        StrCat("the table ", catalog_.table(), " was changed while it was read: ", read.message()));
  }
  return absl::FailedPreconditionError(
      StrCat(read.message(), "; restore the file, or remove it from the table: its rows are then ",
             "missing, and `millrace reconcile --repair` writes them again"));
}

absl::Status IcebergEventReader::ReadTable(const LoadedTable& loaded, data_files::EventRows& rows,
                                           const EventQuery& query, const std::stop_token& stop) {
  ASSIGN_OR_RETURN(IcebergTable table, IcebergTable::Open(open_stores_(stop), loaded.file, {}));
  const std::vector<std::string> columns = data_files::EventColumnsOf(Form::kTable);
  for (const std::string& name : columns) {
    RETURN_IF_ERROR(FindColumn(table.schema(), name, catalog_.table()).status());
  }
  ASSIGN_OR_RETURN(const IcebergColumn* const time,
                   FindColumn(table.schema(), "event_time", catalog_.table()));
  IcebergPlanOptions options;
  options.range = RangeOf(query);
  options.range_column = time->id;
  ASSIGN_OR_RETURN(const IcebergPlan plan, table.PlanFiles(options));
  const FileDescriber describer(table.schema());
  for (const IcebergFile& file : plan.files) {
    ASSIGN_OR_RETURN(std::shared_ptr<ObjectReader> object,
                     file.object.store->Open(file.object.info));
    ASSIGN_OR_RETURN(
        const std::unique_ptr<RowReader> reader,
        OpenTableRows(object, describer.Describe(file),
                      {.type = FileType::kParquet, .has_entry = false, .columns = columns}));
    RETURN_IF_ERROR(
        Annotate(rows.Read(Form::kTable, *reader, *object, stop), file.object.info.uri));
  }
  return absl::OkStatus();
}

}  // namespace millrace::iceberg
