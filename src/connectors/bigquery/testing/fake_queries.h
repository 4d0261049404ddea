// Queries of BigQuery's REST API, without a network, by scripted answers, and the labels of a
// table.
#ifndef MILLRACE_CONNECTORS_BIGQUERY_TESTING_FAKE_QUERIES_H_
#define MILLRACE_CONNECTORS_BIGQUERY_TESTING_FAKE_QUERIES_H_

#include <deque>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/strings.h"
#include "net/testing/fake_http_client.h"

namespace millrace::bigquery {

class FakeQueries {
 public:
  std::unique_ptr<HttpClient> NewClient() {
    return std::make_unique<FakeHttpClient>(
        [this](const HttpRequest& request) -> absl::StatusOr<HttpResponse> {
          if (request.url.find("/tables/") != std::string::npos) return AnswerOfTable(request);
          requests.push_back(StrCat(request.method, " ", request.url, " ", request.body));
          if (answers.empty()) return absl::UnavailableError("no answer");
          HttpResponse answer = answers.front();
          answers.pop_front();
          return answer;
        });
  }

  static HttpResponse Answer(int status, const nlohmann::json& body) {
    HttpResponse response;
    response.status = status;
    response.body = body.dump();
    return response;
  }

  static nlohmann::json Row(const std::vector<const char*>& cells) {
    nlohmann::json row;
    for (const char* cell : cells)
      row["f"].push_back({{"v", cell == nullptr ? nlohmann::json() : nlohmann::json(cell)}});
    return row;
  }

  // Of a query that has ended; empty `token`: there are no more rows.
  static HttpResponse Page(const std::vector<nlohmann::json>& rows, const std::string& token = "") {
    nlohmann::json page = {{"jobReference", {{"jobId", "job 1"}, {"location", "EU"}}},
                           {"jobComplete", true},
                           {"schema", {{"fields", {{{"name", "x"}}}}}},
                           {"rows", rows}};
    if (!token.empty()) page["pageToken"] = token;
    return Answer(200, page);
  }

  nlohmann::json table = {{"etag", "1"}};
  std::deque<HttpResponse> answers;   // to the next queries
  std::vector<std::string> requests;  // "POST url body", of queries

 private:
  HttpResponse AnswerOfTable(const HttpRequest& request) {
    if (request.method == "PATCH") table.merge_patch(nlohmann::json::parse(request.body));
    return Answer(200, table);
  }
};

}  // namespace millrace::bigquery

#endif  // MILLRACE_CONNECTORS_BIGQUERY_TESTING_FAKE_QUERIES_H_
