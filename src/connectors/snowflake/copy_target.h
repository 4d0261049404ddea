// A table that files in a bucket are copied into.
#ifndef MILLRACE_CONNECTORS_SNOWFLAKE_COPY_TARGET_H_
#define MILLRACE_CONNECTORS_SNOWFLAKE_COPY_TARGET_H_

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/environment.h"
#include "connectors/snowflake/copy_loader.h"
#include "connectors/snowflake/own_client.h"
#include "connectors/snowflake/snowflake_spec.h"
#include "connectors/snowflake/target_table.h"
#include "data_files/file_layout.h"
#include "data_files/file_store.h"
#include "pipeline/destination.h"
#include "pipeline/staging.h"

namespace millrace::snowflake {

class CopyTarget {
 public:
  // All of it outlives the target.
  struct Parts {
    const SnowflakeSpec& spec;  // with a bucket
    TargetTable& table;
    std::function<std::unique_ptr<OwnClient>()> new_client;
    Traffic& traffic;
    Clock& clock;
  };
  // Credentials of the bucket come from `environment`. InvalidArgument: as OpenStore().
  static absl::StatusOr<std::unique_ptr<CopyTarget>> Open(Parts parts,
                                                          const Environment& environment);

  Staging& staging() { return *staging_; }
  CopyLoader& loader() { return loader_; }
  // Adds the checks of the bucket.
  void Check(std::stop_token stop, std::vector<AccessCheck>& checks);

 private:
  CopyTarget(const Parts& parts, std::unique_ptr<data_files::FileStore> store, std::string scratch);

  const data_files::FileLayout layout_;
  const std::unique_ptr<data_files::FileStore> store_;
  CopyLoader loader_;
  const std::unique_ptr<Staging> staging_;
};

}  // namespace millrace::snowflake

#endif  // MILLRACE_CONNECTORS_SNOWFLAKE_COPY_TARGET_H_
