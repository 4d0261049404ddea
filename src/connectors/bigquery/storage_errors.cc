#include "connectors/bigquery/storage_errors.h"

#include "base/strings.h"

namespace millrace::bigquery {
namespace {

ErrorAction ByCanonicalCode(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kResourceExhausted:
      return ErrorAction::kThrottled;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kCancelled:  // by the server: our own stops are checked first
      return ErrorAction::kRetry;
    default:
      return ErrorAction::kStop;
  }
}

std::string_view AdviceFor(const StorageError& error) {
  if (error.code == StorageCode::kSchemaMismatchExtraFields) {
    return "; was a column dropped or renamed? `millrace destinations create` adds what is missing";
  }
  if (error.code == StorageCode::kTableNotFound) {
    return "; was the table dropped? `millrace destinations create` makes it";
  }
  switch (error.status.code()) {
    case absl::StatusCode::kNotFound:
      return "; `millrace destinations create` makes datasets and tables that are missing";
    case absl::StatusCode::kPermissionDenied:
      return "; grant the role roles/bigquery.dataEditor on the dataset";
    case absl::StatusCode::kUnauthenticated:
      return "; check the Google credentials (GOOGLE_APPLICATION_CREDENTIALS, or gcloud auth "
             "application-default login)";
    default:
      return "";
  }
}

}  // namespace

ErrorAction ClassifyAppend(const StorageError& error) {
  switch (error.code) {
    case StorageCode::kOffsetAlreadyExists:
      return ErrorAction::kIsThere;
    case StorageCode::kStreamNotFound:
    case StorageCode::kStreamFinalized:
    case StorageCode::kStreamAlreadyCommitted:
    case StorageCode::kInvalidStreamState:
    case StorageCode::kInvalidStreamType:
    case StorageCode::kOffsetOutOfRange:
      return ErrorAction::kStreamLost;
    case StorageCode::kSchemaMismatchExtraFields:
    case StorageCode::kTableNotFound:
      return ErrorAction::kNotYet;
    case StorageCode::kNone:
      break;
  }
  if (absl::IsAlreadyExists(error.status)) return ErrorAction::kIsThere;
  if (absl::IsNotFound(error.status) || absl::IsOutOfRange(error.status)) {
    return ErrorAction::kStreamLost;
  }
  return ByCanonicalCode(error.status);
}

ErrorAction ClassifyCall(const StorageError& error) {
  const bool is_missing =
      error.code == StorageCode::kTableNotFound || absl::IsNotFound(error.status);
  return is_missing ? ErrorAction::kNotYet : ByCanonicalCode(error.status);
}

absl::Status Explain(const StorageError& error, std::string_view table) {
  if (error.ok()) return absl::OkStatus();
  return absl::Status(error.status.code(),
                      StrCat(table, ": ", ToStd(error.status.message()), AdviceFor(error)));
}

}  // namespace millrace::bigquery
