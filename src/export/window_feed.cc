#include "export/window_feed.h"

#include "base/status.h"
#include "base/strings.h"

namespace millrace {
namespace {

// Opens one file under the name of its window; nothing else is called of it.
class WindowStore : public ObjectStore {
 public:
  WindowStore(std::unique_ptr<ObjectStore> disk, ObjectInfo file)
      : disk_(std::move(disk)), file_(std::move(file)) {}

  absl::StatusOr<std::unique_ptr<ObjectReader>> Open(const ObjectInfo&) override {
    return disk_->Open(file_);
  }
  absl::Status List(std::string_view, const Visitor&, const HiddenVisitor&) override {
    return Unsupported();
  }
  absl::StatusOr<ObjectInfo> Find(std::string_view) override { return Unsupported(); }
  absl::StatusOr<std::unique_ptr<ObjectWriter>> Create(std::string_view) override {
    return Unsupported();
  }
  absl::Status Remove(std::string_view) override { return Unsupported(); }
  absl::Status Move(std::string_view, std::string_view) override { return Unsupported(); }
  absl::Status CreateIfAbsent(std::string_view, std::string_view) override { return Unsupported(); }

 private:
  absl::Status Unsupported() const {
    return absl::UnimplementedError(StrCat(file_.uri, " is the file of a window"));
  }

  const std::unique_ptr<ObjectStore> disk_;
  const ObjectInfo file_;
};

}  // namespace

absl::StatusOr<ListedObject> ListWindowFile(const std::string& name, const std::string& version,
                                            const std::string& path) {
  std::unique_ptr<ObjectStore> disk = NewLocalObjectStore();
  ASSIGN_OR_RETURN(const ObjectInfo file, disk->Find(path));
  return ListedObject{.store = std::make_shared<WindowStore>(std::move(disk), file),
                      .info = {.uri = name, .size = file.size, .version = version}};
}

absl::Status WindowFeed::Add(const std::string& name, const std::string& version,
                             const std::string& path) {
  ASSIGN_OR_RETURN(ListedObject object, ListWindowFile(name, version, path));
  absl::MutexLock lock(&mutex_);
  waiting_.push_back(std::move(object));
  return absl::OkStatus();
}

void WindowFeed::End() {
  absl::MutexLock lock(&mutex_);
  ended_ = true;
}

void WindowFeed::AwaitTaken(std::stop_token stop) {
  const std::stop_callback wake(stop, [this] { absl::MutexLock lock(&mutex_); });
  const auto is_taken = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return waiting_.empty() || reader_ended_ || stop.stop_requested();
  };
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(&is_taken));
}

void WindowFeed::ReaderEnded() {
  absl::MutexLock lock(&mutex_);
  reader_ended_ = true;
}

bool WindowFeed::reader_ended() const {
  absl::MutexLock lock(&mutex_);
  return reader_ended_;
}

std::vector<std::pair<std::string, ObjectOutcome>> WindowFeed::TakeOutcomes() {
  absl::MutexLock lock(&mutex_);
  return std::exchange(outcomes_, {});
}

absl::StatusOr<std::optional<ListedObject>> WindowFeed::Next(std::stop_token stop) {
  const std::stop_callback wake(stop, [this] { absl::MutexLock lock(&mutex_); });
  const auto may_return = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return !waiting_.empty() || ended_ || stop.stop_requested();
  };
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(&may_return));
  if (stop.stop_requested()) return StopRequested();
  if (waiting_.empty()) return std::optional<ListedObject>();
  ListedObject object = std::move(waiting_.front());
  waiting_.pop_front();
  return std::optional<ListedObject>(std::move(object));
}

bool WindowFeed::Ready() {
  absl::MutexLock lock(&mutex_);
  return !waiting_.empty() || ended_;
}

void WindowFeed::Ack(const ObjectInfo& object, const ObjectOutcome& outcome) {
  absl::MutexLock lock(&mutex_);
  outcomes_.emplace_back(object.uri, outcome);
}

}  // namespace millrace
