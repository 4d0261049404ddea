// The jobs of BigQuery's REST API, without a network: ids are used once, in one location, and a
// load appends all of its files or none.
#ifndef MILLRACE_CONNECTORS_BIGQUERY_TESTING_FAKE_JOBS_H_
#define MILLRACE_CONNECTORS_BIGQUERY_TESTING_FAKE_JOBS_H_

#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "net/testing/fake_http_client.h"

namespace millrace::bigquery {

class FakeJobs {
 public:
  struct Error {
    int status = 0;  // 0: the connection breaks
    std::string reason;
  };

  std::unique_ptr<HttpClient> NewClient() {
    return std::make_unique<FakeHttpClient>(
        [this](const HttpRequest& request) { return Answer(request); });
  }

  // The next request to create a job fails, before or after it has an effect.
  void FailNextInsert(Error error, bool with_effect) {
    insert_error_ = std::move(error);
    insert_with_effect_ = with_effect;
    has_insert_error_ = true;
  }
  // The next one gets no answer and arrives when DeliverLate() is called.
  void DelayNextInsert() { delays_insert_ = true; }
  void DeliverLate() {
    if (late_) std::exchange(late_, nullptr)();
  }
  // The next jobs fail for these reasons, one after another.
  std::vector<std::string> failures;
  int polls_until_done = 0;  // of each job

  std::string location = "EU";
  bool has_dataset = true;
  bool has_table = true;
  std::function<bool(const std::string& uri)> can_read = [](const std::string&) { return true; };
  // What a file has; called when a job loads it.
  std::function<uint64_t(const std::string& uri)> load = [](const std::string&) { return 1; };
  std::vector<nlohmann::json> created;  // jobs, in order

 private:
  struct Job {
    nlohmann::json resource;
    int polls_left = 0;
  };

  static HttpResponse Json(int status, const nlohmann::json& body) {
    HttpResponse response;
    response.status = status;
    response.body = body.dump();
    return response;
  }
  static absl::StatusOr<HttpResponse> Fail(const Error& error) {
    if (error.status == 0) return absl::UnavailableError("the connection was closed");
    return Json(error.status, {{"error",
                                {{"code", error.status},
                                 {"message", "fake"},
                                 {"errors", {{{"reason", error.reason}}}}}}});
  }

  absl::StatusOr<HttpResponse> Answer(const HttpRequest& request) {
    const std::string prefix = "http://fake/bigquery/v2/projects/p/";
    if (!request.url.starts_with(prefix)) return Fail({404, "notFound"});
    const std::string path = request.url.substr(prefix.size());
    if (request.method == "GET" && path == "datasets/d") {
      if (!has_dataset) return Fail({404, "notFound"});
      return Json(200, {{"location", location}});
    }
    if (request.method == "GET" && path.starts_with("jobs/")) return Get(path.substr(5));
    if (request.method == "POST" && path == "jobs") return Insert(std::string(request.body));
    return Fail({404, "notFound"});
  }

  absl::StatusOr<HttpResponse> Get(const std::string& path) {
    const auto job = jobs_.find(path);
    if (job == jobs_.end()) return Fail({404, "notFound"});
    if (job->second.polls_left-- > 0) {
      nlohmann::json running = job->second.resource;
      running["status"] = {{"state", "RUNNING"}};
      return Json(200, running);
    }
    return Json(200, job->second.resource);
  }

  absl::StatusOr<HttpResponse> Insert(const std::string& body) {
    if (std::exchange(delays_insert_, false)) {
      late_ = [this, body] { Create(body).IgnoreError(); };
      return absl::UnavailableError("no answer");
    }
    if (!std::exchange(has_insert_error_, false)) return Create(body);
    if (insert_with_effect_) Create(body).IgnoreError();
    return Fail(insert_error_);
  }

  struct Created : absl::StatusOr<HttpResponse> {
    using absl::StatusOr<HttpResponse>::StatusOr;
    void IgnoreError() const { (void)ok(); }
  };
  Created Create(const std::string& body) {
    nlohmann::json job = nlohmann::json::parse(body);
    const nlohmann::json reference = job["jobReference"];
    const std::string name = StrCat(reference["jobId"].get<std::string>(),
                                    "?location=", reference["location"].get<std::string>());
    if (jobs_.contains(name)) return Created(*Fail({409, "duplicate"}));
    created.push_back(job);
    job["status"] = {{"state", "DONE"}};
    if (job["configuration"].contains("load")) Run(job);
    jobs_[name] = {job, polls_until_done};
    return Created(Json(200, job));
  }

  void Run(nlohmann::json& job) {
    const auto fail = [&](const std::string& reason, const std::string& message) {
      job["status"]["errorResult"] = {{"reason", reason}, {"message", message}};
      job["status"]["errors"] = {{{"reason", reason}, {"message", "row 7: no such field: x"}}};
    };
    if (!failures.empty()) {
      const std::string reason = failures.front();
      failures.erase(failures.begin());
      return fail(reason, "fake");
    }
    if (!has_table || job["jobReference"]["location"] != location) {
      return fail("notFound", "Not found: Table p:d.events");
    }
    uint64_t rows = 0;
    const nlohmann::json& uris = job["configuration"]["load"]["sourceUris"];
    for (const nlohmann::json& uri : uris) {
      if (!can_read(uri.get<std::string>())) return fail("notFound", "Not found: URI");
    }
    for (const nlohmann::json& uri : uris) rows += load(uri.get<std::string>());
    job["statistics"]["load"]["outputRows"] = StrCat(rows);
  }

  std::map<std::string, Job> jobs_;  // by id and location
  Error insert_error_;
  bool has_insert_error_ = false;
  bool insert_with_effect_ = false;
  bool delays_insert_ = false;
  std::function<void()> late_;
};

}  // namespace millrace::bigquery

#endif  // MILLRACE_CONNECTORS_BIGQUERY_TESTING_FAKE_JOBS_H_
