// A folder of dead letters that was damaged: it is scanned, replays are noted in it and records
// are appended. The input is the records' file, a line "==", the notes'.
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "connectors/dead_letter_files/dead_letter_reader.h"
#include "connectors/dead_letter_files/disk_dead_letter_queue.h"
#include "connectors/dead_letter_files/replay_notes.h"
#include "require.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;

// Removed with the process.
class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "fuzz-dead-letters-XXXXXX").string();
    Require(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Folder() {
    std::error_code error;
    fs::remove_all(path_, error);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

void Write(const std::string& path, std::string_view text) {
  std::ofstream(path, std::ios::binary | std::ios::trunc)
      .write(text.data(), static_cast<std::streamsize>(text.size()));
}

uint64_t Records(const std::string& folder) {
  const auto scan = ScanDeadLetters(folder, {.with_replayed = true},
                                    [](const DeadLetterRecord&, bool) { return absl::OkStatus(); });
  Require(scan.ok());
  return scan->records;
}

}  // namespace
}  // namespace millrace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;
  static const Folder folder;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t cut = text.find("\n==\n");
  const LedgerKey key{.object = "o", .version = "1", .config = "c", .destination = "d"};
  const std::string path = DeadLetterPath(folder.path(), key);
  Write(path, text.substr(0, cut));
  Write(ReplayedPath(path), cut == std::string_view::npos ? "" : text.substr(cut + 4));

  const uint64_t before = Records(folder.path());
  const ReplayNote note{.object = key, .row = 3, .events = {"{}"}};
  Require(NoteReplayed(folder.path(), {&note, 1}, {}, absl::UnixEpoch()).ok());
  Require(Records(folder.path()) <= before);
  const auto dead_letter = OpenDiskDeadLetterQueue(folder.path());
  Require(dead_letter.ok());
  const Rejection rejection{.source_row = 1, .code = "invalid_time", .message = "m"};
  if ((*dead_letter)->Add(key, {&rejection, 1}).ok()) Require(Records(folder.path()) > 0);
  return 0;
}
