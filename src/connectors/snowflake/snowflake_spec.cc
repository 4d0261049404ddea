#include "connectors/snowflake/snowflake_spec.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "base/percent_encoding.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/uri_query.h"
#include "connectors/snowflake/sql_text.h"
#include "net/url.h"
#include "records/table_options.h"

namespace millrace::snowflake {
namespace {

constexpr size_t kMaxNameBytes = 255;
constexpr std::string_view kScheme = "snowflake://";
constexpr std::string_view kDomain = ".snowflakecomputing.com";
constexpr std::string_view kOptions =
    "user, role, warehouse, url, table, events, users, groups, columns, add_columns, views, "
    "method, bucket, file_size, age, stage, storage_integration and pipe";
constexpr std::array kMethods = {Method::kStreaming, Method::kElastic, Method::kSql, Method::kCopy};

absl::Status Invalid(std::string_view what) {
  return absl::InvalidArgumentError(StrCat("the Snowflake destination: ", what));
}

absl::StatusOr<std::string> FoldedName(std::string_view what, std::string_view text) {
  std::string name = FoldName(text);
  RETURN_IF_ERROR(CheckName(what, name, kMaxNameBytes));
  return name;
}

absl::StatusOr<std::string> ParseName(std::string_view what, std::string_view text) {
  absl::StatusOr<std::string> name = FoldedName(what, text);
  if (!name.ok()) return Invalid(ToStd(name.status().message()));
  return name;
}

absl::Status ParseHead(std::string_view head, SnowflakeSpec& spec) {
  constexpr std::string_view kShape =
      "it should be snowflake://ACCOUNT/DATABASE/SCHEMA, with options after a '?'";
  if (!head.starts_with(kScheme)) return Invalid(kShape);
  head.remove_prefix(kScheme.size());
  if (head.ends_with('/')) head.remove_suffix(1);
  const std::vector<std::string> parts = absl::StrSplit(ToAbsl(head), '/');
  if (parts.size() != 3) return Invalid(kShape);
  if (parts[0].find('@') != std::string::npos) {
    return Invalid(
        "the user is an option, user=NAME, and passwords never stand in a DEST: see "
        "docs/connectors/snowflake.md");
  }
  std::string account = absl::AsciiStrToLower(parts[0]);
  if (account.ends_with(kDomain)) account.resize(account.size() - kDomain.size());
  const bool is_account =
      !account.empty() && account.size() <= kMaxNameBytes &&
      account.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_.-") == std::string::npos;
  if (!is_account) {
    return Invalid("ACCOUNT is an account identifier, such as myorg-account or xy12345.us-east-1");
  }
  spec.account = std::move(account);
  const std::optional<std::string> database = UrlDecodeStrictly(parts[1]);
  const std::optional<std::string> schema = UrlDecodeStrictly(parts[2]);
  if (!database || !schema) return Invalid("a '%' is not followed by two hex digits");
  ASSIGN_OR_RETURN(spec.database, ParseName("the database", *database));
  ASSIGN_OR_RETURN(spec.schema, ParseName("the schema", *schema));
  return absl::OkStatus();
}

// Underscores of an account's name are hyphens in its host.
absl::Status ParseHost(std::optional<std::string> text, SnowflakeSpec& spec) {
  if (!text || text->empty()) {
    spec.url = StrCat("https://", absl::StrReplaceAll(spec.account, {{"_", "-"}}), kDomain);
    return absl::OkStatus();
  }
  if (text->find("://") == std::string::npos) text = StrCat("https://", *text);
  while (text->ends_with('/')) text->pop_back();
  const absl::StatusOr<Url> url = ParseUrl(*text);
  const bool is_host =
      url.ok() && !url->has_user && !url->has_fragment && url->query.empty() && url->path == "/";
  if (!is_host)
    return Invalid("url= is a host, such as https://myorg-account" + std::string(kDomain));
  if (url->scheme != "https" && !url->IsLoopback()) {
    return Invalid("url= would send tokens unencrypted: use https");
  }
  spec.url = *std::move(text);
  return absl::OkStatus();
}

absl::Status ParseTables(UriQuery& query, SnowflakeSpec& spec) {
  absl::StatusOr<TableNames> tables =
      TakeTableNames(query, [](std::string_view text) { return FoldedName("a table", text); });
  if (!tables.ok()) return Invalid(ToStd(tables.status().message()));
  spec.tables = *std::move(tables);
  spec.extra_columns = query.TakeList("columns");
  std::erase(spec.extra_columns, "");
  // Two properties whose names differ by case would be one column.
  const absl::Status columns = CheckTableColumns(
      spec.tables, spec.extra_columns,
      [](std::string_view text) { return FoldedName("a column", text); },
      "upper and lower case are the same in Snowflake");
  if (!columns.ok()) return Invalid(ToStd(columns.message()));
  ASSIGN_OR_RETURN(spec.add_columns, query.TakeFlag("add_columns"));
  ASSIGN_OR_RETURN(spec.views, TakeViews(query));
  return absl::OkStatus();
}

absl::Status ParseBucket(UriQuery& query, SnowflakeSpec& spec) {
  constexpr std::string_view kStores[] = {"s3", "gs", "az"};
  absl::StatusOr<std::optional<loads::LoadBucket>> bucket = loads::TakeLoadBucket(query, kStores);
  if (!bucket.ok()) return Invalid(ToStd(bucket.status().message()));
  spec.bucket = *std::move(bucket);
  if (const auto stage = query.Take("stage")) {
    ASSIGN_OR_RETURN(spec.stage, ParseName("the stage", *stage));
  }
  if (const auto integration = query.Take("storage_integration")) {
    ASSIGN_OR_RETURN(spec.storage_integration, ParseName("the storage integration", *integration));
  }
  return absl::OkStatus();
}

absl::Status ParseMethod(UriQuery& query, SnowflakeSpec& spec) {
  if (const auto name = query.Take("method")) {
    const auto* const found = std::find_if(kMethods.begin(), kMethods.end(),
                                           [&](Method method) { return NameOf(method) == *name; });
    if (found == kMethods.end()) return Invalid("method is streaming, elastic, sql or copy");
    spec.method = *found;
  } else if (spec.bucket) {
    spec.method = Method::kCopy;
  }
  if (spec.method != Method::kCopy) {
    if (!spec.bucket && spec.storage_integration.empty()) return absl::OkStatus();
    return Invalid("bucket= and storage_integration= are for method=copy");
  }
  if (!spec.bucket) return Invalid("method=copy needs bucket=URI, where files are staged");
  if (spec.stage.empty() == spec.storage_integration.empty()) {
    return Invalid(
        "method=copy needs one of stage=NAME, an external stage whose URL is the bucket, and "
        "storage_integration=NAME");
  }
  if (const auto age = query.Take("age")) {
    if (!absl::ParseDuration(*age, &spec.age) || spec.age < absl::Seconds(1)) {
      return Invalid("age is a time of at least 1s, such as 30s or 5m");
    }
  }
  return absl::OkStatus();
}

// A part of a ledger's name, quoted where it would not be clear where it ends.
std::string NamePart(const std::string& name) {
  return name.find_first_of("\".,/") == std::string::npos ? name : QuoteName(name);
}

}  // namespace

std::string_view NameOf(Method method) {
  switch (method) {
    case Method::kStreaming:
      return "streaming";
    case Method::kElastic:
      return "elastic";
    case Method::kSql:
      return "sql";
    case Method::kCopy:
      return "copy";
  }
  return "";
}

absl::StatusOr<SnowflakeSpec> SnowflakeSpec::Parse(std::string_view uri,
                                                   const Environment& environment) {
  ASSIGN_OR_RETURN(UriQuery query, UriQuery::Parse(uri));
  SnowflakeSpec spec;
  RETURN_IF_ERROR(ParseHead(query.head(), spec));
  const auto take = [&](std::string_view option, std::string_view variable) {
    std::optional<std::string> value = query.Take(option);
    return value ? value : environment(variable);
  };
  RETURN_IF_ERROR(ParseHost(take("url", "SNOWFLAKE_HOST"), spec));
  RETURN_IF_ERROR(ParseTables(query, spec));
  RETURN_IF_ERROR(ParseBucket(query, spec));
  RETURN_IF_ERROR(ParseMethod(query, spec));
  spec.user = absl::AsciiStrToUpper(take("user", "SNOWFLAKE_USER").value_or(""));
  spec.role = FoldName(take("role", "SNOWFLAKE_ROLE").value_or(""));
  spec.warehouse = FoldName(take("warehouse", "SNOWFLAKE_WAREHOUSE").value_or(""));
  spec.pipe = FoldName(query.Take("pipe").value_or(""));
  RETURN_IF_ERROR(query.CheckAllTaken(kOptions));
  return spec;
}

std::string SnowflakeSpec::name() const {
  return StrCat(kScheme, account, "/", NamePart(database), "/", NamePart(schema));
}

std::string SnowflakeSpec::LedgerName(RecordType type) const {
  const auto table = tables.find(type);
  return StrCat(name(), "/",
                NamePart(table == tables.end() ? FoldName(PluralOf(type)) : table->second));
}

std::string SnowflakeSpec::QuotedSchema() const {
  return StrCat(QuoteName(database), ".", QuoteName(schema));
}

std::string SnowflakeSpec::QuotedTable(std::string_view table) const {
  return StrCat(QuotedSchema(), ".", QuoteName(table));
}

std::string SnowflakeSpec::AccountClaim() const {
  std::string_view claim = account;
  // "name-hash.global" is the form of accounts that were addressed through a global connection.
  const bool is_global = claim.find(".global") != std::string_view::npos;
  claim = claim.substr(0, claim.find(is_global ? '-' : '.'));
  return absl::AsciiStrToUpper(ToAbsl(claim));
}

}  // namespace millrace::snowflake
