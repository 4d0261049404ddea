// Amazon S3 and compatible servers.
#ifndef MILLRACE_STORES_S3_SERVICE_H_
#define MILLRACE_STORES_S3_SERVICE_H_

#include <memory>
#include <string>

#include "auth/aws_credentials.h"
#include "stores/cloud_service.h"
#include "stores/service_options.h"

namespace millrace {

struct S3Options {
  // The address of a server other than Amazon's, "http://127.0.0.1:9000", with buckets in its
  // paths. Empty: Amazon's, with a host per bucket.
  std::string endpoint;
  std::string region = "us-east-1";  // a response names a bucket's other region
  std::shared_ptr<AwsKeySource> keys;
  ServiceOptions service;
};

std::shared_ptr<CloudService> NewS3Service(S3Options options);

}  // namespace millrace

#endif  // MILLRACE_STORES_S3_SERVICE_H_
