// One S3 bucket: its location, how requests to it are signed, and what its errors mean.
#ifndef MILLRACE_STORES_S3_BUCKET_H_
#define MILLRACE_STORES_S3_BUCKET_H_

#include <stop_token>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "auth/aws_credentials.h"
#include "net/server_clock.h"
#include "stores/requester.h"
#include "stores/s3_responses.h"
#include "stores/s3_service.h"

namespace millrace {

// Learns from errors: the bucket's region, the difference between the clocks, and that keys have
// expired.
class S3Bucket : public CloudProtocol {
 public:
  // `options` outlives it.
  S3Bucket(std::string name, const S3Options& options);

  // The address of the object, or of the bucket if `key` is "", at the bucket's known location.
  std::string Url(const std::string& key) const;

  absl::Status Authorize(HttpRequest& request, std::stop_token stop) override;
  Refusal ClassifyError(const HttpRequest& request, const HttpResponse& response) override;

 private:
  std::string region() const;
  bool LearnRegion(const S3Error& error);
  Refusal Denied(const HttpRequest& request, const HttpResponse& response, const S3Error& error);

  const std::string name_;
  const S3Options& options_;
  ServerClock server_clock_;
  mutable absl::Mutex mutex_;
  std::string region_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace

#endif  // MILLRACE_STORES_S3_BUCKET_H_
