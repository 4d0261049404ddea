// A process that loads into a table by jobs of FakeJobs.
#ifndef MILLRACE_CONNECTORS_BIGQUERY_TESTING_LOAD_PROCESS_H_
#define MILLRACE_CONNECTORS_BIGQUERY_TESTING_LOAD_PROCESS_H_

#include <stop_token>

#include "auth/google_credentials.h"
#include "base/clock.h"
#include "connectors/bigquery/load_jobs.h"
#include "connectors/bigquery/rest_client.h"
#include "connectors/bigquery/table_spec.h"
#include "connectors/bigquery/testing/fake_jobs.h"

namespace millrace::bigquery {

// `jobs` outlives it.
struct LoadProcess {
  explicit LoadProcess(FakeJobs& jobs, absl::Status prepared = absl::OkStatus())
      : rest("http://fake", NoGoogleCredentials(), jobs.NewClient()),
        loader({.rest = rest,
                .spec = spec,
                .table = "events",
                .prepare = [prepared](std::stop_token) { return prepared; },
                .clock = clock}) {}

  const TableSpec spec = *TableSpec::Parse("bigquery://p/d");
  FakeClock clock;
  RestClient rest;
  LoadJobs loader;
};

}  // namespace millrace::bigquery

#endif  // MILLRACE_CONNECTORS_BIGQUERY_TESTING_LOAD_PROCESS_H_
