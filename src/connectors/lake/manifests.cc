#include "connectors/lake/manifests.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/status.h"
#include "base/strings.h"

namespace millrace::lake {
namespace {

using data_files::CommitLog;
using data_files::DataFile;
using data_files::StagedFiles;
using Json = nlohmann::ordered_json;

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string ManifestPath(std::string_view commit) {
  return StrCat("_millrace/commits/", commit, ".json");
}

Json Objects(const Intent& intent) {
  Json objects = Json::array();
  for (const IntentSpan& span : intent.spans) {
    objects.push_back({{"object", span.object.object},
                       {"version", span.object.version},
                       {"config", span.object.config},
                       {"end_row", span.after.row}});
  }
  return objects;
}

}  // namespace

absl::StatusOr<CommitLog::Outcome> Manifests::OutcomeOf(const Intent& intent,
                                                        const std::stop_token& /*stop*/) {
  return Find(intent);
}

absl::StatusOr<CommitLog::Outcome> Manifests::Find(const Intent& intent) {
  const absl::StatusOr<std::string> text = store_.Read(ManifestPath(intent.id));
  if (absl::IsNotFound(text.status())) return Outcome::kNone;
  RETURN_IF_ERROR(text.status());
  const Json json = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.value("committed", Json()).is_boolean()) {
    return absl::DataLossError(StrCat(store_.Uri(ManifestPath(intent.id)), " is not a manifest"));
  }
  return json["committed"].get<bool>() ? Outcome::kCommitted : Outcome::kAbandoned;
}

absl::StatusOr<CommitLog::Outcome> Manifests::Record(const Intent& intent,
                                                     std::string_view manifest) {
  const absl::Status created =
      store_.objects().CreateIfAbsent(store_.Uri(ManifestPath(intent.id)), manifest);
  if (!created.ok() && !absl::IsAlreadyExists(created)) return created;
  return Find(intent);
}

absl::StatusOr<CommitLog::Outcome> Manifests::Commit(const Intent& intent,
                                                     const StagedFiles& staged,
                                                     const std::stop_token& /*stop*/) {
  Json list = Json::array();
  for (const DataFile& file : staged.files)
    list.push_back({{"path", file.path}, {"rows", file.rows}});
  return Record(intent, Dump({{"commit", intent.id},
                              {"committed", true},
                              {"files", std::move(list)},
                              {"objects", Objects(intent)}}));
}

absl::StatusOr<CommitLog::Outcome> Manifests::Abandon(const Intent& intent,
                                                      const std::stop_token& /*stop*/) {
  return Record(intent, Dump({{"commit", intent.id}, {"committed", false}}));
}

}  // namespace millrace::lake
