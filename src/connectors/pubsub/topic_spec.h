// What a --to of Pub/Sub says: which topics, and what a message is.
#ifndef MILLRACE_CONNECTORS_PUBSUB_TOPIC_SPEC_H_
#define MILLRACE_CONNECTORS_PUBSUB_TOPIC_SPEC_H_

#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/record_type.h"
#include "records/form.h"

namespace millrace::pubsub {

struct TopicSpec {
  std::string project;
  // The topics of the DEST, as TopicName() returns them: those it names, or all three.
  std::map<RecordType, std::string> topics;
  Form form = Form::kRaw;  // or kFlat
  bool batches = false;    // a message is several records, else one
  bool ordered = false;    // messages have an ordering key
  bool attributes = true;

  // "pubsub://PROJECT/TOPIC", or "pubsub://PROJECT?events=T&users=U&groups=G", with the parameters
  // form, message, ordering and attributes. InvalidArgument: it cannot be read, or has other
  // parameters.
  static absl::StatusOr<TopicSpec> Parse(std::string_view uri);

  // The project, and the topics if they are not the usual ones: "pubsub://PROJECT/TOPIC".
  std::string Label() const;
  // LedgerKey::destination of records of `type`. `emulator` is its address, "" for Pub/Sub itself:
  // what an emulator has, Pub/Sub has not.
  std::string LedgerName(RecordType type, std::string_view emulator) const;
};

}  // namespace millrace::pubsub

#endif  // MILLRACE_CONNECTORS_PUBSUB_TOPIC_SPEC_H_
