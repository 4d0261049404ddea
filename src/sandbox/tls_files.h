// The certificate authority of a sandbox with HTTPS, for clients to trust.
#ifndef MILLRACE_SANDBOX_TLS_FILES_H_
#define MILLRACE_SANDBOX_TLS_FILES_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "io/temp_folder.h"

namespace millrace::sandbox {

// The file with the CA certificate. Private keys are never in a file.
class TlsCaFile {
 public:
  // Writes `pem` to `path`, readable for everyone; "" writes it into a folder in the system's
  // temporary folder, which is removed with this object. InvalidArgument if `path` exists and is
  // not the CA certificate of another sandbox, which it would replace.
  static absl::StatusOr<TlsCaFile> Write(const std::string& path, std::string_view pem);

  const std::string& path() const { return path_; }

 private:
  std::unique_ptr<TempFolder> folder_;
  std::string path_;
};

}  // namespace millrace::sandbox

#endif  // MILLRACE_SANDBOX_TLS_FILES_H_
