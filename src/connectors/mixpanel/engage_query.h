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
  // A number: only members of this cohort, also those without a profile. Empty: all.
  std::string cohort_id;
};

struct Profile {
  std::string distinct_id;  // of users; a group's id
  std::string properties;   // a JSON object, its members in Mixpanel's order
  std::string group_key;    // of what is kept as a profile of a group of its own; else empty
};

// A snapshot that is read page by page. One thread at a time.
class ProfilePages {
 public:
  virtual ~ProfilePages() = default;
  // The next page; an empty one is the end. Unavailable (no response, 429, 5xx, an invalid
  // response): it may be called again for the same page. Other errors, as in CheckResponse(), are
  // permanent.
  virtual absl::StatusOr<std::vector<Profile>> Next(std::stop_token stop) = 0;
  // How many profiles there are, as the last page said; 0 before the first.
  virtual uint64_t total() const = 0;
};

// Mixpanel allows 60 queries per hour, where each page is one, and 5 at a time.
class ProfileReader final : public ProfilePages {
 public:
  // `http` and `credentials` outlive the reader.
  ProfileReader(HttpClient& http, const Endpoints& endpoints, const Credentials& credentials,
                const std::string& project_id, ProfileQuery query);

  absl::StatusOr<std::vector<Profile>> Next(std::stop_token stop) override;
  uint64_t total() const override { return total_; }

 private:
  std::string Form() const;
  absl::StatusOr<std::vector<Profile>> TakePage(std::string_view body);

  HttpClient& http_;
  const Credentials& credentials_;
  const std::string project_id_;
  HttpRequest request_;
  const ProfileQuery query_;
  std::string session_id_;
  uint64_t page_ = 0;
  uint64_t total_ = 0;
  bool at_end_ = false;
};

}  // namespace millrace::mixpanel

#endif  // MILLRACE_CONNECTORS_MIXPANEL_ENGAGE_QUERY_H_
