// null: accepts everything and keeps nothing. For benchmarks: it shows what everything else costs.
#ifndef MILLRACE_DESTINATIONS_NULL_DESTINATION_H_
#define MILLRACE_DESTINATIONS_NULL_DESTINATION_H_

#include <memory>
#include <string>
#include <vector>

#include "base/strings.h"
#include "pipeline/destination.h"
#include "pipeline/null_sink.h"

namespace millrace {

class NullDestination : public Destination {
 public:
  const std::string& label() const override { return label_; }
  std::string LedgerName(RecordType type) const override { return StrCat("null:", PluralOf(type)); }
  absl::Status CheckConfig(RecordType) const override { return absl::OkStatus(); }
  std::unique_ptr<Sink> NewSink(RecordType) override { return std::make_unique<NullSink>(); }
  std::vector<AccessCheck> Check(std::stop_token) override { return {}; }
  absl::Status Create(std::stop_token) override { return absl::OkStatus(); }
  absl::Status Drop(std::stop_token) override { return absl::OkStatus(); }
  std::vector<std::string> DropNames() const override { return {}; }

 private:
  const std::string label_ = "null:";
};

}  // namespace millrace

#endif  // MILLRACE_DESTINATIONS_NULL_DESTINATION_H_
