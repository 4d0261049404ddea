// A folder for the temporary files of one process.
#ifndef MILLRACE_IO_TEMP_FOLDER_H_
#define MILLRACE_IO_TEMP_FOLDER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace millrace {

class TempFolder {
 public:
  // Creates "<parent>/<name>.<owner>.XXXXXX", for this user only; the name includes the owner from
  // the start. First removes folders of that name that killed processes of this machine left at any
  // time.
  static absl::StatusOr<std::unique_ptr<TempFolder>> Make(const std::string& parent,
                                                          const std::string& name);
  // Removes the folder and its content.
  ~TempFolder();

  const std::string& path() const { return path_; }
  // Creates a folder in it and returns its path.
  absl::StatusOr<std::string> MakeFolder(const std::string& name) const;

 private:
  explicit TempFolder(std::string path) : path_(std::move(path)) {}

  const std::string path_;
};

}  // namespace millrace

#endif  // MILLRACE_IO_TEMP_FOLDER_H_
