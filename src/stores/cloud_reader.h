// Reads one listed version of an object in a cloud, ahead of its use.
#ifndef MILLRACE_STORES_CLOUD_READER_H_
#define MILLRACE_STORES_CLOUD_READER_H_

#include <memory>
#include <stop_token>

#include "absl/status/statusor.h"
#include "io/object_store.h"
#include "stores/cloud_service.h"

namespace millrace {

// As ObjectStore::Open. Reads the beginning of the object, so that a missing version is found here,
// and a small object costs one request.
absl::StatusOr<std::unique_ptr<ObjectReader>> OpenCloudReader(std::shared_ptr<CloudService> service,
                                                              CloudUri uri, ObjectInfo object,
                                                              std::stop_token stop);

}  // namespace millrace

#endif  // MILLRACE_STORES_CLOUD_READER_H_
