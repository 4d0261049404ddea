// Writes rows by tabledata.insertAll.
#ifndef MILLRACE_CONNECTORS_BIGQUERY_INSERT_ALL_SINK_H_
#define MILLRACE_CONNECTORS_BIGQUERY_INSERT_ALL_SINK_H_

#include <memory>
#include <string>

#include "base/clock.h"
#include "connectors/bigquery/prepared_table.h"
#include "connectors/bigquery/rest_client.h"
#include "pipeline/destination.h"
#include "pipeline/sink.h"
#include "records/table_form.h"

namespace millrace::bigquery {

struct InsertAllParts {
  std::unique_ptr<RestClient> rest;
  std::string path;  // of the table: "project/datasets/d/tables/t"
  const TableForm& form;
  PreparedTable& table;
  Traffic& traffic;
  Clock& clock;
};

// A write is requests of at most 500 rows and 8 MiB, one after another. BigQuery names the rows
// that it refuses and stores none of their request; the others are sent again. A write of the same
// batch after one that failed begins with the request that failed.
std::unique_ptr<Sink> NewInsertAllSink(InsertAllParts parts);

}  // namespace millrace::bigquery

#endif  // MILLRACE_CONNECTORS_BIGQUERY_INSERT_ALL_SINK_H_
