// Azure Blob Storage.
#ifndef MILLRACE_STORES_AZURE_SERVICE_H_
#define MILLRACE_STORES_AZURE_SERVICE_H_

#include <memory>

#include "auth/azure_credentials.h"
#include "stores/cloud_service.h"
#include "stores/service_options.h"

namespace millrace {

struct AzureOptions {
  AzureCredentials credentials;
  ServiceOptions service;
};

// For az://CONTAINER/BLOB in the account of the credentials, and
// abfs[s]://CONTAINER@ACCOUNT.dfs.core.windows.net/BLOB (or abfs[s]://CONTAINER/BLOB).
std::shared_ptr<CloudService> NewAzureService(AzureOptions options);

}  // namespace millrace

#endif  // MILLRACE_STORES_AZURE_SERVICE_H_
