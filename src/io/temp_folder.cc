#include "io/temp_folder.h"

#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "absl/memory/memory.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "io/durable_file.h"
#include "io/owner.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;

constexpr char kOwnerFile[] = "/owner";

void RemoveAbandoned(const std::string& parent, const std::string& name) {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(parent, error)) {
    if (!entry.path().filename().string().starts_with(name + ".")) continue;
    const absl::StatusOr<std::string> owner = ReadWholeFile(entry.path().string() + kOwnerFile);
    std::error_code none;
    if (owner.ok() && OwnerIsGone(*owner)) fs::remove_all(entry.path(), none);
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<TempFolder>> TempFolder::Make(const std::string& parent,
                                                             const std::string& name) {
  RemoveAbandoned(parent, name);
  std::string path = StrCat(parent, "/", name, ".XXXXXX");
  if (mkdtemp(path.data()) == nullptr) {
    return ErrnoStatus(errno, StrCat("making a temporary folder in ", parent));
  }
  auto folder = absl::WrapUnique(new TempFolder(std::move(path)));
  RETURN_IF_ERROR(ReplaceFile(folder->path() + kOwnerFile, ThisOwner()));
  return folder;
}

TempFolder::~TempFolder() {
  std::error_code error;
  fs::remove_all(path_, error);
  if (error) {
    Log(Severity::kWarning, "a temporary folder is left",
        {{"folder", path_}, {"error", error.message()}});
  }
}

absl::StatusOr<std::string> TempFolder::MakeFolder(const std::string& name) const {
  std::string path = StrCat(path_, "/", name);
  std::error_code error;
  fs::create_directory(path, error);
  if (error) return ErrnoStatus(error.value(), StrCat("making the folder ", path));
  return path;
}

}  // namespace millrace
