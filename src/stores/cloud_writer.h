// Writes one object to a cloud.
#ifndef MILLRACE_STORES_CLOUD_WRITER_H_
#define MILLRACE_STORES_CLOUD_WRITER_H_

#include <memory>
#include <stop_token>

#include "io/object_store.h"
#include "stores/cloud_service.h"

namespace millrace {

// As ObjectStore::Create. Finish() sends a small object at once. A large one is sent in parts, of
// which one at a time is in memory.
std::unique_ptr<ObjectWriter> NewCloudWriter(std::shared_ptr<CloudService> service, CloudUri uri,
                                             std::stop_token stop);

}  // namespace millrace

#endif  // MILLRACE_STORES_CLOUD_WRITER_H_
