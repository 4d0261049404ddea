// What a --to of Redshift says: how the warehouse is reached, and which tables.
#ifndef MILLRACE_CONNECTORS_REDSHIFT_REDSHIFT_SPEC_H_
#define MILLRACE_CONNECTORS_REDSHIFT_REDSHIFT_SPEC_H_

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/record_type.h"
#include "base/uri_query.h"
#include "postgres_client/connection.h"

namespace millrace::redshift {

// How rows get into the tables.
enum class Method { kInsert, kCopy };
std::string_view NameOf(Method method);  // as in method=

// What is left of the options of a connection, as libpq takes them: "?name=value&...". Always with
// sslmode=, "require" if the DEST has none or an empty one; without an empty sslrootcert=.
std::string LibpqOptions(UriQuery& query);

// Lower case letters, digits and hyphens: it becomes a part of a host's name.
bool IsRegion(std::string_view region);

struct RedshiftSpec {
  // One of the three is set. The first two are reached by the Data API, the last one by libpq.
  std::string workgroup;  // of Redshift Serverless
  std::string cluster;    // that is provisioned
  std::optional<postgres::Address> address;
  std::string host;  // of `address`, with its port

  std::string cluster_user;  // whom the Data API signs in to a cluster; empty: by the AWS identity
  std::string secret_arn;    // of Secrets Manager, in place of temporary credentials; empty: none
  std::string region;        // empty: that of the AWS settings
  std::string database;
  std::string schema = "public";
  std::string
      create_from;  // the database from which Create() makes a missing one; empty: it does not
  // The name of the table for each type of record that is taken: those the DEST names, or all
  // three. In lower case, as all names in Redshift.
  std::map<RecordType, std::string> tables;
  std::vector<std::string> extra_columns;  // as TableForm::Make() takes them
  bool add_columns = false;
  bool views = true;  // Create() makes them
  Method method = Method::kInsert;
  std::string iam_role = "default";  // with which COPY reads the bucket: an ARN

  bool uses_data_api() const { return !address.has_value(); }

  // "redshift://WORKGROUP/DATABASE/SCHEMA?table=T&..."; a cluster with cluster_user=U or
  // cluster=true; libpq with a port, "redshift://USER@HOST:5439/DATABASE/SCHEMA". The parameters of
  // a bucket must have been taken out; `has_bucket`: there was one. Parameters that are not ours
  // are libpq's. InvalidArgument: it cannot be read, has a password, a name is none that Redshift
  // has, two types have one table, or columns do not go together.
  static absl::StatusOr<RedshiftSpec> Parse(UriQuery query, bool has_bucket);

  // "redshift://workgroup/database/schema", with the tables if they are not the usual ones. A
  // cluster is "redshift://cluster:NAME/...".
  std::string Label() const;
  // LedgerKey::destination of records of `type`. The AWS account is not part of it.
  std::string LedgerName(RecordType type) const;
};

}  // namespace millrace::redshift

#endif  // MILLRACE_CONNECTORS_REDSHIFT_REDSHIFT_SPEC_H_
