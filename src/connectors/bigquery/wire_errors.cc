#include <string>

#include "base/printable.h"
#include "base/strings.h"
#include "connectors/bigquery/wire_errors_internal.h"

namespace millrace::bigquery {
namespace {

namespace wire = google::cloud::bigquery::storage::v1;

constexpr size_t kMaxMessage = 1000;

// Abseil has the codes of gRPC and google.rpc, with the same numbers.
absl::Status StatusFrom(int code, const std::string& message) {
  return absl::Status(static_cast<absl::StatusCode>(code),
                      Printable(Shorten(message, kMaxMessage)));
}

StorageCode CodeIn(const wire::RpcStatus& status) {
  for (const google::protobuf::Any& detail : status.details()) {
    wire::StorageError error;
    if (detail.Is<wire::StorageError>() && detail.UnpackTo(&error)) {
      return static_cast<StorageCode>(error.code());
    }
  }
  return StorageCode::kNone;
}

}  // namespace

StorageError ErrorOf(const wire::RpcStatus& status) {
  return {.status = StatusFrom(status.code(), status.message()), .code = CodeIn(status)};
}

StorageError ErrorOf(const grpc::Status& status) {
  StorageError error{.status = StatusFrom(status.error_code(), status.error_message())};
  wire::RpcStatus details;
  if (!status.ok() && details.ParseFromString(status.error_details())) error.code = CodeIn(details);
  return error;
}

}  // namespace millrace::bigquery
