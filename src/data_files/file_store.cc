#include "data_files/file_store.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "base/parallel.h"
#include "base/status.h"
#include "base/strings.h"

namespace millrace::data_files {
namespace {

using Json = nlohmann::ordered_json;

constexpr uint64_t kMaxListBytes = 256 << 20;

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Json ToJson(const DataFile& file) {
  Json json = {{"staged", file.staged},
               {"path", file.path},
               {"partition", file.partition},
               {"rows", file.rows},
               {"bytes", file.summary.bytes}};
  for (const ParquetFileSummary::Leaf& leaf : file.summary.leaves) {
    Json column = {{"bytes", leaf.bytes}, {"values", leaf.values}};
    if (leaf.statistics) column["nulls"] = leaf.statistics->nulls;
    if (leaf.statistics && leaf.statistics->bounds) {
      column["min"] = leaf.statistics->bounds->min;
      column["max"] = leaf.statistics->bounds->max;
    }
    json["columns"].push_back(std::move(column));
  }
  return json;
}

bool TakeCount(const Json& json, const char* name, uint64_t& count) {
  const auto found = json.find(name);
  if (found == json.end() || !found->is_number_unsigned()) return false;
  count = found->get<uint64_t>();
  return true;
}

bool TakeInteger(const Json& json, const char* name, int64_t& integer) {
  const auto found = json.find(name);
  if (found == json.end() || !found->is_number_integer()) return false;
  integer = found->get<int64_t>();
  return true;
}

bool ParseLeaf(const Json& json, ParquetFileSummary::Leaf& leaf) {
  if (!json.is_object() || !TakeCount(json, "bytes", leaf.bytes) ||
      !TakeCount(json, "values", leaf.values)) {
    return false;
  }
  ParquetStatistics statistics;
  if (!TakeCount(json, "nulls", statistics.nulls)) return !json.contains("nulls");
  ParquetStatistics::Bounds bounds;
  if (TakeInteger(json, "min", bounds.min) && TakeInteger(json, "max", bounds.max)) {
    statistics.bounds = bounds;
  }
  leaf.statistics = statistics;
  return true;
}

// Whether the paths are such as sealing makes: they are moved and removed.
bool IsOfCommit(const DataFile& file, const std::string& folder, const std::string& commit) {
  const auto names_it = [&](std::string_view path) {
    return ("/" + std::string(path)).find("/../") == std::string::npos &&
           path.substr(path.rfind('/') + 1).starts_with(commit);
  };
  return file.staged.starts_with(folder) && names_it(file.staged) && names_it(file.path);
}

bool ParseDataFile(const Json& json, DataFile& file) {
  if (!json.is_object() || !json.value("staged", Json()).is_string() ||
      !json.value("path", Json()).is_string() || !TakeInteger(json, "partition", file.partition) ||
      !TakeCount(json, "rows", file.rows) || !TakeCount(json, "bytes", file.summary.bytes)) {
    return false;
  }
  file.staged = json["staged"];
  file.path = json["path"];
  const Json columns = json.value("columns", Json::array());
  return columns.is_array() && std::all_of(columns.begin(), columns.end(), [&](const Json& column) {
           return ParseLeaf(column, file.summary.leaves.emplace_back());
         });
}

}  // namespace

void FileStore::AddStore() {
  auto store = std::make_unique<Store>();
  store->objects = open_(store->stop.get_token());
  if (store->objects == nullptr) return;
  absl::MutexLock lock(&mutex_);
  stores_.push_back(std::move(store));
}

ObjectStore& FileStore::objects() {
  absl::MutexLock lock(&mutex_);
  return *stores_.back()->objects;
}

FileStore::Stop FileStore::Watch(const std::stop_token& stop) {
  const auto current = [this] {
    absl::MutexLock lock(&mutex_);
    return stores_.back()->stop;
  };
  if (current().stop_requested() && !stop.stop_requested()) AddStore();
  return Stop(stop, [source = current()]() mutable { source.request_stop(); });
}

absl::Status FileStore::RemoveFilesOf(const std::string& commit) {
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

std::string FileStore::StagedFolder(std::string_view process) const {
  return StrCat(hidden_, "staged/", process, process.empty() ? "" : "/");
}

std::string FileStore::ListPath(std::string_view process, std::string_view commit) const {
  return StrCat(StagedFolder(process), commit, ".json");
}

absl::StatusOr<std::string> FileStore::Read(std::string_view path) {
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

absl::Status FileStore::Write(std::string_view path, std::string_view text) {
  ASSIGN_OR_RETURN(const std::unique_ptr<ObjectWriter> writer, objects().Create(Uri(path)));
  RETURN_IF_ERROR(writer->Append(text));
  return writer->Finish();
}

absl::Status FileStore::WriteList(const std::string& path, const StagedFiles& staged) {
  Json list = Json::array();
  for (const DataFile& file : staged.files) list.push_back(ToJson(file));
  return Write(path, Dump({{"files", std::move(list)}, {"note", staged.note}}));
}

absl::StatusOr<StagedFiles> FileStore::ReadList(const std::string& path,
                                                const std::string& commit) {
  ASSIGN_OR_RETURN(const std::string text, Read(path));
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  StagedFiles staged;
  const Json list = json.is_object() ? json.value("files", Json()) : Json();
  const Json note = json.is_object() ? json.value("note", Json()) : Json();
  bool is_list = list.is_array() && note.is_string();
  for (size_t i = 0; is_list && i < list.size(); ++i) {
    DataFile& file = staged.files.emplace_back();
    is_list = ParseDataFile(list[i], file) && IsOfCommit(file, StagedFolder(""), commit);
  }
  if (!is_list) return absl::DataLossError(StrCat(Uri(path), " is not a list of files"));
  staged.note = note.get<std::string>();
  return staged;
}

absl::Status FileStore::RemoveAll() {
  if (const std::string folder = local_folder(); !folder.empty()) {
    constexpr int kTries = 10;  // a writer may remove or move files at the same time
    std::error_code error;      // links are removed, and what they lead to stays
    for (int i = 0; i < kTries; ++i) {
      std::filesystem::remove_all(folder.substr(0, folder.size() - 1), error);
      if (error != std::errc::no_such_file_or_directory) break;
    }
    if (error) return absl::InternalError(StrCat("removing ", folder, ": ", error.message()));
    return absl::OkStatus();
  }
  std::vector<std::string> uris;
  const auto add = [&](const ObjectInfo& object) {
    uris.push_back(object.uri);
    return absl::OkStatus();
  };
  for (const std::string& folder : {folder_, Uri(hidden_)}) {
    const absl::Status listed = objects().List(folder, add);
    if (!listed.ok() && !absl::IsNotFound(listed)) return listed;
  }
  return ForEachInParallel(uris.size(), 8, [&](size_t i) { return objects().Remove(uris[i]); });
}

}  // namespace millrace::data_files
