// Errors of a cloud's API, as messages for the user.
#ifndef MILLRACE_STORES_CLOUD_ERROR_H_
#define MILLRACE_STORES_CLOUD_ERROR_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace millrace {

// An error response, read from JSON or XML.
struct CloudError {
  int http_status = 0;
  std::string code;     // the vendor's, such as "NoSuchBucket"; may be empty
  std::string message;  // the vendor's; may be empty
};

// `hint`, then the vendor's message, shortened and without control characters.
absl::Status CloudStatus(absl::StatusCode code, std::string_view hint, const CloudError& error);

// The code for an HTTP status if nothing more is known.
absl::StatusCode CodeOfHttp(int http_status);

// "gs://bucket/key" split into its three parts. InvalidArgument, naming `example`, if there is no
// bucket.
struct UriParts {
  std::string_view root;  // with the '/' after the bucket
  std::string_view bucket;
  std::string_view key;
};
absl::Status SplitCloudUri(std::string_view uri, std::string_view example, UriParts& parts);

// `key` percent-encoded except '/'.
std::string EncodeKey(std::string_view key);

}  // namespace millrace

#endif  // MILLRACE_STORES_CLOUD_ERROR_H_
