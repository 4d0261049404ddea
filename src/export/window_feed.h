// Windows that were fetched, as the objects that a run delivers to one destination.
#ifndef MILLRACE_EXPORT_WINDOW_FEED_H_
#define MILLRACE_EXPORT_WINDOW_FEED_H_

#include <deque>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "objects/object_feed.h"

namespace millrace {

// The file `path` as an object of this name and version.
absl::StatusOr<ListedObject> ListWindowFile(const std::string& name, const std::string& version,
                                            const std::string& path);

// Thread-safe, but for one caller of Next() and Ready().
class WindowFeed : public ObjectFeed {
 public:
  // Adds an object of this name and version, whose content is the file `path`.
  absl::Status Add(const std::string& name, const std::string& version, const std::string& path);
  // No object follows.
  void End();

  // Waits until all objects were taken, or the reader has ended, or a stop is requested.
  void AwaitTaken(std::stop_token stop);
  // The reader has ended: nothing is taken any more.
  void ReaderEnded();
  bool reader_ended() const;

  // The outcomes since the last call, by name.
  std::vector<std::pair<std::string, ObjectOutcome>> TakeOutcomes();

  absl::StatusOr<std::optional<ListedObject>> Next(std::stop_token stop) override;
  bool Ready() override;
  void Ack(const ObjectInfo& object, const ObjectOutcome& outcome) override;

 private:
  mutable absl::Mutex mutex_;
  std::deque<ListedObject> waiting_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::pair<std::string, ObjectOutcome>> outcomes_ ABSL_GUARDED_BY(mutex_);
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  bool reader_ended_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace millrace

#endif  // MILLRACE_EXPORT_WINDOW_FEED_H_
