#include "connectors/snowflake/testing/fake_streaming.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>
#include <utility>

#include "base/percent_encoding.h"
#include "base/strings.h"
#include "io/decoder.h"
#include "net/testing/fake_http_client.h"

namespace millrace::snowflake {
namespace {

using Json = nlohmann::json;

constexpr size_t kMaxBody = 4 << 20;
constexpr char kToken[] = "scoped-token";

HttpResponse Respond(int status, const Json& body) {
  return {.status = status, .body = body.dump()};
}

HttpResponse Refuse(int status, const std::string& code) {
  return Respond(status, {{"code", code}, {"message", StrCat("refused: ", code)}});
}

std::string Inflate(std::string_view compressed) {
  const std::unique_ptr<Decoder> decoder = NewZstdDecoder();
  std::string text;
  std::vector<char> out(1 << 16);
  absl::Span<const char> in(compressed.data(), compressed.size());
  for (;;) {
    const auto progress = decoder->Decode(in, absl::MakeSpan(out));
    if (!progress.ok()) return "";
    in.remove_prefix(progress->consumed);
    text.append(out.data(), progress->produced);
    if (progress->consumed == 0 && progress->produced == 0) return text;
  }
}

// "/v2/streaming/.../pipes/P/channels/C[/rows]": C.
std::string ChannelIn(const std::string& path) {
  std::string name = path.substr(path.find("/channels/") + 10);
  return UrlDecode(name.substr(0, name.find('/')), /*plus_is_space=*/false);
}

std::string HeaderOf(const HttpRequest& request, std::string_view name) {
  for (const auto& [key, value] : request.headers) {
    if (key == name) return value;
  }
  return "";
}

}  // namespace

std::unique_ptr<HttpClient> FakeStreaming::NewClient() {
  return std::make_unique<FakeHttpClient>(
      [this](const HttpRequest& request) { return Handle(request); });
}

void FakeStreaming::set_script(Script script) {
  absl::MutexLock lock(&mutex_);
  script_ = std::move(script);
}

void FakeStreaming::CommitAfter(int requests) {
  absl::MutexLock lock(&mutex_);
  commit_after_ = requests;
}

void FakeStreaming::BreakRows(std::string text) {
  absl::MutexLock lock(&mutex_);
  broken_ = std::move(text);
}

void FakeStreaming::OpenChannel(const std::string& name) {
  absl::MutexLock lock(&mutex_);
  Channel& channel = channels_[name];
  channel.pending.clear();
  ++channel.client;
  channel.row = 0;
}

void FakeStreaming::DropChannels() {
  absl::MutexLock lock(&mutex_);
  channels_.clear();
}

void FakeStreaming::SetStatusCode(const std::string& name, std::string code) {
  absl::MutexLock lock(&mutex_);
  channels_[name].code = std::move(code);
}

std::map<std::string, int> FakeStreaming::Rows() const {
  absl::MutexLock lock(&mutex_);
  return rows_;
}

std::map<std::string, std::string> FakeStreaming::Tokens() const {
  absl::MutexLock lock(&mutex_);
  std::map<std::string, std::string> tokens;
  for (const auto& [name, channel] : channels_) tokens[name] = channel.token;
  return tokens;
}

int FakeStreaming::requests(Request request) const {
  absl::MutexLock lock(&mutex_);
  const auto found = requests_.find(request);
  return found == requests_.end() ? 0 : found->second;
}

std::vector<std::string> FakeStreaming::problems() const {
  absl::MutexLock lock(&mutex_);
  return problems_;
}

HttpResponse FakeStreaming::Problem(const std::string& what) {
  problems_.push_back(what);
  return Refuse(400, "INVALID_REQUEST");
}

absl::StatusOr<HttpResponse> FakeStreaming::Handle(const HttpRequest& request) {
  const std::string target = request.url.substr(request.url.find("://") + 3);
  const size_t question = target.find('?');
  const std::string path = target.substr(target.find('/'), question - target.find('/'));
  std::map<std::string, std::string> query;
  if (question != std::string::npos) {
    std::istringstream pairs(target.substr(question + 1));
    for (std::string pair; std::getline(pairs, pair, '&');) {
      const size_t equals = pair.find('=');
      query[pair.substr(0, equals)] = UrlDecode(pair.substr(equals + 1), false);
    }
  }
  Request kind = Request::kAppend;
  if (path.ends_with("/hostname")) {
    kind = Request::kHostname;
  } else if (path.ends_with("/oauth/token")) {
    kind = Request::kToken;
  } else if (request.method == "PUT") {
    kind = Request::kOpen;
  } else if (request.method == "DELETE") {
    kind = Request::kDrop;
  } else if (path.ends_with(":bulk-channel-status")) {
    kind = Request::kStatus;
  } else if (path.find("/tables/") != std::string::npos ||
             path.find("/channels/ELASTIC/") != std::string::npos) {
    kind = Request::kElastic;
  }
  absl::MutexLock lock(&mutex_);
  ++requests_[kind];
  const Fault fault = script_ == nullptr ? Fault{} : script_(kind);
  if (fault.status != 0) return HttpResponse{.status = fault.status, .body = fault.body};
  if (fault.no_response && !fault.has_effect) return absl::UnavailableError("no response");
  HttpResponse response = Answer(kind, path, query, request);
  if (fault.twice) response = Answer(kind, path, query, request);
  if (fault.no_response) return absl::UnavailableError("the response was lost");
  return response;
}

HttpResponse FakeStreaming::Answer(Request kind, const std::string& path,
                                   const std::map<std::string, std::string>& query,
                                   const HttpRequest& request) {
  if (kind == Request::kHostname) return {.status = 200, .body = "acct.ingest.example.com"};
  if (kind == Request::kToken) {
    if (request.body.find("scope=acct.ingest.example.com") == std::string_view::npos) {
      return Problem("the scope is not the ingest host");
    }
    return {.status = 200, .body = kToken};
  }
  if (HeaderOf(request, "Authorization") != StrCat("Bearer ", kToken)) {
    return Refuse(401, "390303");
  }
  if (request.url.find("//acct.ingest.example.com/") == std::string::npos) {
    return Problem("not the ingest host");
  }
  switch (kind) {
    case Request::kOpen:
      return Open(ChannelIn(path), std::string(request.body));
    case Request::kAppend:
      return AppendRows(ChannelIn(path), query, request);
    case Request::kElastic: {
      if (query.contains("continuationToken") || query.contains("endOffsetToken")) {
        return Problem("an elastic append with a token");
      }
      for (const std::string& row : ReadRows(request)) {
        ++rows_[Json::parse(row).value("INSERT_ID", "")];
      }
      return Respond(200, {{"message", "OK"}});
    }
    case Request::kDrop: {
      const auto found = channels_.find(ChannelIn(path));
      if (found == channels_.end()) {
        return Refuse(404, "ERR_CHANNEL_DOES_NOT_EXIST_OR_NOT_AUTHORIZED");
      }
      const Json options = Json::parse(request.body, nullptr, false);
      if (options.value("fail_on_uncommitted_rows", false) && !found->second.pending.empty()) {
        return Refuse(409, "ERR_CHANNEL_HAS_UNCOMMITTED_DATA");
      }
      channels_.erase(found);
      return Respond(200, Json::object());
    }
    default:
      break;
  }
  Json statuses = Json::object();
  const Json names = Json::parse(request.body);
  for (const auto& name : names["channel_names"]) {
    const auto found = channels_.find(name.get<std::string>());
    if (found == channels_.end()) continue;
    Commit(found->second, 1);
    statuses[found->first] = {{"channel_status_code", found->second.code},
                              {"last_committed_offset_token", found->second.token},
                              {"rows_errors", found->second.errors},
                              {"last_error_message", found->second.errors > 0 ? "broken row" : ""}};
  }
  return Respond(200, {{"channel_statuses", statuses}});
}

HttpResponse FakeStreaming::Open(const std::string& name, const std::string& body) {
  const Json options = Json::parse(body, nullptr, false);
  Channel& channel = channels_[name];
  Commit(channel, 1);
  if (options.value("fail_on_uncommitted_rows", false) && !channel.pending.empty()) {
    return Refuse(409, "ERR_CHANNEL_HAS_UNCOMMITTED_DATA");
  }
  channel.pending.clear();
  channel.code = "SUCCESS";
  ++channel.client;
  channel.row = 0;
  if (options.contains("offset_token")) channel.token = options["offset_token"];
  Json token = channel.token.empty() ? Json() : Json(channel.token);
  return Respond(200, {{"next_continuation_token", StrCat(channel.client, "_", channel.row)},
                       {"channel_status",
                        {{"channel_status_code", channel.code},
                         {"last_committed_offset_token", token},
                         {"rows_error_count", channel.errors}}}});
}

HttpResponse FakeStreaming::AppendRows(const std::string& name,
                                       const std::map<std::string, std::string>& query,
                                       const HttpRequest& request) {
  if (request.body.size() > kMaxBody) return Refuse(413, "PAYLOAD_TOO_LARGE");
  const auto found = channels_.find(name);
  if (found == channels_.end()) return Refuse(404, "ERR_CHANNEL_DOES_NOT_EXIST_OR_NOT_AUTHORIZED");
  Channel& channel = found->second;
  const auto continuation = query.find("continuationToken");
  if (continuation == query.end() ||
      continuation->second != StrCat(channel.client, "_", channel.row)) {
    return Refuse(400, "STALE_CONTINUATION_TOKEN_SEQUENCER");
  }
  std::vector<std::string> rows = ReadRows(request);
  if (rows.empty()) return Problem("an append without rows");
  const auto token = query.find("endOffsetToken");
  if (token == query.end()) return Problem("an append without an offset token");
  channel.pending.push_back({token->second, std::move(rows), 0});
  ++channel.row;
  Commit(channel, 0);
  return Respond(200, {{"next_continuation_token", StrCat(channel.client, "_", channel.row)}});
}

std::vector<std::string> FakeStreaming::ReadRows(const HttpRequest& request) {
  std::vector<std::string> rows;
  if (HeaderOf(request, "Content-Type") != "application/x-ndjson" ||
      HeaderOf(request, "Content-Encoding") != "zstd") {
    problems_.push_back("a body that is not NDJSON in zstd");
    return rows;
  }
  const std::string text = Inflate(request.body);
  if (HeaderOf(request, "x-snowflake-uncompressed-content-length") != StrCat(text.size())) {
    problems_.push_back("the wrong size of the rows");
  }
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!Json::accept(line)) problems_.push_back("a row that is not JSON");
    rows.push_back(std::move(line));
  }
  return rows;
}

void FakeStreaming::Commit(Channel& channel, int age) {
  for (Append& append : channel.pending) append.age += age;
  while (!channel.pending.empty() && channel.pending.front().age >= commit_after_) {
    for (const std::string& row : channel.pending.front().rows) {
      if (!broken_.empty() && row.find(broken_) != std::string::npos) {
        ++channel.errors;
      } else {
        ++rows_[Json::parse(row).value("INSERT_ID", "")];
      }
    }
    channel.token = channel.pending.front().token;
    channel.pending.pop_front();
  }
}

}  // namespace millrace::snowflake
