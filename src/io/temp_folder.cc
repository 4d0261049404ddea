#include "io/temp_folder.h"

#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "absl/memory/memory.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "io/worker_id.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kRandomPart = ".XXXXXX";

void RemoveAbandoned(const std::string& parent, const std::string& name) {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(parent, error)) {
    const std::string file_name = entry.path().filename().string();
    std::string_view owner = file_name;
    if (!owner.starts_with(name + ".")) continue;
    owner.remove_prefix(name.size() + 1);
    if (owner.size() < kRandomPart.size()) continue;
    owner.remove_suffix(kRandomPart.size());
    std::error_code none;
    if (IsWorkerTagDead(owner)) fs::remove_all(entry.path(), none);
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<TempFolder>> TempFolder::Make(const std::string& parent,
                                                             const std::string& name) {
  RemoveAbandoned(parent, name);
  std::string path = StrCat(parent, "/", name, ".", CurrentWorkerTag(), kRandomPart);
  if (mkdtemp(path.data()) == nullptr) {
    return ErrnoStatus(errno, StrCat("creating a temporary folder in ", parent));
  }
  return absl::WrapUnique(new TempFolder(std::move(path)));
}

TempFolder::~TempFolder() {
  std::error_code error;
  fs::remove_all(path_, error);
  if (error) {
    Log(Severity::kWarning, "a temporary folder was not removed",
        {{"folder", path_}, {"error", error.message()}});
  }
}

absl::StatusOr<std::string> TempFolder::MakeFolder(const std::string& name) const {
  std::string path = StrCat(path_, "/", name);
  std::error_code error;
  fs::create_directory(path, error);
  if (error) return ErrnoStatus(error.value(), StrCat("creating the folder ", path));
  return path;
}

}  // namespace millrace
