// Reads back the events of a table or lake in memory.
#ifndef MILLRACE_RECONCILE_TESTING_WAREHOUSE_READER_H_
#define MILLRACE_RECONCILE_TESTING_WAREHOUSE_READER_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "connectors/mixpanel/identity_reader.h"
#include "pipeline/event_reader.h"

namespace millrace {

// A table: what is written twice is there twice. It cannot lose rows, but `removed` are not read.
class WarehouseReader : public EventReader {
 public:
  // How often it has each line.
  using Arrived = std::function<std::map<std::string, int>()>;
  explicit WarehouseReader(Arrived arrived) : arrived_(std::move(arrived)) {}

  std::map<std::string, int> removed;
  int added_copies = 0;  // of the first event

  Identify NewIdentify() const override {
    return
        [reader = std::make_shared<mixpanel::IdentityReader>()](
            std::string_view record, EventIdentity& event) { return reader->Read(record, event); };
  }
  absl::Status Read(const EventQuery&, const OnEvent& on_event, std::stop_token) override {
    const Identify identify = NewIdentify();
    EventIdentity event;
    int added = added_copies;
    for (const auto& [line, times] : arrived_()) {
      EXPECT_TRUE(identify(line, event).ok()) << line;
      const auto gone = removed.find(line);
      const int there =
          times - (gone == removed.end() ? 0 : gone->second) + std::exchange(added, 0);
      for (int i = 0; i < there; ++i) {
        if (absl::Status status = on_event(event); !status.ok()) return status;
      }
    }
    return absl::OkStatus();
  }
  bool keeps_repeats() const override { return true; }
  int64_t LastDay() const override { return INT64_MAX; }
  absl::Duration max_delay() const override { return absl::ZeroDuration(); }

 private:
  const Arrived arrived_;
};

}  // namespace millrace

#endif  // MILLRACE_RECONCILE_TESTING_WAREHOUSE_READER_H_
