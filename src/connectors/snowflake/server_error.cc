#include "connectors/snowflake/server_error.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "base/json_parse.h"
#include "base/printable.h"
#include "base/strings.h"
#include "base/utf8.h"

namespace millrace::snowflake {
namespace {

using absl::StatusCode;

constexpr size_t kMaxMessage = 1000;
constexpr size_t kMaxCode = 64;

constexpr std::string_view kCreateTables =
    "was it dropped or renamed, or may the role not see it? `millrace destinations create` makes "
    "what is missing; add --force to the run to send again what was in it";
constexpr std::string_view kPrivileges =
    "`millrace destinations check` prints the GRANT statements that are missing";
constexpr std::string_view kNewToken =
    "the token has expired or was revoked: set another one, or sign in with a key pair";
constexpr std::string_view kJwt =
    "check that the user has this public key (DESCRIBE USER shows RSA_PUBLIC_KEY_FP), that user= "
    "and the account are right, and this machine's clock";
constexpr std::string_view kWarehouse =
    "name a warehouse that the role may use: warehouse=NAME, or SNOWFLAKE_WAREHOUSE";
constexpr std::string_view kPipe =
    "does the table exist, and may the role use it, or the pipe of pipe=? `millrace destinations "
    "check` says what is missing";
constexpr std::string_view kQuota =
    "the quota of a resource monitor is used up: raise it or wait for its next period; nothing is "
    "lost meanwhile";

// From the most specific to the most general.
constexpr ErrorRule kRules[] = {
    // Signing in.
    {"390144", "", 0, ErrorKind::kSignIn, StatusCode::kUnauthenticated, kJwt},
    {"394300", "", 0, ErrorKind::kStop, StatusCode::kUnauthenticated, kJwt},
    {"394304", "", 0, ErrorKind::kSignIn, StatusCode::kUnauthenticated, kJwt},
    {"390114", "", 0, ErrorKind::kSignIn, StatusCode::kUnauthenticated, kNewToken},
    {"390318", "", 0, ErrorKind::kSignIn, StatusCode::kUnauthenticated, kNewToken},
    {"390303", "", 0, ErrorKind::kSignIn, StatusCode::kUnauthenticated, kNewToken},
    {"394400", "", 0, ErrorKind::kSignIn, StatusCode::kUnauthenticated, kNewToken},
    {"390189", "", 0, ErrorKind::kStop, StatusCode::kPermissionDenied,
     "the user or the token does not have this role: name another one with role="},
    {"390422", "", 0, ErrorKind::kStop, StatusCode::kPermissionDenied,
     "a network policy does not admit this address; programmatic access tokens need one"},
    {"", "", 401, ErrorKind::kSignIn, StatusCode::kUnauthenticated, kNewToken},
    {"", "", 403, ErrorKind::kStop, StatusCode::kPermissionDenied, kPrivileges},
    // Statements that may succeed later.
    {"000625", "", 0, ErrorKind::kThrottled, StatusCode::kUnavailable,
     "too many statements wait for a lock of this table: run fewer writers"},
    {"090073", "", 0, ErrorKind::kThrottled, StatusCode::kUnavailable, kQuota},
    {"000630", "", 0, ErrorKind::kRetry, StatusCode::kUnavailable, ""},
    {"000604", "", 0, ErrorKind::kRetry, StatusCode::kUnavailable, ""},
    {"000603", "", 0, ErrorKind::kRetry, StatusCode::kUnavailable, ""},
    {"200001", "", 0, ErrorKind::kRetry, StatusCode::kUnavailable, ""},
    {"", "40", 0, ErrorKind::kRetry, StatusCode::kUnavailable, ""},
    {"", "57014", 0, ErrorKind::kRetry, StatusCode::kUnavailable, ""},
    {"", "XX", 0, ErrorKind::kRetry, StatusCode::kUnavailable, ""},
    {"", "", 429, ErrorKind::kThrottled, StatusCode::kUnavailable, ""},
    {"", "", 408, ErrorKind::kRetry, StatusCode::kUnavailable, ""},
    // Channels of Snowpipe Streaming.
    {"STALE_CONTINUATION_TOKEN_SEQUENCER", "", 0, ErrorKind::kReopenChannel,
     StatusCode::kUnavailable, ""},
    {"ERR_CHANNEL_HAS_INVALID_CLIENT_SEQUENCER", "", 0, ErrorKind::kReopenChannel,
     StatusCode::kUnavailable, ""},
    {"ERR_CHANNEL_HAS_INVALID_ROW_SEQUENCER", "", 0, ErrorKind::kReopenChannel,
     StatusCode::kUnavailable, ""},
    {"ERR_CHANNEL_MUST_BE_REOPENED", "", 0, ErrorKind::kReopenChannel, StatusCode::kUnavailable,
     ""},
    {"ERR_CHANNEL_MUST_BE_REOPENED_DUE_TO_ROW_SEQ_GAP", "", 0, ErrorKind::kReopenChannel,
     StatusCode::kUnavailable, ""},
    {"ERR_CHANNEL_DOES_NOT_EXIST_OR_NOT_AUTHORIZED", "", 0, ErrorKind::kReopenChannel,
     StatusCode::kUnavailable, ""},
    {"ERR_CHANNEL_HAS_UNCOMMITTED_DATA", "", 0, ErrorKind::kRetry, StatusCode::kUnavailable, ""},
    {"ERR_OPEN_CHANNEL_IN_PROGRESS", "", 0, ErrorKind::kRetry, StatusCode::kUnavailable, ""},
    {"ERR_GENERAL_EXCEPTION_RETRY_REQUEST", "", 0, ErrorKind::kRetry, StatusCode::kUnavailable, ""},
    {"ERR_PIPE_DOES_NOT_EXIST_OR_NOT_AUTHORIZED", "", 0, ErrorKind::kStop, StatusCode::kNotFound,
     kPipe},
    {"ERR_TABLE_DOES_NOT_EXIST_NOT_AUTHORIZED", "", 0, ErrorKind::kStop, StatusCode::kNotFound,
     kCreateTables},
    {"", "", 409, ErrorKind::kReopenChannel, StatusCode::kUnavailable, ""},
    // What has to be fixed.
    {"000606", "", 0, ErrorKind::kStop, StatusCode::kFailedPrecondition, kWarehouse},
    {"", "57P03", 0, ErrorKind::kStop, StatusCode::kFailedPrecondition, kWarehouse},
    {"002003", "", 0, ErrorKind::kStop, StatusCode::kNotFound, kCreateTables},
    {"002043", "", 0, ErrorKind::kStop, StatusCode::kNotFound, kCreateTables},
    {"", "42S02", 0, ErrorKind::kStop, StatusCode::kNotFound, kCreateTables},
    {"", "02000", 0, ErrorKind::kStop, StatusCode::kNotFound, kCreateTables},
    {"003001", "", 0, ErrorKind::kStop, StatusCode::kPermissionDenied, kPrivileges},
    {"", "42501", 0, ErrorKind::kStop, StatusCode::kPermissionDenied, kPrivileges},
    {"091016", "", 0, ErrorKind::kStop, StatusCode::kNotFound,
     "staged files are missing: does the stage's URL begin with bucket=, and may it read there?"},
    {"000904", "", 0, ErrorKind::kStop, StatusCode::kFailedPrecondition,
     "was a column dropped or renamed? `millrace destinations check` lists what the table needs"},
    {"", "42", 0, ErrorKind::kStop, StatusCode::kFailedPrecondition, ""},
    // Values that a column does not take.
    {"", "22", 422, ErrorKind::kRefuseRow, StatusCode::kInvalidArgument, ""},
    {"", "23", 422, ErrorKind::kRefuseRow, StatusCode::kInvalidArgument, ""},
    // The rest.
    {"", "", 404, ErrorKind::kStop, StatusCode::kNotFound,
     "is the account right? See ACCOUNT and url= of the destination"},
    {"", "", 413, ErrorKind::kStop, StatusCode::kFailedPrecondition, ""},
    {"", "", 501, ErrorKind::kStop, StatusCode::kFailedPrecondition, ""},
    {"", "", 505, ErrorKind::kStop, StatusCode::kFailedPrecondition, ""},
};
constexpr ErrorRule kServerFailed{
    .kind = ErrorKind::kRetry, .status = StatusCode::kUnavailable, .advice = ""};
constexpr ErrorRule kUnknown{
    .kind = ErrorKind::kStop, .status = StatusCode::kFailedPrecondition, .advice = ""};

std::string TextOf(const nlohmann::json& object, const char* key, size_t max) {
  const auto member = object.find(key);
  if (member == object.end() || !member->is_string()) return "";
  return Printable(Shorten(ToValidUtf8(member->get_ref<const std::string&>()), max));
}

}  // namespace

ServerError ParseServerError(const HttpResponse& response) {
  ServerError error{.http_status = response.status};
  const std::optional<nlohmann::json> body = ParseJson(response.body);
  if (body && body->is_string()) {
    error.code = Printable(Shorten(ToValidUtf8(body->get_ref<const std::string&>()), kMaxCode));
  }
  if (!body || !body->is_object()) return error;
  error.code = TextOf(*body, "code", kMaxCode);
  if (error.code.empty()) error.code = TextOf(*body, "error_code", kMaxCode);
  error.state = TextOf(*body, "sqlState", kMaxCode);
  error.message = TextOf(*body, "message", kMaxMessage);
  return error;
}

const ErrorRule& RuleOf(const ServerError& error) {
  for (const ErrorRule& rule : kRules) {
    const bool fits = (rule.code.empty() || rule.code == error.code) &&
                      error.state.starts_with(rule.state) &&
                      (rule.http_status == 0 || rule.http_status == error.http_status);
    if (fits) return rule;
  }
  return error.http_status >= 500 ? kServerFailed : kUnknown;
}

absl::Status StatusOf(const ServerError& error) {
  const ErrorRule& rule = RuleOf(error);
  std::string text = error.message.empty() ? StrCat("Snowflake responded HTTP ", error.http_status)
                                           : StrCat("Snowflake: ", error.message);
  if (!error.code.empty()) {
    StrAppend(&text, " (code ", error.code, error.state.empty() ? "" : ", SQLSTATE ", error.state,
              ")");
  }
  if (!rule.advice.empty()) StrAppend(&text, ": ", rule.advice);
  return absl::Status(rule.status, text);
}

}  // namespace millrace::snowflake
