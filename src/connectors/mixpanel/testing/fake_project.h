// A Mixpanel project in memory: a sink for imports, and the raw export of what it accepted.
#ifndef MILLRACE_CONNECTORS_MIXPANEL_TESTING_FAKE_PROJECT_H_
#define MILLRACE_CONNECTORS_MIXPANEL_TESTING_FAKE_PROJECT_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "connectors/mixpanel/raw_export.h"
#include "pipeline/sink.h"

namespace millrace {

// Thread-safe.
class FakeProject {
 public:
  // Sinks that write here. Events whose line contains `refuse` are refused; those whose line
  // contains `lose` are acknowledged and lost.
  SinkFactory Sinks();
  mixpanel::RawExport Export();

  void Refuse(std::string text);
  void Lose(std::string text);  // "": nothing more
  // Adds an event that no import sent.
  void Add(std::string event);
  // Removes the events whose line contains `text`; returns how many there were.
  size_t Remove(const std::string& text);

  std::vector<std::string> events() const;
  int exports() const;

 private:
  class FakeSink;

  mutable absl::Mutex mutex_;
  std::vector<std::string> events_ ABSL_GUARDED_BY(mutex_);
  std::string refuse_ ABSL_GUARDED_BY(mutex_);
  std::string lose_ ABSL_GUARDED_BY(mutex_);
  int exports_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace millrace

#endif  // MILLRACE_CONNECTORS_MIXPANEL_TESTING_FAKE_PROJECT_H_
