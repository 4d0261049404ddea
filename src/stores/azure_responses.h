// Responses of the Azure Blob Storage API: XML, read from bounded text.
#ifndef MILLRACE_STORES_AZURE_RESPONSES_H_
#define MILLRACE_STORES_AZURE_RESPONSES_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "net/http_client.h"
#include "stores/cloud_error.h"
#include "stores/cloud_service.h"

namespace millrace {

// A page of List Blobs, without the folders of a hierarchical namespace. Unavailable if the text is
// not one: a damaged response may be complete next time.
absl::StatusOr<ListPage> ParseAzureListing(std::string_view xml);

// The error in an unsuccessful response.
CloudError ParseAzureError(const HttpResponse& response);

// The body of Put Block List.
std::string AzureBlockList(const std::vector<std::string>& ids);

}  // namespace millrace

#endif  // MILLRACE_STORES_AZURE_RESPONSES_H_
