// The intents of a ledger in SQLite. Format: docs/formats/ledger.md.
#ifndef MILLRACE_CONNECTORS_SQLITE_SQLITE_INTENTS_H_
#define MILLRACE_CONNECTORS_SQLITE_SQLITE_INTENTS_H_

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/clock.h"
#include "connectors/sqlite/database.h"
#include "pipeline/intents.h"

namespace millrace {

// Thread-safe: `mutex` guards `database`, which has the tables of the ledger.
class SqliteIntents : public Intents {
 public:
  SqliteIntents(absl::Mutex& mutex, sqlite::Database& database, Clock& clock)
      : clock_(clock), mutex_(mutex), database_(database) {}

  // Once, before all else.
  absl::Status Prepare();

  absl::Status Announce(Intent& intent, absl::Duration lease, std::stop_token stop) override;
  absl::Status Renew(Intent& intent, absl::Duration lease, std::stop_token stop) override;
  absl::Status Settle(Intent& intent, absl::Duration lease, std::stop_token stop) override;
  absl::Status Withdraw(Intent& intent, std::stop_token stop) override;
  absl::StatusOr<std::optional<Intent>> Take(const std::string& id, const std::string& owner,
                                             bool owner_is_dead, absl::Duration lease,
                                             std::stop_token stop) override;
  absl::StatusOr<std::vector<Intent>> List(const std::string& destination,
                                           std::stop_token stop) override;

 private:
  using BindSpan = std::function<void(sqlite::Statement& change, const IntentSpan& span)>;

  // As it will be read back.
  absl::Time Now() { return absl::FromUnixMicros(absl::ToUnixMicros(clock_.Now())); }

  // Makes `change` of the row of each span, with the values that `bind` binds, and sets the spans'
  // revisions to those of the rows; 0 where it changed none.
  absl::Status ChangeRows(sqlite::Statement& change, Intent& intent, const BindSpan& bind)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Insert(const Intent& intent) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Removes `intent`. Aborted if it is gone or another worker's.
  absl::Status Remove(const Intent& intent) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Clock& clock_;
  absl::Mutex& mutex_;
  sqlite::Database& database_ ABSL_GUARDED_BY(mutex_);
  sqlite::Statement cover_ ABSL_GUARDED_BY(mutex_);
  sqlite::Statement settle_ ABSL_GUARDED_BY(mutex_);
  sqlite::Statement uncover_ ABSL_GUARDED_BY(mutex_);
  sqlite::Statement disown_ ABSL_GUARDED_BY(mutex_);
  sqlite::Statement insert_ ABSL_GUARDED_BY(mutex_);
  sqlite::Statement remove_ ABSL_GUARDED_BY(mutex_);
  sqlite::Statement renew_ ABSL_GUARDED_BY(mutex_);
  sqlite::Statement take_ ABSL_GUARDED_BY(mutex_);
  sqlite::Statement list_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace

#endif  // MILLRACE_CONNECTORS_SQLITE_SQLITE_INTENTS_H_
