// Writes one object into a cloud.
#ifndef MILLRACE_STORES_CLOUD_WRITER_H_
#define MILLRACE_STORES_CLOUD_WRITER_H_

#include <memory>
#include <stop_token>

#include "io/object_store.h"
#include "stores/cloud_service.h"

namespace millrace {

// As ObjectStore::Create. A small object is sent at once by Finish(), a large one in parts that are
// held one at a time.
std::unique_ptr<ObjectWriter> NewCloudWriter(std::shared_ptr<CloudService> service, CloudUri uri,
                                             std::stop_token stop);

}  // namespace millrace

#endif  // MILLRACE_STORES_CLOUD_WRITER_H_
