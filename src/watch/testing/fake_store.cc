#include "watch/testing/fake_store.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/status.h"
#include "base/strings.h"

namespace millrace::watch {

class FakeBucket::Reader : public ObjectReader {
 public:
  Reader(FakeBucket& bucket, ObjectInfo info, std::string bytes)
      : bucket_(bucket), info_(std::move(info)), bytes_(std::move(bytes)) {}

  const ObjectInfo& info() const override { return info_; }
  absl::StatusOr<size_t> ReadAt(uint64_t offset, absl::Span<char> to) override {
    if (offset >= bytes_.size()) return 0;
    const size_t size = std::min<size_t>(to.size(), bytes_.size() - offset);
    std::memcpy(to.data(), bytes_.data() + offset, size);
    return size;
  }
  absl::Status CheckUnchanged() override {
    absl::MutexLock lock(&bucket_.mutex_);
    const auto found = bucket_.objects_.find(info_.uri);
    if (found != bucket_.objects_.end() &&
        std::to_string(found->second.generation) == info_.version) {
      return absl::OkStatus();
    }
    return absl::FailedPreconditionError(StrCat(info_.uri, " was changed"));
  }

 private:
  FakeBucket& bucket_;
  const ObjectInfo info_;
  const std::string bytes_;
};

class FakeBucket::Store : public ObjectStore {
 public:
  explicit Store(FakeBucket& bucket) : bucket_(bucket) {}

  using ObjectStore::List;
  absl::Status List(std::string_view pattern, const Visitor& visitor,
                    const HiddenVisitor& /*hidden*/) override {
    ASSIGN_OR_RETURN(const ObjectInfo info, Find(pattern));
    return visitor(info);
  }
  absl::StatusOr<ObjectInfo> Find(std::string_view uri) override {
    bucket_.on_find_();
    absl::MutexLock lock(&bucket_.mutex_);
    const auto found = bucket_.objects_.find(std::string(uri));
    if (found == bucket_.objects_.end()) return absl::NotFoundError(StrCat("no ", uri));
    RETURN_IF_ERROR(found->second.failure);
    return ObjectInfo{found->first, found->second.bytes.size(),
                      std::to_string(found->second.generation)};
  }
  absl::StatusOr<std::unique_ptr<ObjectReader>> Open(const ObjectInfo& object) override {
    std::string bytes;
    {
      absl::MutexLock lock(&bucket_.mutex_);
      const auto found = bucket_.objects_.find(object.uri);
      if (found == bucket_.objects_.end()) return absl::NotFoundError(StrCat("no ", object.uri));
      bytes = found->second.bytes;
    }
    auto reader = std::make_unique<Reader>(bucket_, object, std::move(bytes));
    RETURN_IF_ERROR(reader->CheckUnchanged());
    return reader;
  }
  absl::StatusOr<std::unique_ptr<ObjectWriter>> Create(std::string_view) override {
    return absl::UnimplementedError("objects are put there by FakeBucket::Put()");
  }
  absl::Status Remove(std::string_view uri) override {
    bucket_.Remove(std::string(uri));
    return absl::OkStatus();
  }
  absl::Status Move(std::string_view from, std::string_view to) override {
    absl::MutexLock lock(&bucket_.mutex_);
    auto moved = bucket_.objects_.extract(std::string(from));
    if (moved.empty()) return absl::NotFoundError(StrCat("no ", from));
    moved.mapped().generation = ++bucket_.generation_;
    bucket_.objects_[std::string(to)] = std::move(moved.mapped());
    return absl::OkStatus();
  }
  absl::Status CreateIfAbsent(std::string_view uri, std::string_view content) override {
    absl::MutexLock lock(&bucket_.mutex_);
    const bool created =
        bucket_.objects_
            .try_emplace(std::string(uri), Object{std::string(content), ++bucket_.generation_, {}})
            .second;
    return created ? absl::OkStatus() : absl::AlreadyExistsError(StrCat(uri, " exists already"));
  }

 private:
  FakeBucket& bucket_;
};

void FakeBucket::Put(const std::string& uri, std::string bytes) {
  absl::MutexLock lock(&mutex_);
  objects_[uri] = {std::move(bytes), ++generation_, absl::OkStatus()};
}

void FakeBucket::Remove(const std::string& uri) {
  absl::MutexLock lock(&mutex_);
  objects_.erase(uri);
}

void FakeBucket::Fail(const std::string& uri, absl::Status status) {
  absl::MutexLock lock(&mutex_);
  objects_[uri].failure = std::move(status);
}

StoreOpener FakeBucket::Opener() {
  return [this](std::string_view) -> absl::StatusOr<std::unique_ptr<ObjectStore>> {
    return std::make_unique<Store>(*this);
  };
}

}  // namespace millrace::watch
