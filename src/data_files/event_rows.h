// The events that the rows of data files are, to compare them with their sources.
#ifndef MILLRACE_DATA_FILES_EVENT_ROWS_H_
#define MILLRACE_DATA_FILES_EVENT_ROWS_H_

#include <array>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "base/byte_buffer.h"
#include "formats/row_reader.h"
#include "pipeline/event_reader.h"
#include "records/form.h"
#include "records/row_identifier.h"

namespace millrace::data_files {

// The columns of files of this form that identify an event.
std::vector<std::string> EventColumnsOf(Form form);

// Identities of records are those of their rows in the table form, whatever the form of the files.
EventReader::Identify NewRowIdentify();

// Calls `on_event` for the rows of files.
class EventRows final : public RowVisitor {
 public:
  EventRows(const EventQuery& query, const EventReader::OnEvent& on_event)
      : query_(query), on_event_(on_event) {}

  // Visits all rows of a file whose rows have this form. The first error of `on_event` is in
  // status() and ends it. FailedPrecondition if `object`, which `reader` reads, changed.
  absl::Status Read(Form form, RowReader& reader, ObjectReader& object,
                    const std::stop_token& stop);

  // The first error of `on_event`.
  const absl::Status& status() const { return status_; }

  void OnRow(const Row& row) override;
  void OnBadRow(uint64_t row, const absl::Status& why, std::string_view raw) override;

 private:
  enum Column { kEvent, kTime, kInsertId, kDistinctId, kProperties, kColumns };

  bool IsWanted(int64_t day) const { return query_.first_day <= day && day <= query_.last_day; }
  void FindColumns(const RowShape& shape);
  Value ValueOf(const Row& row, Column column) const;
  std::string_view TextOf(const Row& row, Column column);
  // Set event_, without a name if there is none, and has_time_, and return the time if it can be
  // read.
  std::optional<int64_t> TakeColumns(const Row& row);
  std::optional<int64_t> TakeRaw(const Row& row);
  void SetNoEvent(const Row& row);

  Form form_ = Form::kTable;
  const EventQuery& query_;
  const EventReader::OnEvent& on_event_;
  absl::Status status_;
  RowIdentifier identifier_;
  uint64_t shape_ = 0;
  std::array<std::optional<size_t>, kColumns> places_;  // of that shape
  std::array<ByteBuffer, kColumns> texts_;
  ByteBuffer record_;
  EventIdentity event_;
  bool has_time_ = false;
};

}  // namespace millrace::data_files

#endif  // MILLRACE_DATA_FILES_EVENT_ROWS_H_
