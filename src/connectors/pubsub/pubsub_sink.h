// Publishes records to a topic.
#ifndef MILLRACE_CONNECTORS_PUBSUB_PUBSUB_SINK_H_
#define MILLRACE_CONNECTORS_PUBSUB_PUBSUB_SINK_H_

#include <memory>
#include <string>

#include "absl/time/time.h"
#include "connectors/pubsub/connection.h"
#include "connectors/pubsub/message.h"
#include "connectors/pubsub/record_messages.h"
#include "pipeline/destination.h"
#include "pipeline/sink.h"

namespace millrace::pubsub {

struct SinkOptions {
  std::string topic;  // as TopicName() returns it
  MessageOptions messages;
  // Of a request. The service takes more bytes; with these, several are on their way.
  PublishPlan::Limits request = {.messages = kMaxRequestMessages, .bytes = 1'000'000};
  int max_requests = kKeyLanes;                   // in flight, of one Write()
  absl::Duration timeout = absl::Seconds(60);     // of one request
  absl::Duration stop_grace = absl::Seconds(10);  // for what must be sent at a stop
};

// A write is several requests, of which `max_requests` are in flight; outcomes are those of
// ClassifyPublishStatus(). Messages with the same ordering key are published in the order of the
// rows, and one request at a time: the next one follows when the service has confirmed the last
// one. If one fails, no other is begun; the next Write() of the same batch sends only what is not
// durable, in the same order.
//
// A request that the service refuses is halved until the bad rows are found (PublishPlan).
// `connection` and `traffic` must outlive the sink.
std::unique_ptr<Sink> NewPubsubSink(Connection& connection, Traffic& traffic, SinkOptions options);

}  // namespace millrace::pubsub

#endif  // MILLRACE_CONNECTORS_PUBSUB_PUBSUB_SINK_H_
