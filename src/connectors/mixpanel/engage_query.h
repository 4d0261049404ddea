// Reads profiles from Mixpanel, page by page (POST /api/query/engage).
#ifndef MILLRACE_CONNECTORS_MIXPANEL_ENGAGE_QUERY_H_
#define MILLRACE_CONNECTORS_MIXPANEL_ENGAGE_QUERY_H_

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "connectors/mixpanel/credentials.h"
#include "net/http_client.h"

namespace millrace::mixpanel {

struct ProfileQuery {
  std::string where;                           // Mixpanel's expression; empty: all profiles
  std::vector<std::string> output_properties;  // names; empty: all
  std::string data_group_id;                   // profiles of this group instead of users'
};

struct Profile {
  std::string distinct_id;  // of users; a group's id
  std::string properties;   // a JSON object, its members in Mixpanel's order
};

// One thread at a time. Mixpanel allows 60 queries per hour, where each page is one, and 5 at a
// time.
class ProfileReader {
 public:
  // `http` outlives the reader.
  ProfileReader(HttpClient& http, const Endpoints& endpoints, const Credentials& credentials,
                const std::string& project_id, ProfileQuery query);

  // The next page; an empty one is the end. Unavailable (no response, 429, 5xx, an invalid
  // response): it may be called again for the same page. Other errors, as in CheckResponse(), are
  // permanent.
  absl::StatusOr<std::vector<Profile>> Next(std::stop_token stop);

  // How many profiles there are, as the last page said; 0 before the first.
  uint64_t total() const { return total_; }

 private:
  std::string Form() const;
  absl::StatusOr<std::vector<Profile>> TakePage(std::string_view body);

  HttpClient& http_;
  HttpRequest request_;
  const ProfileQuery query_;
  std::string session_id_;
  uint64_t page_ = 0;
  uint64_t total_ = 0;
  bool at_end_ = false;
};

}  // namespace millrace::mixpanel

#endif  // MILLRACE_CONNECTORS_MIXPANEL_ENGAGE_QUERY_H_
