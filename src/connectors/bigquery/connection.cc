#include "connectors/bigquery/connection.h"

#include <string>
#include <utility>

#include "base/strings.h"
#include "connectors/bigquery/connection_internal.h"

namespace millrace::bigquery {

Connection::Connection(ConnectionOptions options)
    : rpc_(std::make_unique<Rpc>(std::move(options))) {}
Connection::~Connection() = default;

Connection::Rpc::Rpc(ConnectionOptions connection_options)
    : options(std::move(connection_options)),
      write(wire::BigQueryWrite::NewStub(grpc_client::OpenChannel(options))) {}

absl::StatusOr<Headers> Connection::Rpc::Prepare(grpc::ClientContext& context,
                                                 std::string_view route,
                                                 std::stop_token stop) const {
  context.AddMetadata("x-goog-request-params", std::string(route));
  return grpc_client::AddCredentials(options, context, std::move(stop));
}

StorageError Connection::Rpc::Judge(StorageError error, const Headers& credentials) const {
  if (absl::IsUnauthenticated(error.status)) {
    if (options.refused && options.refused(credentials)) {
      error.status = absl::UnavailableError(
          StrCat("the access token was refused: ", ToStd(error.status.message())));
    }
  } else if (error.ok() && options.accepted) {
    options.accepted();
  }
  return error;
}

}  // namespace millrace::bigquery
