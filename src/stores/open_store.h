// Opens the store for a uri.
#ifndef MILLRACE_STORES_OPEN_STORE_H_
#define MILLRACE_STORES_OPEN_STORE_H_

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "io/object_store.h"
#include "stores/service_options.h"

namespace millrace {

struct StoreOptions {
  // Variables of the process's environment, by name: credentials, endpoints, regions.
  std::function<std::optional<std::string>(std::string_view)> environment = [](std::string_view) {
    return std::nullopt;
  };
  // Ends listings, reads and waits of the store with Cancelled.
  std::stop_token stop;
  RetryPolicy retry = kStoreRetry;
};

// The store for `uri`: a path or file:// is local; gs:// is Google Cloud Storage, s3:// Amazon S3
// and compatible servers, az://, abfs:// and abfss:// Azure Blob Storage. Credentials are looked up
// when the first request needs them. InvalidArgument for other schemes and for a contradictory
// environment.
absl::StatusOr<std::unique_ptr<ObjectStore>> OpenStore(std::string_view uri,
                                                       const StoreOptions& options);

// "gs" of "gs://b/k", "" of a path.
std::string_view SchemeOf(std::string_view uri);

}  // namespace millrace

#endif  // MILLRACE_STORES_OPEN_STORE_H_
