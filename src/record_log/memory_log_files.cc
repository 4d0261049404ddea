#include "record_log/memory_log_files.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <map>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/strings.h"

namespace millrace {
namespace {

struct Node {
  explicit Node(uint64_t size) : bytes(new char[size]), size(size) {}
  // Not initialized: the system gives pages of large blocks when they are written.
  const std::unique_ptr<char[]> bytes;
  std::atomic<uint64_t> size;
};

// Readers of a log do not read what is being written.
class MemoryFile final : public LogFile {
 public:
  explicit MemoryFile(std::shared_ptr<Node> node) : node_(std::move(node)) {}

  absl::Status Write(uint64_t offset, std::string_view bytes) override {
    if (offset + bytes.size() > node_->size) {
      return absl::ResourceExhaustedError("writing beyond the end of a file in memory");
    }
    std::memcpy(node_->bytes.get() + offset, bytes.data(), bytes.size());
    return absl::OkStatus();
  }
  absl::Status Sync() override { return absl::OkStatus(); }
  absl::StatusOr<size_t> Read(uint64_t offset, absl::Span<char> to) override {
    const uint64_t size = node_->size;
    const size_t read = offset >= size ? 0 : std::min<uint64_t>(to.size(), size - offset);
    std::memcpy(to.data(), node_->bytes.get() + offset, read);
    return read;
  }
  uint64_t size() const override { return node_->size; }
  absl::Status Truncate(uint64_t size) override {
    node_->size = std::min<uint64_t>(size, node_->size);
    return absl::OkStatus();
  }

 private:
  const std::shared_ptr<Node> node_;
};

absl::Status NoSuchFile(const std::string& name) {
  return absl::NotFoundError(StrCat("no file in memory: ", name));
}

class MemoryLogFiles final : public LogFiles {
 public:
  absl::StatusOr<std::vector<std::string>> List() override {
    std::vector<std::string> names;
    absl::MutexLock lock(&mutex_);
    for (const auto& [name, node] : nodes_) names.push_back(name);
    return names;
  }
  absl::StatusOr<std::unique_ptr<LogFile>> Create(const std::string& name, uint64_t size,
                                                  Fill /*fill*/) override {
    auto node = std::make_shared<Node>(size);
    absl::MutexLock lock(&mutex_);
    nodes_[name] = node;
    return std::make_unique<MemoryFile>(std::move(node));
  }
  absl::StatusOr<std::unique_ptr<LogFile>> Open(const std::string& name) override {
    absl::MutexLock lock(&mutex_);
    const auto found = nodes_.find(name);
    if (found == nodes_.end()) return NoSuchFile(name);
    return std::make_unique<MemoryFile>(found->second);
  }
  absl::Status Rename(const std::string& from, const std::string& to) override {
    absl::MutexLock lock(&mutex_);
    const auto found = nodes_.find(from);
    if (found == nodes_.end()) return NoSuchFile(from);
    nodes_[to] = std::move(found->second);
    nodes_.erase(from);
    return absl::OkStatus();
  }
  absl::Status Remove(const std::string& name) override {
    absl::MutexLock lock(&mutex_);
    nodes_.erase(name);
    return absl::OkStatus();
  }
  absl::Status SyncNames() override { return absl::OkStatus(); }

 private:
  absl::Mutex mutex_;
  std::map<std::string, std::shared_ptr<Node>> nodes_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

std::unique_ptr<LogFiles> NewMemoryLogFiles() { return std::make_unique<MemoryLogFiles>(); }

}  // namespace millrace
