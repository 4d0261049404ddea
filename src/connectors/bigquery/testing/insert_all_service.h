// insertAll within the test: a service, and a table that it writes to.
#ifndef MILLRACE_CONNECTORS_BIGQUERY_TESTING_INSERT_ALL_SERVICE_H_
#define MILLRACE_CONNECTORS_BIGQUERY_TESTING_INSERT_ALL_SERVICE_H_

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "auth/google_credentials.h"
#include "base/strings.h"
#include "connectors/bigquery/insert_all_sink.h"
#include "net/testing/fake_http_client.h"

namespace millrace::bigquery {

// Takes rows as insertAll does: none of a request with a bad one.
class InsertAllService {
 public:
  std::unique_ptr<HttpClient> NewClient() {
    return std::make_unique<FakeHttpClient>(
        [this](const HttpRequest& request) { return Answer(request); });
  }

  static HttpResponse Error(int status, const std::string& reason, const std::string& message) {
    HttpResponse response;
    response.status = status;
    response.body = nlohmann::json({{"error",
                                     {{"code", status},
                                      {"message", message},
                                      {"errors", {{{"reason", reason}, {"message", message}}}}}}})
                        .dump();
    return response;
  }

  absl::Mutex mutex;
  std::map<std::string, int> ids;  // distinct_id of the rows that were stored
  std::vector<nlohmann::json> requests;
  std::string refusal;
  // The answers to the next requests.
  std::vector<HttpResponse> answers;
  bool answers_have_effect = false;

 private:
  absl::StatusOr<HttpResponse> Answer(const HttpRequest& request) {
    absl::MutexLock lock(&mutex);
    EXPECT_EQ(request.method, "POST");
    EXPECT_EQ(request.url, "http://fake/bigquery/v2/projects/p/datasets/d/tables/events/insertAll");
    EXPECT_LT(request.body.size(), size_t{10} << 20);
    requests.push_back(nlohmann::json::parse(request.body));
    if (!refusal.empty()) return Error(400, "invalid", refusal);
    if (answers.empty()) return Store(requests.back());
    if (answers_have_effect) (void)Store(requests.back());
    HttpResponse answer = std::move(answers.front());
    answers.erase(answers.begin());
    return answer;
  }

  HttpResponse Store(const nlohmann::json& request) {
    const nlohmann::json& rows = request["rows"];
    EXPECT_LE(rows.size(), 500u);
    EXPECT_EQ(request["skipInvalidRows"], false);
    nlohmann::json errors = nlohmann::json::array();
    for (size_t i = 0; i < rows.size(); ++i) {
      const bool is_bad = IsBad(rows[i]["json"]);
      if (is_bad) {
        errors.push_back({{"index", i},
                          {"errors",
                           {{{"reason", "invalid"},
                             {"location", "distinct_id"},
                             {"message", "that user is bad"}}}}});
      }
    }
    HttpResponse response;
    response.status = 200;
    if (!errors.empty()) {
      for (size_t i = 0; i < rows.size(); ++i) {
        if (IsBad(rows[i]["json"])) continue;
        errors.push_back({{"index", i}, {"errors", {{{"reason", "stopped"}}}}});
      }
      response.body = nlohmann::json({{"insertErrors", errors}}).dump();
      return response;
    }
    for (const nlohmann::json& row : rows) {
      if (insert_ids_.insert(row["insertId"].get<std::string>()).second) {
        ++ids[row["json"]["distinct_id"].get<std::string>()];
      }
    }
    response.body = "{}";
    return response;
  }

  static bool IsBad(const nlohmann::json& row) {
    return row["distinct_id"].get<std::string>().starts_with("bad");
  }

  std::set<std::string> insert_ids_;
};

inline std::string InsertAllEvent(std::string_view user) {
  return StrCat(R"({"event":"e","properties":{"time":1796008365.5,"distinct_id":")", user,
                R"(","n":9007199254740993,"list":[1,"\""]}})");
}

struct InsertAllTable {
  std::unique_ptr<Sink> NewSink() {
    return NewInsertAllSink({.rest = std::make_unique<RestClient>(
                                 "http://fake", NoGoogleCredentials(), service.NewClient()),
                             .path = "p/datasets/d/tables/events",
                             .form = form,
                             .table = table,
                             .traffic = traffic,
                             .clock = clock});
  }

  InsertAllService service;
  FakeClock clock;
  Traffic traffic;
  const TableForm form = *TableForm::Make(RecordType::kEvent, {"n:integer"});
  int prepared = 0;
  bool is_changed = false;
  PreparedTable table{[this](std::stop_token) -> absl::StatusOr<bool> {
                        ++prepared;
                        return is_changed;
                      },
                      clock};
};

}  // namespace millrace::bigquery

#endif  // MILLRACE_CONNECTORS_BIGQUERY_TESTING_INSERT_ALL_SERVICE_H_
