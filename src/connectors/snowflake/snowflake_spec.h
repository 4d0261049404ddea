// What a --to of Snowflake says: the account, the tables, and how rows get in.
#ifndef MILLRACE_CONNECTORS_SNOWFLAKE_SNOWFLAKE_SPEC_H_
#define MILLRACE_CONNECTORS_SNOWFLAKE_SNOWFLAKE_SPEC_H_

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/environment.h"
#include "base/record_type.h"
#include "loads/load_bucket.h"

namespace millrace::snowflake {

// How rows get in.
enum class Method {
  kStreaming,  // Snowpipe Streaming, named channels
  kElastic,    // Snowpipe Streaming, elastic channels
  kSql,        // INSERT through the SQL API
  kCopy,       // COPY INTO from files in a bucket
};

// "streaming", "elastic", "sql", "copy".
std::string_view NameOf(Method method);

struct SnowflakeSpec {
  // As written, in lower case: "myorg-account", or an account locator, "xy12345.us-east-1".
  std::string account;
  std::string url;  // "https://myorg-account.snowflakecomputing.com", without a '/' at the end

  // Identifiers as Snowflake stores them (FoldName()); quote them in SQL.
  std::string database;
  std::string schema;
  std::map<RecordType, std::string> tables;  // those that the DEST names, or all three
  std::string user;                          // in upper case; empty: a token says who it is
  std::string role;                          // empty: the user's default, as for the warehouse
  std::string warehouse;

  std::vector<std::string> extra_columns;  // as TableForm::Make() takes them
  bool add_columns = false;
  bool views = true;  // which Create() makes

  std::optional<Method> method;             // nullopt: not named
  std::optional<loads::LoadBucket> bucket;  // where files are staged
  absl::Duration age = absl::Minutes(1);    // of what is staged, when it is committed
  std::string stage;                        // folded; an external stage that is at `bucket`
  std::string storage_integration;          // folded; for COPY without a stage
  std::string pipe;  // the pipe of a table is <pipe>_<table>; empty: its default

  // Parses "snowflake://ACCOUNT/DATABASE/SCHEMA?user=U&table=T...". User, role, warehouse and host
  // that it lacks are SNOWFLAKE_USER, SNOWFLAKE_ROLE, SNOWFLAKE_WAREHOUSE and SNOWFLAKE_HOST.
  // InvalidArgument says what is wrong.
  static absl::StatusOr<SnowflakeSpec> Parse(std::string_view uri, const Environment& environment);

  // "snowflake://account/DATABASE/SCHEMA"; no secret.
  std::string name() const;
  // The name in ledgers, whatever user, role and method: name() and the table. Parts that hold one
  // of ".,/\"" are quoted, so no two tables have the same.
  std::string LedgerName(RecordType type) const;
  // "DATABASE"."SCHEMA"
  std::string QuotedSchema() const;
  // "DATABASE"."SCHEMA"."TABLE"
  std::string QuotedTable(std::string_view table) const;
  // ACCOUNT in the claims of a JSON Web Token: upper case, an account locator without its region.
  std::string AccountClaim() const;
};

}  // namespace millrace::snowflake

#endif  // MILLRACE_CONNECTORS_SNOWFLAKE_SNOWFLAKE_SPEC_H_
