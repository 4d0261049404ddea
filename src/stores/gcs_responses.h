// Responses of the Google Cloud Storage JSON API.
#ifndef MILLRACE_STORES_GCS_RESPONSES_H_
#define MILLRACE_STORES_GCS_RESPONSES_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "net/http_client.h"
#include "stores/cloud_error.h"
#include "stores/cloud_service.h"

namespace millrace {

// A page of objects.list. Unavailable if the text is not one: a damaged response may be complete
// next time.
absl::StatusOr<ListPage> ParseGcsListing(std::string_view json);

// An object resource. Unavailable as above.
absl::StatusOr<ListedKey> ParseGcsObject(std::string_view json);

// The progress of objects.rewrite.
struct GcsRewrite {
  bool done = false;
  std::string token;  // for the call that continues it; set unless done
};

// Unavailable as above.
absl::StatusOr<GcsRewrite> ParseGcsRewrite(std::string_view json);

// The error in an unsuccessful response; the body may be JSON or plain text.
CloudError ParseGcsError(const HttpResponse& response);

}  // namespace millrace

#endif  // MILLRACE_STORES_GCS_RESPONSES_H_
