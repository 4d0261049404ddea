// What a --to of Iceberg tables says: where they are, and how new ones look.
#ifndef MILLRACE_CONNECTORS_ICEBERG_ICEBERG_SPEC_H_
#define MILLRACE_CONNECTORS_ICEBERG_ICEBERG_SPEC_H_

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/record_type.h"

namespace millrace::iceberg {

// How a table is partitioned by time. The names of Iceberg's transforms, and "none".
enum class Unit { kNone, kHour, kDay, kMonth, kYear };
std::string_view NameOf(Unit unit);

struct IcebergSpec {
  // "/data/tables/", "gs://bucket/tables/": a table is in the folder of its name. Empty: a catalog
  // knows where they are.
  std::string root;
  struct Catalog {
    std::string url;  // "https://catalog.example.com/api", without '/' at its end
    std::string warehouse;
    std::vector<std::string> name_space;  // its levels
    std::string sigv4;  // the AWS service that requests are signed for; empty: none
  } catalog;
  // The name of the table for each type of record that is taken.
  std::map<RecordType, std::string> tables;
  std::vector<std::string> extra_columns;  // as TableForm::Make() takes them
  // Of tables that are created; those that exist stay as they are.
  Unit partition = Unit::kDay;
  bool by_arrival = false;  // by insert_time, as updates always, and not by event_time
  size_t file_bytes = 512 << 20;
  absl::Duration age = absl::Minutes(10);  // the time after which what was staged is committed

  // "iceberg:FOLDER?..." or "iceberg:https://HOST/PATH?namespace=...". The parameters are table,
  // events, users, groups, columns, partition, time, file_size and age, and for a catalog
  // namespace, warehouse and sigv4. InvalidArgument: it cannot be read.
  static absl::StatusOr<IcebergSpec> Parse(std::string_view uri);

  bool has_catalog() const { return root.empty(); }
  // Where the tables are: the folder, or the catalog with warehouse and namespace.
  std::string Place() const;
  // LedgerKey::destination of records of `type`.
  std::string LedgerName(RecordType type) const;
};

}  // namespace millrace::iceberg

#endif  // MILLRACE_CONNECTORS_ICEBERG_ICEBERG_SPEC_H_
