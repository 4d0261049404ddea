// Amazon S3, and what speaks like it.
#ifndef MILLRACE_STORES_S3_SERVICE_H_
#define MILLRACE_STORES_S3_SERVICE_H_

#include <memory>
#include <string>

#include "auth/aws_credentials.h"
#include "stores/cloud_service.h"
#include "stores/service_options.h"

namespace millrace {

struct S3Options {
  // Of a server other than Amazon's, "http://127.0.0.1:9000": buckets are in its paths. Empty:
  // Amazon's, a host per bucket.
  std::string endpoint;
  std::string region = "us-east-1";  // buckets elsewhere are found by the server's answer
  std::shared_ptr<AwsKeySource> keys;
  ServiceOptions service;
};

std::shared_ptr<CloudService> NewS3Service(S3Options options);

}  // namespace millrace

#endif  // MILLRACE_STORES_S3_SERVICE_H_
