// A local store whose calls fail on request.
#ifndef MILLRACE_IO_TESTING_FAULTY_STORE_H_
#define MILLRACE_IO_TESTING_FAULTY_STORE_H_

#include <atomic>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/status.h"
#include "io/object_store.h"

namespace millrace {

class FaultyStore : public ObjectStore {
 public:
  // As a bucket's: calls end once `stop` is requested.
  explicit FaultyStore(std::stop_token stop) : stop_(std::move(stop)) {}

  // Of the next object that is created, writing fails in the middle.
  void FailNextObject() { fails_object_ = true; }
  // Call number `n` from now, of Move() and CreateIfAbsent() together, is Unavailable.
  void FailCall(int n, bool with_effect) {
    with_effect_ = with_effect;
    calls_left_ = n + 1;
  }
  // The next CreateIfAbsent() is Unavailable and has its effect when DeliverLate() is called.
  void DelayNextCreate() { delays_create_ = true; }
  void DeliverLate() {
    if (late_) std::exchange(late_, nullptr)();
  }

  // As of killed writers to a bucket, which leave parts: the uris of their objects.
  std::vector<std::string> unfinished;
  absl::Status unfinished_denied;  // RemoveUnfinished() fails with this, if it is not ok

  absl::StatusOr<size_t> RemoveUnfinished(std::string_view folder,
                                          const UriFilter& filter) override {
    RETURN_IF_ERROR(unfinished_denied);
    return std::erase_if(
        unfinished, [&](const std::string& uri) { return uri.starts_with(folder) && filter(uri); });
  }

  absl::Status List(std::string_view pattern, const Visitor& visitor,
                    const HiddenVisitor& hidden) override {
    return store_->List(pattern, visitor, hidden);
  }
  absl::StatusOr<ObjectInfo> Find(std::string_view uri) override { return store_->Find(uri); }
  absl::StatusOr<std::unique_ptr<ObjectReader>> Open(const ObjectInfo& object) override {
    return store_->Open(object);
  }
  absl::StatusOr<std::unique_ptr<ObjectWriter>> Create(std::string_view uri) override {
    ASSIGN_OR_RETURN(std::unique_ptr<ObjectWriter> writer, store_->Create(uri));
    if (!fails_object_.exchange(false)) return writer;
    return std::make_unique<FailingWriter>(std::move(writer));
  }
  absl::Status Remove(std::string_view uri) override { return store_->Remove(uri); }
  absl::Status Move(std::string_view from, std::string_view to) override {
    return MayFail([&] { return store_->Move(from, to); });
  }
  absl::Status CreateIfAbsent(std::string_view uri, std::string_view content) override {
    if (delays_create_.exchange(false)) {
      late_ = [this, uri = std::string(uri), content = std::string(content)] {
        store_->CreateIfAbsent(uri, content).IgnoreError();
      };
      return absl::UnavailableError("the store does not answer");
    }
    return MayFail([&] { return store_->CreateIfAbsent(uri, content); });
  }

 private:
  // Takes one piece.
  class FailingWriter : public ObjectWriter {
   public:
    explicit FailingWriter(std::unique_ptr<ObjectWriter> writer) : writer_(std::move(writer)) {}
    absl::Status Append(std::string_view bytes) override {
      if (std::exchange(has_piece_, true)) return absl::UnavailableError("the store is gone");
      return writer_->Append(bytes);
    }
    absl::Status Finish() override { return absl::UnavailableError("the store is gone"); }

   private:
    const std::unique_ptr<ObjectWriter> writer_;
    bool has_piece_ = false;
  };

  template <typename Call>
  absl::Status MayFail(Call call) {
    if (stop_.stop_requested()) return absl::CancelledError("stopped");
    if (--calls_left_ != 0) return call();
    if (with_effect_) call().IgnoreError();
    return absl::UnavailableError("the store does not answer");
  }

  const std::unique_ptr<ObjectStore> store_ = NewLocalObjectStore();
  const std::stop_token stop_;
  std::atomic<bool> fails_object_ = false;
  std::atomic<bool> delays_create_ = false;
  std::atomic<int> calls_left_ = 0;
  bool with_effect_ = false;
  std::function<void()> late_;
};

}  // namespace millrace

#endif  // MILLRACE_IO_TESTING_FAULTY_STORE_H_
