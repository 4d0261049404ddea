// A table that records are written to: looking at it, and making it what it needs to be.
#ifndef MILLRACE_CONNECTORS_BIGQUERY_TARGET_TABLE_H_
#define MILLRACE_CONNECTORS_BIGQUERY_TARGET_TABLE_H_

#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "connectors/bigquery/rest_client.h"
#include "connectors/bigquery/table_spec.h"
#include "records/table_form.h"

namespace millrace::bigquery {

// Thread-safe. Errors are those of RestClient::Send(), with the missing role.
class TargetTable {
 public:
  // `rest`, `spec` and `form` outlive it.
  TargetTable(RestClient& rest, const TableSpec& spec, std::string table, const TableForm& form);

  // "project.dataset.table", as SQL names it.
  const std::string& name() const { return name_; }
  // "project/datasets/dataset/tables/table", as URLs name it.
  const std::string& path() const { return path_; }

  // Creates the dataset and the table, or adds and relaxes columns; whether something was changed.
  // FailedPrecondition: the table exists and cannot be used (NeededFields(), CheckKey()).
  absl::StatusOr<bool> Prepare(std::stop_token stop);

  // Changes nothing. NotFound: there is no such table. FailedPrecondition: as above.
  absl::Status Look(std::stop_token stop);

  // When the table was created, which tells it from another one of its name. NotFound: there is
  // none.
  absl::StatusOr<std::string> CreationTime(std::stop_token stop);

  // Takes a version for rows of the table: `at`, or a later one than any that was taken before. A
  // label of the table keeps it, so that it is known although no row may have it, and is gone with
  // the table. In whole microseconds.
  absl::StatusOr<absl::Time> TakeVersion(absl::Time at, std::stop_token stop);
  // The last version that was taken; 1970 if none was.
  absl::StatusOr<absl::Time> LastVersion(std::stop_token stop);

  // Whether these credentials may write rows. Unimplemented: it cannot be looked up.
  absl::Status CheckMayWrite(std::stop_token stop);

  // Creates the view of the table (records/view_sql.h), unless something of its name exists. Ok,
  // without one, for tables whose view BigQuery's SQL cannot express.
  absl::Status CreateView(std::stop_token stop);
  // "project.dataset.view"; empty: the table has none.
  std::string view() const;

  // With the view that CreateView() made. Ok if it does not exist. The dataset stays.
  absl::Status Drop(std::stop_token stop);

 private:
  // Views of profiles read JSON; the column may be a STRING.
  absl::StatusOr<bool> HasJsonProperties(const std::stop_token& stop);
  absl::StatusOr<bool> Create(const std::stop_token& stop);
  std::string ViewQueryText() const;  // empty: there is no view
  absl::Status DropView(const std::stop_token& stop);
  absl::Status Explain(const absl::Status& status, std::string_view doing) const;

  RestClient& rest_;
  const TableSpec& spec_;
  const std::string table_;
  const TableForm& form_;
  const std::string name_;
  const std::string dataset_path_;  // in URLs
  const std::string path_;
};

}  // namespace millrace::bigquery

#endif  // MILLRACE_CONNECTORS_BIGQUERY_TARGET_TABLE_H_
