// Rows of tables as tabledata.insertAll takes them.
#ifndef MILLRACE_CONNECTORS_BIGQUERY_INSERT_ROW_H_
#define MILLRACE_CONNECTORS_BIGQUERY_INSERT_ROW_H_

#include <cstdint>
#include <string_view>

#include "base/byte_buffer.h"
#include "records/table_form.h"
#include "records/table_reader.h"

namespace millrace::bigquery {

// Appends {"insertId": ..., "json": {...}}. JSON columns are text, as the method takes them,
// integers too, so that no reader rounds them; nulls are left out.
//
// The id is that of the batch, of letters, digits and '-', and the number of the row in it:
// BigQuery drops a row that is sent again within about a minute, and keeps equal rows, which are
// two events or two changes of a profile.
void AppendInsertRow(const TableForm& form, std::string_view batch, uint64_t number, TableRow row,
                     ByteBuffer& out);

}  // namespace millrace::bigquery

#endif  // MILLRACE_CONNECTORS_BIGQUERY_INSERT_ROW_H_
