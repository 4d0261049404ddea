// Reads a project's cohorts and their members (POST /api/query/cohorts/list, /api/query/engage), as
// profiles of groups.
#ifndef MILLRACE_CONNECTORS_MIXPANEL_COHORT_READER_H_
#define MILLRACE_CONNECTORS_MIXPANEL_COHORT_READER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "connectors/mixpanel/credentials.h"
#include "connectors/mixpanel/engage_query.h"
#include "net/http_client.h"

namespace millrace::mixpanel {

struct CohortQuery {
  std::vector<std::string> ids;  // numbers of the cohorts; empty: all
  bool members = false;          // also who is in them
};

// A cohort has the group key "mixpanel_cohort", its number as id, and what Mixpanel lists of it as
// properties. A member has "mixpanel_cohort_member", the id "COHORT:DISTINCT_ID", and the
// properties cohort_id and distinct_id.
class CohortReader final : public ProfilePages {
 public:
  // Waits until one more query may be sent.
  using TakeQuery = std::function<absl::Status()>;

  // `http` and `credentials` outlive the reader.
  CohortReader(HttpClient& http, const Endpoints& endpoints, const Credentials& credentials,
               const std::string& project_id, CohortQuery query, TakeQuery take_query);

  // Besides the errors of ProfilePages, NotFound: there is no cohort of one of the ids.
  absl::StatusOr<std::vector<Profile>> Next(std::stop_token stop) override;
  uint64_t total() const override { return total_; }

 private:
  absl::StatusOr<std::vector<Profile>> List(std::stop_token stop);
  absl::StatusOr<std::vector<Profile>> TakeList(std::string_view body);
  absl::StatusOr<std::vector<Profile>> NextMembers(std::stop_token stop);

  HttpClient& http_;
  const Endpoints endpoints_;
  const Credentials& credentials_;
  const std::string project_id_;
  const CohortQuery query_;
  const TakeQuery take_query_;
  bool is_taken_ = false;  // the query of the list
  bool is_listed_ = false;
  std::vector<std::string> cohorts_;        // whose members are to be read
  size_t at_ = 0;                           // the cohort whose members are read
  std::unique_ptr<ProfileReader> members_;  // of that
  uint64_t total_ = 0;
};

}  // namespace millrace::mixpanel

#endif  // MILLRACE_CONNECTORS_MIXPANEL_COHORT_READER_H_
