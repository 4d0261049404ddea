#include "connectors/bigquery/load_target.h"

#include <utility>

#include "base/status.h"
#include "data_files/store_check.h"
#include "loads/load_bucket.h"
#include "loads/load_staging.h"
#include "records/dialect.h"

namespace millrace::bigquery {

LoadTarget::LoadTarget(const Parts& parts, std::unique_ptr<data_files::FileStore> store,
                       std::string scratch)
    : layout_(loads::LoadLayout(*parts.spec.bucket, kBigqueryDialect)),
      store_(std::move(store)),
      jobs_({.rest = parts.rest,
             .spec = parts.spec,
             .table = parts.table,
             .prepare =
                 [&target = parts.target](std::stop_token stop) {
                   return target.Prepare(std::move(stop)).status();
                 },
             .clock = parts.clock}),
      staging_(loads::NewLoadStaging({.layout = layout_,
                                      .form = parts.form,
                                      .store = *store_,
                                      .loader = jobs_,
                                      .traffic = parts.traffic,
                                      .clock = parts.clock},
                                     std::move(scratch))) {}

absl::StatusOr<std::unique_ptr<LoadTarget>> LoadTarget::Open(Parts parts,
                                                             std::string_view ledger_name,
                                                             const Environment& environment) {
  ASSIGN_OR_RETURN(std::unique_ptr<data_files::FileStore> store,
                   loads::OpenLoadStore(*parts.spec.bucket, ledger_name, environment));
  return std::unique_ptr<LoadTarget>(
      new LoadTarget(parts, std::move(store), environment("TMPDIR").value_or("/tmp")));
}

void LoadTarget::Check(std::stop_token stop, std::vector<AccessCheck>& checks) {
  const data_files::FileStore::Stop watch = store_->Watch(stop);
  data_files::CheckStore(*store_, "docs/connectors/bigquery.md", checks, /*in_place=*/true);
}

}  // namespace millrace::bigquery
