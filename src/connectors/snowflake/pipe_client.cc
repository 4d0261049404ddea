#include "connectors/snowflake/pipe_client.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/json_parse.h"
#include "base/percent_encoding.h"
#include "base/printable.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/utf8.h"
#include "connectors/snowflake/request_id.h"
#include "connectors/snowflake/sql_text.h"

namespace millrace::snowflake {
namespace {

using Json = nlohmann::json;

constexpr size_t kMaxMessage = 1000;
// A status has about 1 kB for each channel.
constexpr size_t kMaxResponse = 4 << 20;
constexpr absl::Duration kTimeout = absl::Seconds(60);
constexpr absl::Duration kStopGrace = absl::Seconds(5);

constexpr char kJson[] = "application/json";
constexpr char kNdjson[] = "application/x-ndjson";

// A name in a path: Snowflake reads it as SQL does, in which others than these have to be quoted.
// The pipes that it makes itself, "<TABLE>-STREAMING", are known without quotes.
std::string Segment(std::string_view name) {
  constexpr std::string_view kDefaultPipe = "-STREAMING";
  std::string_view plain = name;
  if (plain.ends_with(kDefaultPipe)) plain.remove_suffix(kDefaultPipe.size());
  const bool is_plain =
      FoldName(plain) == plain && !plain.empty() &&
      plain.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$") == std::string_view::npos;
  return UrlEncode(is_plain ? std::string(name) : QuoteName(name));
}

std::string TextAt(const Json& object, const char* key) {
  const auto member = object.find(key);
  if (member == object.end() || !member->is_string()) return "";
  return member->get<std::string>();
}

// A count is a number or text; 0 if it is absent.
uint64_t CountAt(const Json& object, const char* key) {
  const auto member = object.find(key);
  if (member == object.end()) return 0;
  if (member->is_number_unsigned()) return member->get<uint64_t>();
  if (!member->is_string()) return 0;
  uint64_t count = 0;
  for (const char c : member->get_ref<const std::string&>()) {
    if (c < '0' || c > '9') return 0;
    count = count * 10 + static_cast<uint64_t>(c - '0');
  }
  return count;
}

ChannelStatus ReadStatus(const Json& json) {
  ChannelStatus status;
  if (!json.is_object()) return status;
  status.code = Printable(Shorten(ToValidUtf8(TextAt(json, "channel_status_code")), kMaxMessage));
  status.committed = TextAt(json, "last_committed_offset_token");
  // The answer to an open and the status of many channels have different names for it.
  status.error_rows = std::max(CountAt(json, "rows_error_count"), CountAt(json, "rows_errors"));
  status.error_message =
      Printable(Shorten(ToValidUtf8(TextAt(json, "last_error_message")), kMaxMessage));
  status.error_offset = TextAt(json, "last_error_offset_upper_bound");
  return status;
}

absl::Status Unexpected(std::string_view what) {
  return absl::UnavailableError(
      StrCat("Snowflake's response is not what Snowpipe Streaming gives: ", what));
}

}  // namespace

std::string PipeName::Text() const { return StrCat(database, ".", schema, ".", pipe); }

std::string PipeClient::PipePath() const {
  return StrCat("databases/", Segment(pipe_.database), "/schemas/", Segment(pipe_.schema),
                "/pipes/", Segment(pipe_.pipe));
}

std::string PipeClient::ChannelPath(std::string_view channel) const {
  return StrCat(PipePath(), "/channels/", UrlEncode(channel));
}

absl::StatusOr<std::string> PipeClient::Send(std::string_view method, const std::string& path,
                                             std::string_view content_type, std::string_view body,
                                             size_t uncompressed_bytes,
                                             const std::stop_token& stop) {
  error_ = {};
  retry_after_ = absl::ZeroDuration();
  for (bool is_first = true;; is_first = false) {
    ASSIGN_OR_RETURN(const IngestSession::Access access, session_.Get(stop));
    HttpRequest request{
        .method = std::string(method),
        .url = StrCat(access.url, "/v2/streaming/", path),
        .headers = {{"Authorization", StrCat("Bearer ", access.token.value)},
                    {"X-Snowflake-Authorization-Token-Type", "OAUTH"},
                    {"User-Agent", "millrace/" MILLRACE_VERSION},
                    {"Accept", kJson}},
        .body = body,
        .timeout = kTimeout,
        .stop_grace = kStopGrace,
        .max_response_bytes = kMaxResponse,
    };
    if (!body.empty()) request.headers.emplace_back("Content-Type", content_type);
    if (uncompressed_bytes > 0) {
      request.headers.emplace_back("Content-Encoding", "zstd");
      request.headers.emplace_back("x-snowflake-uncompressed-content-length",
                                   StrCat(uncompressed_bytes));
    }
    traffic_.requests.fetch_add(1, std::memory_order_relaxed);
    traffic_.bytes_sent.fetch_add(body.size(), std::memory_order_relaxed);
    ASSIGN_OR_RETURN(HttpResponse response, http_->Send(request, stop));
    if (response.status / 100 == 2) return std::move(response.body);
    error_ = ParseServerError(response);
    retry_after_ = response.RetryAfter(clock_.Now());
    if (RuleOf(error_).kind == ErrorKind::kSignIn) {
      session_.Forget(access.token);
      if (is_first) continue;
    }
    return Annotate(StatusOf(error_), pipe_.Text());
  }
}

absl::StatusOr<PipeClient::Opened> PipeClient::Open(std::string_view channel, bool discard,
                                                    std::string_view offset_token,
                                                    const std::stop_token& stop) {
  Json body = {{"fail_on_uncommitted_rows", !discard}};
  if (!offset_token.empty()) body["offset_token"] = offset_token;
  ASSIGN_OR_RETURN(const std::string response,
                   Send("PUT", StrCat(ChannelPath(channel), "?requestId=", NewRequestId()), kJson,
                        body.dump(), 0, stop));
  const std::optional<Json> json = ParseJson(response);
  if (!json || !json->is_object()) return Unexpected("the channel that was opened");
  Opened opened{.continuation = TextAt(*json, "next_continuation_token")};
  const auto status = json->find("channel_status");
  if (status != json->end()) opened.status = ReadStatus(*status);
  // A channel of a pipe that is not valid is opened, too, and its rows are lost.
  if (!opened.status.is_valid()) {
    error_ = {.http_status = 200,
              .code = opened.status.code,
              .state = {},
              .message = opened.status.error_message};
    return Annotate(StatusOf(error_), pipe_.Text());
  }
  if (opened.continuation.empty()) return Unexpected("a channel without a continuation token");
  return opened;
}

absl::StatusOr<std::string> PipeClient::Append(std::string_view channel,
                                               std::string_view continuation,
                                               std::string_view offset_token,
                                               const AppendBody& body,
                                               const std::stop_token& stop) {
  const std::string path =
      StrCat("data/", ChannelPath(channel), "/rows?continuationToken=", UrlEncode(continuation),
             "&startOffsetToken=", UrlEncode(offset_token),
             "&endOffsetToken=", UrlEncode(offset_token), "&requestId=", NewRequestId());
  ASSIGN_OR_RETURN(const std::string response,
                   Send("POST", path, kNdjson, body.compressed, body.uncompressed_bytes, stop));
  const std::optional<Json> json = ParseJson(response);
  std::string next = json && json->is_object() ? TextAt(*json, "next_continuation_token") : "";
  if (next.empty()) return Unexpected("an append without the next continuation token");
  return next;
}

absl::StatusOr<std::map<std::string, ChannelStatus>> PipeClient::Statuses(
    const std::vector<std::string>& channels, const std::stop_token& stop) {
  const std::string path = StrCat(PipePath(), ":bulk-channel-status?requestId=", NewRequestId());
  ASSIGN_OR_RETURN(const std::string response,
                   Send("POST", path, kJson, Json({{"channel_names", channels}}).dump(), 0, stop));
  const std::optional<Json> json = ParseJson(response);
  if (!json || !json->is_object()) return Unexpected("the status of channels");
  const auto found = json->find("channel_statuses");
  if (found == json->end() || !found->is_object()) return Unexpected("the status of channels");
  std::map<std::string, ChannelStatus> statuses;
  for (const std::string& channel : channels) {
    if (const auto status = found->find(channel); status != found->end()) {
      statuses[channel] = ReadStatus(*status);
    }
  }
  return statuses;
}

absl::Status PipeClient::Drop(std::string_view channel, bool discard, const std::stop_token& stop) {
  const std::string body = Json({{"fail_on_uncommitted_rows", !discard}}).dump();
  const absl::StatusOr<std::string> response = Send(
      "DELETE", StrCat(ChannelPath(channel), "?requestId=", NewRequestId()), kJson, body, 0, stop);
  if (error_.http_status == 404) return absl::OkStatus();
  return response.status();
}

absl::Status PipeClient::AppendElastic(const std::string& request_id, int retry,
                                       const AppendBody& body, const std::stop_token& stop) {
  const std::string target = pipe_.table.empty()
                                 ? StrCat(PipePath(), "/channels/ELASTIC")
                                 : StrCat("databases/", Segment(pipe_.database), "/schemas/",
                                          Segment(pipe_.schema), "/tables/", Segment(pipe_.table));
  const std::string path =
      StrCat("data/", target, "/rows?requestId=", request_id, "&retryCount=", retry);
  return Send("POST", path, kNdjson, body.compressed, body.uncompressed_bytes, stop).status();
}

}  // namespace millrace::snowflake
