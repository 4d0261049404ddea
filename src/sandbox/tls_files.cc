#include "sandbox/tls_files.h"

#include <filesystem>

#include "base/status.h"
#include "base/strings.h"
#include "io/durable_file.h"
#include "net/tls_certificate.h"

namespace millrace::sandbox {
namespace {

constexpr size_t kMaxCaBytes = 64 << 10;

bool IsReplaceable(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) return false;
  const absl::StatusOr<std::string> content = ReadWholeFile(path, kMaxCaBytes);
  return content.ok() && IsSelfSignedCa(*content);
}

}  // namespace

absl::StatusOr<TlsCaFile> TlsCaFile::Write(const std::string& path, std::string_view pem) {
  TlsCaFile file;
  file.path_ = path;
  std::error_code error;
  if (path.empty()) {
    const std::string temporary = std::filesystem::temp_directory_path(error).string();
    ASSIGN_OR_RETURN(file.folder_,
                     TempFolder::Make(error ? "/tmp" : temporary, "millrace-sandbox"));
    file.path_ = StrCat(file.folder_->path(), "/ca.pem");
  } else if (std::filesystem::exists(std::filesystem::symlink_status(path, error)) &&
             !IsReplaceable(path)) {
    return absl::InvalidArgumentError(StrCat(
        path,
        " exists and is not the CA certificate of a sandbox; remove it or name another file"));
  }
  ASSIGN_OR_RETURN(const auto out, CreateNewFile(file.path_, FileAudience::kEveryone));
  RETURN_IF_ERROR(out->Append(pem));
  RETURN_IF_ERROR(out->Commit());
  return file;
}

}  // namespace millrace::sandbox
