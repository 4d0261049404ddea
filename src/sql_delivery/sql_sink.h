// Stores batches by scripts, each with the ranges of its rows, so that no row is there twice.
#ifndef MILLRACE_SQL_DELIVERY_SQL_SINK_H_
#define MILLRACE_SQL_DELIVERY_SQL_SINK_H_

#include <memory>

#include "base/clock.h"
#include "pipeline/destination.h"
#include "pipeline/sink.h"
#include "records/table_form.h"
#include "sql_delivery/script.h"

namespace millrace::sql_delivery {

// What a sink is made of; all but `runner` outlive it.
struct SqlSinkParts {
  const SqlDialect& dialect;
  const TableForm& form;
  std::unique_ptr<ScriptRunner> runner;
  Traffic& traffic;
  Clock& clock;
};

// A batch is stored in parts. A part whose outcome is unknown is sent again, and the database finds
// by itself whether it was there. If the database refuses a row without naming it, a part is halved
// until the row is found.
std::unique_ptr<Sink> NewSqlSink(SqlSinkParts parts);

}  // namespace millrace::sql_delivery

#endif  // MILLRACE_SQL_DELIVERY_SQL_SINK_H_
