// Loads staged files by COPY: the files of a commit and the row that says so, in one transaction.
#ifndef MILLRACE_CONNECTORS_REDSHIFT_COPY_LOADER_H_
#define MILLRACE_CONNECTORS_REDSHIFT_COPY_LOADER_H_

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/pool.h"
#include "connectors/redshift/redshift_spec.h"
#include "connectors/redshift/sql_session.h"
#include "connectors/redshift/target_table.h"
#include "loads/file_loader.h"

namespace millrace::redshift {

// The list of files that COPY ... MANIFEST reads.
std::string ManifestOf(const loads::FileLoad& load);

// The statements that load files.
struct CopyScript {
  std::vector<std::string> statements;
  int recorded_guard = -1;  // the statement that fails if an outcome of the commit is recorded
  int count_guard = -1;     // the one that fails if COPY has loaded another number of rows
};
// `manifest`: the URI of the list.
CopyScript NewCopyScript(const RedshiftSpec& spec, TargetTable& table, const loads::FileLoad& load,
                         const std::string& manifest);

class CopyLoader final : public loads::FileLoader {
 public:
  // `spec` and `table` outlive it.
  CopyLoader(const RedshiftSpec& spec, TargetTable& table,
             std::function<std::unique_ptr<SqlSession>()> new_session);

  absl::Status Prepare(absl::Span<const Intent> open, std::stop_token stop) override;
  absl::StatusOr<Outcome> OutcomeOf(const std::string& commit, std::stop_token stop) override;
  absl::StatusOr<Outcome> Load(const loads::FileLoad& load, std::stop_token stop) override;
  absl::StatusOr<Outcome> Abandon(const loads::FileLoad& load, std::stop_token stop) override;

 private:
  // The outcome in the first row of `rows`; kNone: there is none.
  static Outcome ReadOutcome(const TextRows& rows);
  std::string SelectOutcome(const std::string& commit) const;

  const RedshiftSpec& spec_;
  TargetTable& table_;
  Pool<SqlSession> sessions_;
};

}  // namespace millrace::redshift

#endif  // MILLRACE_CONNECTORS_REDSHIFT_COPY_LOADER_H_
