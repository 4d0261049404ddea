// The manifests of a lake: an object for each commit, which says that it is made, or never will be.
// Their format: docs/connectors/lake.md.
#ifndef MILLRACE_CONNECTORS_LAKE_MANIFESTS_H_
#define MILLRACE_CONNECTORS_LAKE_MANIFESTS_H_

#include <stop_token>
#include <string>
#include <string_view>

#include "data_files/commit_log.h"

namespace millrace::lake {

// Thread-safe. Its calls end with those of the store, which the caller watches.
class Manifests final : public data_files::CommitLog {
 public:
  // `store` outlives it.
  explicit Manifests(data_files::FileStore& store) : store_(store) {}

  absl::StatusOr<Outcome> OutcomeOf(const Intent& intent, const std::stop_token& stop) override;
  absl::StatusOr<Outcome> Commit(const Intent& intent, const data_files::StagedFiles& staged,
                                 const std::stop_token& stop) override;
  absl::StatusOr<Outcome> Abandon(const Intent& intent, const std::stop_token& stop) override;

 private:
  absl::StatusOr<Outcome> Find(const Intent& intent);
  absl::StatusOr<Outcome> Record(const Intent& intent, std::string_view manifest);

  data_files::FileStore& store_;
};

}  // namespace millrace::lake

#endif  // MILLRACE_CONNECTORS_LAKE_MANIFESTS_H_
