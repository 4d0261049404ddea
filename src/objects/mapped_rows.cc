#include "objects/mapped_rows.h"

#include <algorithm>
#include <utility>

#include "base/nearest_name.h"
#include "base/status.h"
#include "base/strings.h"
#include "mapping/value_text.h"

namespace millrace {
namespace {

constexpr size_t kMaxNamed = 20;
constexpr size_t kMaxNameBytes = 60;

std::string Quoted(std::string_view name) {
  return StrCat("\"", Shorten(name, kMaxNameBytes), "\"");
}

const ColumnUse* UseOf(const std::vector<ColumnUse>& uses, std::string_view column) {
  const auto use = std::find_if(uses.begin(), uses.end(), [&](const ColumnUse& candidate) {
    return ReachesColumn(candidate.column, column);
  });
  return use == uses.end() ? nullptr : &*use;
}

std::string Advice(std::string_view missing, const std::vector<std::string>& columns) {
  const std::vector<std::string_view> names(columns.begin(), columns.end());
  const std::string_view nearest = NearestName(missing, names);
  if (!nearest.empty()) return StrCat("did you mean ", Quoted(nearest), "?");
  std::string text = "its columns are ";
  for (size_t i = 0; i < std::min(names.size(), kMaxNamed); ++i) {
    StrAppend(&text, i == 0 ? "" : ", ", Shorten(names[i], kMaxNameBytes));
  }
  if (names.size() > kMaxNamed) StrAppend(&text, " and ", names.size() - kMaxNamed, " more");
  return text;
}

class ColumnCheck {
 public:
  ColumnCheck(const SourceConfig& config, std::string_view object, Warnings* warnings)
      : config_(config), object_(object), warnings_(warnings), uses_(ColumnUsesOf(config)) {}

  absl::Status CheckRenamed(const std::vector<RenamedColumn>& renamed) {
    for (const RenamedColumn& column : renamed) {
      const ColumnUse* const use = UseOf(uses_, column.name);
      if (use != nullptr && UseOf(uses_, column.read_as) == nullptr) {
        return absl::InvalidArgumentError(StrCat(
            "column ", Quoted(column.name), ", used for ", use->used_for,
            ", is ambiguous: the file has more than one of that name (the next is read as ",
            Quoted(column.read_as), "); rename one of them where the file is created, or map ",
            Quoted(column.read_as), " too"));
      }
      RETURN_IF_ERROR(Warn("duplicate_column", column.read_as,
                           StrCat("the file has more than one column ", Quoted(column.name),
                                  "; another one is read as ", Quoted(column.read_as))));
    }
    return absl::OkStatus();
  }

  absl::Status CheckMissing(const std::vector<std::string>& columns) {
    if (columns.empty()) return absl::OkStatus();
    for (const ColumnUse& use : uses_) {
      const bool found = std::any_of(columns.begin(), columns.end(), [&](const auto& column) {
        return ReachesColumn(use.column, column);
      });
      if (found) continue;
      RETURN_IF_ERROR(Warn("missing_column", use.column,
                           StrCat("column ", Quoted(use.column), ", used for ", use.used_for,
                                  ", is not in the file; ", Advice(use.column, columns))));
    }
    return absl::OkStatus();
  }

 private:
  absl::Status Warn(std::string_view code, const std::string& field, std::string message) {
    if (warnings_ == nullptr) return absl::OkStatus();
    return warnings_->Add({.code = std::string(code),
                           .config_id = config_.config_id,
                           .field = field,
                           .object = std::string(object_),
                           .message = std::move(message)});
  }

  const SourceConfig& config_;
  const std::string_view object_;
  Warnings* const warnings_;
  const std::vector<ColumnUse> uses_;
};

}  // namespace

std::vector<ColumnUse> ColumnUsesOf(const SourceConfig& config) {
  std::vector<ColumnUse> uses;
  const auto use = [&](const std::string& column, std::string used_for) {
    if (!column.empty()) uses.push_back({column, std::move(used_for)});
  };
  use(config.event_name_from_field, "the event name");
  for (const FieldMapping& mapping : config.mappings) {
    use(mapping.source_field, StrCat("\"", mapping.mixpanel_field, "\""));
  }
  for (const std::string& column : config.insert_id_columns) use(column, "\"$insert_id\"");
  return uses;
}

bool ReachesColumn(std::string_view wanted, std::string_view column) {
  return wanted == column || (wanted.size() > column.size() && wanted.starts_with(column) &&
                              wanted[column.size()] == '.');
}

namespace {

// Columns of which the header of a file for `config` must contain at least one.
std::vector<std::string> ExpectedColumns(const SourceConfig& config) {
  if (config.mixpanel_format) {
    switch (config.record_type) {
      case RecordType::kEvent:
        return {"event", "properties"};
      case RecordType::kUser:
        return {"$distinct_id"};
      case RecordType::kGroup:
        return {"$group_key", "$group_id"};
    }
  }
  std::vector<std::string> columns;
  for (const ColumnUse& use : ColumnUsesOf(config)) {
    columns.push_back(use.column);
    if (const size_t dot = use.column.find('.'); dot != std::string::npos) {
      columns.push_back(use.column.substr(0, dot));
    }
  }
  return columns;
}

}  // namespace

ReadOptions ReadOptionsFor(const SourceConfig& config) {
  ReadOptions options;
  options.type = config.file_type;
  if (config.null_texts) options.null_texts = *config.null_texts;
  options.quote = config.quote;
  options.column_names = config.columns;
  options.expected_columns = ExpectedColumns(config);
  if (config.pass_through || config.mixpanel_format) return options;
  for (const ColumnUse& use : ColumnUsesOf(config)) {
    options.columns.push_back(use.column);
    // "a.b" may be the column of that name, or field b of column a.
    if (const size_t dot = use.column.find('.'); dot != std::string::npos) {
      options.columns.push_back(use.column.substr(0, dot));
    }
  }
  return options;
}

absl::StatusOr<std::unique_ptr<RowReader>> OpenMappedRows(std::shared_ptr<ObjectReader> object,
                                                          const SourceConfig& config,
                                                          const ReadOptions& options) {
  const std::string uri = object->info().uri;
  ASSIGN_OR_RETURN(std::unique_ptr<RowReader> rows, OpenRows(std::move(object), options));
  ColumnCheck check(config, uri, options.warnings);
  RETURN_IF_ERROR(check.CheckRenamed(rows->renamed_columns()));
  RETURN_IF_ERROR(check.CheckMissing(rows->columns()));
  return rows;
}

}  // namespace millrace
