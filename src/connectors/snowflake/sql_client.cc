#include "connectors/snowflake/sql_client.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json_parse.h"
#include "base/percent_encoding.h"
#include "base/status.h"
#include "base/strings.h"
#include "connectors/snowflake/request_id.h"

namespace millrace::snowflake {
namespace {

using Json = nlohmann::json;

constexpr int kMaxTries = 6;
constexpr absl::Duration kFirstRetry = absl::Milliseconds(500);
constexpr absl::Duration kMaxRetry = absl::Seconds(8);
constexpr absl::Duration kFirstPoll = absl::Milliseconds(100);
constexpr absl::Duration kMaxPoll = absl::Seconds(5);
// The API responds after 45 s at the latest.
constexpr absl::Duration kRequestTimeout = absl::Seconds(75);
constexpr absl::Duration kStopGrace = absl::Seconds(10);
// Beyond the statement's own time limit.
constexpr absl::Duration kPatience = absl::Minutes(1);
constexpr size_t kMaxPartitions = 1000;
constexpr size_t kMaxRows = 1'000'000;
constexpr size_t kMaxResultBytes = size_t{64} << 20;  // of cells

const Json* Member(const Json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto member = object.find(key);
  return member == object.end() ? nullptr : &*member;
}

std::string TextAt(const Json& object, const char* key) {
  const Json* member = Member(object, key);
  return member != nullptr && member->is_string() ? member->get<std::string>() : "";
}

absl::Status Unexpected(std::string_view what) {
  return absl::UnavailableError(
      StrCat("Snowflake's response is not what its SQL API gives: ", what));
}

std::string StatementPath(const std::string& handle) {
  return StrCat("/api/v2/statements/", UrlEncode(handle));
}

}  // namespace

absl::StatusOr<HttpResponse> SqlClient::SendUntilHeard(const HttpRequest& request,
                                                       const std::stop_token& stop) {
  absl::Duration wait = kFirstRetry;
  for (int tries = 1;; ++tries) {
    error_ = ServerError();
    absl::StatusOr<HttpResponse> response = account_.Send(request, stop);
    absl::Duration pause = wait;
    absl::Status why = response.status();
    if (response.ok()) {
      if (response->status == 200 || response->status == 202) return response;
      error_ = ParseServerError(*response);
      why = StatusOf(error_);
      pause = std::max(pause, response->RetryAfter(account_.clock().Now()));
      // Errors of a statement are answers: only those of the transport are asked again.
      if (response->status < 429) return why;
    }
    if (!absl::IsUnavailable(why) || tries == kMaxTries) return why;
    if (!account_.clock().SleepFor(pause, stop)) return StopRequested();
    wait = std::min(wait * 2, kMaxRetry);
  }
}

absl::StatusOr<HttpResponse> SqlClient::WaitFor(HttpResponse response, absl::Duration timeout,
                                                const std::stop_token& stop) {
  const absl::Duration begin = account_.clock().Elapsed();
  absl::Duration wait = kFirstPoll;
  while (response.status == 202) {
    ASSIGN_OR_RETURN(const Json body, ReadBody(response));
    const std::string handle = TextAt(body, "statementHandle");
    if (handle.empty()) return Unexpected("202 without a statementHandle");
    if (account_.clock().Elapsed() - begin > timeout + kPatience) {
      return absl::UnavailableError("Snowflake has not finished the statement in time");
    }
    if (!account_.clock().SleepFor(wait, stop)) return StopRequested();
    wait = std::min(wait * 3 / 2, kMaxPoll);
    HttpRequest poll;
    poll.url = StatementPath(handle);
    poll.timeout = kRequestTimeout;
    poll.accept_gzip = true;
    ASSIGN_OR_RETURN(response, SendUntilHeard(poll, stop));
  }
  return response;
}

absl::StatusOr<Json> SqlClient::ReadBody(const HttpResponse& response) {
  std::optional<Json> body = ParseJson(response.body);
  if (!body || !body->is_object()) return Unexpected("it is not a JSON object");
  return *std::move(body);
}

absl::StatusOr<SqlRows> SqlClient::ReadRows(const Json& body, const std::stop_token& stop) {
  size_t partitions = 1;
  if (const Json* meta = Member(body, "resultSetMetaData")) {
    if (const Json* list = Member(*meta, "partitionInfo"); list != nullptr && list->is_array()) {
      partitions = std::max<size_t>(list->size(), 1);
    }
  }
  if (partitions > kMaxPartitions) return Unexpected("too many partitions");
  const std::string handle = TextAt(body, "statementHandle");
  SqlRows rows;
  size_t bytes = 0;
  Json part = body;
  for (size_t next = 1;; ++next) {
    const Json* data = Member(part, "data");
    if (data == nullptr || !data->is_array()) return Unexpected("it has no data");
    if (rows.size() + data->size() > kMaxRows) return Unexpected("too many rows");
    for (const Json& row : *data) {
      if (!row.is_array()) return Unexpected("a row is not an array");
      auto& cells = rows.emplace_back();
      for (const Json& cell : row) {
        bytes +=
            sizeof(cells[0]) + (cell.is_string() ? cell.get_ref<const std::string&>().size() : 0);
        if (bytes > kMaxResultBytes) return Unexpected("its partitions have more than 64 MiB");
        if (cell.is_null()) {
          cells.emplace_back();
        } else if (cell.is_string()) {
          cells.emplace_back(cell.get<std::string>());
        } else {
          return Unexpected("a cell is not text");
        }
      }
    }
    if (next == partitions) return rows;
    HttpRequest request;
    request.url = StrCat(StatementPath(handle), "?partition=", next);
    request.timeout = kRequestTimeout;
    request.accept_gzip = true;
    ASSIGN_OR_RETURN(const HttpResponse response, SendUntilHeard(request, stop));
    ASSIGN_OR_RETURN(part, ReadBody(response));
  }
}

absl::StatusOr<SqlResult> SqlClient::Execute(const Statements& statements,
                                             const std::stop_token& stop) {
  Json body = {{"statement", statements.text},
               {"timeout", absl::ToInt64Seconds(statements.timeout)},
               {"parameters", {{"MULTI_STATEMENT_COUNT", StrCat(statements.count)}}}};
  body["parameters"]["QUERY_TAG"] = "millrace";
  if (statements.in_schema) {
    body["database"] = spec_.database;
    body["schema"] = spec_.schema;
  }
  if (!spec_.role.empty()) body["role"] = spec_.role;
  if (!spec_.warehouse.empty()) body["warehouse"] = spec_.warehouse;
  int place = 0;
  for (const auto& [type, value] : statements.bindings) {
    body["bindings"][StrCat(++place)] = {{"type", type}, {"value", value}};
  }
  const std::string text = body.dump();
  HttpRequest request;
  request.method = "POST";
  // Also in the first request: libcurl repeats one by itself if a kept connection was closed.
  request.url = StrCat("/api/v2/statements?requestId=", NewRequestId(), "&retry=true");
  request.body = text;
  request.timeout = kRequestTimeout;
  request.stop_grace = kStopGrace;
  request.accept_gzip = true;
  ASSIGN_OR_RETURN(HttpResponse response, SendUntilHeard(request, stop));
  ASSIGN_OR_RETURN(response, WaitFor(std::move(response), statements.timeout, stop));
  ASSIGN_OR_RETURN(const Json answer, ReadBody(response));
  SqlResult result;
  if (statements.count == 1) {
    ASSIGN_OR_RETURN(result.rows, ReadRows(answer, stop));
    return result;
  }
  const Json* handles = Member(answer, "statementHandles");
  if (handles == nullptr || !handles->is_array()) return Unexpected("it has no statementHandles");
  for (const Json& handle : *handles) {
    if (!handle.is_string()) return Unexpected("a handle is not text");
    result.handles.push_back(handle.get<std::string>());
  }
  if (result.handles.size() != static_cast<size_t>(statements.count)) {
    return Unexpected(
        StrCat(result.handles.size(), " handles of ", statements.count, " statements"));
  }
  return result;
}

absl::StatusOr<SqlRows> SqlClient::Fetch(const std::string& handle, const std::stop_token& stop) {
  HttpRequest request;
  request.url = StatementPath(handle);
  request.timeout = kRequestTimeout;
  request.stop_grace = kStopGrace;
  request.accept_gzip = true;
  ASSIGN_OR_RETURN(HttpResponse response, SendUntilHeard(request, stop));
  ASSIGN_OR_RETURN(response, WaitFor(std::move(response), absl::Minutes(1), stop));
  ASSIGN_OR_RETURN(const Json body, ReadBody(response));
  return ReadRows(body, stop);
}

}  // namespace millrace::snowflake
