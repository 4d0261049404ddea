#include "init/init.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/time/clock.h"
#include "base/pluralize.h"
#include "base/status.h"
#include "base/strings.h"
#include "formats/time_text.h"
#include "init/file_names.h"
#include "io/table_folder.h"
#include "mapping/sources_config.h"
#include "objects/iceberg_name.h"
#include "objects/iceberg_store.h"
#include "plan/entry_sampler.h"
#include "plan/plan.h"

namespace millrace {
namespace {

constexpr size_t kMaxSiblings = 1'000;

absl::StatusOr<ListedObject> FirstObject(const InitRequest& request) {
  const std::string& input = request.input;
  ASSIGN_OR_RETURN(std::shared_ptr<ObjectStore> store, OpenInputStore(input, request.stores));
  TableGuard tables(*store, input, request.as_files || IsIcebergName(input));
  std::optional<ObjectInfo> first;
  const absl::Status listed = store->List(
      input,
      [&](const ObjectInfo& info) -> absl::Status {
        RETURN_IF_ERROR(tables.OnObject(info));
        first = info;
        return absl::CancelledError("one is enough");
      },
      [&](std::string_view uri) { return tables.OnHidden(uri); });
  if (!first) {
    RETURN_IF_ERROR(listed);
    return absl::NotFoundError(StrCat(input, " matches no file"));
  }
  return ListedObject{std::move(store), *std::move(first)};
}

// Other objects of the data set. Objects that cannot be listed are ignored.
std::vector<std::string> Siblings(const ListedObject& object) {
  std::vector<std::string> siblings;
  const std::string& uri = object.info.uri;
  object.store
      ->List(std::string(DatasetFolder(uri)),
             [&](const ObjectInfo& info) {
               if (info.uri != uri) siblings.push_back(info.uri);
               return siblings.size() < kMaxSiblings ? absl::OkStatus()
                                                     : absl::CancelledError("enough");
             })
      .IgnoreError();
  return siblings;
}

// What the entry and its prefix are named after: the object, or the table of a data file.
absl::StatusOr<std::string> DatasetUri(const std::string& uri) {
  if (!IsIcebergName(uri)) return uri;
  ASSIGN_OR_RETURN(const IcebergFileParts parts, ParseIcebergFileName(uri));
  return IcebergTableName(parts.folder);
}

bool IsQuoted(std::string_view name) {
  return name.size() >= 2 && name.front() == '"' && name.back() == '"';
}

// A time to the second, which is never a column name.
bool IsMoment(std::string_view name) {
  const bool digits = name.size() >= 10 && name.size() <= 19 &&
                      name.find_first_not_of("0123456789") == std::string_view::npos;
  if (digits) return name.front() != '0';
  return name.find(':') != std::string_view::npos && ParseTimeText(name).has_value();
}

// Better options to read delimited text: with quotes, if every name in a TSV header is in quotes,
// and without a header, if the first line contains a time.
ReadOptions HowToRead(const RowReader& rows) {
  ReadOptions options{.has_entry = false};
  const std::vector<std::string> names = rows.columns();
  if (names.empty() || (rows.type() != FileType::kCsv && rows.type() != FileType::kTsv)) {
    return options;
  }
  const bool quoted =
      rows.type() == FileType::kTsv && std::all_of(names.begin(), names.end(), IsQuoted);
  if (quoted) options.quote = '"';
  const auto is_moment = [&](std::string_view name) {
    return IsMoment(quoted ? name.substr(1, name.size() - 2) : name);
  };
  if (std::any_of(names.begin(), names.end(), is_moment)) {
    for (size_t i = 1; i <= names.size(); ++i) {
      options.column_names.push_back(StrCat("column_", i));
    }
  }
  return options;
}

absl::StatusOr<FileProfile> ProfileObject(const ListedObject& object, uint64_t max_rows,
                                          std::stop_token stop, absl::Time now) {
  ASSIGN_OR_RETURN(std::shared_ptr<ObjectReader> bytes, object.store->Open(object.info));
  ASSIGN_OR_RETURN(std::unique_ptr<RowReader> rows, OpenRows(bytes, {.has_entry = false}));
  const ReadOptions options = HowToRead(*rows);
  if (options.quote || !options.column_names.empty()) {
    ASSIGN_OR_RETURN(rows, OpenRows(bytes, options));
  }
  FileProfiler profiler(now);
  DecodeScratch scratch;
  uint64_t read = 0;
  bool whole = false;
  std::string damage;
  while (read < max_rows && !whole) {
    if (stop.stop_requested()) return absl::CancelledError("stopped");
    absl::StatusOr<std::unique_ptr<RowChunk>> chunk = rows->Read(ChunkLimits());
    // The rows before the damage are as good as those of an undamaged file.
    if (!chunk.ok() && read != 0 && absl::IsDataLoss(chunk.status())) {
      damage = ToStd(chunk.status().message());
      break;
    }
    RETURN_IF_ERROR(chunk.status());
    whole = *chunk == nullptr;
    if (whole) break;
    read += (*chunk)->row_count();
    (*chunk)->ForEachRow(scratch, profiler);
  }
  FileProfile profile = profiler.TakeProfile();
  ASSIGN_OR_RETURN(profile.uri, DatasetUri(object.info.uri));
  profile.type = rows->type();
  profile.quoted = options.quote.has_value();
  profile.has_header = options.column_names.empty();
  if (!IsIcebergName(object.info.uri)) profile.siblings = Siblings(object);
  profile.whole = whole;
  profile.damage = std::move(damage);
  if (profile.rows == 0 && profile.bad_rows == 0) {
    return absl::InvalidArgumentError("it has no rows");
  }
  if (profile.rows == 0) {
    return absl::InvalidArgumentError(StrCat("no row can be read (of ",
                                             Pluralize(profile.bad_rows, "row"),
                                             "); the first: ", profile.first_bad_row));
  }
  return profile;
}

// Maps the sample with the inferred config.
absl::Status CheckConfig(const ListedObject& object, uint64_t max_rows, std::stop_token stop,
                         absl::Time now, InitResult& result) {
  absl::StatusOr<SourcesConfig> sources =
      result.config.mixpanel_format ? SourcesConfig::MixpanelFormat()
                                    : SourcesConfig::Parse(result.config.json, "sources.json");
  RETURN_IF_ERROR(Annotate(sources.status(), "loading the inferred config"));
  SeenRecords seen;
  ASSIGN_OR_RETURN(const std::unique_ptr<EntrySampler> sampler,
                   EntrySampler::Make(sources->entries().front(),
                                      {.max_rows = max_rows, .previews = 0, .now = now}, seen));
  std::atomic<uint64_t> progress = 0;
  ObjectPlan object_plan;
  sampler->Sample(object, {}, std::move(stop), progress, object_plan);
  EntryPlan plan;
  sampler->Describe(plan);
  result.rejected = plan.rejected;
  if (!plan.rejections.empty()) {
    const RejectionStats& first = plan.rejections.front();
    result.first_rejection =
        StrCat(first.code, first.field.empty() ? "" : " in ", first.field, ": ", first.message);
  }
  return absl::OkStatus();
}

// Adds the file name to `why`. A retry does not fix a damaged file.
absl::Status Unreadable(const absl::Status& why, const std::string& uri) {
  const std::string message(ToStd(why.message()));
  const absl::StatusCode code =
      absl::IsDataLoss(why) ? absl::StatusCode::kInvalidArgument : why.code();
  const bool named = message.find(uri) != std::string::npos;
  return absl::Status(code, named ? message : StrCat("reading ", uri, ": ", message));
}

}  // namespace

absl::StatusOr<InitResult> InitConfig(const InitRequest& request, std::stop_token stop) {
  const absl::Time now = absl::Now();
  ASSIGN_OR_RETURN(const ListedObject object, FirstObject(request));
  absl::StatusOr<FileProfile> profile = ProfileObject(object, request.sample_rows, stop, now);
  if (!profile.ok()) return Unreadable(profile.status(), object.info.uri);
  InitResult result{.uri = object.info.uri,
                    .type = profile->type,
                    .rows = profile->rows + profile->bad_rows,
                    .whole = profile->whole,
                    .damage = profile->damage,
                    .config = InferConfig(*profile)};
  RETURN_IF_ERROR(CheckConfig(object, request.sample_rows, std::move(stop), now, result));
  return result;
}

}  // namespace millrace
