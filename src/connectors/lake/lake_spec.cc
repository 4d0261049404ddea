#include "connectors/lake/lake_spec.h"

#include <optional>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "base/uri_query.h"
#include "data_files/uri_options.h"
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
  spec.extra_columns = query.TakeList("columns");
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
  ASSIGN_OR_RETURN(spec.layout.by_arrival, data_files::TakeByArrival(query));
  ASSIGN_OR_RETURN(spec.layout.file_bytes, data_files::TakeFileBytes(query));
  ASSIGN_OR_RETURN(spec.age, data_files::TakeAge(query));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<LakeSpec> LakeSpec::Parse(std::string_view uri) {
  ASSIGN_OR_RETURN(UriQuery query, UriQuery::Parse(uri));
  LakeSpec spec;
  ASSIGN_OR_RETURN(spec.root, data_files::RootOf(query.head()));
  ASSIGN_OR_RETURN(const data_files::Names folders, data_files::TakeFolders(query));
  for (const auto& [type, folder] : folders) spec.folders[type] = folder + "/";
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
