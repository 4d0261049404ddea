// Listings and errors of the clouds' APIs, possibly corrupted on the way: listed objects have
// a name and a version, and a broken text only gives an error.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "stores/azure_responses.h"
#include "stores/gcs_responses.h"
#include "stores/s3_responses.h"

namespace {

void Check(const absl::StatusOr<millrace::ListPage>& page) {
  if (!page.ok()) {
    if (!absl::IsUnavailable(page.status())) std::abort();
    return;
  }
  for (const millrace::ListedKey& key : page->keys) {
    if (key.key.empty() || key.version.empty()) std::abort();
  }
}

void CheckUploads(const absl::StatusOr<millrace::UploadPage>& page) {
  if (!page.ok()) {
    if (!absl::IsUnavailable(page.status())) std::abort();
    return;
  }
  for (const millrace::OpenUpload& upload : page->uploads) {
    if (upload.key.empty() || upload.id.empty()) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  const millrace::HttpResponse response{.status = 403, .body = std::string(text)};
  switch (data[0] % 3) {
    case 0:
      Check(millrace::ParseGcsListing(text));
      (void)millrace::ParseGcsError(response);
      break;
    case 1:
      Check(millrace::ParseS3Listing(text));
      CheckUploads(millrace::ParseS3Uploads(text));
      (void)millrace::ParseS3Error(response);
      (void)millrace::ParseS3UploadId(text);
      (void)millrace::IsS3ErrorBody(text);
      break;
    default:
      Check(millrace::ParseAzureListing(text));
      (void)millrace::ParseAzureError(response);
  }
  return 0;
}
