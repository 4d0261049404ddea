#include "connectors/lake/lake_store.h"

#include <algorithm>
#include <atomic>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>

#include "absl/synchronization/mutex.h"
#include "base/status.h"
#include "base/strings.h"

namespace millrace::lake {
namespace {

using Json = nlohmann::ordered_json;

constexpr uint64_t kMaxListBytes = 256 << 20;

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

void LakeStore::AddStore() {
  auto store = std::make_unique<Store>();
  store->objects = open_(store->stop.get_token());
  if (store->objects == nullptr) return;
  absl::MutexLock lock(&mutex_);
  stores_.push_back(std::move(store));
}

ObjectStore& LakeStore::objects() {
  absl::MutexLock lock(&mutex_);
  return *stores_.back()->objects;
}

LakeStore::Stop LakeStore::Watch(const std::stop_token& stop) {
  const auto current = [this] {
    absl::MutexLock lock(&mutex_);
    return stores_.back()->stop;
  };
  if (current().stop_requested() && !stop.stop_requested()) AddStore();
  return Stop(stop, [source = current()]() mutable { source.request_stop(); });
}

absl::Status LakeStore::RemoveFilesOf(const std::string& commit) {
  std::vector<std::string> files;
  const auto look = [&](const ObjectInfo& object) {
    const std::string_view name = std::string_view(object.uri).substr(object.uri.rfind('/') + 1);
    if (name.starts_with(commit)) files.push_back(object.uri);
    return absl::OkStatus();
  };
  for (const std::string& folder : {Uri(StagedFolder("")), folder_}) {
    const absl::Status listed = objects().List(folder, look);
    if (!listed.ok() && !absl::IsNotFound(listed)) return listed;
  }
  return ForEachInParallel(files.size(), 8, [&](size_t i) { return objects().Remove(files[i]); });
}

std::string LakeStore::StagedFolder(std::string_view process) {
  return StrCat("_millrace/staged/", process, process.empty() ? "" : "/");
}

std::string LakeStore::ListPath(std::string_view process, std::string_view commit) {
  return StrCat(StagedFolder(process), commit, ".json");
}

absl::Status LakeStore::WriteList(const std::string& path, const std::vector<LakeFile>& files) {
  Json list = Json::array();
  for (const LakeFile& file : files) {
    list.push_back({{"staged", file.staged}, {"path", file.path}, {"rows", file.rows}});
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<ObjectWriter> writer, objects().Create(Uri(path)));
  RETURN_IF_ERROR(writer->Append(Dump({{"files", std::move(list)}})));
  return writer->Finish();
}

absl::StatusOr<std::string> LakeStore::Read(const std::string& path) {
  ASSIGN_OR_RETURN(const ObjectInfo info, objects().Find(Uri(path)));
  if (info.size > kMaxListBytes) {
    return absl::ResourceExhaustedError(StrCat(info.uri, " is larger than ", kMaxListBytes));
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<ObjectReader> reader, objects().Open(info));
  std::string text(info.size, '\0');
  ASSIGN_OR_RETURN(const size_t read, reader->ReadAt(0, absl::MakeSpan(text)));
  text.resize(read);
  return text;
}

absl::StatusOr<std::vector<LakeFile>> LakeStore::ReadList(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, Read(path));
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  const absl::Status invalid = absl::DataLossError(StrCat(Uri(path), " is not a list of files"));
  if (!json.is_object() || !json.contains("files") || !json["files"].is_array()) return invalid;
  std::vector<LakeFile> files;
  for (const Json& one : json["files"]) {
    if (!one.is_object() || !one.value("staged", Json()).is_string() ||
        !one.value("path", Json()).is_string() || !one.value("rows", Json()).is_number_unsigned()) {
      return invalid;
    }
    files.push_back({one["staged"], one["path"], one["rows"]});
  }
  return files;
}

absl::StatusOr<LakeStore::Outcome> LakeStore::OutcomeOf(const std::string& commit) {
  const absl::StatusOr<std::string> text = Read(ManifestPath(commit));
  if (absl::IsNotFound(text.status())) return Outcome::kNone;
  RETURN_IF_ERROR(text.status());
  const Json json = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.value("committed", Json()).is_boolean()) {
    return absl::DataLossError(StrCat(Uri(ManifestPath(commit)), " is not a manifest"));
  }
  return json["committed"].get<bool>() ? Outcome::kCommitted : Outcome::kAbandoned;
}

absl::StatusOr<LakeStore::Outcome> LakeStore::Record(const std::string& commit,
                                                     std::string_view manifest) {
  const absl::Status created = objects().CreateIfAbsent(Uri(ManifestPath(commit)), manifest);
  if (!created.ok() && !absl::IsAlreadyExists(created)) return created;
  return OutcomeOf(commit);
}

absl::StatusOr<LakeStore::Outcome> LakeStore::Commit(const Intent& intent,
                                                     const std::vector<LakeFile>& files) {
  Json list = Json::array();
  for (const LakeFile& file : files) list.push_back({{"path", file.path}, {"rows", file.rows}});
  return Record(intent.id, Dump({{"commit", intent.id},
                                 {"committed", true},
                                 {"files", std::move(list)},
                                 {"objects", Objects(intent)}}));
}

absl::StatusOr<LakeStore::Outcome> LakeStore::Abandon(const Intent& intent) {
  return Record(intent.id, Dump({{"commit", intent.id}, {"committed", false}}));
}

absl::Status ForEachInParallel(size_t count, size_t threads,
                               const std::function<absl::Status(size_t)>& work) {
  std::atomic<size_t> next = 0;
  absl::Mutex mutex;
  absl::Status status;
  const auto run = [&] {
    for (size_t i = next++; i < count; i = next++) {
      const absl::Status done = work(i);
      if (done.ok()) continue;
      next = count;
      absl::MutexLock lock(&mutex);
      status.Update(done);
    }
  };
  {
    std::vector<std::jthread> others;
    for (size_t i = 1; i < std::min(threads, count); ++i) others.emplace_back(run);
    run();
  }
  return status;
}

}  // namespace millrace::lake
