// Google Cloud Storage by its JSON API.
#ifndef MILLRACE_STORES_GCS_SERVICE_H_
#define MILLRACE_STORES_GCS_SERVICE_H_

#include <memory>
#include <string>

#include "auth/google_credentials.h"
#include "stores/cloud_service.h"
#include "stores/service_options.h"

namespace millrace {

struct GcsOptions {
  std::string endpoint = "https://storage.googleapis.com";
  GoogleCredentials credentials;
  ServiceOptions service;
};

std::shared_ptr<CloudService> NewGcsService(GcsOptions options);

}  // namespace millrace

#endif  // MILLRACE_STORES_GCS_SERVICE_H_
