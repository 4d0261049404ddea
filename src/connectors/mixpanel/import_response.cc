#include "connectors/mixpanel/import_response.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "base/strings.h"
#include "connectors/mixpanel/response_text.h"
#include "net/http_status.h"

namespace millrace::mixpanel {
namespace {

using Json = nlohmann::json;

// The content of a JSON response, before validation.
struct Statement {
  bool is_mixpanels = false;       // an object with at least one of the keys that Mixpanel sends
  std::optional<uint64_t> code;    // repeats the HTTP status
  std::optional<uint64_t> stored;  // num_records_imported, num_good_events
  std::optional<bool> success;     // status: 1 or "OK", 0 or another text
  std::string error;               // the best available text
  bool failed_is_sound = true;     // `failed` is the whole list, within bounds
  std::vector<RefusedRow> failed;  // ascending

  bool AddsUp(size_t rows) const {
    return failed_is_sound && stored.has_value() && *stored + failed.size() == rows;
  }
  // A single row that is named needs no count.
  bool RefusesOnly(size_t rows) const {
    return rows == 1 && failed.size() == 1 && stored.value_or(0) == 0;
  }
};

std::string Text(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string()
             ? CleanText(found->get_ref<const std::string&>())
             : "";
}

std::optional<uint64_t> Number(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number_unsigned()) return std::nullopt;
  return found->get<uint64_t>();
}

std::optional<bool> Success(const Json& reply) {
  const auto found = reply.find("status");
  if (found == reply.end()) return std::nullopt;
  if (found->is_number_integer()) return found->get<int64_t>() == 1;
  if (found->is_boolean()) return found->get<bool>();
  if (found->is_string()) return absl::EqualsIgnoreCase(found->get_ref<const std::string&>(), "ok");
  return std::nullopt;
}

// The list has objects that name a row, or (if the whole request was refused) plain strings.
void ReadFailedRecords(const Json& list, size_t rows, Statement& statement) {
  statement.failed_is_sound = list.is_array();
  if (!list.is_array()) return;
  std::string first_text;
  for (const Json& record : list) {
    const std::optional<uint64_t> index =
        record.is_object() ? Number(record, "index") : std::nullopt;
    if (!index.has_value() || *index >= rows) {
      statement.failed_is_sound = false;
      if (first_text.empty() && record.is_string()) {
        first_text = CleanText(record.get_ref<const std::string&>());
      }
      continue;
    }
    RefusedRow& row = statement.failed.emplace_back();
    row.row = *index;
    row.field = Text(record, "field");
    row.message = Text(record, "message");
    if (row.message.empty()) row.message = statement.error;
  }
  std::stable_sort(statement.failed.begin(), statement.failed.end(),
                   [](const RefusedRow& a, const RefusedRow& b) { return a.row < b.row; });
  const auto twice =
      std::unique(statement.failed.begin(), statement.failed.end(),
                  [](const RefusedRow& a, const RefusedRow& b) { return a.row == b.row; });
  statement.failed.erase(twice, statement.failed.end());
  if (!first_text.empty()) statement.error = first_text;
}

Statement Read(std::string_view body, size_t rows) {
  Statement statement;
  const Json reply = Json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (!reply.is_object()) return statement;
  statement.code = Number(reply, "code");
  statement.stored = Number(reply, "num_records_imported");
  if (!statement.stored.has_value()) statement.stored = Number(reply, "num_good_events");
  statement.success = Success(reply);
  statement.error = Text(reply, "error");
  const auto failed = reply.find("failed_records");
  const bool has_failed = failed != reply.end() && !failed->is_null();
  if (has_failed) ReadFailedRecords(*failed, rows, statement);
  statement.is_mixpanels = statement.code.has_value() || statement.stored.has_value() ||
                           statement.success.has_value() || has_failed || reply.contains("error");
  return statement;
}

std::string Answered(int http_status, std::string_view body) {
  std::string text = StrCat("answered ", http_status);
  const Statement statement = Read(body, 0);
  const std::string said = statement.error.empty() ? CleanText(body, 200) : statement.error;
  if (!said.empty()) StrAppend(&text, ": ", said);
  return text;
}

ImportOutcome Durable(std::vector<RefusedRow> refused) {
  ImportOutcome outcome;
  outcome.kind = ImportOutcome::Kind::kDurable;
  outcome.refused = std::move(refused);
  return outcome;
}

ImportOutcome Other(ImportOutcome::Kind kind, absl::Status why) {
  ImportOutcome outcome;
  outcome.kind = kind;
  outcome.why = std::move(why);
  return outcome;
}

ImportOutcome Retry(std::string_view why) {
  return Other(ImportOutcome::Kind::kRetry, absl::UnavailableError(ToAbsl(why)));
}

// "request exceeds max limit of 2097152 bytes".
size_t NamedLimit(std::string_view text) {
  constexpr std::string_view kBefore = "limit of ";
  const size_t found = text.find(kBefore);
  if (found == std::string_view::npos) return 0;
  text.remove_prefix(found + kBefore.size());
  const std::string_view digits = text.substr(0, text.find_first_not_of("0123456789"));
  uint64_t limit = 0;
  return absl::SimpleAtoi(ToAbsl(digits), &limit) ? limit : 0;
}

// The statuses that mean the same on every path.
ImportOutcome ClassifyStatus(int http_status, std::string_view body) {
  const std::string answered = Answered(http_status, body);
  if (http_status == 413) {
    ImportOutcome outcome =
        Other(ImportOutcome::Kind::kTooLarge, absl::ResourceExhaustedError(ToAbsl(answered)));
    outcome.named_limit = NamedLimit(answered);
    return outcome;
  }
  if (http_status == 429) {
    ImportOutcome outcome = Retry(answered);
    outcome.throttled = true;
    return outcome;
  }
  if (IsRetryableStatus(http_status)) return Retry(answered);
  if (http_status < 300) return Retry(StrCat(answered, " (not an answer of Mixpanel's)"));
  if (http_status < 400) {
    return Other(ImportOutcome::Kind::kStop,
                 absl::FailedPreconditionError(
                     StrCat("answered ", http_status,
                            ", a redirect, which is not followed: check the Mixpanel URL")));
  }
  absl::StatusCode code = absl::StatusCode::kFailedPrecondition;
  if (http_status == 401) code = absl::StatusCode::kUnauthenticated;
  if (http_status == 403) code = absl::StatusCode::kPermissionDenied;
  return Other(ImportOutcome::Kind::kStop, absl::Status(code, answered));
}

ImportOutcome ClassifyBadRequest(std::string_view body, size_t rows) {
  Statement statement = Read(body, rows);
  const std::string answered = Answered(400, body);
  // Its body was cut off, or an intermediary responded.
  if (!statement.is_mixpanels) {
    return Retry(StrCat(answered, " (not an answer of Mixpanel's: check the Mixpanel URL)"));
  }
  if (!statement.failed.empty() && (statement.AddsUp(rows) || statement.RefusesOnly(rows))) {
    return Durable(std::move(statement.failed));
  }
  if (statement.stored.value_or(0) == 0 && statement.failed.empty()) {
    return Other(
        ImportOutcome::Kind::kRefused,
        absl::InvalidArgumentError(ToAbsl(statement.error.empty() ? answered : statement.error)));
  }
  return Other(ImportOutcome::Kind::kUnclear,
               absl::UnavailableError(StrCat(answered, " (its counts contradict each other)")));
}

// 200 to a profile update: {"status": 0, "error": ...} is still a failure.
ImportOutcome ClassifyProfileFailure(const Statement& statement) {
  const std::string error = absl::AsciiStrToLower(statement.error);
  if (absl::StrContains(error, "temporary") || absl::StrContains(error, "try again")) {
    return Retry(statement.error);
  }
  if (absl::StartsWith(error, "token") || absl::StartsWith(error, "$token")) {
    return Other(ImportOutcome::Kind::kStop,
                 absl::UnauthenticatedError(StrCat("the project token: ", statement.error)));
  }
  return Other(ImportOutcome::Kind::kRefused,
               absl::InvalidArgumentError(statement.error.empty() ? "refused without a reason"
                                                                  : statement.error));
}

}  // namespace

ImportOutcome ClassifyImportResponse(int http_status, std::string_view body, size_t rows) {
  if (http_status == 400) return ClassifyBadRequest(body, rows);
  if (http_status != 200) return ClassifyStatus(http_status, body);
  Statement statement = Read(body, rows);
  if (statement.code.value_or(200) == 200 && statement.AddsUp(rows)) {
    return Durable(std::move(statement.failed));
  }
  if (!statement.stored.has_value()) {
    return Retry(StrCat("answered 200 without a count of stored events: ", CleanText(body, 200)));
  }
  return Retry(StrCat("answered 200 but stored ", *statement.stored, " of ", rows, " events"));
}

ImportOutcome ClassifyProfileResponse(int http_status, std::string_view body, size_t rows) {
  if (http_status == 400) return ClassifyBadRequest(body, rows);
  if (http_status != 200) return ClassifyStatus(http_status, body);
  Statement statement = Read(body, rows);
  if (!statement.failed.empty() && (statement.AddsUp(rows) || statement.RefusesOnly(rows))) {
    return Durable(std::move(statement.failed));
  }
  if (!statement.failed.empty() || !statement.failed_is_sound ||
      statement.stored.value_or(rows) != rows) {
    const bool nothing = statement.failed.empty() && statement.stored.value_or(0) == 0;
    if (nothing) return ClassifyProfileFailure(statement);
    return Other(ImportOutcome::Kind::kUnclear,
                 absl::UnavailableError(StrCat("answered with counts that contradict each other: ",
                                               CleanText(body, 200))));
  }
  if (!statement.success.has_value()) {
    return Retry(StrCat("answered 200 without a status: ", CleanText(body, 200)));
  }
  if (!*statement.success || !statement.error.empty()) return ClassifyProfileFailure(statement);
  return Durable({});
}

}  // namespace millrace::mixpanel
