#include "connectors/bigquery/storage_errors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connectors/bigquery/wire_errors_internal.h"

namespace millrace::bigquery {
namespace {

using testing::HasSubstr;
using Action = ErrorAction;
using Code = StorageCode;

Action OfAppend(absl::StatusCode status, Code code = Code::kNone) {
  return ClassifyAppend({.status = absl::Status(status, "x"), .code = code});
}
Action OfCall(absl::StatusCode status, Code code = Code::kNone) {
  return ClassifyCall({.status = absl::Status(status, "x"), .code = code});
}

TEST(StorageErrors, TheCodeOfTheServiceDecidesFirst) {
  constexpr auto kFailed = absl::StatusCode::kFailedPrecondition;
  EXPECT_EQ(OfAppend(kFailed, Code::kOffsetAlreadyExists), Action::kIsThere);
  for (const Code code :
       {Code::kStreamNotFound, Code::kStreamFinalized, Code::kStreamAlreadyCommitted,
        Code::kInvalidStreamState, Code::kInvalidStreamType, Code::kOffsetOutOfRange}) {
    EXPECT_EQ(OfAppend(kFailed, code), Action::kStreamLost) << static_cast<int>(code);
  }
  EXPECT_EQ(OfAppend(absl::StatusCode::kInvalidArgument, Code::kSchemaMismatchExtraFields),
            Action::kNotYet);
  EXPECT_EQ(OfAppend(absl::StatusCode::kNotFound, Code::kTableNotFound), Action::kNotYet);
}

TEST(StorageErrors, ThenTheCanonicalCode) {
  EXPECT_EQ(OfAppend(absl::StatusCode::kAlreadyExists), Action::kIsThere);
  EXPECT_EQ(OfAppend(absl::StatusCode::kOutOfRange), Action::kStreamLost);
  EXPECT_EQ(OfAppend(absl::StatusCode::kNotFound), Action::kStreamLost);
  EXPECT_EQ(OfCall(absl::StatusCode::kNotFound), Action::kNotYet);
  for (const auto call : {OfAppend, OfCall}) {
    EXPECT_EQ(call(absl::StatusCode::kResourceExhausted, Code::kNone), Action::kThrottled);
    for (const auto status : {absl::StatusCode::kUnavailable, absl::StatusCode::kDeadlineExceeded,
                              absl::StatusCode::kInternal, absl::StatusCode::kAborted,
                              absl::StatusCode::kUnknown, absl::StatusCode::kCancelled}) {
      EXPECT_EQ(call(status, Code::kNone), Action::kRetry) << status;
    }
    for (const auto status :
         {absl::StatusCode::kInvalidArgument, absl::StatusCode::kPermissionDenied,
          absl::StatusCode::kUnauthenticated, absl::StatusCode::kFailedPrecondition,
          absl::StatusCode::kUnimplemented}) {
      EXPECT_EQ(call(status, Code::kNone), Action::kStop) << status;
    }
  }
}

TEST(StorageErrors, MessagesSayWhatToDo) {
  const auto explained = [](absl::StatusCode status, Code code) {
    return std::string(
        Explain({.status = absl::Status(status, "why"), .code = code}, "t").message());
  };
  EXPECT_THAT(explained(absl::StatusCode::kPermissionDenied, Code::kNone),
              HasSubstr("t: why; grant the role roles/bigquery.dataEditor"));
  EXPECT_THAT(explained(absl::StatusCode::kNotFound, Code::kTableNotFound),
              HasSubstr("millrace destinations create"));
  EXPECT_TRUE(Explain({}, "t").ok());
}

TEST(StorageErrors, TheCodeIsInTheDetailsOfTheStatus) {
  namespace wire = google::cloud::bigquery::storage::v1;
  wire::StorageError error;
  error.set_code(wire::StorageError::STREAM_NOT_FOUND);
  wire::RpcStatus status;
  status.set_code(5);
  status.set_message("line\x01");
  status.add_details()->set_type_url("type.googleapis.com/google.rpc.Help");
  status.add_details()->PackFrom(error);
  const StorageError of_row = ErrorOf(status);
  EXPECT_TRUE(absl::IsNotFound(of_row.status));
  EXPECT_EQ(of_row.code, Code::kStreamNotFound);
  EXPECT_EQ(of_row.status.message().find('\x01'), absl::string_view::npos);
  const StorageError of_call =
      ErrorOf(grpc::Status(grpc::StatusCode::NOT_FOUND, "gone", status.SerializeAsString()));
  EXPECT_EQ(of_call.code, Code::kStreamNotFound);
  EXPECT_TRUE(ErrorOf(grpc::Status::OK).ok());
}

}  // namespace
}  // namespace millrace::bigquery
