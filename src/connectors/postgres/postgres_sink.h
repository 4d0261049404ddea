// Copies batches into a table; with spans, exactly once.
#ifndef MILLRACE_CONNECTORS_POSTGRES_POSTGRES_SINK_H_
#define MILLRACE_CONNECTORS_POSTGRES_POSTGRES_SINK_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "connectors/postgres/postgres_cursor.h"
#include "connectors/postgres/target_table.h"
#include "pipeline/destination.h"
#include "pipeline/sink.h"
#include "postgres_client/connection.h"

namespace millrace::postgres {

// What the sinks of one table share; all of it outlives them.
struct SinkParts {
  const Address& address;
  TargetTable& table;
  PostgresCursor& cursor;
  Traffic& traffic;
  Clock& clock;
  // Called with the rows that a durable write has added to the table; may be null. Thread-safe.
  std::function<void(const std::string& writer, uint64_t rows)> count_stored;
};

// Has a connection of its own. If its table collects and is not there, all spans are fenced. A
// write is one transaction: it copies the rows, then records in the cursor's tables what they
// settle, and commits. It is made again without them if the server refuses rows or a span is
// fenced. If the answer to COMMIT is lost, the next write of the same batch finds out what
// happened.
std::unique_ptr<Sink> NewPostgresSink(const SinkParts& parts);

}  // namespace millrace::postgres

#endif  // MILLRACE_CONNECTORS_POSTGRES_POSTGRES_SINK_H_
