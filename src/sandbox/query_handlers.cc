#include "sandbox/query_handlers.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/time/civil_time.h"
#include "base/json_parse.h"
#include "base/json_writer.h"
#include "base/status.h"
#include "base/strings.h"
#include "io/gzip_stream.h"
#include "net/server_response.h"
#include "sandbox/export_stream.h"
#include "sandbox/limits.h"
#include "sdk/body_decoder.h"

namespace millrace::sandbox {
namespace {

constexpr char kSessionPrefix[] = "sandbox-";

absl::StatusOr<std::vector<std::string>> ParseNames(std::string_view json, std::string_view name) {
  const std::optional<nlohmann::json> parsed = ParseJson(json);
  const auto is_text = [](const auto& item) { return item.is_string(); };
  if (!parsed || !parsed->is_array() || !std::all_of(parsed->begin(), parsed->end(), is_text)) {
    return absl::InvalidArgumentError(StrCat(name, " must be a JSON array of strings"));
  }
  return parsed->get<std::vector<std::string>>();
}

absl::StatusOr<absl::CivilDay> ParseDay(const sdk::Params& params, std::string_view name) {
  absl::CivilDay day;
  if (!absl::ParseCivilTime(ToAbsl(params.Get(name)), &day)) {
    return absl::InvalidArgumentError(StrCat(name, " must be a date, yyyy-mm-dd"));
  }
  return day;
}

int64_t ToMs(absl::CivilDay day) {
  return absl::ToUnixMillis(absl::FromCivil(day, absl::UTCTimeZone()));
}

absl::StatusOr<ExportStream::Options> ParseExport(const sdk::Params& params, absl::Time now) {
  ExportStream::Options options;
  if (!params.Get("where").empty()) {
    return absl::InvalidArgumentError("the sandbox does not evaluate where expressions");
  }
  ASSIGN_OR_RETURN(const absl::CivilDay from, ParseDay(params, "from_date"));
  ASSIGN_OR_RETURN(const absl::CivilDay to, ParseDay(params, "to_date"));
  if (to > absl::ToCivilDay(now, absl::UTCTimeZone())) {
    return absl::InvalidArgumentError("to_date cannot be later than today");
  }
  if (from > to) return absl::InvalidArgumentError("from_date cannot be later than to_date");
  options.filter.from_ms = ToMs(from);
  options.filter.to_ms = ToMs(to + 1);
  if (!params.Get("event").empty()) {
    ASSIGN_OR_RETURN(options.filter.names, ParseNames(params.Get("event"), "event"));
  }
  options.time_in_ms = params.Flag("time_in_ms");
  if (!params.Get("limit").empty()) {
    if (!absl::SimpleAtoi(ToAbsl(params.Get("limit")), &options.limit) || options.limit == 0 ||
        options.limit > kMaxExportEvents) {
      return absl::InvalidArgumentError(
          StrCat("limit must be a number from 1 to ", kMaxExportEvents));
    }
  }
  return options;
}

bool AcceptsGzip(std::string_view accept_encoding) {
  return accept_encoding.find("gzip") != std::string_view::npos &&
         accept_encoding.find("gzip;q=0") == std::string_view::npos;
}

// The stream after its first piece, which was needed to choose the response's encoding.
using NextPiece = std::function<absl::Status(std::string*)>;

NextPiece PlainPieces(std::shared_ptr<ExportStream> stream, std::string first) {
  return [stream, first = std::move(first), begun = false](std::string* piece) mutable {
    if (std::exchange(begun, true)) return stream->Next(piece);
    *piece = std::move(first);
    return absl::OkStatus();
  };
}

NextPiece GzipPieces(std::shared_ptr<ExportStream> stream, std::string first) {
  auto gzip = std::make_shared<GzipStream>();
  return [stream, gzip, plain = std::move(first), done = false](std::string* piece) mutable {
    while (piece->empty() && !done) {
      done = plain.empty();
      if (done) {
        gzip->Finish(piece);
      } else {
        gzip->Write(plain, piece);
        plain.clear();
        if (absl::Status status = stream->Next(&plain); !status.ok()) return status;
      }
    }
    return absl::OkStatus();
  };
}

struct EngageQuery {
  ProfileKey key;
  std::optional<std::vector<std::string>> ids;
  std::string output_properties;
  uint64_t page = 0;
};

// The group key for `id`: a key, or the number of one.
absl::StatusOr<std::string> GroupKeyOf(ProfileStore& profiles, std::string_view id) {
  ASSIGN_OR_RETURN(const std::vector<std::string> keys, profiles.GroupKeys());
  for (const std::string& key : keys) {
    if (id == key) return key;
  }
  for (const std::string& key : keys) {
    if (id == StrCat(DataGroupId(key))) return key;
  }
  return std::string(id);
}

absl::StatusOr<EngageQuery> ParseEngageQuery(ProfileStore& profiles, const sdk::Params& params) {
  for (const std::string_view name : {"where", "behaviors", "filter_by_cohort"}) {
    if (!params.Get(name).empty()) {
      return absl::InvalidArgumentError(StrCat("the sandbox does not evaluate ", name));
    }
  }
  EngageQuery query;
  if (const std::string_view group = params.Get("data_group_id"); !group.empty()) {
    query.key.kind = ProfileKind::kGroup;
    ASSIGN_OR_RETURN(query.key.group_key, GroupKeyOf(profiles, group));
  }
  if (params.Has("distinct_ids")) {
    ASSIGN_OR_RETURN(query.ids, ParseNames(params.Get("distinct_ids"), "distinct_ids"));
  } else if (params.Has("distinct_id")) {
    query.ids.emplace({std::string(params.Get("distinct_id"))});
  }
  query.output_properties = params.Get("output_properties");
  if (const std::string_view page = params.Get("page"); !page.empty()) {
    if (!absl::SimpleAtoi(ToAbsl(page), &query.page)) {
      return absl::InvalidArgumentError("page must be a number");
    }
    if (query.page > 0 && !params.Get("session_id").starts_with(kSessionPrefix)) {
      return absl::InvalidArgumentError("session_id is required for pages after the first");
    }
  }
  return query;
}

bool Wanted(const EngageQuery& query, std::string_view id) {
  return !query.ids || std::find(query.ids->begin(), query.ids->end(), id) != query.ids->end();
}

// Appends the page's results to `out`; returns how many profiles there are on all pages.
absl::StatusOr<uint64_t> AppendResults(ProfileStore& profiles, const EngageQuery& query,
                                       std::string* out) {
  const uint64_t first = query.page * kEngagePageSize;
  uint64_t total = 0;
  absl::Status bad;
  RETURN_IF_ERROR(profiles.Read(query.key, [&](std::string_view id, std::string_view properties) {
    if (!Wanted(query, id)) return true;
    const uint64_t at = total++;
    if (at < first || at >= first + kEngagePageSize) return true;
    StrAppend(out, at == first ? "" : ",", "{\"$distinct_id\":");
    AppendJsonString(*out, id);
    out->append(",\"$properties\":");
    if (query.output_properties.empty()) {
      out->append(properties);
    } else {
      absl::StatusOr<std::string> selected = SelectProperties(properties, query.output_properties);
      bad = selected.status();
      if (!bad.ok()) return false;
      out->append(*selected);
    }
    out->push_back('}');
    return true;
  }));
  if (!bad.ok()) return bad;
  return total;
}

ServerResponse PlainError(int status, std::string_view text) {
  ServerResponse reply;
  reply.status = status;
  reply.content_type = "text/plain; charset=utf-8";
  reply.body = text;
  return reply;
}

ServerResponse QueryError(const absl::Status& status) {
  ServerResponse reply;
  reply.status = absl::IsInvalidArgument(status) ? 400 : 500;
  reply.body = "{\"error\":";
  AppendJsonString(reply.body, ToStd(status.message()));
  reply.body += ",\"status\":\"error\"}";
  return reply;
}

// The parameters of a form, or of a JSON object, whose values other than strings count as their
// JSON text.
absl::Status AddBody(std::string_view body, sdk::Params& params) {
  if (!TrimBlanks(body).starts_with('{')) {
    params.AddForm(body);
    return absl::OkStatus();
  }
  const std::optional<nlohmann::json> json = ParseJson(body);
  if (!json || !json->is_object()) {
    return absl::InvalidArgumentError("the body is neither a form nor a JSON object");
  }
  for (const auto& [name, value] : json->items()) {
    if (value.is_null()) continue;
    params.Add(name, value.is_string()
                         ? value.get<std::string>()
                         : value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  }
  return absl::OkStatus();
}

}  // namespace

ServerResponse HandleExport(Context& context, const ServerRequest& request) {
  sdk::Params params;
  params.AddForm(request.query);
  if (!IsAuthorized(context.access, request.header("authorization"), params.Get("project_id"),
                    params.Get("api_key"))) {
    return ErrorResponse(401, "Invalid credentials");
  }
  absl::StatusOr<ExportStream::Options> options = ParseExport(params, context.clock.Now());
  if (!options.ok()) return PlainError(400, ToStd(options.status().message()));
  auto stream = std::make_shared<ExportStream>(*context.events, *std::move(options));
  std::string first;
  if (const absl::Status status = stream->Next(&first); !status.ok()) {
    return PlainError(500, ToStd(status.message()));
  }
  ServerResponse reply;
  reply.content_type = "text/plain; charset=utf-8";
  reply.headers.emplace_back("Vary", "Accept-Encoding");
  if (first.size() <= kGzipFromBytes) {
    reply.body = std::move(first);
  } else if (AcceptsGzip(request.header("accept-encoding"))) {
    reply.headers.emplace_back("Content-Encoding", "gzip");
    reply.next_piece = GzipPieces(std::move(stream), std::move(first));
  } else {
    reply.next_piece = PlainPieces(std::move(stream), std::move(first));
  }
  return reply;
}

ServerResponse HandleEngageQuery(Context& context, const ServerRequest& request) {
  sdk::Params params;
  params.AddForm(request.query);
  if (const absl::Status status = AddBody(request.body, params); !status.ok()) {
    return QueryError(status);
  }
  if (!IsAuthorized(context.access, request.header("authorization"), params.Get("project_id"),
                    params.Get("api_key"))) {
    return ErrorResponse(401, "Invalid credentials");
  }
  const absl::StatusOr<EngageQuery> query = ParseEngageQuery(*context.profiles, params);
  if (!query.ok()) return QueryError(query.status());
  std::string results;
  const absl::StatusOr<uint64_t> total = AppendResults(*context.profiles, *query, &results);
  if (!total.ok()) return QueryError(total.status());
  std::string session(params.Get("session_id"));
  if (query->page == 0) session = StrCat(kSessionPrefix, ++context.sessions);
  ServerResponse reply;
  reply.body = StrCat("{\"page\":", query->page, ",\"page_size\":", kEngagePageSize,
                      ",\"results\":[", results, "],\"session_id\":");
  AppendJsonString(reply.body, session);
  StrAppend(&reply.body, ",\"status\":\"ok\",\"total\":", *total, "}");
  return reply;
}

}  // namespace millrace::sandbox
