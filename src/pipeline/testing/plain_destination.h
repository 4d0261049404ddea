// A Destination that is what a test sets.
#ifndef MILLRACE_PIPELINE_TESTING_PLAIN_DESTINATION_H_
#define MILLRACE_PIPELINE_TESTING_PLAIN_DESTINATION_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "pipeline/destination.h"

namespace millrace {

class PlainDestination : public Destination {
 public:
  explicit PlainDestination(SinkFactory make_sink = nullptr, std::string label = "plain")
      : make_sink_(std::move(make_sink)), label_(std::move(label)) {}

  RecordRules record_rules;
  SendLimits send_limits;
  DeliveryCursor* delivery_cursor = nullptr;
  Staging* staged = nullptr;                                        // not null: it is staged
  std::function<std::unique_ptr<EventReader>()> make_event_reader;  // null: it cannot be read

  const std::string& label() const override { return label_; }
  std::string LedgerName(RecordType type) const override {
    return StrCat(label_, ":", PluralOf(type));
  }
  RecordRules rules() const override { return record_rules; }
  SendLimits limits() const override { return send_limits; }
  absl::Status CheckConfig(RecordType) const override { return absl::OkStatus(); }
  std::unique_ptr<Sink> NewSink(RecordType) override { return make_sink_(); }
  Staging* staging(RecordType) override { return staged; }
  DeliveryCursor* cursor(RecordType) override { return delivery_cursor; }
  absl::StatusOr<std::unique_ptr<EventReader>> NewEventReader() override {
    if (make_event_reader == nullptr) return Destination::NewEventReader();
    return make_event_reader();
  }
  std::vector<AccessCheck> Check(std::stop_token) override { return {}; }
  absl::Status Create(std::stop_token) override { return absl::OkStatus(); }
  absl::Status Drop(std::stop_token) override { return absl::OkStatus(); }
  std::vector<std::string> DropNames() const override { return {}; }

 private:
  const SinkFactory make_sink_;
  const std::string label_;
};

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_TESTING_PLAIN_DESTINATION_H_
