#include "connectors/lake/lake_spec.h"

#include <filesystem>
#include <optional>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/uri_query.h"
#include "records/table_form.h"

namespace millrace::lake {
namespace {

using data_files::FileFormat;
using data_files::PathTemplate;

constexpr std::pair<std::string_view, FileFormat> kFormats[] = {
    {"parquet", FileFormat::kParquet},
    {"ndjson.gz", FileFormat::kNdjsonGz},
    {"ndjson.zst", FileFormat::kNdjsonZst}};
constexpr char kParameters[] =
    "format, form, table, events, users, groups, columns, path, time, file_size and age";
constexpr uint64_t kMinFileMegabytes = 1, kMaxFileMegabytes = 4096;

// The root with a '/' at its end; a local one is absolute and without symbolic links, so that it
// names one place and begins the names of what is listed below it.
absl::StatusOr<std::string> RootOf(std::string_view head) {
  if (head.empty()) return absl::InvalidArgumentError("name a folder");
  if (head.starts_with("file://")) head.remove_prefix(7);
  std::string root(head);
  if (head.find("://") == std::string_view::npos) {
    std::error_code error;
    const std::filesystem::path absolute = std::filesystem::absolute(root, error);
    if (!error) root = std::filesystem::weakly_canonical(absolute, error).string();
    if (error) return absl::InvalidArgumentError(StrCat(head, ": ", error.message()));
  }
  while (root.ends_with("//")) root.pop_back();
  if (!root.ends_with('/')) root += '/';
  return root;
}

absl::Status CheckFolder(std::string_view name, std::string_view text) {
  for (const absl::string_view part : absl::StrSplit(ToAbsl(text), '/')) {
    if (part.empty() || part.front() == '.' || part.front() == '_') {
      return absl::InvalidArgumentError(
          StrCat(name, "=", text, ": a folder is empty, or begins with '.' or '_', which readers ",
                 "skip"));
    }
  }
  return absl::OkStatus();
}

// The folders that are named, or all three, by the names of the types.
absl::Status ParseFolders(UriQuery& query, LakeSpec& spec) {
  std::map<RecordType, std::string> given;
  for (const RecordType type : kAllRecordTypes) {
    if (auto name = query.Take(PluralOf(type))) given[type] = *std::move(name);
  }
  if (auto table = query.Take("table")) {
    if (!given.emplace(RecordType::kEvent, *std::move(table)).second) {
      return absl::InvalidArgumentError("table= is the folder of events: name one");
    }
  }
  if (given.empty()) {
    for (const RecordType type : kAllRecordTypes) given[type] = PluralOf(type);
  }
  std::set<std::string> names;
  for (const auto& [type, name] : given) {
    RETURN_IF_ERROR(CheckFolder(PluralOf(type), name));
    for (const std::string& other : names) {
      if (!(name + "/").starts_with(other + "/") && !(other + "/").starts_with(name + "/"))
        continue;
      return absl::InvalidArgumentError(
          StrCat("the folders ", other, " and ", name, " of two types of record overlap"));
    }
    names.insert(name);
    spec.folders[type] = name + "/";
  }
  return absl::OkStatus();
}

absl::Status ParseForm(UriQuery& query, LakeSpec& spec) {
  const std::string format = query.Take("format").value_or("parquet");
  bool is_known = false;
  for (const auto& [name, value] : kFormats) {
    if (name != format) continue;
    spec.layout.format = value;
    is_known = true;
  }
  if (!is_known) {
    return absl::InvalidArgumentError("format is parquet, ndjson.gz or ndjson.zst");
  }
  const bool is_parquet = spec.layout.format == FileFormat::kParquet;
  spec.layout.form = is_parquet ? Form::kTable : Form::kFlat;
  if (const auto name = query.Take("form")) {
    const std::optional<Form> form = FormNamed(*name);
    if (!form) return absl::InvalidArgumentError("form is table, raw or flat");
    spec.layout.form = *form;
  }
  if (is_parquet && spec.layout.form != Form::kTable) {
    return absl::InvalidArgumentError(
        "Parquet files have the columns of form=table; for raw or flat records use ndjson.gz or "
        "ndjson.zst");
  }
  for (std::string& column : query.TakeList("columns")) {
    spec.extra_columns.push_back(std::move(column));
  }
  if (!spec.extra_columns.empty() && spec.layout.form != Form::kTable) {
    return absl::InvalidArgumentError("columns= needs form=table");
  }
  for (const auto& [type, folder] : spec.folders) {
    RETURN_IF_ERROR(Annotate(TableForm::Make(type, spec.extra_columns).status(), "columns="));
  }
  return absl::OkStatus();
}

absl::Status ParseLayout(UriQuery& query, LakeSpec& spec) {
  ASSIGN_OR_RETURN(spec.layout.path, PathTemplate::Parse(query.Take("path").value_or("dt={date}")));
  const std::string time = query.Take("time").value_or("event");
  if (time != "event" && time != "arrival") {
    return absl::InvalidArgumentError("time is event or arrival");
  }
  spec.layout.by_arrival = time == "arrival";
  if (const auto size = query.Take("file_size")) {
    uint64_t megabytes = 0;
    if (!absl::SimpleAtoi(*size, &megabytes) || megabytes < kMinFileMegabytes ||
        megabytes > kMaxFileMegabytes) {
      return absl::InvalidArgumentError(StrCat("file_size is a number of megabytes from ",
                                               kMinFileMegabytes, " to ", kMaxFileMegabytes));
    }
    spec.layout.file_bytes = megabytes << 20;
  }
  if (const auto age = query.Take("age")) {
    if (!absl::ParseDuration(*age, &spec.age) || spec.age <= absl::ZeroDuration()) {
      return absl::InvalidArgumentError("age is a time such as 30s or 10m");
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<LakeSpec> LakeSpec::Parse(std::string_view uri) {
  ASSIGN_OR_RETURN(UriQuery query, UriQuery::Parse(uri));
  LakeSpec spec;
  ASSIGN_OR_RETURN(spec.root, RootOf(query.head()));
  RETURN_IF_ERROR(ParseFolders(query, spec));
  RETURN_IF_ERROR(ParseForm(query, spec));
  RETURN_IF_ERROR(ParseLayout(query, spec));
  RETURN_IF_ERROR(query.CheckAllTaken(kParameters));
  return spec;
}

std::string LakeSpec::LedgerName(RecordType type) const {
  const auto folder = folders.find(type);
  return StrCat("lake:", root,
                folder == folders.end() ? StrCat(PluralOf(type), "/") : folder->second);
}

}  // namespace millrace::lake
