// A table that files in a bucket are loaded into.
#ifndef MILLRACE_CONNECTORS_BIGQUERY_LOAD_TARGET_H_
#define MILLRACE_CONNECTORS_BIGQUERY_LOAD_TARGET_H_

#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/environment.h"
#include "connectors/bigquery/load_jobs.h"
#include "connectors/bigquery/rest_client.h"
#include "connectors/bigquery/table_spec.h"
#include "connectors/bigquery/target_table.h"
#include "data_files/file_layout.h"
#include "data_files/file_store.h"
#include "pipeline/destination.h"
#include "pipeline/staging.h"
#include "records/table_form.h"

namespace millrace::bigquery {

class LoadTarget {
 public:
  // All of it outlives the target.
  struct Parts {
    const TableSpec& spec;  // with a bucket
    std::string table;
    const TableForm& form;
    RestClient& rest;
    TargetTable& target;
    Traffic& traffic;
    Clock& clock;
  };
  // Credentials of the bucket come from `environment`. InvalidArgument: as OpenStore().
  static absl::StatusOr<std::unique_ptr<LoadTarget>> Open(Parts parts, std::string_view ledger_name,
                                                          const Environment& environment);

  Staging& staging() { return *staging_; }
  // Adds the checks of the bucket.
  void Check(std::stop_token stop, std::vector<AccessCheck>& checks);

 private:
  LoadTarget(const Parts& parts, std::unique_ptr<data_files::FileStore> store, std::string scratch);

  const data_files::FileLayout layout_;
  const std::unique_ptr<data_files::FileStore> store_;
  LoadJobs jobs_;
  const std::unique_ptr<Staging> staging_;
};

}  // namespace millrace::bigquery

#endif  // MILLRACE_CONNECTORS_BIGQUERY_LOAD_TARGET_H_
