// Snapshots of profiles in a table with one row for each profile, by change data capture.
#ifndef MILLRACE_CONNECTORS_BIGQUERY_PROFILE_UPSERTS_H_
#define MILLRACE_CONNECTORS_BIGQUERY_PROFILE_UPSERTS_H_

#include <memory>

#include "base/clock.h"
#include "connectors/bigquery/connection.h"
#include "connectors/bigquery/prepared_table.h"
#include "connectors/bigquery/rest_client.h"
#include "connectors/bigquery/table_spec.h"
#include "connectors/bigquery/target_table.h"
#include "connectors/bigquery/write_streams.h"
#include "pipeline/destination.h"
#include "pipeline/replacement.h"
#include "pipeline/sink.h"
#include "records/table_form.h"

namespace millrace::bigquery {

// All of it outlives the replacement.
struct UpsertParts {
  const TableSpec& spec;  // which upserts
  const TableForm& form;  // of users or groups
  RestClient& rest;
  TargetTable& target;
  PreparedTable& table;
  Connection& connection;
  const WriteStreams& streams;
  Traffic& traffic;
  Clock& clock;
};

// Replaces all profiles, one by one: each row that is written is visible at once in place of the
// one with its key, and Publish() deletes those that have no row in the snapshot. At any time a
// profile has one row. Claim() takes a version that is later than all in the table, and BigQuery
// keeps the row of the latest version, so that what earlier writers and attempts still write, or
// delete, changes nothing. FailedPrecondition from Claim(): the table has rows that are no
// snapshot of a profile.
std::unique_ptr<Replacement> NewProfileUpserts(const UpsertParts& parts);

// Of runs that append, where profiles are upserted: its writes stop the run.
std::unique_ptr<Sink> NewNoAppendSink();

}  // namespace millrace::bigquery

#endif  // MILLRACE_CONNECTORS_BIGQUERY_PROFILE_UPSERTS_H_
