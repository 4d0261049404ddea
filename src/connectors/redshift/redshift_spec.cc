#include "connectors/redshift/redshift_spec.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "base/percent_encoding.h"
#include "base/status.h"
#include "base/strings.h"
#include "postgres_client/sql_text.h"
#include "records/table_options.h"

namespace millrace::redshift {
namespace {

constexpr std::string_view kScheme = "redshift://";
constexpr size_t kMaxNameBytes = 127;
// Leaves room for "millrace_..._delivered".
constexpr size_t kMaxTableBytes = 100;
constexpr std::string_view kShape =
    "it should be redshift://WORKGROUP/DATABASE/SCHEMA, or redshift://USER@HOST:5439/DATABASE/"
    "SCHEMA, with options after a '?'";

absl::Status Invalid(std::string_view what) {
  return absl::InvalidArgumentError(StrCat("the Redshift destination: ", what));
}

// Redshift has all names in lower case.
absl::StatusOr<std::string> LowerName(std::string_view what, std::string_view text,
                                      size_t max = kMaxNameBytes) {
  RETURN_IF_ERROR(CheckName(what, text, max));
  return absl::AsciiStrToLower(ToAbsl(text));
}

absl::StatusOr<std::string> ParseName(std::string_view what, std::string_view text) {
  absl::StatusOr<std::string> name = LowerName(what, text);
  if (!name.ok()) return Invalid(ToStd(name.status().message()));
  return name;
}

bool IsIdentifier(std::string_view name) {
  return name.size() >= 3 && name.size() <= 64 &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos;
}

// The value of an option; `otherwise` if it is absent or empty.
std::string TakeText(UriQuery& query, std::string_view name, std::string_view otherwise) {
  std::string text = query.Take(name).value_or("");
  return text.empty() ? std::string(otherwise) : text;
}

struct Head {
  std::string authority;
  std::string database;
  std::string schema;
};

absl::StatusOr<Head> ParseHead(std::string_view head) {
  if (!head.starts_with(kScheme)) return Invalid(kShape);
  head.remove_prefix(kScheme.size());
  if (head.ends_with('/')) head.remove_suffix(1);
  const std::vector<std::string> parts = absl::StrSplit(ToAbsl(head), '/');
  if (parts.size() != 2 && parts.size() != 3) return Invalid(kShape);
  const std::optional<std::string> database = UrlDecodeStrictly(parts[1]);
  const std::optional<std::string> schema =
      UrlDecodeStrictly(parts.size() == 3 ? parts[2] : "public");
  if (!database || !schema) return Invalid("a '%' is not followed by two hex digits");
  Head parsed{.authority = parts[0]};
  ASSIGN_OR_RETURN(parsed.database, ParseName("the database", *database));
  ASSIGN_OR_RETURN(parsed.schema, ParseName("the schema", *schema));
  return parsed;
}

absl::Status ParseTables(UriQuery& query, RedshiftSpec& spec) {
  absl::StatusOr<TableNames> tables = TakeTableNames(
      query, [](std::string_view text) { return LowerName("a table", text, kMaxTableBytes); });
  if (!tables.ok()) return Invalid(ToStd(tables.status().message()));
  spec.tables = *std::move(tables);
  spec.extra_columns = query.TakeList("columns");
  std::erase(spec.extra_columns, "");
  const absl::Status columns = CheckTableColumns(
      spec.tables, spec.extra_columns,
      [](std::string_view text) { return LowerName("a column", text); },
      "Redshift has all names in lower case");
  if (!columns.ok()) return Invalid(ToStd(columns.message()));
  ASSIGN_OR_RETURN(spec.add_columns, query.TakeFlag("add_columns"));
  ASSIGN_OR_RETURN(spec.views, TakeViews(query));
  return absl::OkStatus();
}

absl::Status ParseMethod(UriQuery& query, bool has_bucket, RedshiftSpec& spec) {
  const std::string method = query.Take("method").value_or(has_bucket ? "copy" : "insert");
  if (method != "insert" && method != "copy") return Invalid("method is insert or copy");
  spec.method = method == "copy" ? Method::kCopy : Method::kInsert;
  if (has_bucket && spec.method == Method::kInsert) return Invalid("bucket= is for method=copy");
  if (!has_bucket && spec.method == Method::kCopy) {
    return Invalid("method=copy needs bucket=s3://BUCKET/PREFIX/, where files are staged");
  }
  const std::optional<std::string> role = query.Take("iam_role");
  if (role && spec.method == Method::kInsert) return Invalid("iam_role= is for method=copy");
  if (role) spec.iam_role = *role;
  if (spec.iam_role != "default" && !spec.iam_role.starts_with("arn:")) {
    return Invalid("iam_role= is the ARN of a role of the warehouse, or default");
  }
  return absl::OkStatus();
}

// The first parameter in `options`, "?name=value&...", that libpq does not have; "" if it has all.
std::string FindUnknownOption(std::string_view options) {
  if (options.empty()) return "";
  for (const auto option : absl::StrSplit(ToAbsl(options.substr(1)), '&')) {
    const std::string_view name = ToStd(option).substr(0, ToStd(option).find('='));
    // A value that every parameter takes, a port too.
    const std::string alone = StrCat("postgres://host/database?", name, "=1");
    if (!postgres::Address::Parse(alone).ok()) return std::string(name);
  }
  return "";
}

absl::Status ParseServer(const Head& head, UriQuery& query, RedshiftSpec& spec) {
  for (const char* name : {"region", "cluster", "cluster_user", "secret_arn"}) {
    if (!query.Take(name)) continue;
    return Invalid(StrCat(name, "= is only for the Data API, and HOST:PORT is a connection"));
  }
  const std::string options = LibpqOptions(query);
  if (const std::string unknown = FindUnknownOption(options); !unknown.empty()) {
    return Invalid(StrCat(unknown, "= is neither an option of Millrace nor a parameter of libpq"));
  }
  const std::string uri =
      StrCat("postgres://", head.authority, "/", UrlEncode(head.database), options);
  absl::StatusOr<postgres::Address> address = postgres::Address::Parse(uri);
  if (!address.ok()) {
    return Invalid(
        "the address of the server cannot be read: it should be USER@HOST:5439, and "
        "options that are not Millrace's are libpq's, such as sslrootcert=FILE");
  }
  if (address->has_password()) {
    return Invalid(
        "it must not contain a password: set PGPASSWORD, a ~/.pgpass file or "
        "passfile=FILE");
  }
  spec.host = head.authority.substr(head.authority.rfind('@') + 1);
  absl::AsciiStrToLower(&spec.host);
  spec.address = *std::move(address);
  return absl::OkStatus();
}

absl::Status ParseDataApi(const Head& head, UriQuery& query, RedshiftSpec& spec) {
  if (head.authority.find('@') != std::string::npos) {
    return Invalid("a user is for a host with a port; the Data API takes AWS credentials");
  }
  if (!IsIdentifier(head.authority)) {
    return Invalid(
        "WORKGROUP is the name of a workgroup or the identifier of a cluster: lower case letters, "
        "digits and hyphens; a host needs its port, as in HOST:5439");
  }
  spec.cluster_user = query.Take("cluster_user").value_or("");
  ASSIGN_OR_RETURN(const bool is_cluster, query.TakeFlag("cluster"));
  const bool names_cluster = is_cluster || !spec.cluster_user.empty();
  (names_cluster ? spec.cluster : spec.workgroup) = head.authority;
  spec.secret_arn = query.Take("secret_arn").value_or("");
  spec.region = query.Take("region").value_or("");
  if (!spec.region.empty() && !IsRegion(spec.region)) {
    return Invalid("region= is the name of an AWS region, such as eu-west-1");
  }
  if (!spec.secret_arn.empty() && !spec.cluster_user.empty()) {
    return Invalid("cluster_user= and secret_arn= are two ways to sign in: name one");
  }
  return query.CheckAllTaken(
      "table, events, users, groups, columns, add_columns, views, method, bucket, file_size, age, "
      "iam_role, region, cluster, cluster_user, secret_arn and create_from");
}

// A part of a ledger's name, quoted where it would not be clear where it ends.
std::string NamePart(const std::string& name) {
  return name.find_first_of("\".,/") == std::string::npos ? name : postgres::QuoteName(name);
}

std::string ServerOf(const RedshiftSpec& spec) {
  if (!spec.uses_data_api()) return StrCat(kScheme, spec.host);
  // A workgroup and a cluster may have one name.
  return spec.workgroup.empty() ? StrCat(kScheme, "cluster:", spec.cluster)
                                : StrCat(kScheme, spec.workgroup);
}

}  // namespace

std::string_view NameOf(Method method) { return method == Method::kCopy ? "copy" : "insert"; }

// libpq encrypts by default, and if sslmode= is empty, only if the server wants it.
std::string LibpqOptions(UriQuery& query) {
  const std::string mode = TakeText(query, "sslmode", "require");
  const std::string root = TakeText(query, "sslrootcert", "");
  std::string options = query.Rest();
  // libpq decodes names too ("ssl%6dode") and takes the last one.
  StrAppend(&options, options.empty() ? "?" : "&", "sslmode=", UrlEncode(mode));
  if (!root.empty()) StrAppend(&options, "&sslrootcert=", UrlEncode(root));
  return options;
}

bool IsRegion(std::string_view region) {
  return !region.empty() && region.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") ==
                                std::string_view::npos;
}

absl::StatusOr<RedshiftSpec> RedshiftSpec::Parse(UriQuery query, bool has_bucket) {
  ASSIGN_OR_RETURN(const Head head, ParseHead(query.head()));
  RedshiftSpec spec{.database = head.database, .schema = head.schema};
  RETURN_IF_ERROR(ParseTables(query, spec));
  RETURN_IF_ERROR(ParseMethod(query, has_bucket, spec));
  if (const auto from = query.Take("create_from")) {
    ASSIGN_OR_RETURN(spec.create_from, ParseName("create_from", *from));
  }
  const bool is_server = head.authority.find(':') != std::string::npos;
  RETURN_IF_ERROR(is_server ? ParseServer(head, query, spec) : ParseDataApi(head, query, spec));
  return spec;
}

std::string RedshiftSpec::Label() const {
  std::string label = StrCat(ServerOf(*this), "/", database, "/", schema);
  bool is_usual = tables.size() == std::size(kAllRecordTypes);
  std::string names;
  for (const auto& [type, name] : tables) {
    is_usual = is_usual && name == PluralOf(type);
    StrAppend(&names, names.empty() ? "/" : ",", name);
  }
  return is_usual ? label : label + names;
}

std::string RedshiftSpec::LedgerName(RecordType type) const {
  const auto table = tables.find(type);
  const std::string name = table == tables.end() ? std::string(PluralOf(type)) : table->second;
  return StrCat(ServerOf(*this), region.empty() ? "" : StrCat(".", region), "/", NamePart(database),
                "/", NamePart(schema), ".", NamePart(name));
}

}  // namespace millrace::redshift
