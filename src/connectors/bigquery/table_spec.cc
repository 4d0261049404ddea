#include "connectors/bigquery/table_spec.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/time/time.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/uri_query.h"
#include "base/utf8.h"
#include "connectors/bigquery/schema_file.h"
#include "io/durable_file.h"
#include "records/table_options.h"

namespace millrace::bigquery {
namespace {

constexpr std::string_view kScheme = "bigquery://";
constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
constexpr size_t kMaxProjectBytes = 100;
constexpr size_t kMaxNameBytes = 1024;
constexpr size_t kMaxColumnBytes = 300;
constexpr size_t kMaxSchemaBytes = 10 << 20;
// Below the number of load jobs that a table may have in a day.
constexpr absl::Duration kMinLoadAge = absl::Minutes(1), kLoadAge = absl::Minutes(2);
constexpr std::pair<std::string_view, Method> kMethods[] = {
    {"storage_write", Method::kStorageWrite},
    {"default_stream", Method::kDefaultStream},
    {"load", Method::kLoad},
    {"insert_all", Method::kInsertAll}};
constexpr absl::Duration kMaxStaleness = absl::Hours(24);
// Prefixes that BigQuery keeps for itself, in any case.
constexpr std::string_view kReserved[] = {
    "_TABLE_",        "_FILE_",       "_PARTITION",        "_ROW_TIMESTAMP",         "__ROOT__",
    "_COLIDENTIFIER", "_CHANGE_TYPE", "_CHANGE_TIMESTAMP", "_CHANGE_SEQUENCE_NUMBER"};

absl::Status Invalid(std::string_view what) {
  return absl::InvalidArgumentError(StrCat("the BigQuery destination: ", what));
}

bool ConsistsOf(std::string_view text, std::string_view more) {
  const std::string allowed = StrCat(kLetters, "0123456789", more);
  return !text.empty() && text.find_first_not_of(allowed) == std::string_view::npos;
}

absl::Status ParsePlace(std::string_view head, TableSpec& spec) {
  constexpr std::string_view kForm = "it should be bigquery://PROJECT/DATASET?table=events";
  if (!head.starts_with(kScheme)) return Invalid(kForm);
  head.remove_prefix(kScheme.size());
  const size_t slash = head.find('/');
  if (slash == std::string_view::npos) return Invalid(kForm);
  spec.project = head.substr(0, slash);
  spec.dataset = head.substr(slash + 1);
  // "example.com:project" is the id of a project of a domain.
  if (!ConsistsOf(spec.project, "-.:") || spec.project.size() > kMaxProjectBytes) {
    return Invalid(StrCat(kForm, ": a project is its id, of letters, digits and -"));
  }
  if (!ConsistsOf(spec.dataset, "_") || spec.dataset.size() > kMaxNameBytes) {
    return Invalid(StrCat(kForm, ": a dataset has letters, digits and _"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ParseTable(std::string_view name) {
  if (ConsistsOf(name, "_-") && name.size() <= kMaxNameBytes) return std::string(name);
  return absl::InvalidArgumentError(StrCat("a table has letters, digits, _ and - only, not '",
                                           Shorten(ToValidUtf8(name), 40), "'"));
}

absl::Status ParseTables(UriQuery& query, TableSpec& spec) {
  absl::StatusOr<TableNames> tables = TakeTableNames(query, ParseTable);
  if (!tables.ok()) return Invalid(ToStd(tables.status().message()));
  spec.tables = *std::move(tables);
  return absl::OkStatus();
}

// BigQuery does not tell upper from lower case in names of columns.
absl::StatusOr<std::string> ParseColumn(std::string_view name) {
  if (!ConsistsOf(name, "_") || absl::ascii_isdigit(static_cast<unsigned char>(name.front())) ||
      name.size() > kMaxColumnBytes) {
    return absl::InvalidArgumentError(StrCat(
        "columns=: ", name,
        " is no name of a column: it should have letters, digits and _, and not begin with a "
        "digit"));
  }
  const bool is_reserved = std::any_of(std::begin(kReserved), std::end(kReserved), [&](auto p) {
    return absl::StartsWithIgnoreCase(ToAbsl(name), ToAbsl(p));
  });
  if (is_reserved) {
    return absl::InvalidArgumentError(StrCat("columns=: BigQuery keeps names like ", name));
  }
  return absl::AsciiStrToLower(ToAbsl(name));
}

absl::Status ParseSchema(UriQuery& query, TableSpec& spec) {
  const std::optional<std::string> file = query.Take("schema");
  if (!file) return absl::OkStatus();
  if (spec.tables.size() != 1) {
    return Invalid("schema= describes one table: name it with table=, users= or groups=");
  }
  ASSIGN_OR_RETURN(const std::string text, ReadWholeFile(*file, kMaxSchemaBytes));
  absl::StatusOr<std::vector<std::string>> columns =
      ColumnsOfSchema(text, spec.tables.begin()->first);
  RETURN_IF_ERROR(Annotate(columns.status(), StrCat("the schema ", *file)));
  spec.extra_columns.insert(spec.extra_columns.end(), columns->begin(), columns->end());
  return absl::OkStatus();
}

absl::Status ParseMethod(UriQuery& query, TableSpec& spec) {
  constexpr std::string_view kStores[] = {"gs"};
  absl::StatusOr<std::optional<loads::LoadBucket>> bucket = loads::TakeLoadBucket(query, kStores);
  if (!bucket.ok()) return Invalid(ToStd(bucket.status().message()));
  spec.bucket = *std::move(bucket);
  const std::string method = query.Take("method").value_or(spec.bucket ? "load" : "storage_write");
  const auto named = std::find_if(std::begin(kMethods), std::end(kMethods),
                                  [&](const auto& one) { return one.first == method; });
  if (named == std::end(kMethods))
    return Invalid("method is storage_write, default_stream, load or insert_all");
  spec.method = named->second;
  const bool is_load = spec.method == Method::kLoad;
  if (is_load && !spec.bucket) {
    return Invalid(
        "method=load needs bucket=gs://bucket/folder/; without a bucket take storage_write");
  }
  if (!is_load && spec.bucket) return Invalid(StrCat("bucket= is for method=load, not ", method));
  const absl::Duration min_age = is_load ? kMinLoadAge : absl::Seconds(1);
  if (is_load) spec.age = kLoadAge;
  if (const auto age = query.Take("age")) {
    if (!absl::ParseDuration(*age, &spec.age) || spec.age < min_age) {
      return Invalid(StrCat("age is a time of at least ", absl::FormatDuration(min_age),
                            ", such as ", is_load ? "2m" : "10s", " or 5m"));
    }
  }
  return absl::OkStatus();
}

absl::Status ParseProfiles(UriQuery& query, TableSpec& spec) {
  const std::string profiles = query.Take("profiles").value_or("append");
  if (profiles != "append" && profiles != "upsert") return Invalid("profiles is append or upsert");
  spec.upserts_profiles = profiles == "upsert";
  if (spec.upserts_profiles && spec.tables.size() == 1 &&
      spec.tables.contains(RecordType::kEvent)) {
    return Invalid("profiles=upsert needs a table of profiles: add users=TABLE or groups=TABLE");
  }
  const std::optional<std::string> staleness = query.Take("max_staleness");
  if (!staleness) return absl::OkStatus();
  if (!spec.upserts_profiles) return Invalid("max_staleness= is for profiles=upsert");
  if (!absl::ParseDuration(*staleness, &spec.max_staleness) ||
      spec.max_staleness < absl::ZeroDuration() || spec.max_staleness > kMaxStaleness) {
    return Invalid("max_staleness is a time up to 24h, such as 15m");
  }
  return absl::OkStatus();
}

absl::Status ParseOptions(UriQuery& query, TableSpec& spec) {
  spec.extra_columns = query.TakeList("columns");
  RETURN_IF_ERROR(ParseSchema(query, spec));
  const absl::Status columns = CheckTableColumns(spec.tables, spec.extra_columns, ParseColumn,
                                                 "BigQuery does not tell upper from lower case");
  if (!columns.ok()) return Invalid(ToStd(columns.message()));
  const std::string partition = query.Take("partition").value_or("day");
  if (partition != "day" && partition != "none") return Invalid("partition is day or none");
  spec.partition_by_day = partition == "day";
  ASSIGN_OR_RETURN(spec.views, TakeViews(query));
  if (auto location = query.Take("location")) {
    if (!ConsistsOf(*location, "-")) return Invalid("location is like EU, US or europe-west1");
    spec.location = *std::move(location);
  }
  RETURN_IF_ERROR(ParseMethod(query, spec));
  RETURN_IF_ERROR(ParseProfiles(query, spec));
  const std::string forgotten = query.Take("forgotten").value_or("stop");
  if (forgotten == "resend") {
    spec.forgotten = Forgotten::kResend;
  } else if (forgotten == "done") {
    spec.forgotten = Forgotten::kDone;
  } else if (forgotten != "stop") {
    return Invalid("forgotten is stop, resend or done");
  }
  return query.CheckAllTaken(
      "table, events, users, groups, columns, schema, partition, views, location, method, bucket, "
      "file_size, age, forgotten, profiles, max_staleness and credentials_file");
}

}  // namespace

absl::StatusOr<TableSpec> TableSpec::Parse(std::string_view uri) {
  ASSIGN_OR_RETURN(UriQuery query, UriQuery::Parse(uri));
  TableSpec spec;
  RETURN_IF_ERROR(ParsePlace(query.head(), spec));
  RETURN_IF_ERROR(ParseTables(query, spec));
  RETURN_IF_ERROR(ParseOptions(query, spec));
  return spec;
}

std::string TableSpec::Label() const {
  bool is_usual = tables.size() == std::size(kAllRecordTypes);
  std::string names;
  for (const auto& [type, table] : tables) {
    is_usual = is_usual && table == PluralOf(type);
    StrAppend(&names, names.empty() ? "/" : ",", table);
  }
  return StrCat(kScheme, project, "/", dataset, is_usual ? "" : names);
}

std::string TableSpec::LedgerName(RecordType type, std::string_view emulator) const {
  const auto table = tables.find(type);
  const std::string_view name = table == tables.end() ? PluralOf(type) : table->second;
  return StrCat(kScheme, project, "/", dataset, "/", name, emulator.empty() ? "" : "@", emulator);
}

std::string ResourceName(const TableSpec& spec, std::string_view table) {
  return StrCat("projects/", spec.project, "/datasets/", spec.dataset, "/tables/", table);
}

}  // namespace millrace::bigquery
