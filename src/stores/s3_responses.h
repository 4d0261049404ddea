// Responses of the S3 API: XML, read from bounded text.
#ifndef MILLRACE_STORES_S3_RESPONSES_H_
#define MILLRACE_STORES_S3_RESPONSES_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "net/http_client.h"
#include "stores/cloud_error.h"
#include "stores/cloud_service.h"

namespace millrace {

// A page of ListObjectsV2. Unavailable if the text is not one: a damaged response may be complete
// next time.
absl::StatusOr<ListPage> ParseS3Listing(std::string_view xml);

struct S3Error : CloudError {
  std::string region;  // of the bucket, if the response names it
};

// The error in an unsuccessful response.
S3Error ParseS3Error(const HttpResponse& response);

// The UploadId of CreateMultipartUpload; "" if there is none.
std::string ParseS3UploadId(std::string_view xml);

// A page of ListMultipartUploads. Unavailable if the text is not one.
absl::StatusOr<UploadPage> ParseS3Uploads(std::string_view xml);

// CompleteMultipartUpload may respond 200 with an error in the body: true if this is one.
bool IsS3ErrorBody(std::string_view xml);

// The ETag that CopyObject or UploadPartCopy returns, without quotes. Unavailable if the response
// is damaged, or is an error although its status is 200.
absl::StatusOr<std::string> ParseS3Copy(const HttpResponse& response);

// The body of CompleteMultipartUpload for parts 1, 2, ... with these ETags.
std::string S3PartList(const std::vector<std::string>& etags);

}  // namespace millrace

#endif  // MILLRACE_STORES_S3_RESPONSES_H_
