// Loads staged files into a table by COPY INTO.
#ifndef MILLRACE_CONNECTORS_SNOWFLAKE_COPY_LOADER_H_
#define MILLRACE_CONNECTORS_SNOWFLAKE_COPY_LOADER_H_

#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "base/pool.h"
#include "connectors/snowflake/own_client.h"
#include "connectors/snowflake/snowflake_spec.h"
#include "connectors/snowflake/target_table.h"
#include "loads/file_loader.h"

namespace millrace::snowflake {

// The table in which commits are recorded.
inline constexpr std::string_view kCommitsTable = "MILLRACE_COMMITS";

// A commit is one transaction: it takes the lock of the schema, fails if the commit is recorded,
// copies all files or none, and records the commit. Abandoning it records that, so that a request
// that arrives later fails. Snowflake's own load history, which FORCE = FALSE asks, skips files
// that were loaded in the last 64 days all the same.
//
// Thread-safe. Errors: those of SqlClient::Execute().
class CopyLoader final : public loads::FileLoader {
 public:
  // `spec` has a bucket. Both outlive the loader.
  CopyLoader(const SnowflakeSpec& spec, TargetTable& table,
             std::function<std::unique_ptr<OwnClient>()> new_client);

  absl::Status Prepare(absl::Span<const Intent> open, std::stop_token stop) override;
  absl::StatusOr<Outcome> OutcomeOf(const std::string& commit, std::stop_token stop) override;
  absl::StatusOr<Outcome> Load(const loads::FileLoad& load, std::stop_token stop) override;
  absl::StatusOr<Outcome> Abandon(const loads::FileLoad& load, std::stop_token stop) override;

  // Deletes the table's commits, and drops what belongs to them if nothing is left.
  absl::Status Drop(SqlClient& client, const std::stop_token& stop) const;

  // COPY INTO of the files, whose URIs begin with the bucket's. InvalidArgument: too many files.
  absl::StatusOr<std::string> CopySql(const loads::FileLoad& load) const;

 private:
  // FailedPrecondition: the table of commits is gone, so it is not known whether `open` was loaded.
  absl::Status RequireKnownCommits(SqlClient& client, const std::string& open,
                                   const std::stop_token& stop) const;
  absl::StatusOr<Outcome> Find(SqlClient& client, const std::string& commit,
                               const std::stop_token& stop) const;
  std::string RecordSql(const std::string& commit, std::string_view state,
                        std::string_view condition) const;
  // Makes the stage, if the DEST names an integration instead of one.
  absl::Status CreateStage(SqlClient& client, const std::stop_token& stop) const;

  const SnowflakeSpec& spec_;
  TargetTable& table_;
  const std::string destination_;
  const std::string commits_;  // quoted
  const std::string stage_;    // quoted
  Pool<OwnClient> clients_;
};

}  // namespace millrace::snowflake

#endif  // MILLRACE_CONNECTORS_SNOWFLAKE_COPY_LOADER_H_
