// The identity of the row that an event becomes in a table (records/table_form.h).
#ifndef MILLRACE_RECORDS_ROW_IDENTIFIER_H_
#define MILLRACE_RECORDS_ROW_IDENTIFIER_H_

#include <cstddef>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "base/event_identity.h"
#include "records/table_form.h"
#include "records/table_reader.h"

namespace millrace {

// Makes the row as sinks do, so that readers of tables and of records agree with them. One thread
// at a time; keeps its buffers.
class RowIdentifier {
 public:
  RowIdentifier();

  // InvalidArgument: `record` is no event with a time.
  absl::Status Identify(std::string_view record, EventIdentity& identity);

 private:
  const size_t event_;
  const size_t time_;
  const size_t insert_id_;
  const size_t distinct_id_;
  const TableForm form_;
  TableReader reader_;
  std::vector<TableRow> rows_;
};

}  // namespace millrace

#endif  // MILLRACE_RECORDS_ROW_IDENTIFIER_H_
