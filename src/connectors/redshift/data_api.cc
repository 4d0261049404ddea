#include "connectors/redshift/data_api.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/random/random.h"
#include "absl/strings/str_format.h"
#include "auth/aws_signature.h"
#include "auth/crypto.h"
#include "base/json_parse.h"
#include "base/json_writer.h"
#include "base/printable.h"
#include "base/status.h"
#include "base/strings.h"
#include "net/server_clock.h"

namespace millrace::redshift {
namespace {

using Json = nlohmann::json;
using Kind = ServerError::Kind;

constexpr int kMaxTries = 8;
constexpr absl::Duration kFirstRetry = absl::Milliseconds(250);
constexpr absl::Duration kMaxRetry = absl::Seconds(8);
constexpr absl::Duration kFirstPoll = absl::Milliseconds(30);
constexpr absl::Duration kMaxPoll = absl::Seconds(2);
// A statement may wait in the warehouse's queue.
constexpr absl::Duration kPatience = absl::Minutes(30);
constexpr absl::Duration kStopGrace = absl::Seconds(10);
constexpr size_t kMaxRows = 1'000'000;
constexpr size_t kMaxPages = 10'000;
constexpr size_t kMaxMessageBytes = 500;

std::string NewToken() {
  absl::BitGen random;
  return absl::StrFormat("millrace-%016x%016x", absl::Uniform<uint64_t>(random),
                         absl::Uniform<uint64_t>(random));
}

const Json* Member(const Json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto member = object.find(name);
  return member == object.end() ? nullptr : &*member;
}

std::string TextAt(const Json& object, const char* name) {
  const Json* member = Member(object, name);
  return member != nullptr && member->is_string() ? member->get<std::string>() : "";
}

std::string Message(std::string_view text) { return Printable(Shorten(text, kMaxMessageBytes)); }

// What a row takes in memory, about.
size_t BytesOf(const TextRows::value_type& row) {
  size_t bytes = row.size() * sizeof(row[0]);
  for (const auto& cell : row) bytes += cell ? cell->size() : 0;
  return bytes;
}

// {"__type": "com.amazon...#ValidationException", "message": ...}
ServerError ErrorOf(const HttpResponse& response) {
  const Json body = ParseJson(response.body).value_or(Json());
  std::string type = TextAt(body, "__type");
  if (type.empty()) type = std::string(response.header("x-amzn-errortype"));
  type = type.substr(type.rfind('#') + 1);
  type = type.substr(0, type.find(':'));
  std::string text = TextAt(body, "message");
  if (text.empty()) text = TextAt(body, "Message");
  ServerError error{.kind = ClassifyException(response.status, type, text), .code = type};
  error.message =
      StrCat("the Redshift Data API answers HTTP ", response.status, type.empty() ? "" : ", ",
             Message(type), text.empty() ? "" : ": ", Message(text));
  return error;
}

class DataApiSession final : public SqlSession {
 public:
  DataApiSession(const RedshiftSpec& spec, DataApiService service, std::unique_ptr<HttpClient> http,
                 Clock& clock)
      : spec_(spec),
        service_(std::move(service)),
        http_(std::move(http)),
        clock_(clock),
        server_clock_(clock, "the Redshift Data API") {}

  absl::StatusOr<TextRows> Execute(const std::vector<std::string>& statements,
                                   std::optional<size_t> result, std::stop_token stop) override;
  absl::Status ExecuteAlone(const std::string& statement, const std::string& database,
                            std::stop_token stop) override;
  const ServerError& error() const override { return error_; }

 private:
  absl::Status Fail(ServerError error) {
    error_ = std::move(error);
    return StatusOf(error_);
  }
  absl::Status Unexpected(std::string_view what) {
    return Fail({.kind = Kind::kRetry,
                 .message = StrCat("a response is not what the Redshift Data API gives: ", what)});
  }
  void AppendTarget(std::string& body, const std::string& database) const;
  absl::StatusOr<HttpResponse> SendOnce(std::string_view operation, std::string_view body,
                                        const std::stop_token& stop);
  // The JSON of the response; tries again what may pass.
  absl::StatusOr<Json> Send(std::string_view operation, std::string_view body,
                            const std::stop_token& stop);
  // Sends statements and waits until they are executed. Their id.
  absl::StatusOr<std::string> Run(std::string_view operation, std::string_view body,
                                  const std::stop_token& stop);
  absl::Status Wait(const std::string& id, const std::stop_token& stop);
  absl::Status Failed(const Json& description);
  absl::StatusOr<TextRows> Fetch(const std::string& id, const std::stop_token& stop);
  absl::Status ReadPage(const Json& page, TextRows& rows);

  const RedshiftSpec& spec_;
  const DataApiService service_;
  const std::unique_ptr<HttpClient> http_;
  Clock& clock_;
  ServerClock server_clock_;
  ServerError error_;
};

void DataApiSession::AppendTarget(std::string& body, const std::string& database) const {
  const auto add = [&](std::string_view name, std::string_view value) {
    if (value.empty()) return;
    StrAppend(&body, ",\"", name, "\":");
    AppendJsonString(body, value);
  };
  add("WorkgroupName", spec_.workgroup);
  add("ClusterIdentifier", spec_.cluster);
  add("DbUser", spec_.cluster_user);
  add("SecretArn", spec_.secret_arn);
  add("Database", database);
  add("ClientToken", NewToken());
  add("StatementName", "millrace");
  body += '}';
}

absl::StatusOr<HttpResponse> DataApiSession::SendOnce(std::string_view operation,
                                                      std::string_view body,
                                                      const std::stop_token& stop) {
  CallPace& pace = service_.pace->Of(operation);
  if (!pace.Acquire(stop)) return StopRequested();
  ASSIGN_OR_RETURN(const AwsKeys keys, service_.keys->Keys(stop));
  HttpRequest request{.method = "POST", .url = service_.url + "/", .body = body};
  request.headers = {{"Content-Type", "application/x-amz-json-1.1"},
                     {"X-Amz-Target", StrCat("RedshiftData.", operation)}};
  request.stop_grace = kStopGrace;
  AwsRequest to_sign{.method = request.method,
                     .url = request.url,
                     .headers = request.headers,
                     .payload_sha256 = Sha256Hex(body),
                     .region = service_.region,
                     .service = "redshift-data",
                     .encode_path = true};
  ASSIGN_OR_RETURN(request.headers, SignAwsRequest(to_sign, keys, server_clock_.Now()));
  ASSIGN_OR_RETURN(HttpResponse response, http_->Send(request, stop));
  if (response.status == 200) return response;
  error_ = ErrorOf(response);
  if (error_.kind == Kind::kThrottled) pace.QuotaExceeded();
  if (error_.kind == Kind::kExpired) service_.keys->Forget(keys.session_token);
  const bool is_late = error_.code == "InvalidSignatureException" ||
                       error_.code == "RequestExpired" || error_.code == "RequestTimeTooSkewed";
  if (is_late && server_clock_.Learn(response)) error_.kind = Kind::kExpired;
  return response;
}

absl::StatusOr<Json> DataApiSession::Send(std::string_view operation, std::string_view body,
                                          const std::stop_token& stop) {
  absl::Duration wait = kFirstRetry;
  bool signed_again = false;
  for (int tries = 1;; ++tries) {
    const absl::StatusOr<HttpResponse> response = SendOnce(operation, body, stop);
    if (response.ok() && response->status == 200) {
      std::optional<Json> parsed = ParseJson(response->body);
      if (parsed && parsed->is_object()) return *std::move(parsed);
      (void)Unexpected("it is not a JSON object");
    } else if (!response.ok()) {
      if (!absl::IsUnavailable(response.status())) {
        error_ = {.kind = Kind::kStop, .message = std::string(ToStd(response.status().message()))};
        return response.status();
      }
      error_ = {.kind = Kind::kRetry, .message = std::string(ToStd(response.status().message()))};
    }
    if (stop.stop_requested()) return StopRequested();
    if (error_.kind == Kind::kExpired && !std::exchange(signed_again, true)) continue;
    const bool may_pass = error_.kind == Kind::kRetry || error_.kind == Kind::kThrottled;
    if (!may_pass || tries == kMaxTries) return StatusOf(error_);
    absl::Duration pause = wait;
    if (response.ok()) pause = std::max(pause, response->RetryAfter(clock_.Now()));
    if (!clock_.SleepFor(pause, stop)) return StopRequested();
    wait = std::min(wait * 2, kMaxRetry);
  }
}

absl::Status DataApiSession::Failed(const Json& description) {
  std::string text = TextAt(description, "Error");
  ServerError error;
  if (const Json* parts = Member(description, "SubStatements");
      parts != nullptr && parts->is_array()) {
    for (size_t i = 0; i < parts->size(); ++i) {
      if (TextAt((*parts)[i], "Status") != "FAILED") continue;
      error.statement = static_cast<int>(i);
      if (const std::string why = TextAt((*parts)[i], "Error"); !why.empty()) text = why;
    }
  }
  if (text.empty()) text = "the statement was ended";
  error.kind =
      TextAt(description, "Status") == "ABORTED" ? Kind::kRetry : ClassifyFailure("", text);
  error.message = StrCat("Redshift: ", Message(text));
  return Fail(std::move(error));
}

absl::Status DataApiSession::Wait(const std::string& id, const std::stop_token& stop) {
  std::string body = "{\"Id\":";
  AppendJsonString(body, id);
  body += '}';
  const absl::Duration begin = clock_.Elapsed();
  absl::Duration wait = kFirstPoll;
  for (;;) {
    ASSIGN_OR_RETURN(const Json description, Send("DescribeStatement", body, stop));
    const std::string status = TextAt(description, "Status");
    if (status == "FINISHED") return absl::OkStatus();
    if (status == "FAILED" || status == "ABORTED") return Failed(description);
    if (status != "SUBMITTED" && status != "PICKED" && status != "STARTED") {
      return Unexpected("an unknown status");
    }
    if (clock_.Elapsed() - begin > kPatience) {
      return Fail({.kind = Kind::kRetry,
                   .message = "Redshift has not executed a statement within 30 minutes"});
    }
    if (!clock_.SleepFor(wait, stop)) return StopRequested();
    wait = std::min(wait * 3 / 2, kMaxPoll);
  }
}

absl::StatusOr<std::string> DataApiSession::Run(std::string_view operation, std::string_view body,
                                                const std::stop_token& stop) {
  ASSIGN_OR_RETURN(const Json sent, Send(operation, body, stop));
  const std::string id = TextAt(sent, "Id");
  if (id.empty()) return Unexpected("it has no Id");
  RETURN_IF_ERROR(Wait(id, stop));
  return id;
}

absl::Status DataApiSession::ReadPage(const Json& page, TextRows& rows) {
  const Json* records = Member(page, "Records");
  if (records == nullptr || !records->is_array()) return Unexpected("it has no Records");
  if (rows.size() + records->size() > kMaxRows) return Unexpected("it has too many rows");
  for (const Json& record : *records) {
    if (!record.is_array()) return Unexpected("a record is not an array");
    auto& row = rows.emplace_back();
    for (const Json& field : record) {
      if (!field.is_object() || field.size() != 1) return Unexpected("a field is not an object");
      const auto& [type, value] = *field.items().begin();
      if (type == "isNull") {
        row.emplace_back();
      } else if (value.is_string()) {
        row.emplace_back(value.get<std::string>());
      } else {
        row.emplace_back(value.dump());
      }
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<TextRows> DataApiSession::Fetch(const std::string& id, const std::stop_token& stop) {
  TextRows rows;
  std::string next;
  size_t bytes = 0;
  for (size_t pages = 1; pages == 1 || !next.empty(); ++pages) {
    if (pages > kMaxPages) return Unexpected("a result has more than 10,000 pages");
    std::string body = "{\"Id\":";
    AppendJsonString(body, id);
    if (!next.empty()) {
      body += ",\"NextToken\":";
      AppendJsonString(body, next);
    }
    body += '}';
    ASSIGN_OR_RETURN(const Json page, Send("GetStatementResult", body, stop));
    const size_t rows_before = rows.size();
    RETURN_IF_ERROR(ReadPage(page, rows));
    for (size_t i = rows_before; i < rows.size(); ++i) bytes += BytesOf(rows[i]);
    if (bytes > service_.max_result_bytes) {
      return Unexpected(StrCat("a result has more than ", service_.max_result_bytes, " bytes"));
    }
    next = TextAt(page, "NextToken");
  }
  return rows;
}

absl::StatusOr<TextRows> DataApiSession::Execute(const std::vector<std::string>& statements,
                                                 std::optional<size_t> result,
                                                 std::stop_token stop) {
  if (stop.stop_requested()) return StopRequested();
  const bool is_batch = statements.size() > 1;
  std::string body = is_batch ? "{\"Sqls\":[" : "{\"Sql\":";
  for (size_t i = 0; i < statements.size(); ++i) {
    if (i > 0) body += ',';
    AppendJsonString(body, statements[i]);
  }
  if (is_batch) body += ']';
  AppendTarget(body, spec_.database);
  ASSIGN_OR_RETURN(const std::string id,
                   Run(is_batch ? "BatchExecuteStatement" : "ExecuteStatement", body, stop));
  if (!result) return TextRows();
  return Fetch(is_batch ? StrCat(id, ":", *result + 1) : id, stop);
}

absl::Status DataApiSession::ExecuteAlone(const std::string& statement, const std::string& database,
                                          std::stop_token stop) {
  if (stop.stop_requested()) return StopRequested();
  std::string body = "{\"Sql\":";
  AppendJsonString(body, statement);
  AppendTarget(body, database);
  return Run("ExecuteStatement", body, stop).status();
}

}  // namespace

std::string DataApiUrl(const std::string& region, const Environment& environment) {
  for (const char* name : {"AWS_ENDPOINT_URL_REDSHIFT_DATA", "AWS_ENDPOINT_URL"}) {
    std::string url = environment(name).value_or("");
    while (url.ends_with('/')) url.pop_back();
    if (!url.empty()) return url;
  }
  return StrCat("https://redshift-data.", region, ".", AwsDomain(region));
}

std::unique_ptr<SqlSession> NewDataApiSession(const RedshiftSpec& spec, DataApiService service,
                                              std::unique_ptr<HttpClient> http, Clock& clock) {
  return std::make_unique<DataApiSession>(spec, std::move(service), std::move(http), clock);
}

}  // namespace millrace::redshift
