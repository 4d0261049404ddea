#include "objects/object_lister.h"

#include <pthread.h>

#include <utility>

#include "absl/memory/memory.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "io/table_folder.h"
#include "objects/iceberg_name.h"

namespace millrace {

absl::StatusOr<std::unique_ptr<ObjectLister>> ObjectLister::Start(
    const std::vector<std::string>& inputs, std::function<bool(const ObjectInfo&)> wanted,
    const StoreOptions& stores, ListingRules rules) {
  auto lister = absl::WrapUnique(new ObjectLister(std::move(wanted), std::move(rules)));
  StoreOptions options = stores;
  options.stop = lister->stop_.get_token();
  for (const std::string& input : inputs) {
    ASSIGN_OR_RETURN(std::unique_ptr<ObjectStore> store,
                     OpenInputStore(input, options, lister->rules_.tables));
    lister->inputs_.push_back({input, std::move(store)});
  }
  ObjectLister* self = lister.get();
  self->on_outer_stop_.emplace(stores.stop, [self] { self->stop_.request_stop(); });
  self->thread_ = std::jthread([self] { self->List(); });
  pthread_setname_np(self->thread_.native_handle(), "list");
  return lister;
}

ObjectLister::ObjectLister(std::function<bool(const ObjectInfo&)> wanted, ListingRules rules)
    : wanted_(std::move(wanted)), rules_(std::move(rules)) {}

ObjectLister::~ObjectLister() {
  stop_.request_stop();
  absl::MutexLock lock(&mutex_);
  stopped_ = true;
}

void ObjectLister::List() {
  Seen seen;
  absl::Status failure;
  for (const Input& input : inputs_) {
    const absl::Status status = ListInput(input, seen);
    if (stop_.stop_requested() || absl::IsCancelled(status)) {
      failure.Update(status);
      break;
    }
    if (status.ok()) continue;
    // The end returns only the first error.
    if (!failure.ok()) {
      Log(Severity::kError, "listing an input failed",
          {{"input", input.pattern}, {"error", ToStd(status.message())}});
    }
    failure.Update(status);
  }
  done_ = true;
  absl::MutexLock lock(&mutex_);
  ended_ = true;
  end_status_ = std::move(failure);
}

absl::Status ObjectLister::ListInput(const Input& input, Seen& seen) {
  TableGuard tables(*input.store, input.pattern, rules_.as_files || IsIcebergName(input.pattern));
  const auto visit = [&](const ObjectInfo& info) -> absl::Status {
    if (stop_.stop_requested()) return absl::CancelledError("listing was stopped");
    RETURN_IF_ERROR(tables.OnObject(info));
    if (!wanted_(info)) return absl::OkStatus();
    if (inputs_.size() > 1) {
      const Hash128 hash = HashBytes(info.uri);
      if (!seen.emplace(hash.high, hash.low).second) return absl::OkStatus();
    }
    ++objects_;
    bytes_ += info.size;
    return Push({input.store, info}) ? absl::OkStatus()
                                     : absl::CancelledError("listing was stopped");
  };
  return input.store->List(input.pattern, visit, [&](std::string_view uri) -> absl::Status {
    RETURN_IF_ERROR(tables.OnHidden(uri));
    if (rules_.on_hidden) rules_.on_hidden(uri);
    return absl::OkStatus();
  });
}

bool ObjectLister::HasRoomOrStops() const { return ahead_.size() < kAhead || stopped_; }

bool ObjectLister::Push(ListedObject object) {
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(this, &ObjectLister::HasRoomOrStops));
  if (stopped_ || stop_.stop_requested()) return false;
  ahead_.push_back(std::move(object));
  return true;
}

bool ObjectLister::HasObjectOrEnds() const { return !ahead_.empty() || ended_ || stopped_; }

absl::Status ObjectLister::failure() const {
  absl::MutexLock lock(&mutex_);
  return end_status_;
}

bool ObjectLister::Ready() {
  absl::MutexLock lock(&mutex_);
  return HasObjectOrEnds();
}

absl::StatusOr<std::optional<ListedObject>> ObjectLister::Next(std::stop_token stop) {
  const std::stop_callback wake(stop, [this] {
    absl::MutexLock lock(&mutex_);
    stopped_ = true;
  });
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(this, &ObjectLister::HasObjectOrEnds));
  if (stop.stop_requested()) return absl::CancelledError("the run was stopped");
  if (!ahead_.empty()) {
    ListedObject object = std::move(ahead_.front());
    ahead_.pop_front();
    return std::optional<ListedObject>(std::move(object));
  }
  RETURN_IF_ERROR(end_status_);
  return std::optional<ListedObject>();
}

}  // namespace millrace
