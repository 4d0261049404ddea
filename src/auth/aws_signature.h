// AWS Signature Version 4: the headers that authenticate a request.
#ifndef MILLRACE_AUTH_AWS_SIGNATURE_H_
#define MILLRACE_AUTH_AWS_SIGNATURE_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace millrace {

struct AwsKeys {
  std::string access_key_id;
  std::string secret_access_key;  // secret
  std::string session_token;      // secret; empty: none
};

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

struct AwsRequest {
  std::string method = "GET";
  std::string url;             // its path and query are already encoded once
  HttpHeaders headers;         // also signed; S3 requires x-amz-content-sha256
  std::string payload_sha256;  // hex, or "UNSIGNED-PAYLOAD"
  std::string region;
  std::string service;       // "s3", "sts"
  bool encode_path = false;  // again, as every service except S3 requires
};

// request.headers with X-Amz-Date, X-Amz-Security-Token (if there is a session token), Host and
// Authorization. InvalidArgument for a bad URL.
absl::StatusOr<HttpHeaders> SignAwsRequest(const AwsRequest& request, const AwsKeys& keys,
                                           absl::Time now);

// The domain of a region's services: "amazonaws.com", or another one outside the standard
// partition.
std::string_view AwsDomain(std::string_view region);

}  // namespace millrace

#endif  // MILLRACE_AUTH_AWS_SIGNATURE_H_
