#include "connectors/bigquery/write_streams.h"

#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/status.h"
#include "base/strings.h"
#include "connectors/bigquery/connection_internal.h"
#include "connectors/bigquery/wire_errors_internal.h"

namespace millrace::bigquery {
namespace {

// Creating a stream is slow while many are created.
constexpr absl::Duration kTimeout = absl::Seconds(60);
constexpr std::string_view kStreams = "/streams/";

// `method` makes the call with the context.
template <typename Method>
StorageError Call(const Connection& connection, Traffic& traffic, const std::string& route,
                  const std::stop_token& stop, Method method) {
  if (stop.stop_requested()) return {.status = StopRequested()};
  const Connection::Rpc& rpc = connection.rpc();
  grpc::ClientContext context;
  const CancelOnStop cancel(context, stop);
  context.set_deadline(absl::ToChronoTime(absl::Now() + kTimeout));
  const absl::StatusOr<Headers> credentials = rpc.Prepare(context, route, stop);
  if (!credentials.ok()) return {.status = credentials.status()};
  ++traffic.requests;
  StorageError error = rpc.Judge(ErrorOf(method(*rpc.write, context)), *credentials);
  if (!error.ok() && stop.stop_requested()) return {.status = StopRequested()};
  return error;
}

}  // namespace

WriteStreams::WriteStreams(Connection& connection, Traffic& traffic, CallPace& creations,
                           std::string table)
    : connection_(connection), traffic_(traffic), creations_(creations), table_(std::move(table)) {}

std::string WriteStreams::NameOf(const std::string& id) const {
  return StrCat(table_, kStreams, id);
}

StorageError WriteStreams::Create(std::string& id, std::stop_token stop) const {
  wire::CreateWriteStreamRequest request;
  if (!creations_.Acquire(stop)) return {.status = StopRequested()};
  request.set_parent(table_);
  request.mutable_write_stream()->set_type(wire::WriteStream::PENDING);
  wire::WriteStream stream;
  StorageError error =
      Call(connection_, traffic_, StrCat("parent=", table_), stop, [&](auto& write, auto& context) {
        return write.CreateWriteStream(&context, request, &stream);
      });
  if (absl::IsResourceExhausted(error.status)) creations_.QuotaExceeded();
  if (!error.ok()) return error;
  const std::string& name = stream.name();
  const size_t at = name.rfind(kStreams);
  // The service may write the project by another name.
  if (at == std::string::npos || at + kStreams.size() == name.size()) {
    return {.status = absl::InternalError("the service named no stream")};
  }
  id = name.substr(at + kStreams.size());
  return error;
}

StorageError WriteStreams::Finalize(const std::string& id, int64_t& rows,
                                    std::stop_token stop) const {
  wire::FinalizeWriteStreamRequest request;
  request.set_name(NameOf(id));
  wire::FinalizeWriteStreamResponse response;
  StorageError error = Call(connection_, traffic_, StrCat("name=", request.name()), stop,
                            [&](auto& write, auto& context) {
                              return write.FinalizeWriteStream(&context, request, &response);
                            });
  rows = response.row_count();
  return error;
}

WriteStreams::Committed WriteStreams::Commit(const std::vector<std::string>& ids,
                                             std::stop_token stop) const {
  wire::BatchCommitWriteStreamsRequest request;
  request.set_parent(table_);
  for (const std::string& id : ids) request.add_write_streams(NameOf(id));
  wire::BatchCommitWriteStreamsResponse response;
  Committed committed;
  committed.error =
      Call(connection_, traffic_, StrCat("parent=", table_), stop, [&](auto& write, auto& context) {
        return write.BatchCommitWriteStreams(&context, request, &response);
      });
  for (const wire::StorageError& error : response.stream_errors()) {
    committed.codes.push_back(static_cast<StorageCode>(error.code()));
  }
  if (committed.error.code != StorageCode::kNone) committed.codes.push_back(committed.error.code);
  // Without a time and without an error nothing is known.
  if (committed.error.ok() && committed.codes.empty() && !response.has_commit_time()) {
    committed.error.status = absl::UnknownError("the service confirmed no commit");
  }
  return committed;
}

StorageError WriteStreams::Look(const std::string& id, bool& is_committed,
                                std::stop_token stop) const {
  wire::GetWriteStreamRequest request;
  request.set_name(NameOf(id));
  wire::WriteStream stream;
  StorageError error = Call(
      connection_, traffic_, StrCat("name=", request.name()), stop,
      [&](auto& write, auto& context) { return write.GetWriteStream(&context, request, &stream); });
  is_committed = error.ok() && stream.has_commit_time();
  return error;
}

}  // namespace millrace::bigquery
