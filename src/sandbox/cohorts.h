// The cohorts of the project, which tests define (PUT /sandbox/cohorts). They are in memory only.
#ifndef MILLRACE_SANDBOX_COHORTS_H_
#define MILLRACE_SANDBOX_COHORTS_H_

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "sandbox/profile_store.h"
#include "sandbox/where_expression.h"

namespace millrace::sandbox {

struct Cohort {
  int64_t id = 0;
  std::string name;
  std::string description;
  std::string created;  // "2019-03-19 23:49:51"
  bool is_visible = true;
  // Its members: these ids, with and without profiles, or the users whose profiles match.
  std::set<std::string, std::less<>> distinct_ids;
  std::string where_text;
  std::optional<WhereExpression> where;
};

// Whether the profile matches. InvalidArgument: the expression cannot be evaluated.
absl::StatusOr<bool> ProfileMatches(const WhereExpression& where, std::string_view id,
                                    std::string_view properties);

// Thread-safe.
class Cohorts {
 public:
  // Replaces all by those of a JSON list of {"id", "name", "description", "created", "is_visible",
  // and "distinct_ids" or "where"}; only id, name and one of the last two are required.
  // InvalidArgument otherwise, and nothing changes.
  absl::Status Set(std::string_view json);
  std::vector<Cohort> All() const;
  std::optional<Cohort> Find(int64_t id) const;
  void Clear();

 private:
  mutable absl::Mutex mutex_;
  std::vector<Cohort> cohorts_ ABSL_GUARDED_BY(mutex_);
};

// How many members it has.
absl::StatusOr<uint64_t> CountMembers(const Cohort& cohort, ProfileStore& profiles);

}  // namespace millrace::sandbox

#endif  // MILLRACE_SANDBOX_COHORTS_H_
