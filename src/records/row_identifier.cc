#include "records/row_identifier.h"

#include <algorithm>
#include <string>

#include "absl/time/time.h"
#include "base/status.h"
#include "base/strings.h"
#include "records/record_time.h"
#include "records/standard_columns.h"

namespace millrace {
namespace {

size_t ColumnNamed(std::string_view name) {
  const absl::Span<const StandardColumn> columns = StandardColumns(RecordType::kEvent);
  const auto is_it = [&](const StandardColumn& column) { return column.name == name; };
  return static_cast<size_t>(std::find_if(columns.begin(), columns.end(), is_it) - columns.begin());
}

}  // namespace

RowIdentifier::RowIdentifier()
    : event_(ColumnNamed("event")),
      time_(ColumnNamed("event_time")),
      insert_id_(ColumnNamed("insert_id")),
      distinct_id_(ColumnNamed("distinct_id")),
      form_(*TableForm::Make(RecordType::kEvent, {})),
      reader_(form_) {}

absl::Status RowIdentifier::Identify(std::string_view record, EventIdentity& identity) {
  RETURN_IF_ERROR(reader_.Read(record, absl::UnixEpoch(), rows_));
  const TableRow row = rows_.front();
  const Cell& time = row[time_];
  if (time.is_null) {
    return absl::InvalidArgumentError(StrCat("this event has no time: ", record.substr(0, 200)));
  }
  identity.Set(row[event_].text, row[distinct_id_].text, MillisOfMicros(time.integer),
               row[insert_id_].text);
  return absl::OkStatus();
}

}  // namespace millrace
