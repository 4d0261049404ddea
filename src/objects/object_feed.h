// Objects to import, one after another: from a listing or from notifications.
#ifndef MILLRACE_OBJECTS_OBJECT_FEED_H_
#define MILLRACE_OBJECTS_OBJECT_FEED_H_

#include <memory>
#include <optional>
#include <stop_token>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "io/object_store.h"
#include "pipeline/ledger.h"

namespace millrace {

struct ListedObject {
  std::shared_ptr<ObjectStore> store;
  ObjectInfo info;     // without a uri: not an object, see ObjectFeed::Next()
  bool again = false;  // it was offered before, and another worker had it or took it over

  bool is_object() const { return !info.uri.empty(); }
};

// The outcome of an object of a feed.
struct ObjectOutcome {
  enum class Kind {
    kImported,    // by this run, recorded in the ledger
    kDoneBefore,  // it was already done in the ledger
    // It was sent, at least in part, under a config that has changed since, and is skipped.
    kConfigChanged,
    kHeld,       // another worker has it, or has taken it over
    kFailed,     // it cannot be read to its end: `status`
    kUnmatched,  // no entry of the current config matches it, or one of another record type does
    kReleased,   // released unfinished: the run ends
  };
  Kind kind = Kind::kReleased;
  absl::Status status;  // not ok only for kFailed and kConfigChanged
  Counts counts;        // of the object, by its ledger entry
};

// One caller at a time, except for Ack().
class ObjectFeed {
 public:
  virtual ~ObjectFeed() = default;

  // The next object; nullopt at the end. Cancelled soon after `stop` is requested. Blocking: for an
  // object to arrive if Ready() is false, and in any case for the network. If Ready() was true,
  // it does not wait for further objects to arrive: if the ready object turns out to be missing, it
  // returns a ListedObject that is not an object, and can be called again.
  virtual absl::StatusOr<std::optional<ListedObject>> Next(std::stop_token stop) = 0;

  // Whether Next() can work without waiting for an object to arrive. Returns immediately: it calls
  // nothing outside of this process, and does not wait.
  virtual bool Ready() = 0;

  // Called once for each object that Next() returned, when its outcome is known; from any thread.
  virtual void Ack(const ObjectInfo& object, const ObjectOutcome& outcome) {
    (void)object;
    (void)outcome;
  }
};

}  // namespace millrace

#endif  // MILLRACE_OBJECTS_OBJECT_FEED_H_
