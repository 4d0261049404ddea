#include "connectors/redshift/server_error.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/strings.h"
#include "net/http_status.h"
#include "postgres_client/server_error.h"

namespace millrace::redshift {
namespace {

using Kind = ServerError::Kind;

struct Rule {
  std::string_view text;
  Kind kind;
};

// Exceptions of the Data API, and those of every AWS service. docs/connectors/redshift.md,
// "Errors", repeats both tables.
constexpr auto kExceptions = std::to_array<Rule>({
    {"ThrottlingException", Kind::kThrottled},
    {"TooManyRequestsException", Kind::kThrottled},
    {"RequestLimitExceeded", Kind::kThrottled},
    {"ActiveStatementsExceededException", Kind::kThrottled},
    {"ActiveSessionsExceededException", Kind::kThrottled},
    {"ActiveWaitingRequestsExceededException", Kind::kThrottled},
    {"InternalServerException", Kind::kRetry},
    {"InternalFailure", Kind::kRetry},
    {"ServiceUnavailable", Kind::kRetry},
    {"BatchExecuteStatementException", Kind::kRetry},
    {"ExecuteStatementException", Kind::kRetry},
    {"DatabaseConnectionException", Kind::kRetry},
    {"QueryTimeoutException", Kind::kRetry},
    {"ExpiredTokenException", Kind::kExpired},
    {"ExpiredToken", Kind::kExpired},
    {"RequestExpired", Kind::kExpired},
});

// What Redshift's messages contain without the names in them; the first one that fits counts.
// Messages about values come first, because they quote the value, in which anything may stand.
constexpr auto kFailures = std::to_array<Rule>({
    {"value too long", Kind::kRefusesRow},
    {"invalid input syntax", Kind::kRefusesRow},
    {"invalid digit", Kind::kRefusesRow},
    {"out of range", Kind::kRefusesRow},
    {"overflow", Kind::kRefusesRow},
    {"cannot insert a null value", Kind::kRefusesRow},
    {"violates not-null constraint", Kind::kRefusesRow},
    {"violates check constraint", Kind::kRefusesRow},
    {"divide by zero", Kind::kRefusesRow},
    {"division by zero", Kind::kRefusesRow},
    {"invalid json", Kind::kRefusesRow},
    {"byte sequence", Kind::kRefusesRow},
    {"invalid character", Kind::kRefusesRow},
    {"serializable isolation violation", Kind::kRetry},
    {"conflict with concurrent transaction", Kind::kRetry},
    {"could not open relation with oid", Kind::kRetry},
    {"permission denied", Kind::kStop},
    {"must be owner", Kind::kStop},
    {"does not exist", Kind::kStop},
    {"of type", Kind::kStop},
    {"deadlock detected", Kind::kRetry},
    {"cancelled on user's request", Kind::kRetry},
    {"canceling statement", Kind::kRetry},
    {"query cancelled", Kind::kRetry},
    {"wlm query monitoring", Kind::kRetry},
    {"terminating connection", Kind::kRetry},
    {"closed the connection", Kind::kRetry},
    {"lost connection", Kind::kRetry},
    {"connection to", Kind::kRetry},
    {"connection lost", Kind::kRetry},
    {"connection was", Kind::kRetry},
    {"connection has been", Kind::kRetry},
    {"connection is closed", Kind::kRetry},
    {"connection closed", Kind::kRetry},
    {"connection reset", Kind::kRetry},
    {"connection refused", Kind::kRetry},
    {"connection failure", Kind::kRetry},
    {"connection failed", Kind::kRetry},
    {"connection limit", Kind::kThrottled},
    {"could not connect", Kind::kRetry},
    {"timed out", Kind::kRetry},
    {"timeout", Kind::kRetry},
    {"restarting", Kind::kRetry},
    {"restarted", Kind::kRetry},
    {"cluster restart", Kind::kRetry},
    {"paused", Kind::kRetry},
    {"resuming", Kind::kRetry},
    {"not available", Kind::kRetry},
    {"disk full", Kind::kThrottled},
    {"out of memory", Kind::kThrottled},
    {"usage limit", Kind::kThrottled},
    {"quota exceeded", Kind::kThrottled},
    {"exceeded the quota", Kind::kThrottled},
    {"disk quota", Kind::kThrottled},
    {"schema quota", Kind::kThrottled},
    {"storage quota", Kind::kThrottled},
    {"too many", Kind::kThrottled},
    {"not found", Kind::kStop},
    {"json", Kind::kRefusesRow},
    {"super", Kind::kRefusesRow},
    {"utf8", Kind::kRefusesRow},
    {"row size", Kind::kRefusesRow},
    {"exceeds the maximum", Kind::kRefusesRow},
});

// What a name follows in a message.
constexpr std::string_view kNamedKinds[] = {"relation", "table",  "view",     "schema",
                                            "database", "column", "function", "user"};

// `part` is in lower case.
bool Contains(std::string_view text, std::string_view part) {
  return absl::StrContains(absl::AsciiStrToLower(ToAbsl(text)), ToAbsl(part));
}

// The message in lower case, with '_' in place of "..." and of what follows the kind of a name, as
// in "relation NAME": a name does not say what failed.
std::string WithoutNames(std::string_view message) {
  const std::string lower = absl::AsciiStrToLower(ToAbsl(message));
  std::string unquoted;
  for (size_t at = 0; at < lower.size();) {
    const size_t open = lower.find('"', at);
    const size_t close = open == std::string::npos ? open : lower.find('"', open + 1);
    unquoted += lower.substr(at, close == std::string::npos ? close : open - at);
    if (close == std::string::npos) break;
    unquoted += '_';
    at = close + 1;
  }
  std::vector<std::string> words = absl::StrSplit(unquoted, ' ');
  for (size_t i = 1; i < words.size(); ++i) {
    const bool names = std::find(std::begin(kNamedKinds), std::end(kNamedKinds), words[i - 1]) !=
                       std::end(kNamedKinds);
    // "relation with OID", "column is of type", "schema quota"
    const bool is_phrase =
        words[i] == "with" || words[i] == "is" || words[i] == "of" || words[i] == "quota";
    if (names && !is_phrase) words[i] = "_";
  }
  return absl::StrJoin(words, " ");
}

// The table or the schema, not a column or a function.
bool IsMissingTable(std::string_view message) {
  return (Contains(message, "does not exist") || Contains(message, "not found")) &&
         !Contains(message, "column") &&
         (Contains(message, "relation") || Contains(message, "schema"));
}

absl::StatusCode CodeOf(Kind kind) {
  switch (kind) {
    case Kind::kRetry:
    case Kind::kThrottled:
    case Kind::kTooLarge:
      return absl::StatusCode::kUnavailable;
    case Kind::kExpired:
      return absl::StatusCode::kUnauthenticated;
    case Kind::kRefusesRow:
      return absl::StatusCode::kInvalidArgument;
    case Kind::kMissing:
      return absl::StatusCode::kNotFound;
    case Kind::kStop:
      break;
  }
  return absl::StatusCode::kFailedPrecondition;
}

}  // namespace

ServerError::Kind ClassifyException(int http_status, std::string_view type,
                                    std::string_view message) {
  for (const Rule& rule : kExceptions) {
    if (type == rule.text) return rule.kind;
  }
  if (type == "ValidationException" &&
      (Contains(message, "larger than") || Contains(message, "too large"))) {
    return Kind::kTooLarge;
  }
  return IsRetryableStatus(http_status) ? Kind::kRetry : Kind::kStop;
}

ServerError::Kind ClassifyFailure(std::string_view state, std::string_view message) {
  if (!state.empty() && state != "XX000") {
    if (postgres::IsOverloaded(state)) return Kind::kThrottled;
    if (postgres::WasClosed(state) || postgres::WantsAnotherConnection(state) ||
        postgres::IsPassing(state)) {
      return Kind::kRetry;
    }
    if (state == "42P01" || state == "3F000") return Kind::kMissing;
    if (postgres::BlamesRows(state)) return Kind::kRefusesRow;
    return Kind::kStop;
  }
  const std::string text = WithoutNames(message);
  for (const Rule& rule : kFailures) {
    if (!Contains(text, rule.text)) continue;
    return rule.kind == Kind::kStop && IsMissingTable(text) ? Kind::kMissing : rule.kind;
  }
  return Kind::kStop;
}

absl::Status StatusOf(const ServerError& error) {
  absl::StatusCode code = CodeOf(error.kind);
  std::string message = error.message;
  if (error.code == "AccessDeniedException") {
    code = absl::StatusCode::kPermissionDenied;
    message += "; allow the actions that docs/connectors/redshift.md lists";
  } else if (error.code == "UnrecognizedClientException" ||
             error.code == "InvalidSignatureException" || error.code == "InvalidClientTokenId" ||
             error.code == "MissingAuthenticationTokenException") {
    code = absl::StatusCode::kUnauthenticated;
    message += "; check the AWS keys, and that they are not revoked";
  } else if (error.code == "ResourceNotFoundException") {
    code = absl::StatusCode::kNotFound;
  } else if (error.code == "42501" ||
             (error.kind == Kind::kStop &&
              Contains(WithoutNames(error.message), "permission denied"))) {
    code = absl::StatusCode::kPermissionDenied;
    message += "; GRANT it, as docs/connectors/redshift.md says";
  } else if (error.code.starts_with("28")) {
    code = absl::StatusCode::kUnauthenticated;
  } else if (error.kind == Kind::kStop && Contains(WithoutNames(error.message), "column")) {
    message += "; add the column, or run millrace destinations check";
  } else if (error.kind == Kind::kMissing) {
    message += "; run it again, which makes missing tables, or millrace destinations create";
  }
  return absl::Status(code, message);
}

}  // namespace millrace::redshift
