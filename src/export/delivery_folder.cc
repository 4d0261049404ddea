#include "export/delivery_folder.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <string_view>

#include "base/json_parse.h"
#include "base/status.h"
#include "base/strings.h"
#include "export/delivered_rows.h"
#include "export/window_file.h"
#include "io/durable_file.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kDelivered = ".delivered", kNext = ".next", kPending = ".pending",
                           kRows = ".ndjson.zst";

absl::StatusOr<PendingWindow> Parse(const std::string& path, std::string name) {
  ASSIGN_OR_RETURN(const std::string text, ReadWholeFile(path, 1 << 16));
  const std::optional<nlohmann::json> json = ParseJson(text);
  if (!json || !json->is_object() || !json->contains("version") ||
      !(*json)["version"].is_string() || !json->contains("rows") ||
      !(*json)["rows"].is_number_unsigned() || !json->contains("delivered") ||
      !(*json)["delivered"].is_number_unsigned()) {
    return absl::DataLossError(StrCat(path, " is damaged"));
  }
  return PendingWindow{.name = std::move(name),
                       .version = (*json)["version"],
                       .rows = (*json)["rows"],
                       .delivered = (*json)["delivered"],
                       .closes = json->value("closes", false),
                       .replaces = json->value("replaces", false)};
}

// Rows that were delivered before are an object of their own when they are delivered again.
std::string NewVersion(const std::string& content) {
  std::random_device random;
  std::string version = content;
  for (int i = 0; i < 4; ++i) StrAppend(&version, "-", random());
  return version;
}

// `to` has the content of `from`, and exists once the folder is durable.
absl::Status LinkOrCopy(const std::string& from, uint64_t rows, const std::string& to) {
  std::error_code error;
  fs::create_hard_link(from, to, error);
  if (!error) return absl::OkStatus();
  return CopyRows(from, std::vector<bool>(rows, true), to).status();
}

}  // namespace

absl::StatusOr<DeliveryFolder> DeliveryFolder::Open(std::string folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return ErrnoStatus(error.value(), StrCat("creating the folder ", folder));
  fs::permissions(folder, fs::perms::owner_all, error);
  DeliveryFolder opened(std::move(folder));
  RETURN_IF_ERROR(opened.Load());
  return opened;
}

absl::Status DeliveryFolder::Load() {
  std::error_code error;
  std::vector<std::string> unfinished;
  for (const fs::directory_entry& file : fs::directory_iterator(folder_, error)) {
    const std::string path = file.path().string();
    if (path.ends_with(kPending)) {
      ASSIGN_OR_RETURN(PendingWindow window, Parse(path, file.path().stem().string()));
      pending_.push_back(std::move(window));
    } else if (!path.ends_with(kDelivered)) {
      unfinished.push_back(path);
    }
  }
  if (error) return ErrnoStatus(error.value(), StrCat("listing ", folder_));
  std::sort(pending_.begin(), pending_.end(),
            [](const PendingWindow& a, const PendingWindow& b) { return a.name < b.name; });
  for (const std::string& path : unfinished) {
    const bool is_used =
        std::any_of(pending_.begin(), pending_.end(), [&](const PendingWindow& window) {
          return path == PathOf(window.name, kNext) || path == RowsPath(window.name);
        });
    if (!is_used) RETURN_IF_ERROR(RemoveFile(path));
  }
  return absl::OkStatus();
}

absl::StatusOr<PendingWindow> DeliveryFolder::Add(const std::string& name, const WindowFile& file,
                                                  RowHashes& hashes, bool closes) {
  const std::string next = PathOf(name, kNext);
  ASSIGN_OR_RETURN(const NewRows rows, MergeDelivered(PathOf(name, kDelivered), hashes, next));
  PendingWindow window{
      .name = name, .rows = rows.count, .delivered = rows.delivered, .closes = closes};
  if (rows.count == 0) {
    RETURN_IF_ERROR(RemoveFile(next));
    return window;
  }
  if (rows.count == rows.is_new.size()) {
    RETURN_IF_ERROR(LinkOrCopy(file.path, rows.count, RowsPath(name)));
    window.version = file.version;
  } else {
    ASSIGN_OR_RETURN(window.version, CopyRows(file.path, rows.is_new, RowsPath(name)));
  }
  RETURN_IF_ERROR(Keep(window));
  return window;
}

absl::StatusOr<PendingWindow> DeliveryFolder::AddReplacement(const std::string& name,
                                                             const WindowFile& file,
                                                             RowHashes& hashes, bool closes) {
  ASSIGN_OR_RETURN(const NewRows rows, MergeDelivered("", hashes, PathOf(name, kNext)));
  PendingWindow window{.name = name,
                       .rows = rows.count,
                       .delivered = rows.delivered,
                       .closes = closes,
                       .replaces = true};
  ASSIGN_OR_RETURN(const std::string content, CopyRows(file.path, rows.is_new, RowsPath(name)));
  window.version = NewVersion(content);
  RETURN_IF_ERROR(Keep(window));
  return window;
}

absl::StatusOr<PendingWindow> DeliveryFolder::AddMissing(const std::string& name,
                                                         const WindowFile& missing,
                                                         RowHashes& hashes, bool closes) {
  ASSIGN_OR_RETURN(const NewRows rows,
                   MergeDelivered(PathOf(name, kDelivered), hashes, PathOf(name, kNext)));
  const PendingWindow window{.name = name,
                             .version = NewVersion(missing.version),
                             .rows = missing.rows,
                             .delivered = rows.delivered,
                             .closes = closes};
  RETURN_IF_ERROR(LinkOrCopy(missing.path, missing.rows, RowsPath(name)));
  RETURN_IF_ERROR(Keep(window));
  return window;
}

absl::Status DeliveryFolder::Keep(const PendingWindow& window) {
  const nlohmann::json json = {{"version", window.version},
                               {"rows", window.rows},
                               {"delivered", window.delivered},
                               {"closes", window.closes},
                               {"replaces", window.replaces}};
  RETURN_IF_ERROR(ReplaceFile(PathOf(window.name, kPending), json.dump()));
  pending_.push_back(window);
  return absl::OkStatus();
}

absl::Status DeliveryFolder::Complete(const std::string& name) {
  const absl::Status moved = MoveFile(PathOf(name, kNext), PathOf(name, kDelivered));
  // NotFound: an earlier call was interrupted.
  if (!moved.ok() && !absl::IsNotFound(moved)) return moved;
  RETURN_IF_ERROR(RemoveFile(PathOf(name, kPending)));
  RETURN_IF_ERROR(RemoveFile(RowsPath(name)));
  std::erase_if(pending_, [&](const PendingWindow& window) { return window.name == name; });
  return absl::OkStatus();
}

absl::Status DeliveryFolder::Forget(const std::string& name) {
  return RemoveFile(PathOf(name, kDelivered));
}

absl::StatusOr<uint64_t> DeliveryFolder::Delivered(const std::string& name) const {
  return CountDelivered(PathOf(name, kDelivered));
}

std::string DeliveryFolder::RowsPath(const std::string& name) const { return PathOf(name, kRows); }

std::string DeliveryFolder::PathOf(const std::string& name, std::string_view ending) const {
  return StrCat(folder_, "/", name, ending);
}

}  // namespace millrace
