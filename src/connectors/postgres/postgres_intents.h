// The intents of a ledger in PostgreSQL. Format: docs/formats/ledger.md.
#ifndef MILLRACE_CONNECTORS_POSTGRES_POSTGRES_INTENTS_H_
#define MILLRACE_CONNECTORS_POSTGRES_POSTGRES_INTENTS_H_

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "pipeline/intents.h"
#include "postgres_client/connection.h"

namespace millrace {

// Each change is one statement, so it is atomic; if its response was lost, what it stored is read
// back.
class PostgresIntents : public Intents {
 public:
  // Executes one statement, and once more if the connection was lost. Thread-safe.
  using Execute = std::function<absl::StatusOr<postgres::Rows>(
      const char* sql, const std::vector<std::string>& parameters, const std::stop_token& stop)>;

  explicit PostgresIntents(Execute execute) : execute_(std::move(execute)) {}

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
  // Executes `change`; if that changes nothing, returns what `find` finds of an earlier try whose
  // response was lost. Aborted if that is nothing.
  absl::StatusOr<postgres::Rows> Change(const char* change,
                                        const std::vector<std::string>& parameters,
                                        const char* find,
                                        const std::vector<std::string>& find_parameters,
                                        const Intent& intent, const std::stop_token& stop);

  const Execute execute_;
};

}  // namespace millrace

#endif  // MILLRACE_CONNECTORS_POSTGRES_POSTGRES_INTENTS_H_
