// A sink that accepts everything and keeps nothing: for dry runs and benchmarks.
#ifndef MILLRACE_PIPELINE_NULL_SINK_H_
#define MILLRACE_PIPELINE_NULL_SINK_H_

#include "pipeline/sink.h"

namespace millrace {

class NullSink : public Sink {
 public:
  WriteResult Write(const Batch&, absl::Span<const BatchSpan>, std::stop_token) override {
    return WriteResult::Durable();
  }
};

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_NULL_SINK_H_
