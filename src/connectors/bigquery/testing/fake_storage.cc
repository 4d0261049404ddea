#include "connectors/bigquery/testing/fake_storage.h"

#include <google/protobuf/descriptor.pb.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <chrono>
#include <utility>

#include "absl/time/clock.h"
#include "base/strings.h"

namespace millrace::bigquery {
namespace {

namespace wire = google::cloud::bigquery::storage::v1;

constexpr size_t kMaxRequest = 10'000'000;
constexpr std::string_view kDefaultStream = "/streams/_default";

grpc::Status Error(grpc::StatusCode code, wire::StorageError::StorageErrorCode storage_code,
                   const std::string& message) {
  wire::StorageError error;
  error.set_code(storage_code);
  wire::RpcStatus details;
  details.set_code(code);
  details.set_message(message);
  details.add_details()->PackFrom(error);
  return {code, message, details.SerializeAsString()};
}

wire::AppendRowsResponse Answer(const grpc::Status& status) {
  wire::AppendRowsResponse response;
  if (!response.mutable_error()->ParseFromString(status.error_details())) ADD_FAILURE();
  response.mutable_error()->set_code(status.error_code());
  response.mutable_error()->set_message(status.error_message());
  return response;
}

// Whether the call names `route` for routing, without which the service answers only in the US.
void ExpectRoute(const grpc::ServerContext& context, const std::string& route) {
  const auto found = context.client_metadata().find("x-goog-request-params");
  ASSERT_NE(found, context.client_metadata().end());
  EXPECT_EQ(std::string(found->second.data(), found->second.size()), route);
}

std::string TextOf(const google::protobuf::Message& message,
                   const google::protobuf::FieldDescriptor& field) {
  using Field = google::protobuf::FieldDescriptor;
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  switch (field.cpp_type()) {
    case Field::CPPTYPE_STRING:
      return reflection.GetString(message, &field);
    case Field::CPPTYPE_INT64:
      return StrCat(reflection.GetInt64(message, &field));
    case Field::CPPTYPE_DOUBLE:
      return StrCat(reflection.GetDouble(message, &field));
    case Field::CPPTYPE_BOOL:
      return reflection.GetBool(message, &field) ? "true" : "false";
    default:
      ADD_FAILURE() << "unexpected type of " << field.name();
      return "";
  }
}

FakeStorage::Row RowOf(const google::protobuf::Message& message) {
  FakeStorage::Row row;
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  for (const auto* field : fields) row[field->name()] = TextOf(message, *field);
  EXPECT_EQ(message.GetReflection()->GetUnknownFields(message).field_count(), 0);
  return row;
}

}  // namespace

FakeStorage::FakeStorage() {
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
  builder.SetMaxReceiveMessageSize(64 << 20);
  builder.RegisterService(static_cast<wire::BigQueryWrite::Service*>(this));
  server_ = builder.BuildAndStart();
}

FakeStorage::~FakeStorage() { server_->Shutdown(std::chrono::system_clock::now()); }

ConnectionOptions FakeStorage::options() const {
  return {.address = StrCat("127.0.0.1:", port_), .plaintext = true};
}

void FakeStorage::AddTable(const std::string& name) {
  absl::MutexLock lock(&mutex_);
  tables_[name] = true;
}

void FakeStorage::DropTable(const std::string& name) {
  absl::MutexLock lock(&mutex_);
  tables_.erase(name);
  rows_.erase(name);
  std::erase_if(streams_, [&](const auto& entry) { return entry.second.table == name; });
}

std::vector<FakeStorage::Row> FakeStorage::rows(const std::string& table) const {
  absl::MutexLock lock(&mutex_);
  const auto found = rows_.find(table);
  return found == rows_.end() ? std::vector<Row>() : found->second;
}

size_t FakeStorage::streams() const {
  absl::MutexLock lock(&mutex_);
  return streams_.size();
}

void FakeStorage::ForgetStream(const std::string& name) {
  absl::MutexLock lock(&mutex_);
  EXPECT_EQ(streams_.erase(name), 1u) << name;
}

template <typename Method>
grpc::Status FakeStorage::Call(grpc::ServerContext& context, const std::string& route,
                               const auto& fault, int& calls, Method method) {
  ExpectRoute(context, route);
  absl::MutexLock lock(&mutex_);
  const Fault how = fault ? fault(++calls) : Fault::kNone;
  if (how == Fault::kNotDone) return failure;
  const grpc::Status status = method();
  return how == Fault::kReplyLost ? failure : status;
}

grpc::Status FakeStorage::CreateWriteStream(grpc::ServerContext* context,
                                            const wire::CreateWriteStreamRequest* request,
                                            wire::WriteStream* response) {
  const std::string& table = request->parent();
  return Call(*context, StrCat("parent=", table), on_create, creates_,
              [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
                EXPECT_EQ(request->write_stream().type(), wire::WriteStream::PENDING);
                if (!tables_.contains(table)) {
                  return Error(grpc::StatusCode::NOT_FOUND, wire::StorageError::TABLE_NOT_FOUND,
                               "no such table");
                }
                response->set_name(StrCat(table, "/streams/s", ++next_stream_));
                response->set_type(wire::WriteStream::PENDING);
                streams_[response->name()].table = table;
                return grpc::Status::OK;
              });
}

grpc::Status FakeStorage::GetWriteStream(grpc::ServerContext* context,
                                         const wire::GetWriteStreamRequest* request,
                                         wire::WriteStream* response) {
  return Call(*context, StrCat("name=", request->name()), on_look, looks_,
              [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
                const auto found = streams_.find(request->name());
                if (found == streams_.end()) {
                  return Error(grpc::StatusCode::NOT_FOUND, wire::StorageError::STREAM_NOT_FOUND,
                               "no such stream");
                }
                response->set_name(request->name());
                if (found->second.is_committed) response->mutable_commit_time()->set_seconds(1);
                return grpc::Status::OK;
              });
}

grpc::Status FakeStorage::FinalizeWriteStream(grpc::ServerContext* context,
                                              const wire::FinalizeWriteStreamRequest* request,
                                              wire::FinalizeWriteStreamResponse* response) {
  return Call(*context, StrCat("name=", request->name()), on_finalize, finalizes_,
              [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
                const auto found = streams_.find(request->name());
                if (found == streams_.end()) {
                  return Error(grpc::StatusCode::NOT_FOUND, wire::StorageError::STREAM_NOT_FOUND,
                               "no such stream");
                }
                found->second.is_finalized = true;
                response->set_row_count(static_cast<int64_t>(found->second.rows.size()));
                return grpc::Status::OK;
              });
}

void FakeStorage::Commit(const wire::BatchCommitWriteStreamsRequest& request,
                         wire::BatchCommitWriteStreamsResponse& response) {
  for (const std::string& name : request.write_streams()) {
    const auto found = streams_.find(name);
    wire::StorageError::StorageErrorCode code = wire::StorageError::STORAGE_ERROR_CODE_UNSPECIFIED;
    if (found == streams_.end()) {
      code = wire::StorageError::STREAM_NOT_FOUND;
    } else if (found->second.is_committed) {
      code = wire::StorageError::STREAM_ALREADY_COMMITTED;
    } else if (!found->second.is_finalized) {
      code = wire::StorageError::INVALID_STREAM_STATE;
    }
    if (code == wire::StorageError::STORAGE_ERROR_CODE_UNSPECIFIED) continue;
    wire::StorageError& error = *response.add_stream_errors();
    error.set_code(code);
    error.set_entity(name);
  }
  if (response.stream_errors_size() > 0) return;
  for (const std::string& name : request.write_streams()) {
    Stream& stream = streams_[name];
    stream.is_committed = true;
    std::vector<Row>& rows = rows_[stream.table];
    rows.insert(rows.end(), stream.rows.begin(), stream.rows.end());
  }
  response.mutable_commit_time()->set_seconds(1);
}

grpc::Status FakeStorage::BatchCommitWriteStreams(
    grpc::ServerContext* context, const wire::BatchCommitWriteStreamsRequest* request,
    wire::BatchCommitWriteStreamsResponse* response) {
  ExpectRoute(*context, StrCat("parent=", request->parent()));
  absl::MutexLock lock(&mutex_);
  const Fault how = on_commit ? on_commit(++commits_) : Fault::kNone;
  if (how == Fault::kLate) late_.push_back(*request);
  if (how == Fault::kNotDone || how == Fault::kLate) return failure;
  if (!tables_.contains(request->parent())) {
    return Error(grpc::StatusCode::NOT_FOUND, wire::StorageError::TABLE_NOT_FOUND, "no such table");
  }
  Commit(*request, *response);
  return how == Fault::kReplyLost ? failure : grpc::Status::OK;
}

void FakeStorage::DeliverLate() {
  absl::MutexLock lock(&mutex_);
  for (const auto& request : std::exchange(late_, {})) {
    wire::BatchCommitWriteStreamsResponse ignored;
    Commit(request, ignored);
  }
}

wire::AppendRowsResponse FakeStorage::Append(const wire::AppendRowsRequest& request,
                                             Schema& schema) {
  EXPECT_LT(request.ByteSizeLong(), kMaxRequest);
  const bool is_default = request.write_stream().ends_with(kDefaultStream);
  EXPECT_NE(request.has_offset(), is_default);
  std::vector<Row> rows;
  for (const std::string& bytes : request.proto_rows().rows().serialized_rows()) {
    const std::unique_ptr<google::protobuf::Message> message(schema.row->New());
    EXPECT_TRUE(message->ParseFromString(bytes));
    rows.push_back(RowOf(*message));
  }
  absl::MutexLock lock(&mutex_);
  if (is_default) {
    const std::string table =
        request.write_stream().substr(0, request.write_stream().size() - kDefaultStream.size());
    if (!tables_.contains(table)) {
      return Answer(
          Error(grpc::StatusCode::NOT_FOUND, wire::StorageError::TABLE_NOT_FOUND, "gone"));
    }
    return Store(request, rows, rows_[table]);
  }
  const auto found = streams_.find(request.write_stream());
  if (found == streams_.end()) {
    return Answer(Error(grpc::StatusCode::NOT_FOUND, wire::StorageError::STREAM_NOT_FOUND, "gone"));
  }
  Stream& stream = found->second;
  if (stream.is_finalized) {
    return Answer(Error(grpc::StatusCode::FAILED_PRECONDITION, wire::StorageError::STREAM_FINALIZED,
                        "finalized"));
  }
  const auto offset = static_cast<size_t>(request.offset().value());
  if (offset < stream.rows.size()) {
    return Answer(Error(grpc::StatusCode::ALREADY_EXISTS, wire::StorageError::OFFSET_ALREADY_EXISTS,
                        "there"));
  }
  if (offset > stream.rows.size()) {
    return Answer(
        Error(grpc::StatusCode::OUT_OF_RANGE, wire::StorageError::OFFSET_OUT_OF_RANGE, "gap"));
  }
  return Store(request, rows, stream.rows);
}

wire::AppendRowsResponse FakeStorage::Store(const wire::AppendRowsRequest& request,
                                            const std::vector<Row>& rows, std::vector<Row>& to) {
  wire::AppendRowsResponse response;
  if (refuse_all) return Answer(*refuse_all);
  for (size_t i = 0; i < rows.size(); ++i) {
    const std::string why = refuse ? refuse(rows[i]) : "";
    if (why.empty()) continue;
    wire::RowError& error = *response.add_row_errors();
    error.set_index(static_cast<int64_t>(i));
    error.set_code(wire::RowError::FIELDS_ERROR);
    error.set_message(why);
  }
  if (response.row_errors_size() > 0) {
    response.mutable_error()->set_code(grpc::StatusCode::INVALID_ARGUMENT);
    response.mutable_error()->set_message("Errors found while processing rows");
    return response;
  }
  to.insert(to.end(), rows.begin(), rows.end());
  response.mutable_append_result();
  if (request.has_offset()) {
    response.mutable_append_result()->mutable_offset()->set_value(request.offset().value());
  }
  return response;
}

grpc::Status FakeStorage::AppendRows(
    grpc::ServerContext* context,
    grpc::ServerReaderWriter<wire::AppendRowsResponse, wire::AppendRowsRequest>* stream) {
  Schema schema;
  wire::AppendRowsRequest request;
  while (stream->Read(&request)) {
    ExpectRoute(*context, StrCat("write_stream=", request.write_stream()));
    if (schema.row == nullptr) {
      // The schema is that of the first request of a connection, and names nothing outside of it.
      google::protobuf::FileDescriptorProto file;
      file.set_name("row.proto");
      *file.add_message_type() = request.proto_rows().writer_schema().proto_descriptor();
      const auto* const built = schema.pool.BuildFile(file);
      if (built == nullptr) return {grpc::StatusCode::INVALID_ARGUMENT, "a bad schema"};
      schema.row = schema.factory.GetPrototype(built->message_type(0));
    }
    int call = 0;
    {
      absl::MutexLock lock(&mutex_);
      call = ++appends_;
    }
    const Fault how = on_append ? on_append(call) : Fault::kNone;
    if (how == Fault::kHangs) {
      while (!context->IsCancelled()) absl::SleepFor(absl::Milliseconds(2));
      return grpc::Status::CANCELLED;
    }
    if (how == Fault::kNotDone) return failure;
    auto answer = append_answer ? append_answer(call) : std::nullopt;
    if (!answer) answer = Append(request, schema);
    if (how == Fault::kReplyLost) return failure;
    if (!stream->Write(*answer)) break;
  }
  return grpc::Status::OK;
}

}  // namespace millrace::bigquery
