// Rows of tables as protobuf messages, in the wire format, and the schema that describes them.
//
//   row   = { field }
//   field = tag value        tag: varint of (number << 3 | type); number: that of the column, from
//   1 value = varint           INT64, BOOL, TIMESTAMP (microseconds since 1970): type 0
//         | 8 bytes          FLOAT64, little-endian: type 1
//         | varint bytes     STRING, JSON (as text): length, then UTF-8: type 2
//
// A cell that is not null is always written, also 0 and "": the service reads rows as proto2 does.
#ifndef MILLRACE_CONNECTORS_BIGQUERY_ROW_ENCODER_H_
#define MILLRACE_CONNECTORS_BIGQUERY_ROW_ENCODER_H_

#include <string>

#include "absl/time/time.h"
#include "base/byte_buffer.h"
#include "records/table_form.h"
#include "records/table_reader.h"

namespace millrace::bigquery {

// A google.protobuf.DescriptorProto, serialized: a message with an optional field for each column.
std::string RowDescriptor(const TableForm& form);

// Appends one row to `out`.
void AppendRow(const TableForm& form, TableRow row, ByteBuffer& out);

// Rows as changes of a table with a primary key (change data capture), with two more fields:
// _CHANGE_TYPE, and _CHANGE_SEQUENCE_NUMBER, by which the service orders the changes of one key,
// whatever order they arrive in. It is the version in microseconds since 1970, and then 1 for an
// upsert and 0 for a deletion: of one version, upserts win.
enum class ChangeType {
  kUpsert,  // the row replaces the one with its key
  kDelete,  // of the row with its key
};
std::string ChangeDescriptor(const TableForm& form);
// `version`: 1970 or later.
void AppendChange(const TableForm& form, ChangeType type, absl::Time version, TableRow row,
                  ByteBuffer& out);

}  // namespace millrace::bigquery

#endif  // MILLRACE_CONNECTORS_BIGQUERY_ROW_ENCODER_H_
