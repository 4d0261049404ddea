// Reads a project's annotations (GET /api/app/projects/ID/annotations), as profiles of groups.
#ifndef MILLRACE_CONNECTORS_MIXPANEL_ANNOTATION_READER_H_
#define MILLRACE_CONNECTORS_MIXPANEL_ANNOTATION_READER_H_

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/civil_time.h"
#include "connectors/mixpanel/credentials.h"
#include "connectors/mixpanel/engage_query.h"
#include "net/http_client.h"

namespace millrace::mixpanel {

struct AnnotationQuery {
  std::optional<absl::CivilDay> from, to;  // of the project, both inclusive; nullopt: no limit
};

// An annotation has the group key "mixpanel_annotation", its number as id, and what Mixpanel lists
// of it as properties.
class AnnotationReader final : public ProfilePages {
 public:
  // `http` and `credentials` outlive the reader.
  AnnotationReader(HttpClient& http, const Endpoints& endpoints, const Credentials& credentials,
                   const std::string& project_id, const AnnotationQuery& query);

  absl::StatusOr<std::vector<Profile>> Next(std::stop_token stop) override;
  uint64_t total() const override { return total_; }

 private:
  absl::StatusOr<std::vector<Profile>> TakeList(std::string_view body) const;

  HttpClient& http_;
  const Credentials& credentials_;
  HttpRequest request_;
  uint64_t total_ = 0;
  bool at_end_ = false;
};

}  // namespace millrace::mixpanel

#endif  // MILLRACE_CONNECTORS_MIXPANEL_ANNOTATION_READER_H_
