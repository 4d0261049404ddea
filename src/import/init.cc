#include "import/init.h"

#include <optional>
#include <utility>

#include "absl/time/clock.h"
#include "base/status.h"
#include "base/strings.h"
#include "import/entry_sampler.h"
#include "import/file_names.h"
#include "import/plan.h"
#include "io/table_folder.h"
#include "mapping/sources_config.h"

namespace millrace {
namespace {

constexpr size_t kMostSiblings = 1'000;

absl::StatusOr<ListedObject> FirstObject(const InitRequest& request) {
  const std::string& input = request.input;
  ASSIGN_OR_RETURN(std::shared_ptr<ObjectStore> store, OpenStore(input, request.stores));
  if (!request.as_files) RETURN_IF_ERROR(RefuseTableFolder(*store, input));
  std::optional<ObjectInfo> first;
  const absl::Status listed = store->List(input, [&](const ObjectInfo& info) {
    first = info;
    return absl::CancelledError("one is enough");
  });
  if (!first) {
    RETURN_IF_ERROR(listed);
    return absl::NotFoundError(StrCat(input, " names no file"));
  }
  return ListedObject{std::move(store), *std::move(first)};
}

// Other objects of the data set. What cannot be listed is not there.
std::vector<std::string> Siblings(const ListedObject& object) {
  std::vector<std::string> siblings;
  const std::string& uri = object.info.uri;
  object.store
      ->List(std::string(DatasetFolder(uri)),
             [&](const ObjectInfo& info) {
               if (info.uri != uri) siblings.push_back(info.uri);
               return siblings.size() < kMostSiblings ? absl::OkStatus()
                                                      : absl::CancelledError("enough");
             })
      .IgnoreError();
  return siblings;
}

absl::StatusOr<FileProfile> ProfileObject(const ListedObject& object, uint64_t most_rows,
                                          std::stop_token stop, absl::Time now) {
  ASSIGN_OR_RETURN(std::shared_ptr<ObjectReader> bytes, object.store->Open(object.info));
  ASSIGN_OR_RETURN(std::unique_ptr<RowReader> rows, OpenRows(bytes, {}));
  FileProfiler profiler(now);
  DecodeScratch scratch;
  uint64_t read = 0;
  bool whole = false;
  while (read < most_rows && !whole) {
    if (stop.stop_requested()) return absl::CancelledError("stopped");
    ASSIGN_OR_RETURN(std::unique_ptr<RowChunk> chunk, rows->Read(ChunkLimits()));
    whole = chunk == nullptr;
    if (whole) break;
    read += chunk->row_count();
    chunk->ForEachRow(scratch, profiler);
  }
  FileProfile profile = profiler.TakeProfile();
  profile.uri = object.info.uri;
  profile.type = rows->type();
  profile.siblings = Siblings(object);
  profile.whole = whole;
  if (profile.rows == 0) {
    return absl::InvalidArgumentError(
        StrCat(object.info.uri, ": no row that can be read; ", profile.bad_rows, " that cannot"));
  }
  return profile;
}

// Maps the sample with the config that was made of it.
absl::Status CheckConfig(const ListedObject& object, uint64_t most_rows, std::stop_token stop,
                         absl::Time now, InitResult& result) {
  absl::StatusOr<SourcesConfig> sources =
      result.config.mixpanel_format ? SourcesConfig::MixpanelFormat()
                                    : SourcesConfig::Parse(result.config.json, "sources.json");
  RETURN_IF_ERROR(Annotate(sources.status(), "loading the config that was made"));
  SeenRecords seen;
  ASSIGN_OR_RETURN(const std::unique_ptr<EntrySampler> sampler,
                   EntrySampler::Make(sources->entries().front(),
                                      {.most_rows = most_rows, .previews = 0, .now = now}, seen));
  std::atomic<uint64_t> progress = 0;
  ObjectPlan object_plan;
  sampler->Sample(object, {}, std::move(stop), progress, object_plan);
  EntryPlan plan;
  sampler->Describe(plan);
  result.rejected = plan.rejected;
  if (!plan.rejections.empty()) {
    const RejectionTally& first = plan.rejections.front();
    result.first_rejection =
        StrCat(first.code, first.field.empty() ? "" : " in ", first.field, ": ", first.message);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<InitResult> InitConfig(const InitRequest& request, std::stop_token stop) {
  const absl::Time now = absl::Now();
  ASSIGN_OR_RETURN(const ListedObject object, FirstObject(request));
  absl::StatusOr<FileProfile> profile = ProfileObject(object, request.sample_rows, stop, now);
  if (!profile.ok()) return Annotate(profile.status(), StrCat("reading ", object.info.uri));
  InitResult result{.uri = object.info.uri,
                    .type = profile->type,
                    .rows = profile->rows + profile->bad_rows,
                    .whole = profile->whole,
                    .config = InferConfig(*profile)};
  RETURN_IF_ERROR(CheckConfig(object, request.sample_rows, std::move(stop), now, result));
  return result;
}

}  // namespace millrace
