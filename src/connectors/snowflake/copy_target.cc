#include "connectors/snowflake/copy_target.h"

#include <utility>

#include "base/status.h"
#include "data_files/store_check.h"
#include "loads/load_bucket.h"
#include "loads/load_staging.h"
#include "records/dialect.h"

namespace millrace::snowflake {

CopyTarget::CopyTarget(const Parts& parts, std::unique_ptr<data_files::FileStore> store,
                       std::string scratch)
    : layout_(loads::LoadLayout(*parts.spec.bucket, kSnowflakeDialect)),
      store_(std::move(store)),
      loader_(parts.spec, parts.table, parts.new_client),
      staging_(loads::NewLoadStaging({.layout = layout_,
                                      .form = parts.table.form(),
                                      .store = *store_,
                                      .loader = loader_,
                                      .traffic = parts.traffic,
                                      .clock = parts.clock},
                                     std::move(scratch))) {}

absl::StatusOr<std::unique_ptr<CopyTarget>> CopyTarget::Open(Parts parts,
                                                             const Environment& environment) {
  const std::string ledger_name = parts.spec.LedgerName(parts.table.form().record_type());
  ASSIGN_OR_RETURN(std::unique_ptr<data_files::FileStore> store,
                   loads::OpenLoadStore(*parts.spec.bucket, ledger_name, environment));
  return std::unique_ptr<CopyTarget>(
      new CopyTarget(parts, std::move(store), environment("TMPDIR").value_or("/tmp")));
}

void CopyTarget::Check(std::stop_token stop, std::vector<AccessCheck>& checks) {
  const data_files::FileStore::Stop watch = store_->Watch(stop);
  data_files::CheckStore(*store_, "docs/connectors/snowflake.md", checks, /*in_place=*/true);
}

}  // namespace millrace::snowflake
