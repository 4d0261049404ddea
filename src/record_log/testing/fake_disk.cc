#include "record_log/testing/fake_disk.h"

#include <algorithm>
#include <cstring>

namespace millrace {

class FakeDisk::File : public LogFile {
 public:
  File(FakeDisk& disk, std::shared_ptr<Node> node, uint64_t boot)
      : disk_(disk), node_(std::move(node)), boot_(boot) {}

  absl::Status Write(uint64_t offset, std::string_view bytes) override {
    absl::MutexLock lock(&disk_.mutex_);
    if (!IsAlive()) return absl::UnavailableError("no power");
    if (node_->bytes.size() < offset + bytes.size()) node_->bytes.resize(offset + bytes.size());
    std::memcpy(node_->bytes.data() + offset, bytes.data(), bytes.size());
    node_->unsynced.emplace_back(offset, bytes.size());
    return absl::OkStatus();
  }
  absl::Status Sync() override {
    absl::MutexLock lock(&disk_.mutex_);
    if (!IsAlive()) return absl::UnavailableError("no power");
    ++disk_.syncs_;
    if (disk_.syncs_left_ == 0) return absl::UnavailableError("I/O error");
    if (disk_.syncs_left_ > 0 && --disk_.syncs_left_ == 0) {
      return absl::UnavailableError("I/O error");
    }
    node_->durable = node_->bytes;
    node_->unsynced.clear();
    return absl::OkStatus();
  }
  absl::StatusOr<size_t> Read(uint64_t offset, absl::Span<char> to) override {
    absl::MutexLock lock(&disk_.mutex_);
    if (!IsAlive()) return absl::UnavailableError("no power");
    if (offset >= node_->bytes.size()) return 0;
    const size_t size = std::min<uint64_t>(to.size(), node_->bytes.size() - offset);
    std::memcpy(to.data(), node_->bytes.data() + offset, size);
    return size;
  }
  uint64_t size() const override {
    absl::MutexLock lock(&disk_.mutex_);
    return node_->bytes.size();
  }
  absl::Status Truncate(uint64_t size) override {
    absl::MutexLock lock(&disk_.mutex_);
    if (!IsAlive()) return absl::UnavailableError("no power");
    std::erase_if(node_->unsynced,
                  [size](const auto& write) { return write.first + write.second > size; });
    node_->bytes.resize(size);
    node_->durable.resize(std::min<size_t>(node_->durable.size(), size));
    return absl::OkStatus();
  }

 private:
  bool IsAlive() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(disk_.mutex_) {
    return disk_.is_on_ && boot_ == disk_.boot_;
  }

  FakeDisk& disk_;
  const std::shared_ptr<Node> node_;
  const uint64_t boot_;
};

void FakeDisk::Crash(uint64_t seed) {
  std::mt19937_64 random(seed);
  absl::MutexLock lock(&mutex_);
  is_on_ = false;
  Names all = names_;
  all.insert(durable_names_.begin(), durable_names_.end());
  for (const auto& [name, node] : all) {
    for (const auto& [offset, size] : node->unsynced) {
      // A part of a write: some of its bytes from a random place on, or up to one.
      const uint64_t cut = random() % 3 == 0 ? random() % (size + 1) : random() % 2 * size;
      const bool is_tail = random() % 2 == 0;
      const uint64_t from = is_tail ? offset + size - cut : offset;
      if (node->durable.size() < from + cut) node->durable.resize(from + cut);
      std::memcpy(node->durable.data() + from, node->bytes.data() + from, cut);
    }
    node->unsynced.clear();
    node->durable.resize(std::max(node->durable.size(), node->bytes.size()));
    node->bytes = node->durable;
  }
  if (random() % 2 == 0) {
    names_ = durable_names_;
  } else {
    durable_names_ = names_;
  }
}

void FakeDisk::Restart() {
  absl::MutexLock lock(&mutex_);
  is_on_ = true;
  ++boot_;
}

void FakeDisk::FailSyncs(int n) {
  absl::MutexLock lock(&mutex_);
  syncs_left_ = n;
}

void FakeDisk::SetRoom(uint64_t bytes) {
  absl::MutexLock lock(&mutex_);
  room_ = bytes;
}

void FakeDisk::Damage(const std::string& name, uint64_t offset) {
  absl::MutexLock lock(&mutex_);
  Node& node = *names_.at(name);
  node.bytes[offset] ^= 1;
  node.durable = node.bytes;
}

int FakeDisk::syncs() const {
  absl::MutexLock lock(&mutex_);
  return syncs_;
}

int FakeDisk::creates() const {
  absl::MutexLock lock(&mutex_);
  return creates_;
}

absl::Status FakeDisk::CheckIsOn() const {
  return is_on_ ? absl::OkStatus() : absl::UnavailableError("no power");
}

absl::StatusOr<std::vector<std::string>> FakeDisk::List() {
  absl::MutexLock lock(&mutex_);
  if (!is_on_) return CheckIsOn();
  std::vector<std::string> names;
  for (const auto& [name, node] : names_) names.push_back(name);
  return names;
}

absl::StatusOr<std::unique_ptr<LogFile>> FakeDisk::Create(const std::string& name, uint64_t size,
                                                          Fill /*fill*/) {
  absl::MutexLock lock(&mutex_);
  if (!is_on_) return CheckIsOn();
  uint64_t used = 0;
  for (const auto& [other, node] : names_) used += node->bytes.size();
  if (used + size > room_) return absl::ResourceExhaustedError("No space left on device");
  auto node = std::make_shared<Node>();
  node->bytes.resize(size);
  names_[name] = node;
  ++creates_;
  return std::make_unique<File>(*this, node, boot_);
}

absl::StatusOr<std::unique_ptr<LogFile>> FakeDisk::Open(const std::string& name) {
  absl::MutexLock lock(&mutex_);
  if (!is_on_) return CheckIsOn();
  const auto found = names_.find(name);
  if (found == names_.end()) return absl::NotFoundError(name);
  return std::make_unique<File>(*this, found->second, boot_);
}

absl::Status FakeDisk::Rename(const std::string& from, const std::string& to) {
  absl::MutexLock lock(&mutex_);
  if (!is_on_) return CheckIsOn();
  const auto found = names_.find(from);
  if (found == names_.end()) return absl::NotFoundError(from);
  names_[to] = found->second;
  names_.erase(from);
  return absl::OkStatus();
}

absl::Status FakeDisk::Remove(const std::string& name) {
  absl::MutexLock lock(&mutex_);
  if (!is_on_) return CheckIsOn();
  names_.erase(name);
  return absl::OkStatus();
}

absl::Status FakeDisk::SyncNames() {
  absl::MutexLock lock(&mutex_);
  if (!is_on_) return CheckIsOn();
  durable_names_ = names_;
  return absl::OkStatus();
}

}  // namespace millrace
