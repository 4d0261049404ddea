// Rows of tables as tabledata.insertAll takes them.
#ifndef MILLRACE_CONNECTORS_BIGQUERY_INSERT_ROW_H_
#define MILLRACE_CONNECTORS_BIGQUERY_INSERT_ROW_H_

#include "base/byte_buffer.h"
#include "connectors/bigquery/append_batch.h"
#include "records/table_form.h"
#include "records/table_reader.h"

namespace millrace::bigquery {

// Appends {"insertId": ..., "json": {...}}. JSON columns are text, as the method takes them,
// integers too, so that no reader rounds them; nulls are left out.
//
// The id depends on the record alone, so that BigQuery drops a row that is sent again within about
// a minute. Equal updates of a profile are two changes, so theirs depends on the source row as
// well.
void AppendInsertRow(const TableForm& form, const RowOrigin& origin, TableRow row, ByteBuffer& out);

}  // namespace millrace::bigquery

#endif  // MILLRACE_CONNECTORS_BIGQUERY_INSERT_ROW_H_
