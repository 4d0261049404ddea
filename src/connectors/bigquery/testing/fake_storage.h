// BigQuery's Storage Write API within the test, for one process: pending streams of tables, as the
// documentation describes them. It checks what the service requires of its clients, and fails as
// the test wants. Include it in .cc files only: it needs the headers of gRPC.
#ifndef MILLRACE_CONNECTORS_BIGQUERY_TESTING_FAKE_STORAGE_H_
#define MILLRACE_CONNECTORS_BIGQUERY_TESTING_FAKE_STORAGE_H_

#include <google/protobuf/descriptor.h>
#include <google/protobuf/dynamic_message.h>
#include <grpcpp/server.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "connectors/bigquery/bigquery_storage.grpc.pb.h"
#include "connectors/bigquery/connection.h"

namespace millrace::bigquery {

// Thread-safe.
class FakeStorage final : private google::cloud::bigquery::storage::v1::BigQueryWrite::Service {
 public:
  using Row = std::map<std::string, std::string>;  // the columns that have a value, as text

  FakeStorage();
  ~FakeStorage() override;

  ConnectionOptions options() const;

  void AddTable(const std::string& name);   // "projects/p/datasets/d/tables/t"
  void DropTable(const std::string& name);  // with its streams
  // The rows of committed streams of the table.
  std::vector<Row> rows(const std::string& table) const;
  size_t streams() const;
  void ForgetStream(const std::string& name);

  // What happens to a call: its number, from 1, of its method.
  enum class Fault { kNone, kNotDone, kReplyLost, kLate, kHangs };
  std::function<Fault(int call)> on_create, on_append, on_finalize, on_commit, on_look;
  // The answer to a request that is kNotDone or kReplyLost.
  grpc::Status failure = {grpc::StatusCode::UNAVAILABLE, "try again"};
  // Answers a request of AppendRows instead of the fake, if it returns something.
  std::function<std::optional<google::cloud::bigquery::storage::v1::AppendRowsResponse>(int call)>
      append_answer;
  // The answer to every append, if it is set.
  std::optional<grpc::Status> refuse_all;
  // Why a row cannot be stored; empty: it can.
  std::function<std::string(const Row& row)> refuse;

  // The commits that are kLate take place.
  void DeliverLate();

 private:
  struct Stream {
    std::string table;
    bool is_finalized = false;
    bool is_committed = false;
    bool is_open = false;  // a connection to it exists
    std::vector<Row> rows;
  };
  // How a connection writes its rows.
  struct Schema {
    google::protobuf::DescriptorPool pool;
    google::protobuf::DynamicMessageFactory factory;
    const google::protobuf::Message* row = nullptr;
  };
  template <typename Method>
  grpc::Status Call(grpc::ServerContext& context, const std::string& route, const auto& fault,
                    int& calls, Method method);
  grpc::Status CreateWriteStream(
      grpc::ServerContext* context,
      const google::cloud::bigquery::storage::v1::CreateWriteStreamRequest* request,
      google::cloud::bigquery::storage::v1::WriteStream* response) override;
  grpc::Status GetWriteStream(
      grpc::ServerContext* context,
      const google::cloud::bigquery::storage::v1::GetWriteStreamRequest* request,
      google::cloud::bigquery::storage::v1::WriteStream* response) override;
  grpc::Status FinalizeWriteStream(
      grpc::ServerContext* context,
      const google::cloud::bigquery::storage::v1::FinalizeWriteStreamRequest* request,
      google::cloud::bigquery::storage::v1::FinalizeWriteStreamResponse* response) override;
  grpc::Status BatchCommitWriteStreams(
      grpc::ServerContext* context,
      const google::cloud::bigquery::storage::v1::BatchCommitWriteStreamsRequest* request,
      google::cloud::bigquery::storage::v1::BatchCommitWriteStreamsResponse* response) override;
  grpc::Status AppendRows(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<google::cloud::bigquery::storage::v1::AppendRowsResponse,
                               google::cloud::bigquery::storage::v1::AppendRowsRequest>* stream)
      override;
  google::cloud::bigquery::storage::v1::AppendRowsResponse Append(
      const google::cloud::bigquery::storage::v1::AppendRowsRequest& request, Schema& schema);
  // Adds the rows `to` those of a stream or table, or answers why not.
  google::cloud::bigquery::storage::v1::AppendRowsResponse Store(
      const google::cloud::bigquery::storage::v1::AppendRowsRequest& request,
      const std::vector<Row>& rows, std::vector<Row>& to) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Commit(const google::cloud::bigquery::storage::v1::BatchCommitWriteStreamsRequest& request,
              google::cloud::bigquery::storage::v1::BatchCommitWriteStreamsResponse& response)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  std::map<std::string, bool> tables_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::vector<Row>> rows_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, Stream> streams_ ABSL_GUARDED_BY(mutex_);
  std::vector<google::cloud::bigquery::storage::v1::BatchCommitWriteStreamsRequest> late_
      ABSL_GUARDED_BY(mutex_);
  int next_stream_ ABSL_GUARDED_BY(mutex_) = 0;
  int creates_ ABSL_GUARDED_BY(mutex_) = 0;
  int appends_ ABSL_GUARDED_BY(mutex_) = 0;
  int finalizes_ ABSL_GUARDED_BY(mutex_) = 0;
  int commits_ ABSL_GUARDED_BY(mutex_) = 0;
  int looks_ ABSL_GUARDED_BY(mutex_) = 0;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace millrace::bigquery

#endif  // MILLRACE_CONNECTORS_BIGQUERY_TESTING_FAKE_STORAGE_H_
