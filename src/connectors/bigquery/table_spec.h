// What a --to of BigQuery says: which tables, and how new ones look.
#ifndef MILLRACE_CONNECTORS_BIGQUERY_TABLE_SPEC_H_
#define MILLRACE_CONNECTORS_BIGQUERY_TABLE_SPEC_H_

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/record_type.h"
#include "loads/load_bucket.h"

namespace millrace::bigquery {

// What to do with a commit whose outcome is unknown and whose streams BigQuery no longer knows.
enum class Forgotten {
  kStop,    // somebody has to look
  kResend,  // its rows are not in the table
  kDone,    // its rows are in the table
};

// How rows get into a table.
enum class Method {
  kStorageWrite,   // pending streams of the Storage Write API
  kDefaultStream,  // its default stream
  kLoad,           // load jobs, of files in a bucket
  kInsertAll,      // tabledata.insertAll
};

struct TableSpec {
  std::string project;
  std::string dataset;
  // The name of the table for each type of record that is taken: those the DEST names, or all
  // three.
  std::map<RecordType, std::string> tables;
  std::vector<std::string> extra_columns;  // as TableForm::Make() takes them
  // Of what is created; what exists stays as it is.
  bool partition_by_day = true;
  bool views = true;     // which Create() makes
  std::string location;  // of the dataset: "EU", "europe-west1"; empty: BigQuery's default
  Method method = Method::kStorageWrite;
  std::optional<loads::LoadBucket> bucket;  // of kLoad
  absl::Duration age = absl::Seconds(30);   // the time after which what was staged is committed
  Forgotten forgotten = Forgotten::kStop;
  // Whether whole profiles replace the rows with their keys, in tables of their own; else they are
  // appended.
  bool upserts_profiles = false;
  absl::Duration max_staleness;  // of such a table that is created

  // "bigquery://PROJECT/DATASET?table=T&...". The parameters are table, events, users, groups,
  // columns, schema, partition, views, location, method, bucket, file_size, age, forgotten,
  // profiles and max_staleness; the file of `schema` is read. InvalidArgument: it cannot be read, a
  // name is none that BigQuery has, two types have one table, or columns do not go together; or as
  // ReadWholeFile().
  static absl::StatusOr<TableSpec> Parse(std::string_view uri);

  // Whether rows of this type are upserted.
  bool upserts(RecordType type) const { return upserts_profiles && type != RecordType::kEvent; }

  // "bigquery://project/dataset", with the tables if they are not the usual ones.
  std::string Label() const;
  // LedgerKey::destination of records of `type`. `emulator`: its address; "": BigQuery itself.
  std::string LedgerName(RecordType type, std::string_view emulator) const;
};

// "projects/P/datasets/D/tables/T", as the Storage Write API names it.
std::string ResourceName(const TableSpec& spec, std::string_view table);

}  // namespace millrace::bigquery

#endif  // MILLRACE_CONNECTORS_BIGQUERY_TABLE_SPEC_H_
