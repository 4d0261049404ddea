// An ObjectStore over one vendor's calls. Patterns, pages, read-ahead and uploads are the same for
// all vendors.
#ifndef MILLRACE_STORES_CLOUD_STORE_H_
#define MILLRACE_STORES_CLOUD_STORE_H_

#include <memory>
#include <stop_token>

#include "io/object_store.h"
#include "stores/cloud_service.h"

namespace millrace {

// `stop` ends every wait with Cancelled. Readers and writers keep the service alive. Differences
// from the local store: a bucket cannot be a pattern. Keys that end with '/', and empty ones that
// end with "_$folder$", which some tools create for folders, are not objects.
std::unique_ptr<ObjectStore> NewCloudStore(std::shared_ptr<CloudService> service,
                                           std::stop_token stop);

}  // namespace millrace

#endif  // MILLRACE_STORES_CLOUD_STORE_H_
