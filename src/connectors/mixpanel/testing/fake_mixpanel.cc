#include "connectors/mixpanel/testing/fake_mixpanel.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "absl/strings/str_split.h"
#include "base/strings.h"
#include "io/decompress.h"
#include "net/testing/fake_http_client.h"

namespace millrace::mixpanel {
namespace {

using Json = nlohmann::ordered_json;

// The records of a body: NDJSON, or an array of profile updates without their "$token".
std::vector<std::string> Records(std::string_view body, bool is_import) {
  std::vector<std::string> records;
  if (is_import) {
    for (const absl::string_view line : absl::StrSplit(ToAbsl(body), '\n', absl::SkipEmpty())) {
      records.emplace_back(line);
    }
    return records;
  }
  for (Json update : Json::parse(body)) {
    update.erase("$token");
    records.push_back(update.dump());
  }
  return records;
}

bool IsBad(const std::string& record) { return record.find("\"bad\"") != std::string::npos; }

}  // namespace

HttpResponse Answer(int status, std::string body,
                    std::vector<std::pair<std::string, std::string>> headers) {
  return {.status = status, .body = std::move(body), .headers = std::move(headers)};
}

void FakeMixpanel::set_style(Style style) {
  absl::MutexLock lock(&mutex_);
  style_ = style;
}

void FakeMixpanel::set_max_bytes(size_t max_bytes, bool named_in_answer) {
  absl::MutexLock lock(&mutex_);
  max_bytes_ = max_bytes;
  names_limit_ = named_in_answer;
}

void FakeMixpanel::RefuseAll(std::string reason) {
  absl::MutexLock lock(&mutex_);
  refuse_all_ = std::move(reason);
}

void FakeMixpanel::AnswerNext(absl::StatusOr<HttpResponse> answer, bool with_effect) {
  absl::MutexLock lock(&mutex_);
  faults_.push_back({std::move(answer), with_effect});
}

std::vector<FakeMixpanel::Received> FakeMixpanel::received() const {
  absl::MutexLock lock(&mutex_);
  return received_;
}

int FakeMixpanel::stored(const std::string& record) const {
  absl::MutexLock lock(&mutex_);
  const auto found = stored_.find(record);
  return found == stored_.end() ? 0 : found->second;
}

size_t FakeMixpanel::stored() const {
  absl::MutexLock lock(&mutex_);
  return stored_.size();
}

HttpResponse FakeMixpanel::Store(const std::vector<std::string>& records, bool is_import) {
  if (!refuse_all_.empty()) {
    if (!is_import) return Answer(200, Json({{"error", refuse_all_}, {"status", 0}}).dump());
    return Answer(400,
                  Json({{"code", 400}, {"error", refuse_all_}, {"status", "Bad Request"}}).dump());
  }
  Json failed = Json::array();
  for (size_t i = 0; i < records.size(); ++i) {
    if (!IsBad(records[i])) continue;
    if (style_ == Style::kUnnamed) {
      const char* reason = "a record is not allowed here";
      if (!is_import) return Answer(200, Json({{"error", reason}, {"status", 0}}).dump());
      return Answer(400, Json({{"code", 400},
                               {"failed_records", {reason}},
                               {"num_records_imported", 0},
                               {"status", "Bad Request"}})
                             .dump());
    }
    failed.push_back({{"index", i},
                      {style_ == Style::kDollarId ? "$insert_id" : "insert_id", "x"},
                      {"field", "properties.bad"},
                      {"message", "it is bad"}});
  }
  for (const std::string& record : records) {
    if (!IsBad(record)) ++stored_[record];
  }
  const size_t good = records.size() - failed.size();
  Json answer;
  if (!is_import) {
    answer = {{"error", nullptr}, {"status", failed.empty() ? 1 : 0}, {"num_good_events", good}};
  } else if (failed.empty()) {
    answer = {{"code", 200}, {"num_records_imported", good}, {"status", "OK"}};
  } else {
    answer = {{"code", 400},
              {"error", "some data points in the request failed validation"},
              {"num_records_imported", good},
              {"status", "Bad Request"}};
  }
  if (!failed.empty()) answer["failed_records"] = failed;
  return Answer(is_import && !failed.empty() ? 400 : 200, answer.dump());
}

absl::StatusOr<HttpResponse> FakeMixpanel::Take(Received received, std::string_view body) {
  ByteBuffer plain;
  if (received.content_encoding == "gzip") {
    if (!GunzipTo(body, 64 << 20, &plain).ok()) return Answer(400, "{\"error\":\"bad gzip\"}");
    body = plain.view();
  }
  const bool is_import = received.method_and_target.find(" /import") != std::string::npos;
  const std::vector<std::string> records = Records(body, is_import);
  received.rows = records.size();
  received.plain_bytes = body.size();

  absl::MutexLock lock(&mutex_);
  received_.push_back(std::move(received));
  std::optional<Fault> fault;
  if (!faults_.empty()) {
    fault = std::move(faults_.front());
    faults_.pop_front();
    if (!fault->with_effect) return fault->answer;
  }
  if (body.size() > max_bytes_) {
    const std::string named = StrCat(" of ", max_bytes_, " bytes");
    return Answer(413,
                  Json({{"code", 413},
                        {"error", StrCat("request exceeds max limit", names_limit_ ? named : "")},
                        {"status", "Request Entity Too Large"}})
                      .dump());
  }
  const HttpResponse answer = Store(records, is_import);
  return fault.has_value() ? fault->answer : answer;
}

std::unique_ptr<HttpClient> FakeMixpanel::NewClient() {
  return std::make_unique<FakeHttpClient>([this](const HttpRequest& request) {
    Received received;
    received.method_and_target =
        StrCat(request.method, " ", request.url.substr(request.url.find('/', 8)));
    for (const auto& [name, value] : request.headers) {
      if (name == "Authorization") received.authorization = value;
      if (name == "Content-Type") received.content_type = value;
      if (name == "Content-Encoding") received.content_encoding = value;
      if (name == "User-Agent") received.user_agent = value;
    }
    return Take(std::move(received), request.body);
  });
}

ScriptedServer::Script FakeMixpanel::NewScript() {
  return [this](const ScriptedRequest& request) {
    Received received;
    received.method_and_target = request.line().substr(0, request.line().rfind(' '));
    received.authorization = request.header("authorization");
    received.content_type = request.header("content-type");
    received.content_encoding = request.header("content-encoding");
    received.user_agent = request.header("user-agent");
    const absl::StatusOr<HttpResponse> answer = Take(std::move(received), request.body);
    if (answer.ok()) return ScriptedResponse::Answer(answer->status, answer->body, answer->headers);
    ScriptedResponse none;
    none.close = true;
    return none;
  };
}

}  // namespace millrace::mixpanel
