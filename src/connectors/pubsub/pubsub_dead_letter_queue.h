// Dead letters as messages of a topic: docs/formats/dead-letters.md.
#ifndef MILLRACE_CONNECTORS_PUBSUB_PUBSUB_DEAD_LETTER_QUEUE_H_
#define MILLRACE_CONNECTORS_PUBSUB_PUBSUB_DEAD_LETTER_QUEUE_H_

#include <memory>
#include <stop_token>

#include "absl/time/time.h"
#include "base/clock.h"
#include "connectors/pubsub/publisher.h"
#include "pipeline/dead_letter_queue.h"

namespace millrace::pubsub {

// The message of one rejected record: its data is the line of the file format without '\n', its
// attributes have what a filter or a reader needs first. The `record_id` is the same each time the
// row is rejected. The payloads of a record that is too large for a message are truncated, and
// their full sizes are added, as the format defines.
Message DeadLetterMessage(const LedgerKey& object, const Rejection& rejection, absl::Time time);

// Add() keeps records in memory, up to a few MB, then publishes them; Sync() is ok when the topic
// has all of them. A topic cannot delete messages: RemoveRows() drops what was not published, and a
// row that is processed again is published again, with the same record_id. After `stop` is
// requested, publishing continues for `stop_grace` at most. All must outlive it.
std::unique_ptr<DeadLetterQueue> NewPubsubDeadLetterQueue(Publisher& publisher,
                                                          std::stop_token stop,
                                                          absl::Duration stop_grace,
                                                          Clock& clock = Clock::Real());

}  // namespace millrace::pubsub

#endif  // MILLRACE_CONNECTORS_PUBSUB_PUBSUB_DEAD_LETTER_QUEUE_H_
