// Reads back the events of a table.
#ifndef MILLRACE_CONNECTORS_ICEBERG_ICEBERG_EVENT_READER_H_
#define MILLRACE_CONNECTORS_ICEBERG_ICEBERG_EVENT_READER_H_

#include <cstdint>
#include <memory>
#include <stop_token>

#include "connectors/iceberg/catalog.h"
#include "data_files/event_rows.h"
#include "iceberg/table_files.h"
#include "pipeline/event_reader.h"

namespace millrace::iceberg {

// Reads the rows of the current snapshot, whoever wrote them, without those that are deleted.
class IcebergEventReader final : public EventReader {
 public:
  // Opens the stores of a table's files, which end with the token; they live as long as what is
  // returned.
  using OpenStores = std::function<StoreFor(std::stop_token stop)>;
  // `catalog` outlives it.
  IcebergEventReader(Catalog& catalog, OpenStores open_stores)
      : catalog_(catalog), open_stores_(std::move(open_stores)) {}

  Identify NewIdentify() const override { return data_files::NewRowIdentify(); }
  // Unavailable also if the table was changed while it was read and a file is gone.
  // FailedPrecondition, with the name and the remedy: a file is damaged or missing, or the table
  // has no column that a record needs.
  absl::Status Read(const EventQuery& query, const OnEvent& on_event,
                    std::stop_token stop) override;
  bool keeps_repeats() const override { return true; }
  int64_t LastDay() const override { return INT64_MAX; }
  absl::Duration max_delay() const override { return absl::ZeroDuration(); }

 private:
  absl::Status ReadTable(const LoadedTable& loaded, data_files::EventRows& rows,
                         const EventQuery& query, const std::stop_token& stop);

  Catalog& catalog_;
  const OpenStores open_stores_;
};

}  // namespace millrace::iceberg

#endif  // MILLRACE_CONNECTORS_ICEBERG_ICEBERG_EVENT_READER_H_
