#include "connectors/bigquery/query.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/percent_encoding.h"
#include "base/printable.h"
#include "base/status.h"
#include "base/strings.h"

namespace millrace::bigquery {
namespace {

using nlohmann::json;

constexpr int kPageRows = 10'000;
constexpr int kWaitMs = 10'000;  // of one request, for the end of the query
constexpr size_t kMaxExplanation = 500;

const json& Member(const json& object, const char* name) {
  static const json kNull;
  if (!object.is_object()) return kNull;
  const auto found = object.find(name);
  return found == object.end() ? kNull : *found;
}

std::string TextOf(const json& object, const char* name) {
  const json& member = Member(object, name);
  return member.is_string() ? member.get<std::string>() : "";
}

absl::Status NoResult() { return absl::UnavailableError("the response is no result of the query"); }

// {"f": [{"v": "text"}, {"v": null}]}
absl::StatusOr<QueryRow> RowOf(const json& row, size_t columns) {
  const json& cells = Member(row, "f");
  if (!cells.is_array() || cells.size() != columns) return NoResult();
  QueryRow texts;
  for (const json& cell : cells) {
    const json& value = Member(cell, "v");
    if (!value.is_string() && !value.is_null()) return NoResult();
    texts.push_back(value.is_null() ? std::nullopt
                                    : std::optional<std::string>(value.get<std::string>()));
  }
  return texts;
}

// Of a response whose query has ended.
absl::StatusOr<std::vector<QueryRow>> RowsOf(const json& response, size_t columns) {
  const json& errors = Member(response, "errors");
  const json& fields = Member(Member(response, "schema"), "fields");
  if (errors.is_array() && !errors.empty() && (!fields.is_array() || fields.empty())) {
    return absl::FailedPreconditionError(
        StrCat("the query failed: ", Printable(Shorten(TextOf(errors[0], "message"),  //
                                                       kMaxExplanation))));
  }
  std::vector<QueryRow> rows;
  const json& list = Member(response, "rows");
  if (list.is_null()) return rows;
  if (!list.is_array()) return NoResult();
  for (const json& row : list) {
    ASSIGN_OR_RETURN(QueryRow cells, RowOf(row, columns));
    rows.push_back(std::move(cells));
  }
  return rows;
}

}  // namespace

absl::Status RunQuery(RestClient& rest, const std::string& project, std::string_view sql,
                      size_t columns,
                      const std::function<absl::Status(const std::vector<QueryRow>& rows)>& on_page,
                      std::stop_token stop) {
  const std::string path = StrCat(UrlEncode(project), "/queries");
  const json request = {{"query", std::string(sql)},
                        {"useLegacySql", false},
                        {"useQueryCache", false},  // what is asked changes
                        {"timeoutMs", kWaitMs},
                        {"maxResults", kPageRows}};
  absl::StatusOr<json> response = rest.Send("POST", path, request.dump(), "", stop);
  RETURN_IF_ERROR(response.status());
  const json reference = Member(*response, "jobReference");
  const std::string location = TextOf(reference, "location");
  const std::string next =
      StrCat(path, "/", UrlEncode(TextOf(reference, "jobId")), "?maxResults=", kPageRows,
             "&timeoutMs=", kWaitMs, location.empty() ? "" : "&location=", UrlEncode(location));
  for (std::string token;;) {
    const json& complete = Member(*response, "jobComplete");
    if (!complete.is_boolean() || TextOf(reference, "jobId").empty()) return NoResult();
    if (complete.get<bool>()) {
      ASSIGN_OR_RETURN(const std::vector<QueryRow> rows, RowsOf(*response, columns));
      if (!rows.empty()) RETURN_IF_ERROR(on_page(rows));
      const std::string before = std::exchange(token, TextOf(*response, "pageToken"));
      if (token.empty()) return absl::OkStatus();
      if (token == before) return NoResult();
    }
    if (stop.stop_requested()) return StopRequested();
    response = rest.Send("GET", StrCat(next, token.empty() ? "" : "&pageToken=", UrlEncode(token)),
                         "", "", stop);
    RETURN_IF_ERROR(response.status());
  }
}

}  // namespace millrace::bigquery
